"""Folders of records become one: of each cell once, and nothing where two of one cell differ."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BenchError, one_line
from ..plan import Cell
from . import baselines, findings
from .kinds import Measurement, RunRecord, from_json, to_json
from .store import Store, read_file, records_in
from .writing import write_whole

Kind = tuple[str, Callable[[str, str], Any], Callable[[Any], str]]
KINDS: dict[str, Kind] = {
    "runs": ("run", from_json, to_json),
    "measures": ("measurement", from_json, to_json),
    "baselines": ("baseline", baselines.from_json, baselines.to_json),
    "speed": ("speed record", findings.from_json, findings.to_json),
}  # folder -> what one is called, and how it is read and written


@dataclass(slots=True)
class Merged:
    """What a merge does. files: place -> what is written there; added, there: by kind, new ones and those that lie
    there already; unfinished: runs that were interrupted, which stay where they are; replaced: such cells in the folder
    that get a finished run."""

    files: dict[Path, bytes] = field(default_factory=dict)
    added: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0
    replaced: list[Cell] = field(default_factory=list)


def merged(into: Store, others: Sequence[Path]) -> Merged:
    """What bringing `others` into a folder comes to; nothing is written yet.

    A record of an older form counts, and is written, as in today's. Raises BenchError, naming both files, where two
    records of one place differ, and for what is no record.
    """
    found, sources = Merged(), dict[Path, Path]()
    for root in others:
        if not root.is_dir():
            raise BenchError(f"there is no results folder {root}")
        if os.path.realpath(root) == os.path.realpath(into.root):
            raise BenchError(f"{root} is the folder that the others are brought into; leave it out, or name another")
        paths = [(kind, path) for kind in KINDS for path in sorted(records_in(root / kind))]
        if not paths:
            raise BenchError(f"there is no record in {root}")
        for kind, path in paths:
            _add(found, sources, kind, path, Store(root), into)
    return found


def write(found: Merged, into: Store) -> None:
    """Carry it out. Raises Unwritable; the same merge then does what is left."""
    for path, content in found.files.items():
        write_whole(path, content)
    for cell in found.replaced:
        into.drop_checkpoint(cell)


def _add(found: Merged, sources: dict[Path, Path], kind: str, path: Path, of: Store, into: Store) -> None:
    name, read, text = KINDS[kind]
    record, target = read_file(path, read), into.root / path.relative_to(of.root)
    if isinstance(record, RunRecord | Measurement):
        of.check_place(record, path)
    if isinstance(record, RunRecord) and not record.is_final:
        found.unfinished += 1
        return
    content, there, source = text(record).encode(), found.files.get(target), sources.get(target, target)
    if there is None and target.exists():
        kept = read_file(target, read)
        if isinstance(kept, RunRecord) and not kept.is_final:
            found.replaced.append(kept.cell)
        else:
            there = text(kept).encode()
    if there is None:
        found.files[target], sources[target] = content, path
        found.added[name] += 1
    elif there == content:
        found.there[name] += 1
    else:
        raise BenchError(
            f"{one_line(str(path))} and {one_line(str(source))} are of one cell and differ; nothing was written: "
            "keep one of them"
        )
