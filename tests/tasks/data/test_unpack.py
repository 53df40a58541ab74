"""Archives are unpacked into their folder and nowhere else, and no more of them than was declared."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.file_server import packed

from tasks.data.unpack import Refused, merge, unpack
from tasks.data.whole import file_hash


def zipped(path, *members):
    """A zip of (name, mode of the system or 0, content)."""
    with zipfile.ZipFile(path, "w") as pack:
        for name, mode, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            pack.writestr(info, content)
    return path


def tarred(path, *members):
    """A tar of (name, type, content or target of a link)."""
    with tarfile.open(path, "w:gz") as pack:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                pack.addfile(info, io.BytesIO(content.encode()))
            else:
                info.linkname = content
                pack.addfile(info)
    return path


def of_files(pack, path, *files):
    """A zip or a tar of (name, content)."""
    if pack == "zip":
        return zipped(path, *((name, 0, content) for name, content in files))
    return tarred(path, *((name, tarfile.REGTYPE, content) for name, content in files))


def opened(archive, into, most=1_000_000, **options):
    return unpack(archive, into, most=most, room=lambda _: None, tell=lambda *_: None, **options)


HOSTILE = ["/unpacked-abs", "../up", "in/../../up", "..\\up", "C:\\abs", "C:abs", "\\abs", "//abs"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_a_name_that_leads_out_is_refused_and_nothing_written(name, pack, tmp_path):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    archive = of_files(pack, tmp_path / "x", ("fine", "1"), (name, "2"))
    with pytest.raises(Refused, match="which leads out of its folder"):
        opened(archive, inside)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["a", "b", archive.name])
    assert not Path("/unpacked-abs").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tarred(tmp_path / "x.tar.gz", ("out", kind, str(outside)), ("out/file", tarfile.REGTYPE, "2"))
    with pytest.raises(Refused, match="which is a link or a device"):
        opened(archive, tmp_path / "in")
    assert not list(outside.iterdir())
    assert not (tmp_path / "in").exists()


def test_links_and_devices_in_a_zip_are_refused(tmp_path):
    for mode in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO):
        archive = zipped(tmp_path / "x.zip", ("out", mode | 0o777, "/tmp"), ("out/file", 0, "2"))
        with pytest.raises(Refused, match="which is a link or a device"):
            opened(archive, tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_only_what_is_wanted_is_unpacked_without_the_leading_folders(tmp_path):
    members = [("top/keep/a", tarfile.REGTYPE, "1"), ("top/keep/b/c", tarfile.REGTYPE, "2")]
    archive = tarred(tmp_path / "x.tar.gz", *members, ("top/drop", tarfile.REGTYPE, "3"), ("top", tarfile.DIRTYPE, ""))
    sums = opened(archive, tmp_path / "in", strip=1, only=("keep/",))
    assert sorted(sums) == ["keep/a", "keep/b/c"]
    assert sums["keep/a"] == file_hash(tmp_path / "in" / "keep" / "a")
    assert not (tmp_path / "in" / "drop").exists()


@pytest.mark.parametrize("damage", ["short", "changed", "text"])
def test_a_broken_archive_is_said_to_be_so(damage, tmp_path):
    archive = tmp_path / "x"
    whole = packed()
    content = {"short": whole[:-300_000], "changed": whole.replace(b"aaaa", b"abab", 1), "text": b"not found"}[damage]
    archive.write_bytes(content)
    with pytest.raises(Refused, match="it is no whole zip or tar archive"):
        opened(archive, tmp_path / "in")
    with gzip.open(archive, "wb") as file:
        file.write(os.urandom(100_000))
    archive.write_bytes(archive.read_bytes()[:50_000])
    with pytest.raises(Refused, match="it is no whole zip or tar archive"):
        opened(archive, tmp_path / "in")


def test_merging_keeps_what_was_there(tmp_path):
    for name in ("new/both/1", "new/both/2", "new/fresh/3", "old/both/0", "old/both/1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    merge(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "both" / "1").read_text() == "new/both/1"
    assert sorted(path.name for path in (tmp_path / "old").rglob("?")) == ["0", "1", "2", "3"]


# archives that unpack to more than was declared


def bytes_below(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("only", [(), ("keep/",)])
def test_a_bomb_is_refused_before_anything_is_written(tmp_path, only):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("keep/a", bytes(2_000_000))
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as pack:
        for name in ("keep/a", "other"):  # what is left out of a tar is unpacked too
            info = tarfile.TarInfo(name)
            info.size = 900_000
            pack.addfile(info, io.BytesIO(bytes(info.size)))
    for name in ("x.zip", "x.tar.gz"):
        with pytest.raises(Refused, match="it unpacks to more than 1,000,000 bytes"):
            opened(tmp_path / name, tmp_path / "in", only=only)
    assert not (tmp_path / "in").exists()
    assert opened(tmp_path / "x.tar.gz", tmp_path / "in", only=only, most=2_000_000)


@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_many_small_files_count_as_what_they_take_on_a_disk(pack, tmp_path):
    archive = of_files(pack, tmp_path / "x", *((str(number), "") for number in range(300)))
    with pytest.raises(Refused, match="it unpacks to more than 1,000,000 bytes"):
        opened(archive, tmp_path / "in")
    assert not (tmp_path / "in").exists()
    assert len(opened(archive, tmp_path / "in", most=2_000_000)) == 300


def test_what_the_head_of_a_zip_says_of_sizes_is_not_believed(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("a", bytes(50_000_000))
    content = bytearray((tmp_path / "x.zip").read_bytes())
    for mark, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        begin = content.rindex(mark) + place
        content[begin : begin + 4] = (1000).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(Refused, match="it is no whole zip or tar archive"):
        opened(tmp_path / "x.zip", tmp_path / "in")
    assert bytes_below(tmp_path / "in") <= 1000


def test_a_zip_of_one_content_under_many_names_counts_all_of_them(tmp_path):
    """Files that overlap: 100 entries of the directory, one of the contents."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("a", bytes(900_000))
        (only,) = pack.filelist
        for number in range(99):
            pack.filelist.append(copied := zipfile.ZipInfo(f"a{number}"))
            for name in ("CRC", "compress_size", "file_size", "header_offset", "compress_type"):
                setattr(copied, name, getattr(only, name))
    with pytest.raises(Refused, match="it unpacks to more than 1,000,000 bytes"):
        opened(tmp_path / "x.zip", tmp_path / "in")
    assert not (tmp_path / "in").exists()


def tar_head(kind, changes):
    """The head of an empty member, with some of its bytes changed, {place: bytes}, and the right sum of them."""
    info = tarfile.TarInfo("x")
    info.type = kind
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    for place, content in changes.items():
        head[place : place + len(content)] = content
    head[148:156] = b" " * 8
    head[148:156] = f"{sum(head):06o}\0 ".encode()
    return bytes(head)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE])
@pytest.mark.parametrize("size", [-512, -(1 << 40), 1 << 40])
def test_what_the_head_of_a_tar_says_of_sizes_costs_no_memory_and_no_time(kind, size, tmp_path):
    lie = size.to_bytes(12, "big", signed=True) if size < 0 else b"\x80" + size.to_bytes(11, "big")
    (tmp_path / "x").write_bytes(gzip.compress(tar_head(kind, {124: lie}) + bytes(20_000_000), 1))
    with pytest.raises(Refused):
        opened(tmp_path / "x", tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_holes_of_a_tar_count_as_what_comes_out(tmp_path):
    head = tar_head(tarfile.GNUTYPE_SPARSE, {483: b"%011o\0" % 50_000_000})  # its size with the holes
    (tmp_path / "x").write_bytes(gzip.compress(head + bytes(1024)))
    with pytest.raises(Refused, match="it unpacks to more than 1,000,000 bytes"):
        opened(tmp_path / "x", tmp_path / "in")
    assert opened(tmp_path / "x", tmp_path / "in", most=60_000_000)
    assert (tmp_path / "in" / "x").stat().st_size == 50_000_000


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "\udcff", "n" * 300, "d/" * 200 + "x"])
def test_names_that_no_data_set_has_are_refused(name, tmp_path):
    archives = [tarred(tmp_path / "x", ("fine", tarfile.REGTYPE, "1"), (name, tarfile.REGTYPE, "2"))]
    if name.isascii():
        archives.append(zipped(tmp_path / "y", (name, 0, "2")))
    for archive in archives:
        with pytest.raises(Refused, match="whose head is broken") as caught:
            opened(archive, tmp_path / "in")
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_a_name_that_is_a_file_and_a_folder_is_refused(pack, names, tmp_path):
    archive = of_files(pack, tmp_path / "x", *((name, "1") for name in names))
    with pytest.raises(Refused, match="it is no whole zip or tar archive"):
        opened(archive, tmp_path / "in")


def test_methods_that_take_any_memory_are_refused(tmp_path):
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as pack:
            pack.writestr("a", b"a" * 1000)
        with pytest.raises(Refused, match="it holds 'a', which is packed by a method that is not read here"):
            opened(tmp_path / "x.zip", tmp_path / "in")


def test_whatever_is_damaged_ends_in_a_clause(tmp_path):
    """200 archives with a few bytes changed: each is unpacked or refused."""
    rng = np.random.default_rng(3)
    members = [(f"d/{number}", tarfile.REGTYPE, "word" * number) for number in range(20)]
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        for name, _, content in members:
            pack.writestr(name, content)
    sources = [(tmp_path / "x.zip").read_bytes(), gzip.decompress(tarred(tmp_path / "x", *members).read_bytes())]
    refusals = []
    for trial in range(200):
        content = bytearray(sources[trial % 2])
        for _ in range(rng.integers(1, 6)):
            content[rng.integers(len(content))] = rng.integers(256)
        (tmp_path / "y").write_bytes(gzip.compress(content, 1) if trial % 2 else content)
        try:
            opened(tmp_path / "y", tmp_path / f"in{trial}")
        except Refused as error:
            refusals.append(str(error))
    assert len(refusals) > 50
    assert all(refusal.isprintable() for refusal in refusals)
