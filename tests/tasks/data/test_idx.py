"""IDX files written byte by byte, whole and damaged."""

import gzip
import tracemalloc

import numpy as np
import pytest

from tasks.data import idx
from tasks.data.fetch import DataError

ARRAY = np.random.default_rng(1).integers(256, size=(5, 3, 4), dtype=np.uint8)
WHOLE = bytes([0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 4]) + ARRAY.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_plain_and_packed_files_are_read(tmp_path, packed):
    (tmp_path / ("some.gz" if packed else "some")).write_bytes(gzip.compress(WHOLE) if packed else WHOLE)
    found = idx.read(tmp_path, "some", (5, 3, 4))
    assert found.dtype == np.uint8
    assert np.array_equal(found, ARRAY)


def test_a_dimension_takes_four_bytes(tmp_path):
    (tmp_path / "labels").write_bytes(bytes([0, 0, 8, 1, 0, 1, 17, 112]) + bytes(70_000))
    assert idx.read(tmp_path, "labels", (70_000,)).shape == (70_000,)


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"has neither some nor some\.gz; put the original file there"):
        idx.read(tmp_path, "some", (5, 3, 4))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (WHOLE[:-1], "has 59 bytes after its head, not 60"),
        (WHOLE + b"x", "has more than 60 bytes after its head"),
        (WHOLE[:9], "ends inside its head, after 9 bytes"),
        (b"", "starts with the bytes '', not with '00000803'"),
        (b"\0\0\x08\x01" + WHOLE[4:], "starts with the bytes '00000801'"),
        (b"\0\0\x0d\x03" + WHOLE[4:], "starts with the bytes '00000d03'"),
        (WHOLE[:7] + b"\x06" + WHOLE[8:] + bytes(12), "holds 6 x 3 x 4 bytes, not 5 x 3 x 4"),
        (WHOLE[:11] + b"\4" + WHOLE[12:15] + b"\3" + WHOLE[16:], "holds 5 x 4 x 3 bytes, not 5 x 3 x 4"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, data, message, packed):
    name = "some.gz" if packed else "some"
    (tmp_path / name).write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(DataError, match=message) as raised:
        idx.read(tmp_path, "some", (5, 3, 4))
    assert str(tmp_path / name) in str(raised.value)


@pytest.mark.parametrize("damage", ["cut", "changed", "not packed"])
def test_a_damaged_packing_is_named(tmp_path, damage):
    packed = gzip.compress(WHOLE)
    middle = len(packed) // 2
    data = {
        "cut": packed[:middle],
        "changed": packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :],
        "not packed": WHOLE,
    }[damage]
    (tmp_path / "some.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"some\.gz cannot be read: .*; put the original file in its place"):
        idx.read(tmp_path, "some", (5, 3, 4))


def test_a_gz_that_holds_a_thousand_times_as_much_is_not_unpacked(tmp_path):
    (tmp_path / "some.gz").write_bytes(gzip.compress(WHOLE + bytes(200_000_000), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="has more than 60 bytes after its head"):
        idx.read(tmp_path, "some", (5, 3, 4))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
