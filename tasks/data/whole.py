"""Is a data set there, and is it what it should be?"""

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .sources import Content, DataError, DataSet, Download, Many

SUMS = "SHA256SUMS"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a data set.

    state: whole, missing (nothing of it is there), incomplete or damaged. problems: one sentence each.
    notes: what else is to be said of it, as which edition it is.
    """

    name: str
    place: Path
    state: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def lacking(download: Download, folder: Path) -> str:
    """What of a download is missing in a folder or has a wrong size, in a clause, or an empty string.

    This looks at names and sizes only; nothing is read but the last bytes of .gz files.
    """
    for content in download.files:
        place = found(content, folder)
        if place is None:
            return f"there is no {content.path}{'.gz' if content.gzipped else ''}"
        size = _size(place)
        if content.size and size != content.size:
            return f"{place.name} has {size:,} bytes instead of {content.size:,}, so it is damaged"
    for many in download.many:
        if many.names:
            there = {f"{part}/{name}" for part in _parents(many.names) for name in _names(folder / part)}
            gone = [name for name in many.names if name not in there]
            if gone:
                return f"there is no {gone[0]}" + f" ({len(gone):,} of {many.count:,} are missing)" * (len(gone) > 1)
        elif (count := len(matching(many, folder))) < many.count:
            return f"there are {count:,} of the {many.count:,} {' or '.join(many.patterns)}"
    return ""


def found(content: Content, folder: Path) -> Path | None:
    """Where a file lies, compressed or not, or None."""
    for path in (content.path, f"{content.path}.gz")[: 1 + content.gzipped]:
        if (folder / path).is_file():
            return folder / path
    return None


def matching(many: Many, folder: Path) -> list[str]:
    """The paths below the folder that match, sorted; those of the pattern that matches most often."""
    lists = [sorted(path.relative_to(folder).as_posix() for path in folder.glob(glob)) for glob in many.patterns]
    lists.sort(key=len)
    return lists[-1]


def is_begun(source: DataSet, folder: Path) -> bool:
    """Does any file of the data set lie there?"""
    contents = [content for download in source.downloads for content in download.files]
    crowds = [many for download in source.downloads for many in download.many]
    return any(found(content, folder) for content in contents) or any(matching(many, folder) for many in crowds)


def check(download: Download, folder: Path) -> list[str]:
    """Read all of a download that has a known checksum; gives notes. Raises DataError with what is damaged."""
    notes = []
    for content in download.files:
        place = found(content, folder)
        if place is None:
            raise DataError(f"there is no {content.path}")
        if content.editions:
            name = edition(content, place)
            notes += [f"{place.name}: {name}"] if name != "original" else []
    for many in download.many:
        if many.digest:
            names = many.names or matching(many, folder)
            digest = tree_digest({name: file_hash(folder / name) for name in names})
            if digest != many.digest:
                raise DataError(f"damaged files {many.patterns[0]}: expected {many.digest} of all, found {digest}")
    return notes


def edition(content: Content, place: Path) -> str:
    """Which of the known editions a file is. Raises DataError where it is none."""
    seen = set()
    for name, checksum in content.editions.items():
        algorithm, _, _ = checksum.partition(":")
        seen.add(f"{algorithm}:{file_hash(place, algorithm, content.gzipped, content.size)}")
        if checksum in seen:
            return name
    expected = " or ".join(content.editions.values())
    raise DataError(f"damaged file {place.name}: expected {expected}, found {' or '.join(sorted(seen))}")


def tree_digest(sums: dict[str, str]) -> str:
    """The checksum of many files, from path -> SHA-256."""
    lines = "".join(f"{name} {sums[name]}\n" for name in sorted(sums))
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


def differs(download: Download, place: Path) -> str:
    """How the file itself, before it is unpacked, is not what it should be, in a clause, or an empty string."""
    if (size := place.stat().st_size) > download.most:
        return f"it has {size:,} bytes, more than {download.most:,}"
    if not download.checksum:
        return ""
    algorithm, _, _ = download.checksum.partition(":")
    found = f"{algorithm}:{file_hash(place, algorithm)}"
    return "" if found == download.checksum else f"expected {download.checksum}, found {found}"


def file_hash(path: Path, algorithm: str = "sha256", gzipped: bool = False, most: int = 0) -> str:
    """The digest of a file; of what is inside if it is a .gz that may be either. Raises DataError.

    most: bytes after which it is too long to go on, 0: none.
    """
    digest, done = hashlib.new(algorithm), 0
    source: IO[bytes] | gzip.GzipFile
    try:
        with gzip.open(path) if gzipped and path.suffix == ".gz" else path.open("rb") as source:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                done += len(chunk)
                if most and done > most:
                    raise DataError(f"damaged file {path.name}: it has more than {most:,} bytes")
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"missing file {path.name}") from None
    except (OSError, EOFError) as error:
        raise DataError(f"damaged file {path.name}: it cannot be read ({error})") from None
    except Exception as error:  # zlib.error has no public parent
        raise DataError(f"damaged file {path.name}: it cannot be unpacked ({error})") from None
    return digest.hexdigest()


def verify(source: DataSet, folder: Path, tell: Callable[[int, int], None] = lambda done, total: None) -> Verdict:
    """Read all files with a known checksum and say what is wrong; tell(done, total) counts files of SHA256SUMS."""
    if not is_begun(source, folder):
        return Verdict(source.name, folder, "missing")
    problems, notes, gaps, unknown = [], [], False, []
    for download in source.downloads:
        if gap := lacking(download, folder):
            problems.append(f"missing file: {gap}" if gap.startswith("there") else f"damaged file: {gap}")
            gaps = gaps or gap.startswith("there")
            continue
        try:
            notes += check(download, folder)
        except DataError as error:
            problems.append(str(error))
        if not any(c.editions for c in download.files) and not any(m.digest for m in download.many):
            unknown.append(download.file)
    sums = read_sums(folder)
    for number, (name, expected) in enumerate(sums.items(), start=1):
        try:
            actual = file_hash(folder / name)
            if actual != expected:
                problems.append(f"damaged file {name}: expected sha256:{expected}, found sha256:{actual}")
        except DataError as error:
            gaps = gaps or not (folder / name).exists()
            problems.append(str(error).replace(Path(name).name, name, 1))
        tell(number, len(sums))
    if unknown and not sums:
        notes.append(f"all files are there, but without {SUMS} of `bench data fetch` there is nothing to check them by")
    damaged = any(problem.startswith("damaged") for problem in problems)
    state = "damaged" if damaged else "incomplete" if gaps else "whole"
    return Verdict(source.name, folder, state, tuple(dict.fromkeys(problems)), tuple(notes))


def read_sums(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of the file SHA256SUMS, as `sha256sum` writes it; empty where there is none."""
    if not (folder / SUMS).is_file():
        return {}
    lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


def write_sums(folder: Path, sums: dict[str, str]) -> None:
    """Add to the file SHA256SUMS, or replace in it, and write it whole."""
    merged = {**read_sums(folder), **sums}
    temporary = folder / f".{SUMS}"
    temporary.write_text("".join(f"{merged[name]}  {name}\n" for name in sorted(merged)), encoding="utf-8")
    os.replace(temporary, folder / SUMS)


def _size(place: Path) -> int:
    """Bytes of a file, decompressed; a .gz says so at its end."""
    if place.suffix != ".gz":
        return place.stat().st_size
    with place.open("rb") as file:
        file.seek(max(0, place.stat().st_size - 4))
        return int.from_bytes(file.read(4), "little")


def _parents(names: tuple[str, ...]) -> set[str]:
    return {name.rpartition("/")[0] for name in names}


def _names(folder: Path) -> Iterator[str]:
    return iter(os.listdir(folder)) if folder.is_dir() else iter(())
