"""Whole recurrences in native code on a CPU: the .cpp files here, built on first use, called through ctypes.

The library lies in the user's cache folder, or in one for temporary files, but only where nobody else can write. Its
name changes with the source, the compiler and the processor, and ends with a digest of its bytes, so that a damaged
one is built anew and not loaded, which could end the process. Where none can be built, `library()` is None and
`why_not()` says why; the eager loop then does the same, more slowly.
"""

import ctypes
import errno
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from .build import LIMIT, Hangs, Unbuildable, build, compiler, key

KINDS = {torch.float32: "float", torch.float64: "double"}
DIGEST = 32  # hexadecimal digits
SCRATCH = ".building-"
PAUSE = 3600.0  # seconds before a compiler that hung is tried again
ROOM = 1 << 24  # bytes that compiling takes on a disk, about


def is_built() -> bool:
    """Are the kernels there without compiling?"""
    cxx = compiler()
    places = [folder for folder in _folders() if folder.is_dir() and not _open_to(folder)]
    try:
        return cxx is not None and any(_found(folder, _stem(cxx)) for folder in places)
    except (OSError, Unbuildable):
        return False


@cache
def _loaded() -> tuple[ctypes.CDLL | None, str]:
    """The kernels, or None and the reason; builds them where they are not there yet."""
    cxx = compiler()
    if cxx is None:
        return None, "there is no C++ compiler (g++, clang++ or $CXX)"
    reasons = []
    try:
        stem = _stem(cxx)
        for folder in _folders():
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if others := _open_to(folder):
                    raise PermissionError(f"{others} can write to {folder}")
                return ctypes.CDLL(str(_found(folder, stem) or _made(folder, stem, cxx))), ""
            except OSError as error:  # it cannot be written, or nothing in it may be executed
                reasons.append(str(error) or type(error).__name__)
    except Unbuildable as error:
        return None, f"{cxx} cannot build the kernels: {error}"
    return None, f"there is no folder for the compiled kernels: {'; '.join(reasons)}"


def library() -> ctypes.CDLL | None:
    return _loaded()[0]


def why_not() -> str:
    """Why there are no kernels, or an empty string."""
    return _loaded()[1]


def serves(*tensors: Tensor) -> bool:
    """Can the kernels take these?"""
    return all(t.device.type == "cpu" and t.dtype in KINDS for t in tensors) and library() is not None


@cache
def _stem(cxx: str) -> str:
    return f"kernels-{key(cxx)}"


def _folders() -> Iterator[Path]:
    """Where the compiled kernels may lie: the user's cache, or a folder for temporary files."""
    with suppress(RuntimeError):  # a user without a home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "multiscale-rnn-bench"
    yield Path(tempfile.gettempdir()) / f"multiscale-rnn-bench-{os.getuid()}"


def _open_to(folder: Path) -> str:
    """Who else can write to a folder, or could put another in its place; an empty string: nobody."""
    place = folder.resolve()
    for entry in (folder.lstat(), place.stat()):  # a link of ours may lead to another disk
        if entry.st_uid != os.getuid():
            return "another user"
    if place.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others"
    modes = [parent.stat().st_mode for parent in (*folder.absolute().parents, *place.parents)]
    return "all" * any(mode & stat.S_IWOTH and not mode & stat.S_ISVTX for mode in modes)


def _found(folder: Path, stem: str) -> Path | None:
    """The library in a folder, if it is this user's own file and undamaged."""
    for path in folder.glob(f"{stem}-*.so"):
        entry = path.lstat()
        if stat.S_ISREG(entry.st_mode) and entry.st_uid == os.getuid() and path.name == _name(stem, path):
            return path
    return None


def _name(stem: str, path: Path) -> str:
    """What a library must be called."""
    return f"{stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST]}.so"


def _made(folder: Path, stem: str, cxx: str) -> Path:
    """A new library in a folder. Raises OSError where that cannot be written, and Unbuildable."""
    with FileLock(folder / "kernels.lock", timeout=2 * LIMIT):
        if (known := _found(folder, stem)) is not None:  # another process has built it meanwhile
            return known
        for left in (*folder.glob(f"{SCRATCH}*"), *folder.glob(f"{stem}-*.so")):  # half built by the dead; damaged
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        hung = folder / f"{stem}.hung"  # so that each process of a run need not wait
        if hung.exists() and time.time() - hung.stat().st_mtime < PAUSE:
            raise Unbuildable(f"it took more than {LIMIT:.0f} s; delete {hung} to try it again")
        with tempfile.TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
            try:
                fresh = build(cxx, Path(scratch))
            except Unbuildable as error:
                if shutil.disk_usage(folder).free < ROOM:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from None
                if isinstance(error, Hangs):
                    hung.touch()
                raise
            return fresh.rename(folder / _name(stem, fresh))


@cache
def kernel(name: str, kind: torch.dtype) -> Callable[..., None]:
    """The function whose address stands under this name for numbers of this kind."""
    address = ctypes.c_void_p.in_dll(library(), f"{name}_{KINDS[kind]}").value
    return ctypes.CFUNCTYPE(None)(address)


def call(name: str, kind: torch.dtype, *arguments: Tensor | int | None) -> None:
    values = [
        ctypes.c_void_p(a.data_ptr() if isinstance(a, Tensor) else None) if not isinstance(a, int) else a
        for a in arguments
    ]
    kernel(name, kind)(*values)
