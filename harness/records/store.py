"""The results folder: one JSON file a record, written whole or not at all.

    runs/<protocol>/<task>/<model>/<budget>-<seed>.json
    measures/<protocol>/<task>/<model>/<budget>-<machine>.json
    baselines/<task>/<scale>-<data seed>.json                     what can be had of a task without a memory
    speed/<machine>.json                                          of the last `bench speed` there
    checkpoints/<protocol>/<task>/<model>/<budget>-<seed>.pt      while a cell is unfinished; a campaign's in the cache
    running/<number>.json, slurm/<name>/...                       while a cell runs; what `bench submit` sent
    events/<protocol>/<task>/<model>/<budget>-<seed>/...          of TensorBoard, with --log tensorboard
    aside/...                                                     what was run again, or could not be gone on from

Deleting a record is how to run its cell again; copying records between folders is how to merge. A record counts at its
own cell's place alone: a copy beside it is named and left out. Links to folders are followed.
"""

import glob
import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ..errors import BenchError, CorruptRecord, DamagedRecord, Unwritable, one_line
from ..plan import Cell, Group
from ..protocol import DESK, PAPER
from . import apart, baselines, checkpoints, findings, names
from .baselines import Baselines
from .campaign import FILE, PLAN, blocks_of, campaign_of, differences_of
from .claims import FILE as CLAIMS
from .claims import Declared, claims_of, served
from .findings import SpeedRecord
from .kinds import Measurement, RunRecord, from_json, to_json
from .writing import write_whole

Record = TypeVar("Record")


@dataclass(slots=True)
class Loaded:
    """Records, and a sentence for what is not among them: what cannot be read, or is of something that has changed."""

    runs: list[RunRecord] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    baselines: list[Baselines] = field(default_factory=list)
    declared: Declared = field(default_factory=Declared)


class Store:
    """A results folder. claims: a file of claims to be read instead of its own."""

    def __init__(self, root: Path, claims: Path | None = None) -> None:
        self.root, self.claims = root, root / CLAIMS if claims is None else claims

    def check_writable(self, cells: Iterable[Cell] = ()) -> None:
        """Raise BenchError now, rather than after an hour of training, if no record of these cells can be written.

        Also for a campaign that is closed, or whose claims cannot be read.
        """
        claims_of(self.claims)
        if campaign_of(self.root).closed:
            raise BenchError(f"{self.root / FILE} says that these records are closed; choose another --results")
        groups = {cell.group for cell in cells}
        folders = {self._folder(kind, group) for kind in ("runs", "measures") for group in groups}
        folder = self.root
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for place in (folder, *sorted(folders)):
                folder = place
                while not os.path.lexists(folder):
                    folder = folder.parent
                trial = folder / f".{uuid.uuid4().hex}.tmp"
                trial.touch()
                trial.unlink()
        except OSError as error:
            raise BenchError(
                f"the results folder {folder} cannot be written ({error.strerror}); choose another with --results"
            ) from None

    def check_readable(self) -> None:
        """Raise BenchError for what is there but is no folder that can be read."""
        _listed(self.root)

    def run_path(self, cell: Cell) -> Path:
        return self._folder("runs", cell.group) / f"{names.folder(cell.budget)}-{cell.seed}.json"

    def measure_path(self, group: Group, machine: str) -> Path:
        return self._folder("measures", group) / f"{names.folder(group.budget)}-{machine}.json"

    def checkpoint_path(self, cell: Cell) -> Path:
        relative = self.run_path(cell).relative_to(self.root / "runs")
        top = self.root
        if not campaign_of(self.root).keeps_unfinished:
            from tasks.data.fetch import cache_folder

            top = cache_folder() / "campaigns" / campaign_of(self.root).name
        return top / "checkpoints" / relative.with_suffix(".pt")

    def running_path(self, cell: Cell) -> Path:
        name = str(self.run_path(cell).relative_to(self.root / "runs"))
        return self.root / "running" / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"

    def events_path(self, cell: Cell) -> Path:
        return self._folder("events", cell.group) / f"{names.folder(cell.budget)}-{cell.seed}"

    def _folder(self, kind: str, group: Group) -> Path:
        return self.root.joinpath(kind, *map(names.folder, (group.protocol, group.task, group.model)))

    def save_run(self, record: RunRecord) -> Path:
        """Store a record at its cell's place, given back; none of an unfinished cell of a campaign or a Slurm job."""
        path = self.run_path(record.cell)
        if not record.is_final and ("SLURM_JOB_ID" in os.environ or not campaign_of(self.root).keeps_unfinished):
            return path
        record = replace(record, claims=served(claims_of(self.claims), record.cell))
        write_whole(path, to_json(record).encode())
        return path

    def save_measurement(self, measurement: Measurement, machine: str) -> Path:
        path = self.measure_path(measurement.group, machine)
        write_whole(path, to_json(measurement).encode())
        return path

    def save_speed(self, record: SpeedRecord, machine: str) -> Path:
        path = self.root / "speed" / f"{machine}.json"
        write_whole(path, findings.to_json(record).encode())
        return path

    def baselines_path(self, record: Baselines) -> Path:
        return self.root / "baselines" / names.folder(record.task) / f"{record.scale}-{record.data_seed}.json"

    def save_baselines(self, record: Baselines) -> Path:
        path = self.baselines_path(record)
        write_whole(path, baselines.to_json(record).encode())
        return path

    def load_speed(self) -> tuple[list[SpeedRecord], list[str]]:
        """What `bench speed` found on each machine, and a sentence for each record that could not be read."""
        return self._all("speed", findings.from_json)

    def _all(self, kind: str, read: Callable[[str, str], Record]) -> tuple[list[Record], list[str]]:
        """All records of a kind, and a sentence for each that could not be read."""
        found, corrupt = [], []
        for path in sorted(records_in(self.root / kind)):
            try:
                found.append(read_file(path, read))
            except (CorruptRecord, FileNotFoundError) as error:
                corrupt.append(one_line(str(error)))
        return found, corrupt

    def find_run(self, cell: Cell) -> RunRecord | None:
        """The record of a cell, or None. Raises CorruptRecord where there is one that cannot be read."""
        path = self.run_path(cell)
        try:
            record = read_file(path, from_json)
        except FileNotFoundError:
            return None
        if not isinstance(record, RunRecord) or record.cell != cell:
            raise CorruptRecord(f"{one_line(str(path))} is the record of another cell; mend or delete it")
        return record

    def is_measured(self, group: Group) -> bool:
        """Is there a measurement of any machine?"""
        path = self.measure_path(group, "")
        return any(path.stem == found.name[: len(path.stem)] for found in records_in(path.parent))

    def find_measurement(self, group: Group, machine: str) -> Measurement | None:
        try:
            record = read_file(self.measure_path(group, machine), from_json)
        except (FileNotFoundError, CorruptRecord):
            return None  # a measurement is cheap to take again
        return record if isinstance(record, Measurement) else None

    def load(self, protocol: str | None = None, tasks: Iterable[str] | None = None) -> Loaded:
        """All records, or those of one protocol or of some tasks, in the order of their paths.

        Raises BenchError where a folder cannot be read, so that no part of the records is missing without a word.
        """
        loaded = Loaded()
        self.check_readable()
        wanted = None if tasks is None else set(map(names.folder, tasks))
        for kind in ("runs", "measures"):
            top = self.root / kind
            for path in sorted(records_in(top if protocol is None else top / names.folder(protocol))):
                if wanted is not None and wanted.isdisjoint(path.relative_to(top).parts[1:2]):
                    continue
                try:
                    record = read_file(path, from_json)
                    self.check_place(record, path)
                except CorruptRecord as error:
                    loaded.left_out.append(str(error))
                    continue
                except FileNotFoundError:
                    loaded.left_out.append(f"{one_line(str(path))} is a link to a file that is not there; remove it")
                    continue
                if isinstance(record, RunRecord):
                    loaded.runs.append(record)
                else:
                    loaded.measurements.append(record)
        runs, measurements, old = apart.unmixed(loaded.runs, loaded.measurements)
        without_memory, corrupt = self._all("baselines", baselines.from_json)
        left_out = loaded.left_out + corrupt + old
        asked = self.declared() if protocol is None else self.declared().of(protocol)
        if any(claim.protocol == DESK.name for claim in asked.claims):
            longer = runs if protocol is None else self.load(PAPER.name, tasks).runs
            asked = replace(asked, longer=tuple(run for run in longer if run.cell.protocol == PAPER.name))
        return Loaded(*apart.titled_apart(runs, measurements), left_out, without_memory, asked)

    def declared(self) -> Declared:
        """What was claimed before the runs, and planned. Raises BenchError for a file that says neither."""
        blocks = tuple(blocks_of(self.root / PLAN)) if (self.root / PLAN).is_file() else ()
        folder = f"results/{it.name}" if (it := campaign_of(self.root)).committed else ""
        return Declared(tuple(claims_of(self.claims)), blocks, folder, differences_of(self.root))

    def check_place(self, record: RunRecord | Measurement, path: Path) -> None:
        """Raise CorruptRecord for a record that does not lie where its cell's does, such as a copy."""
        if isinstance(record, RunRecord):
            place = self.run_path(record.cell)
        else:
            machine = re.sub(r"[^a-z0-9-]", "", path.stem.removeprefix(f"{record.budget}-"))
            place = self.measure_path(record.group, machine)
        if path != place:
            raise CorruptRecord(f"{one_line(str(path))} does not lie at its cell's place, {place}; move or delete it")

    def save_checkpoint(self, cell: Cell, made_for: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Keep the state of a cell; made_for: what must be the same to go on from it. Raises Unkeepable, Unwritable."""
        write_whole(self.checkpoint_path(cell), checkpoints.packed(asdict(cell) | dict(made_for), state))

    def load_checkpoint(self, cell: Cell, made_for: Mapping[str, Any]) -> dict[str, Any] | None:
        """The kept state of a cell, or None. Raises Refused where it is damaged or of something else."""
        try:
            content = self.checkpoint_path(cell).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise checkpoints.Refused(f"it cannot be read ({error.strerror})") from None
        return checkpoints.unpacked(content, asdict(cell) | dict(made_for))

    def drop_checkpoint(self, cell: Cell) -> None:
        self.checkpoint_path(cell).unlink(missing_ok=True)

    def put_aside(self, path: Path) -> Path:
        """Move a record or a checkpoint to where nothing reads it; its new place, or the old one if it is gone."""
        inside = path.is_relative_to(self.root)
        target = (
            path.with_name(f"{path.name}.aside") if not inside else self.root / "aside" / path.relative_to(self.root)
        )
        number = 1 + sum(1 for _ in target.parent.glob(f"{glob.escape(target.name)}.*"))
        target = target.with_name(f"{target.name}.{number}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        except FileNotFoundError:
            return path
        except OSError as error:
            raise Unwritable(f"{path} cannot be moved to {target} ({error.strerror})") from None
        return target


def read_file(path: Path, read: Callable[[str, str], Record]) -> Record:
    """Raises FileNotFoundError where there is no such file, CorruptRecord where it is no record."""
    try:
        return read(path.read_text(encoding="utf-8"), one_line(str(path)))
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except (OSError, UnicodeDecodeError) as error:
        kind = CorruptRecord if isinstance(error, OSError) else DamagedRecord
        raise kind(f"{one_line(str(path))} cannot be read ({error}); mend or delete it") from None


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing where there is none. Raises BenchError where it cannot be read."""
    try:
        return list(os.scandir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BenchError(f"{one_line(str(folder))} cannot be read as a folder of records ({error.strerror})") from None


def records_in(folder: Path, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Every file of JSON below a folder. Raises BenchError for links that lead in a circle."""
    real = os.path.realpath(folder)
    if real in above:
        raise BenchError(f"{one_line(str(folder))} is a link that leads back to {real}; remove it")
    for entry in _listed(folder):
        if _is_folder(entry):
            yield from records_in(folder / entry.name, (*above, real))
        elif entry.name.endswith(".json"):
            yield folder / entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        raise BenchError(f"the link {one_line(entry.path)} cannot be followed ({error.strerror}); remove it") from None
