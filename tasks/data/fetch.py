"""Where data sets lie, whether they are there, and how they get there."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .download import Tell, Unreachable, download
from .sources import SOURCES, DataError, DataSet, Download
from .staging import OURS, UNPACKING, WAITING, alone, is_littered, sweep
from .unpack import Refused, merge, unpack
from .whole import Verdict, check, differs, file_hash, is_begun, lacking, verify, write_sums

# what others may take from here
__all__ = ["SOURCES", "DataError", "DataSet", "Verdict", "cache_folder", "data_folder", "derived"]
__all__ += ["fetch", "folder", "is_begun", "megabytes", "verify", "whereabouts"]


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "multiscale-rnn-bench"


def data_folder(data_root: Path | None) -> Path:
    """Where the data sets lie: the root that was given, else a folder in the user's cache."""
    return data_root or cache_folder() / "data"


def derived(name: str) -> Path:
    """A writable folder for what is computed from a data set."""
    made = cache_folder() / "derived" / name
    made.mkdir(parents=True, exist_ok=True)
    return made


def folder(name: str, data_root: Path | None) -> Path:
    """The folder of a data set with all its files. Raises DataError where one is missing or has a wrong size.

    Of a data set that SOURCES does not know, only the folder must be there. Contents are not read; `verify` does.
    """
    place = data_folder(data_root) / name
    source = SOURCES.get(name)
    if source is None:
        if not place.is_dir():
            raise DataError(f"the data set {name} is missing: there is no folder {place}")
        return place
    for wanted in source.downloads:
        if gap := lacking(wanted, place):
            state = "not complete" if is_begun(source, place) else "missing"
            raise DataError(f"the data set {name} is {state}: {gap} in {place}; {_remedy(source, data_root)}")
    return place


def whereabouts(source: DataSet, data_root: Path | None) -> str:
    """The folder of a data set; or 'missing', or 'not complete' and why."""
    place = data_folder(data_root) / source.name
    gap = next((gap for wanted in source.downloads if (gap := lacking(wanted, place))), "")
    if not gap:
        return str(place)
    return f"not complete: {gap}" if is_begun(source, place) else "missing"


def megabytes(size: int) -> str:
    """'28.9 kB', '11.6 MB', '7.68 GB'."""
    for unit, word, digits in ((1e9, "GB", 2), (1e6, "MB", 1), (1e3, "kB", 1)):
        if size >= unit:
            return f"{size / unit:.{digits}f} {word}"
    return f"{size} B"


def _remedy(source: DataSet, data_root: Path | None) -> str:
    """The command that fetches what is missing, and the files for a machine without network."""
    place = data_folder(data_root) / source.name
    missing = [wanted for wanted in source.downloads if lacking(wanted, place)]
    about = "about " * any(wanted.about for wanted in missing)
    return (
        f"`{_command(source, data_root)}` downloads {about}{megabytes(sum(wanted.size for wanted in missing))}; "
        f"or put {_listed(missing)} into that folder yourself, then run that command"
    )


def _command(source: DataSet, data_root: Path | None) -> str:
    return f"bench data fetch {source.name}" + (f" --data {data_root}" if data_root else "")


def _listed(downloads: list[Download]) -> str:
    """Their files and how to know them."""
    known = [wanted.checksum or "contents " + ", ".join(many.digest for many in wanted.many) for wanted in downloads]
    return ", ".join(f"{wanted.file} ({how})" for wanted, how in zip(downloads, known, strict=True))


@dataclass(frozen=True, slots=True)
class _Errand:
    """One call of fetch: for what, to where, and who hears of it."""

    source: DataSet
    place: Path
    command: str
    tell: Tell
    say: Callable[[str], None]


def fetch(
    source: DataSet, data_root: Path | None, tell: Tell = lambda *_: None, say: Callable[[str], None] = lambda _: None
) -> Path:
    """Bring a data set to its folder, checked. What is whole there stays, what was begun goes on.

    An archive that someone put into the folder is used instead of a download. tell(what, done, total) hears of
    the progress in bytes, say(sentence) of everything else. Raises DataError.
    """
    place = data_folder(data_root) / source.name
    errand = _Errand(source, place, _command(source, data_root), tell, say)
    try:
        if not any(_gap(wanted, place) for wanted in source.downloads) and not is_littered(place):
            say(f"{source.name}: nothing to fetch, all of it is in {place}")
            return place
        place.mkdir(parents=True, exist_ok=True)
        with alone(place):
            missing = [wanted for wanted in source.downloads if not _is_whole(errand, wanted)]
            sweep(place, missing)
            try:
                if missing:
                    _announce(errand, missing)
                while missing:
                    _bring(errand, missing)
                    del missing[0]
            finally:
                sweep(place, missing)
        say(f"{source.name}: whole, in {place}")
    except OSError as error:
        raise DataError(f"cannot write into {place}: {error.strerror or error}; `{errand.command}` goes on") from None
    return place


def _gap(wanted: Download, place: Path) -> str:
    """What of a download is missing or damaged, in a clause, or an empty string."""
    try:
        if not (gap := lacking(wanted, place)):
            check(wanted, place)
    except DataError as error:
        return str(error)
    return gap


def _is_whole(errand: _Errand, wanted: Download) -> bool:
    gap = _gap(wanted, errand.place)
    if gap and not gap.startswith("there"):
        errand.say(f"{errand.source.name}: {gap}; it is fetched again")
    return not gap


def _announce(errand: _Errand, missing: list[Download]) -> None:
    """Say what will be downloaded and how much space is left. Raises DataError where that is too little."""
    to_load = 0
    for wanted in missing:
        begun = [errand.place / wanted.file] * wanted.archive
        begun += [errand.place / WAITING / name for name in (wanted.file, f"{wanted.file}.part")]
        to_load += max(0, wanted.size - max((file.stat().st_size for file in begun if file.is_file()), default=0))
    needed = to_load + sum(wanted.unpacked for wanted in missing)
    errand.say(
        f"{errand.source.name}: {megabytes(to_load)} to download, {megabytes(needed)} of disk with what is unpacked, "
        f"{megabytes(shutil.disk_usage(errand.place).free)} free in {errand.place}; licence: {errand.source.licence}"
    )
    _fits(errand, needed)


def _fits(errand: _Errand, needed: int) -> None:
    free = shutil.disk_usage(errand.place).free
    if free < needed:
        raise DataError(
            f"{errand.source.name} needs {megabytes(needed)} more in {errand.place}, where {megabytes(free)} are free; "
            f"make room, or choose another folder with --data"
        )


def _bring(errand: _Errand, missing: list[Download]) -> None:
    """The first of what is missing: from the folder itself, or from the first mirror that has the right thing."""
    wanted, place = missing[0], errand.place
    if wanted.archive and (place / wanted.file).is_file():
        return _bring_by_hand(errand, wanted)
    reasons = []
    for url in wanted.urls:
        try:
            archive = download(url, wanted, place / WAITING, errand.tell)
            _place(errand, wanted, archive)
        except (Unreachable, Refused) as error:
            reasons.append(f"{url} ({error})")
            (place / WAITING / wanted.file).unlink(missing_ok=True)
            if wanted.checksum and isinstance(error, Refused):
                break  # it is the right file, so no mirror has another
        else:
            return archive.unlink()
    raise DataError(
        f"could not download {wanted.file} from {' or '.join(reasons)}; "
        f"put {_listed(missing)} into {place} yourself, then run `{errand.command}` again"
    )


def _bring_by_hand(errand: _Errand, wanted: Download) -> None:
    """Unpack the archive that someone put into the folder; it stays."""
    archive = errand.place / wanted.file
    errand.say(f"{errand.source.name}: checking and unpacking {archive}, which may be deleted afterwards")
    try:
        if wrong := differs(wanted, archive):
            raise Refused(wrong)
        _place(errand, wanted, archive)
    except Refused as error:
        raise DataError(
            f"{archive} is not what it should be: {error}; delete it, then `{errand.command}` downloads it, "
            f"or put the right file there"
        ) from None


def _place(errand: _Errand, wanted: Download, archive: Path) -> None:
    """Unpack a file into the folder of the data set, check what came out, and note its checksums. Raises Refused."""
    made = errand.place / UNPACKING
    shutil.rmtree(made, ignore_errors=True)  # of a command that was killed
    made.mkdir()
    try:
        if wanted.archive:
            sums = unpack(
                archive,
                made,
                strip=wanted.strip,
                only=wanted.only,
                most=wanted.most_unpacked,
                room=partial(_fits, errand),
                tell=partial(errand.tell, f"unpacking {wanted.file}"),
            )
        else:
            shutil.copyfile(archive, made / wanted.file)
            sums = {wanted.file: file_hash(archive)}
        if taken := {name.partition("/")[0] for name in sums} & OURS:
            raise Refused(f"it holds {', '.join(sorted(taken))}, which is a name of ours")
        if gap := _gap(wanted, made):
            raise Refused(gap)
        # beforehand, so that files which an interruption keeps from their place are known to be missing
        write_sums(errand.place, sums)
        for content in wanted.files:
            if content.gzipped:  # a damaged one would hide the .gz that comes
                (errand.place / content.path).unlink(missing_ok=True)
        merge(made, errand.place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
