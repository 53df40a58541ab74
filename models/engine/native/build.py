"""Compile the .cpp files here into one library, with a compiler that may fail, crash or hang."""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

SOURCES = sorted(Path(__file__).parent.glob("*.cpp"))
HEADERS = sorted(Path(__file__).parent.glob("*.h"))
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
FLAGS += ["-fopenmp-simd"]  # sums in vectors where the source says so; no threads
LIMIT = 300.0  # seconds; the usual is about ten


class Unbuildable(Exception):
    """A compiler that does not do its work; a clause that says how."""


class Hangs(Unbuildable):
    """One that took more than LIMIT."""


def compiler() -> str | None:
    """The C++ compiler: $CXX, g++ or clang++."""
    return next(filter(None, map(shutil.which, filter(None, (os.environ.get("CXX"), "g++", "clang++")))), None)


def key(cxx: str) -> str:
    """A name that changes with all that the compiled code depends on. Raises Unbuildable."""
    texts = [file.read_text(encoding="utf-8") for file in SOURCES + HEADERS]
    made_of = [*texts, *_run([cxx, "--version"], limit=LIMIT / 10), *FLAGS, _processor()]
    return hashlib.sha256(chr(0).join(made_of).encode()).hexdigest()[:16]


def build(cxx: str, scratch: Path) -> Path:
    """Compile the sources side by side and link them; the library, in the folder `scratch`. Raises Unbuildable."""
    objects, made = [scratch / f"{source.stem}.o" for source in SOURCES], scratch / "kernels.so"
    commands = [
        [cxx, *FLAGS, "-std=c++17", "-fPIC", "-c", "-o", str(target), str(source)]
        for source, target in zip(SOURCES, objects, strict=True)
    ]
    _run(*commands, limit=LIMIT)
    _run([cxx, "-shared", "-o", str(made), *map(str, objects)], limit=LIMIT)
    if not made.is_file():
        raise Unbuildable("it says nothing and writes nothing")
    made.chmod(0o700)
    return made


def _run(*commands: list[str], limit: float) -> list[str]:
    """Run commands, as many at once as there are cores; what each says. Raises Unbuildable. None outlives this."""
    waiting, running, said = [*commands], [], []
    end = time.monotonic() + limit
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                running.append(_started(waiting.pop(0)))
            text, _ = running[0].communicate(timeout=max(0.0, end - time.monotonic()))
            if code := running.pop(0).returncode:
                raise Unbuildable(" ".join(text.split())[:300] or f"exit code {code}")
            said.append(text)
    except subprocess.TimeoutExpired:
        raise Hangs(f"it took more than {limit:.0f} s") from None
    except OSError as error:
        raise Unbuildable(str(error)) from None
    finally:
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it has started itself
            process.communicate()
    return said


def _started(words: list[str]) -> subprocess.Popen[str]:
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(words, **streams, encoding="utf-8", errors="replace", process_group=0)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
