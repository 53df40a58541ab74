"""What lies beside a data set while it is fetched: for one command at a time, and gone when that has ended."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .sources import DataError, Download
from .whole import SUMS

WAITING = ".download"  # folder of what is being downloaded, inside that of the data set
UNPACKING = ".unpacking"
LITTER = (f".{SUMS}", WAITING, UNPACKING)
OURS = {SUMS, *LITTER}  # names that no archive may hold


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Two commands would write into the same files. Raises DataError where another is at work."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    held = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise DataError(f"another `bench data fetch` is at work in {place}; wait until it is done") from None
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(held)


def is_littered(place: Path) -> bool:
    """Is anything there of a command that ended before its time, and can it be removed?"""
    return any((place / name).exists() for name in LITTER) and os.access(place, os.W_OK)


def sweep(place: Path, missing: list[Download]) -> None:
    """Remove what commands left that ended before their time, but for what came of what is still missing."""
    shutil.rmtree(place / UNPACKING, ignore_errors=True)
    (place / f".{SUMS}").unlink(missing_ok=True)
    waiting = place / WAITING
    wanted = {name for one in missing for name in (one.file, f"{one.file}.part")}
    for entry in waiting.iterdir() if waiting.is_dir() else ():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name not in wanted or not entry.stat().st_size:
            entry.unlink()
    if waiting.is_dir() and not any(waiting.iterdir()):
        waiting.rmdir()
