"""Compile the Triton kernels for sm_90 without a GPU: `python triton_ahead.py 64 100`, one line of JSON a kernel.

The kernels are those of the `models` on the path: PYTHONPATH is the root of the repository.
shared: bytes of shared memory; registers, spills (bytes stored) of a thread: what ptxas says, null without it.
"""

import json
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

NUMBERS = ("steps", "batch", "h", "J", "d")
LAUNCH = ("num_warps", "num_stages")


def main(widths: list[int]) -> int:
    try:
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource, compile
    except ImportError as error:
        print(f"triton does not compile ahead of time here: {error}", file=sys.stderr)
        return 77
    warnings.simplefilter("ignore")
    from models.engine.triton import lstm as triton_lstm

    for h in widths:
        for name, kernel in triton_lstm.loaded()[0].items():
            for B in (8, 16):
                for scaled in (False, True):
                    constants = {**triton_lstm.blocks(h), "B": B, "PRECISION": "tf32x3", "JP": 0, "DP": 16}
                    constants |= {"JP": 4} if scaled else {}
                    forward = {"SAVE": True, "HARD": False}
                    constants |= forward if name == "forward" else {"HAS_H": True, "HAS_C": not scaled}
                    options = {key: constants.pop(key) for key in LAUNCH}
                    names = kernel.arg_names
                    signature = {
                        n: "constexpr" if n in constants else "i32" if n in NUMBERS else "*fp32" for n in names
                    }
                    aligned = {(k,): [["tt.divisibility", 16]] for k, n in enumerate(names) if signature[n] == "*fp32"}
                    source = ASTSource(kernel, signature, {(names.index(n),): v for n, v in constants.items()}, aligned)
                    made = compile(source, target=GPUTarget("cuda", 90, 32), options=options)
                    row = {"kernel": f"scaled {name}" if scaled else name, "h": h, "B": B, **options}
                    row |= {"shared": made.metadata.shared, **assembled(made.asm["ptx"])}
                    print(json.dumps(row), flush=True)
    return 0


def assembled(ptx: str) -> dict[str, int | None]:
    """What the first of Triton's assemblers that reads this PTX says."""
    import triton

    folder = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    for assembler in sorted(folder.glob("ptxas*"), reverse=True):
        with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
            file.write(ptx)
            file.flush()
            command = [str(assembler), "-v", "--gpu-name=sm_90a", file.name, "-o", "/dev/null"]
            said = subprocess.run(command, capture_output=True, text=True).stderr
        spills, registers = re.search(r"(\d+) bytes spill stores", said), re.search(r"Used (\d+) registers", said)
        if spills and registers:
            return {"registers": int(registers[1]), "spills": int(spills[1])}
    return {"registers": None, "spills": None}


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]]))
