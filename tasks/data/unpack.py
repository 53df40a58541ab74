"""Unpack an archive into a folder and nowhere else."""

import hashlib
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from typing import IO

CHUNK = 1 << 20
BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, LZMAError, NotImplementedError, RuntimeError)


class Refused(Exception):
    """An archive that is damaged, or that would write elsewhere; a clause that says which and why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file or folder inside an archive, after its name and kind were found harmless."""

    path: str
    size: int
    handle: zipfile.ZipInfo | tarfile.TarInfo


def unpack(
    archive: Path,
    into: Path,
    *,
    strip: int = 0,
    only: tuple[str, ...] = (),
    room: Callable[[int], None],
    tell: Callable[[int, int], None],
) -> dict[str, str]:
    """Write the files of a zip or tar archive below a folder; gives path -> SHA-256 of each.

    All names are looked at before the first file is written. strip: leading folders to drop; only: beginnings
    of the paths, after that, to write. room(bytes) may raise; tell(done, total) hears of the progress in bytes.
    Raises Refused, where a name leads out of the folder, where a member is a link or a device, and where the
    archive is broken.
    """
    try:
        with _opened(archive) as pack:
            members = list(_members(pack, strip, only))
            total = sum(member.size for member in members)
            room(total)
            sums, done = {}, 0
            for member in members:
                with _stream(pack, member) as source:
                    sums[member.path] = _write(source, into / member.path)
                done += member.size
                tell(done, total)
            return sums
    except BROKEN as error:
        raise Refused(f"it is no whole zip or tar archive ({' '.join(str(error).split())[:80]})") from None


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield zipped
    else:
        with tarfile.open(archive) as tarred:
            yield tarred


def _members(pack: zipfile.ZipFile | tarfile.TarFile, strip: int, only: tuple[str, ...]) -> Iterator[Member]:
    """The files to write; folders come into being with them."""
    handles: list[zipfile.ZipInfo] | list[tarfile.TarInfo]
    handles = pack.infolist() if isinstance(pack, zipfile.ZipFile) else pack.getmembers()
    for handle in handles:
        if isinstance(handle, zipfile.ZipInfo):
            name, size, folder = handle.filename, handle.file_size, handle.is_dir()
            kind = stat.S_IFMT(handle.external_attr >> 16)  # 0: from a system without such kinds
            plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
        else:
            name, size, folder = handle.name, handle.size, handle.isdir()
            plain = handle.isreg() or folder
        parts = name.replace("\\", "/").split("/")
        if not parts[0] or ".." in parts or re.match("[A-Za-z]:", name):
            raise Refused(f"it holds '{name}', which leads out of its folder")
        if not plain:
            raise Refused(f"it holds '{name}', which is a link or a device")
        path = "/".join([part for part in parts if part not in ("", ".")][strip:])
        if path and not folder and (not only or path.startswith(only)):
            yield Member(path, size, handle)


def _stream(pack: zipfile.ZipFile | tarfile.TarFile, member: Member) -> IO[bytes]:
    if isinstance(pack, zipfile.ZipFile):
        assert isinstance(member.handle, zipfile.ZipInfo)
        return pack.open(member.handle)
    assert isinstance(member.handle, tarfile.TarInfo)
    source = pack.extractfile(member.handle)
    assert source is not None  # only links and folders have none
    return source


def _write(source: IO[bytes], path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("wb") as sink:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            sink.write(chunk)
    return digest.hexdigest()


def merge(source: Path, target: Path) -> None:
    """Move what is in a folder into another: whole folders at once, into those that exist file by file."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            merge(entry, place)
        else:
            os.replace(entry, place)
