"""Whole recurrences in native code on a CPU: the .cpp files here, built on first use, called through ctypes.

The compiled file lies in the user's cache folder under a name that changes with the source, the
compiler and the processor. Where it cannot be built, `library()` is None and `why_not()` says why;
the eager loop then does the same, more slowly.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

SOURCES = sorted(Path(__file__).parent.glob("*.cpp"))
HEADERS = sorted(Path(__file__).parent.glob("*.h"))
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
FLAGS += ["-fopenmp-simd"]  # sums in vectors where the source says so; no threads
KINDS = {torch.float32: "float", torch.float64: "double"}


def compiler() -> str | None:
    """The C++ compiler: $CXX, g++ or clang++."""
    return next(filter(None, map(shutil.which, filter(None, (os.environ.get("CXX"), "g++", "clang++")))), None)


def is_built() -> bool:
    """Are the kernels there without compiling?"""
    cxx = compiler()
    return cxx is not None and any(_ours(folder / _name(cxx)) for folder in _folders())


@cache
def built() -> tuple[Path | None, str]:
    """The compiled kernels, or None and the reason; compiles them where they are not there yet."""
    cxx = compiler()
    if cxx is None:
        return None, "there is no C++ compiler (g++, clang++ or $CXX)"
    name = _name(cxx)
    for folder in _folders():
        path = folder / name
        if _ours(path):
            return path, ""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                fresh = Path(scratch) / name
                if failure := _build(cxx, Path(scratch), fresh):
                    return None, f"{cxx} cannot build the kernels: {failure[:300]}"
                os.replace(fresh, path)  # whole or not at all, whoever else builds it
            return path, ""
        except OSError:
            continue  # this folder cannot be written
    return None, "no folder for the compiled kernels can be written"


def _build(cxx: str, scratch: Path, target: Path) -> str:
    """Compile the sources side by side and link them; what the compiler said if it failed."""
    objects = [scratch / f"{source.stem}.o" for source in SOURCES]
    commands = [
        [cxx, *FLAGS, "-std=c++17", "-fPIC", "-c", "-o", str(made), str(source)]
        for source, made in zip(SOURCES, objects, strict=True)
    ]
    link = [cxx, "-shared", "-o", str(target), *map(str, objects)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = [*pool.map(lambda words: subprocess.run(words, capture_output=True, text=True), commands)]
    failed = [one.stderr.strip() or f"exit code {one.returncode}" for one in done if one.returncode]
    if not failed and (linked := subprocess.run(link, capture_output=True, text=True)).returncode:
        failed = [linked.stderr.strip() or "it cannot be linked"]
    return failed[0] if failed else ""


@cache
def library() -> ctypes.CDLL | None:
    """The kernels, or None."""
    path, _ = built()
    return None if path is None else ctypes.CDLL(str(path))


def why_not() -> str:
    """Why there are no kernels, or an empty string."""
    return built()[1]


def serves(*tensors: Tensor) -> bool:
    """Can the kernels take these?"""
    return all(t.device.type == "cpu" and t.dtype in KINDS for t in tensors) and library() is not None


def _name(cxx: str) -> str:
    """A file name that changes with all that the compiled code depends on."""
    version = subprocess.run([cxx, "--version"], capture_output=True, text=True).stdout
    texts = [file.read_text(encoding="utf-8") for file in SOURCES + HEADERS]
    made_of = [*texts, version, *FLAGS, _processor()]
    return f"kernels-{hashlib.sha256(chr(0).join(made_of).encode()).hexdigest()[:16]}.so"


def _ours(path: Path) -> bool:
    """Is there such a file, and is it this user's? The folder for temporary files is everybody's."""
    return path.is_file() and path.stat().st_uid == os.getuid()


def _folders() -> tuple[Path, Path]:
    """Where the compiled kernels may lie: the user's cache, or a folder for temporary files."""
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache_home / "multiscale-rnn-bench", Path(tempfile.gettempdir()) / f"multiscale-rnn-bench-{os.getuid()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def call(name: str, kind: torch.dtype, *arguments: Tensor | int | None) -> None:
    values = [
        ctypes.c_void_p(a.data_ptr() if isinstance(a, Tensor) else None) if not isinstance(a, int) else a
        for a in arguments
    ]
    getattr(library(), f"{name}_{KINDS[kind]}")(*values)
