"""A report that nothing has changed since stands: what it was made of and what it became, kept in the user's cache."""

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import BenchError
from ..records.store import records_in
from ..records.writing import write_whole

HOUSE = Path(__file__).resolve().parents[2]
PACKAGES = ("harness", "models", "tasks")


@dataclass(frozen=True, slots=True)
class Standing:
    """lines: what the command said. html: the HTML file that it ended with, "" without one."""

    lines: list[str]
    html: str


class Question:
    """A report that is asked for: its command's words, the folders that its records come from, those it writes to.

    What it is made of is looked at when the question is put, so that what changes meanwhile counts as a change.
    """

    def __init__(self, words: Sequence[object], records: Iterable[Path]) -> None:
        self._name = _digest(repr([str(Path.cwd()), sys.version, *words]).encode())
        self._records = _digest(
            *(_content(path) for folder in (*records, HOUSE / "results") for path in _under(folder))
        )

    def standing(self) -> Standing | None:
        """What stands already, None where anything that the report was made of or wrote is another now."""
        with suppress(OSError, ValueError, KeyError, TypeError, BenchError):
            kept = json.loads(self._path.read_bytes())
            there = kept["records"] == self._records and kept["code"] == _stats(kept["code"])
            if there and kept["written"] == _written(kept["written"]) and kept["pages"] == _pages(kept["written"]):
                return Standing(**kept["standing"])
        return None

    def keep(self, standing: Standing, written: Iterable[Path]) -> None:
        """Remember it. A cache that cannot be written is none."""
        files = _written(str(path) for path in written)
        modules = [file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
        own = [str(path) for name in PACKAGES for path in (HOUSE / name).rglob("*") if path.is_file()]
        code = _stats({*modules, *own, *sys.path})  # the path's folders: a package that comes or goes changes its own
        kept = {"records": self._records, "code": code, "written": files, "pages": _pages(files)}
        with suppress(OSError, BenchError):
            content = json.dumps(kept | {"standing": asdict(standing)}).encode()
            write_whole(self._path, content, flush=False)

    @property
    def _path(self) -> Path:
        from tasks.data.fetch import cache_folder

        return cache_folder() / "reports" / f"{self._name}.json"


def _under(path: Path) -> list[Path]:
    """The records of a folder, behind links as well, and what campaigns say; a file is itself."""
    if not path.is_dir():
        return [path]
    return sorted([*records_in(path), *path.glob("*.toml"), *path.glob("*/*.toml")])


def _content(path: Path) -> bytes:
    try:
        return f"{path}\0{_digest(path.read_bytes())}".encode()
    except OSError:
        return f"{path}\0".encode()


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def _stats(paths: Iterable[str]) -> dict[str, list[int]]:
    """When each was written and how long it is; what is not there has nothing."""
    found: dict[str, list[int]] = {}
    for path in paths:
        found[path] = []
        with suppress(OSError):
            stat = Path(path).stat()
            found[path] = [stat.st_mtime_ns, stat.st_size]
    return found


def _written(paths: Iterable[str]) -> dict[str, str]:
    return {path: _digest(Path(path).read_bytes()) for path in paths}


def _pages(written: Iterable[str]) -> list[str]:
    """Every page that lies where some were written: the first page links those that are there."""
    folders = {Path(path).parent for path in written}
    return sorted(str(page) for folder in folders for page in folder.glob("*.md"))
