"""Unpack an archive into a folder and nowhere else, and no more of it than was declared."""

import errno
import gzip
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
from pathlib import Path
from typing import IO

CHUNK = 1 << 20
BLOCK = 1 << 12  # bytes that the smallest file takes on a disk
LONGEST = 255  # bytes of a name
BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, ValueError, RuntimeError)
# what the system says of a place before the beginning, and of a name that is both a file and a folder
ODD = (None, errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


class Refused(Exception):
    """An archive that is damaged, too large, or would write elsewhere; a clause that says which and why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive, after its name and kind were found harmless. size: bytes that it takes on a disk."""

    path: str
    size: int
    handle: zipfile.ZipInfo | tarfile.TarInfo


def unpack(
    archive: Path,
    into: Path,
    *,
    strip: int = 0,
    only: tuple[str, ...] = (),
    most: int,
    room: Callable[[int], None],
    tell: Callable[[int, int], None],
) -> dict[str, str]:
    """Write the files of a zip or tar archive below a folder; gives path -> SHA-256 of each.

    All names are looked at before the first file is written. strip: leading folders to drop; only: beginnings
    of the paths, after that, to write. most: bytes that may come out. room(bytes) may raise; tell(done, total)
    hears of the progress in bytes. Raises Refused, where a name leads out of the folder, where a member is a link
    or a device, where more comes out than `most`, and where the archive is broken.
    """
    try:
        with _opened(archive, most) as pack:
            members, total = [], 0
            for member in _members(pack, strip, only):
                members.append(member)
                total += member.size
                if total > most:
                    raise _too_large(most)
            room(total)
            sums, done = {}, 0
            for member in members:
                with _stream(pack, member) as source:
                    sums[member.path] = _write(source, into / member.path)
                done += member.size
                tell(done, total)
            return sums
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno not in ODD:  # of the disk, not of the archive
            raise
        raise Refused(f"it is no whole zip or tar archive ({' '.join(str(error).split())[:80]})") from None


@contextmanager
def _opened(archive: Path, most: int) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield zipped
    else:
        with gzip.open(archive) as stream, tarfile.open(fileobj=_Bounded(stream, most), mode="r:") as tarred:
            yield tarred


class _Bounded:
    """The stream of a tar, of which no more than `most` bytes are unpacked: heads and what is left out count too."""

    def __init__(self, stream: gzip.GzipFile, most: int) -> None:
        self.stream, self.most, self.tell = stream, most, stream.tell

    def read(self, size: int) -> bytes:
        return self.stream.read(self._allowed(size, self.tell() + size))

    def seek(self, place: int) -> int:
        return self.stream.seek(self._allowed(place, place))

    def _allowed(self, wanted: int, end: int) -> int:
        if wanted < 0 or end > self.most:
            raise _too_large(self.most)
        return wanted


def _too_large(most: int) -> Refused:
    return Refused(f"it unpacks to more than {most:,} bytes")


def _members(pack: zipfile.ZipFile | tarfile.TarFile, strip: int, only: tuple[str, ...]) -> Iterator[Member]:
    """The files to write; folders come into being with them."""
    for handle in pack.infolist() if isinstance(pack, zipfile.ZipFile) else pack:
        if isinstance(handle, zipfile.ZipInfo):
            name, size, folder = handle.filename, handle.file_size, handle.is_dir()
            kind = stat.S_IFMT(handle.external_attr >> 16)  # 0: from a system without such kinds
            plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            if handle.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may take any memory
                raise Refused(f"it holds {name!r:.99}, which is packed by a method that is not read here")
        else:
            name, size, folder = handle.name, handle.size, handle.isdir()
            size = -1 if pack.offset < handle.offset_data else size  # the next head lies before this one
            plain = handle.isreg() or folder
        if size < 0 or not name.isprintable() or len(name.encode()) > LONGEST:
            raise Refused(f"it holds {name!r:.99}, whose head is broken")
        parts = name.replace("\\", "/").split("/")
        if not parts[0] or ".." in parts or re.match("[A-Za-z]:", name):
            raise Refused(f"it holds {name!r}, which leads out of its folder")
        if not plain:
            raise Refused(f"it holds {name!r}, which is a link or a device")
        path = "/".join([part for part in parts if part not in ("", ".")][strip:])
        if path and not folder and (not only or path.startswith(only)):
            yield Member(path, max(size, BLOCK), handle)


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
