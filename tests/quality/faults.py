"""Records, command lines and strangers' files, tried at random and counted in a page.

    python tests/quality/faults.py

The page is written after each of the three, so an interrupted one has what is there so far.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import pandas as pd  # noqa: E402
import torch  # noqa: E402
from quality.figures import Figures  # noqa: E402
from quality.fuzz_files import fuzz_files  # noqa: E402
from quality.fuzz_lines import fuzz_lines  # noqa: E402
from quality.fuzz_records import fuzz_records  # noqa: E402
from quality.gate_trials import commit  # noqa: E402

from harness import machine  # noqa: E402
from harness.write import tables  # noqa: E402

KINDS = {"files": fuzz_files, "lines": fuzz_lines, "records": fuzz_records}  # files first: they fork this process
WHAT = {"record": "a record, changed", "model": "a model file beside GRU", "task": "a task file, for GRU"}
FAULTS = """A fault is, whatever was tried: a traceback; a command without an end; another exit code than is documented;
an error of more than one sentence; a file where none may be; a process that is left.

- Of a record: a number in a table that is not as without the change, unless the record is left out with a sentence; a
  number that is none.
- Of a command line: a word that means nothing (nan, negative, empty, huge, no name of anything) and is taken; a right
  line that is not; a refused one that wrote something. Some run in a closed or full output, or one that is not UTF-8.
- Of a file: another end than its traits must have, so NaN answers are `diverged` and a hang is `timed-out`; another
  number of `gru` than it has alone; harmless traits that change a number of the file itself; a row that is torn."""


def page(found: dict[str, Figures], command: str) -> str:
    """A row for each kind, and every fault."""
    rows = []
    for figures in found.values():
        for kind, ends in figures.ends.items():
            said = ", ".join(f"{number} {end}" for end, number in ends.most_common())
            wrong = len(figures.wrong.get(kind, ()))
            rows.append((WHAT.get(kind, f"bench {kind} ..."), sum(ends.values()), said, wrong))
    every = [f"- {fault}" for figures in found.values() for fault in figures.faults]
    return "\n\n".join(
        [
            "# Faults looked for at random",
            f"`{command}` on {machine.cores()} cores of {machine.cpu_name()}, torch {torch.__version__}, commit "
            f"{commit()}.",
            tables.markdown(pd.DataFrame(rows, columns=["Tried", "Trials", "What came of it", "Faults"])),
            FAULTS,
            *(["## Every fault", "\n".join(every)] if every else []),
        ]
    )


def main() -> None:
    """Try everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind, count in (("files", 200), ("lines", 400), ("records", 500)):
        parser.add_argument(f"--{kind}", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "reports" / "quality" / "faults.md")
    asked = parser.parse_args()
    more = [f"--{name}={value}" for name, value in vars(asked).items() if value != parser.get_default(name)]
    command = shlex.join(["python", "tests/quality/faults.py", *(word for word in more if "--output" not in word)])
    found: dict[str, Figures] = {}
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    for kind, fuzz in KINDS.items():
        found[kind] = Figures(lambda fault: print(fault, flush=True))
        fuzz(getattr(asked, kind), asked.seed, found[kind])
        asked.output.write_text(page(found, command) + "\n", encoding="utf-8")
        print(f"{kind}: {len(found[kind].faults)} faults", flush=True)
    sys.exit(any(figures.faults for figures in found.values()))


if __name__ == "__main__":
    main()
