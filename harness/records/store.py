"""The results folder: one JSON file a record, written whole or not at all.

    runs/<protocol>/<task>/<model>/<budget>-<seed>.json
    measures/<protocol>/<task>/<model>/<budget>-<machine>.json
    speed/<machine>.json                                          of the last `bench speed` there
    checkpoints/<protocol>/<task>/<model>/<budget>-<seed>.pt      while a cell is unfinished

Deleting a record is how to run its cell again; copying records between folders is how to merge.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..errors import BenchError, CorruptRecord
from ..plan import Cell, Group
from . import findings
from .campaign import FILE, campaign_of
from .findings import SpeedRecord
from .kinds import Measurement, RunRecord, from_json, to_json

Record = TypeVar("Record")


@dataclass(slots=True)
class Loaded:
    """Records that could be read, and a sentence for each that could not."""

    runs: list[RunRecord] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)


class Store:
    """A results folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def check_writable(self) -> None:
        """Raise BenchError now, rather than after an hour of training; also for a campaign that is closed."""
        if campaign_of(self.root).closed:
            raise BenchError(f"{self.root / FILE} says that these records are closed; choose another --results")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.root).close()
        except OSError as error:
            raise BenchError(
                f"the results folder {self.root} cannot be written ({error.strerror}); choose another with --results"
            ) from None

    def run_path(self, cell: Cell) -> Path:
        return self._folder("runs", cell.group) / f"{cell.budget}-{cell.seed}.json"

    def measure_path(self, group: Group, machine: str) -> Path:
        return self._folder("measures", group) / f"{group.budget}-{machine}.json"

    def checkpoint_path(self, cell: Cell) -> Path:
        relative = self.run_path(cell).relative_to(self.root / "runs")
        return self.root / "checkpoints" / relative.with_suffix(".pt")

    def _folder(self, kind: str, group: Group) -> Path:
        return self.root.joinpath(kind, *map(_slug, (group.protocol, group.task, group.model)))

    def save_run(self, record: RunRecord) -> Path:
        path = self.run_path(record.cell)
        _write(path, to_json(record).encode())
        return path

    def save_measurement(self, measurement: Measurement, machine: str) -> Path:
        path = self.measure_path(measurement.group, machine)
        _write(path, to_json(measurement).encode())
        return path

    def save_speed(self, record: SpeedRecord, machine: str) -> Path:
        path = self.root / "speed" / f"{machine}.json"
        _write(path, findings.to_json(record).encode())
        return path

    def load_speed(self) -> tuple[list[SpeedRecord], list[str]]:
        """What `bench speed` found on each machine, and a sentence for each record that could not be read."""
        found, corrupt = [], []
        for path in sorted((self.root / "speed").glob("*.json")):
            try:
                found.append(_read(path, findings.from_json))
            except CorruptRecord as error:
                corrupt.append(str(error))
        return found, corrupt

    def find_run(self, cell: Cell) -> RunRecord | None:
        """The record of a cell, or None. Raises CorruptRecord where there is one that cannot be read."""
        path = self.run_path(cell)
        if not path.exists():
            return None
        record = _read(path, from_json)
        if not isinstance(record, RunRecord) or record.cell != cell:
            raise CorruptRecord(f"{path} is the record of another cell; mend or delete it")
        return record

    def is_measured(self, group: Group) -> bool:
        """Is there a measurement of any machine?"""
        path = self.measure_path(group, "*")
        return any(path.parent.glob(path.name))

    def find_measurement(self, group: Group, machine: str) -> Measurement | None:
        path = self.measure_path(group, machine)
        if not path.exists():
            return None
        try:
            record = _read(path, from_json)
        except CorruptRecord:
            return None  # a measurement is cheap to take again
        return record if isinstance(record, Measurement) else None

    def load(self, protocol: str | None = None, tasks: Iterable[str] | None = None) -> Loaded:
        """All records, or those of one protocol or of some tasks, in the order of their paths."""
        loaded = Loaded()
        wanted = None if tasks is None else {_slug(task) for task in tasks}
        for kind in ("runs", "measures"):
            top = self.root / kind
            for path in sorted(top.rglob("*.json")) if top.is_dir() else []:
                parts = path.relative_to(top).parts
                if protocol is not None and parts[0] != _slug(protocol):
                    continue
                if wanted is not None and wanted.isdisjoint(parts[1:2]):
                    continue
                try:
                    record = _read(path, from_json)
                except CorruptRecord as error:
                    loaded.corrupt.append(str(error))
                    continue
                if isinstance(record, RunRecord):
                    loaded.runs.append(record)
                else:
                    loaded.measurements.append(record)
        return loaded

    def save_checkpoint(self, cell: Cell, state: dict[str, Any]) -> None:
        import torch

        buffer = io.BytesIO()
        torch.save(state, buffer)
        _write(self.checkpoint_path(cell), buffer.getvalue())

    def load_checkpoint(self, cell: Cell) -> dict[str, Any] | None:
        """The checkpoint of a cell, or None where there is none that can be read."""
        import torch

        path = self.checkpoint_path(cell)
        if not path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # torch raises many kinds; a checkpoint only saves time
            return None
        return state

    def drop_checkpoint(self, cell: Cell) -> None:
        self.checkpoint_path(cell).unlink(missing_ok=True)


def _read(path: Path, read: Callable[[str, str], Record]) -> Record:
    try:
        return read(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise CorruptRecord(f"{path} cannot be read ({error}); mend or delete it") from None


def _write(path: Path, content: bytes) -> None:
    """Write a file whole: a temporary file beside it, flushed to the disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _slug(name: str) -> str:
    """A name as one folder: `./mine.py:Net` becomes `mine.py:Net`."""
    place, colon, attribute = name.rpartition(":")
    word = f"{Path(place).name}:{attribute}" if colon else name
    return re.sub(r"[^\w.,:@=+()\[\]-]", "_", word)
