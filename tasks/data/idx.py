"""IDX files, the format of MNIST: a head that says how large the array is, then its bytes.

The head is 0, 0, the type (8: unsigned bytes) and the number of dimensions, a byte each; then every
dimension as four bytes, the most significant first.
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from .fetch import DataError

UNSIGNED_BYTES = 8


def read(folder: Path, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The uint8 array of this shape in folder/name, or in name.gz. Raises DataError if it is not exactly that."""
    path = next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
    if path is None:
        raise DataError(f"{folder} has neither {name} nor {name}.gz; put the original file there")
    magic, head = bytes((0, 0, UNSIGNED_BYTES, len(shape))), 4 + 4 * len(shape)
    size = head + math.prod(shape)
    source: IO[bytes] | gzip.GzipFile
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as source:
            data = source.read(size + 1)  # a .gz of this size may hold a thousand times as much
    except (OSError, EOFError, zlib.error) as error:
        raise _wrong(path, f"cannot be read: {error}") from None
    if data[:4] != magic:
        raise _wrong(path, f"starts with the bytes '{data[:4].hex()}', not with '{magic.hex()}'")
    if len(data) < head:
        raise _wrong(path, f"ends inside its head, after {len(data)} bytes")
    found = tuple(np.frombuffer(data[4:head], ">u4").tolist())
    if found != shape:
        raise _wrong(path, f"says that it holds {_times(found)} bytes, not {_times(shape)}")
    if len(data) > size:
        raise _wrong(path, f"has more than {math.prod(shape):,} bytes after its head")
    if len(data) < size:
        raise _wrong(path, f"has {len(data) - head:,} bytes after its head, not {math.prod(shape):,}")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def _wrong(path: Path, what: str) -> DataError:
    return DataError(f"{path} {what}; put the original file in its place")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
