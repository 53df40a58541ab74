"""What lies beside a data set while it is fetched: for one command at a time, and gone when that has ended."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .sources import DataError, Download
from .whole import SUMS

WAITING = ".download"  # folder of what is being downloaded, inside that of the data set
LOCK = "lock"
UNPACKING = ".unpacking"
LITTER = (f".{SUMS}", WAITING, UNPACKING)
OURS = {SUMS, *LITTER}  # names that no archive may hold


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Two commands would write into the same files. Raises DataError where another is at work."""
    from filelock import FileLock, Timeout

    waiting = place / WAITING
    waiting.mkdir(exist_ok=True)
    try:
        with FileLock(waiting / LOCK, timeout=0):
            try:
                yield
            finally:
                with suppress(OSError):  # Windows keeps what is open
                    (waiting / LOCK).unlink()
    except Timeout:
        raise DataError(f"another `bench data fetch` is at work in {place}; wait until it is done") from None
    finally:
        with suppress(OSError):  # a part of a file is there
            waiting.rmdir()


def is_littered(place: Path) -> bool:
    """Is anything there of a command that ended before its time, and can it be removed?"""
    return any((place / name).exists() for name in LITTER) and os.access(place, os.W_OK)


def sweep(place: Path, missing: list[Download]) -> None:
    """Remove what commands left that ended before their time, but for what came of what is still missing."""
    shutil.rmtree(place / UNPACKING, ignore_errors=True)
    (place / f".{SUMS}").unlink(missing_ok=True)
    waiting = place / WAITING
    wanted = {name for one in missing for name in (one.file, f"{one.file}.part")}
    for entry in waiting.iterdir():
        if entry.name == LOCK:
            continue
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name not in wanted or not entry.stat().st_size:
            entry.unlink()
