"""The words of a command become an order: a protocol, cells, a place to run and to keep them."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .. import catalog, engine, machine
from ..errors import BenchError, DamagedRecord, counted
from ..execute.apart import IMPORT_SECONDS, asked_apart, look_at
from ..machine import find_device
from ..plan import Cell, Group, find_budget, parse_seeds, split_words, whole
from ..plan import plan as cells_of
from ..prepare.data import check_data, load_data, prepare_data
from ..prepare.modules import Where, fingerprint, forget
from ..protocol import FIXED, PROTOCOLS, Protocol, find_protocol, for_task, parse_changes, with_changes
from ..records.campaign import blocks_of
from ..records.kinds import STATUSES, Measurement, RunRecord
from ..records.store import Store
from ..stats import power
from ..tune import tracks


def find_replicas(word: str, device: str, cells: int) -> int:
    """How many cells of a model on a task train together at most, for auto or a number.

    Raises BenchError for anything else.
    """
    if word == "auto":
        return cells if device != "cpu" else 1  # on a CPU a seed a core is as fast
    if (number := whole(word)) is None:
        raise BenchError(f"--replicas is '{word[:40]}', but must be auto or a number of seeds of at least 1")
    return number


def usual_protocol(device: str) -> str:
    """The protocol where a command names none."""
    return "quick" if device == "cpu" else "paper"


def options_of(name: str) -> dict[str, object]:
    """What can be changed of a protocol, a task or a model, and its default."""
    if name in PROTOCOLS:
        return {key: value for key, value in asdict(PROTOCOLS[name]).items() if key not in FIXED}
    if name in catalog.TASKS or name.rpartition("-")[0] in catalog.FAMILIES:
        catalog.find_task(name)  # addition-x is none
        return catalog.task_options(name)
    look_at((name,))
    return catalog.options_of(catalog.find_model(name).build, skip=2)


def _is_meant(word: str, cell: Cell) -> bool:
    return any(name == word or fnmatchcase(name, word) for name in (cell.model, cell.task, str(cell)))


def alone(option: str, why: str, file: Path) -> dict[str, Any]:
    """The folder of the records where a file says what to run: beside it, if --results says nothing.

    Raises BenchError where the command line says what to run as well.
    """
    context = click.get_current_context()
    given = {"tasks", "models", "protocol_name", "budget", "seeds", "changes"}
    for known in (known for known in context.command.params if known.name in given):
        if context.get_parameter_source(known.name or "") is not ParameterSource.DEFAULT:
            raise BenchError(f"{why}; leave {known.opts[0]} or {option} out")
    by_default = context.get_parameter_source("results") is ParameterSource.DEFAULT
    return {"results": file.parent} if by_default else {}


def words_of(plan: Path) -> dict[str, dict[str, Any]]:
    """The words of each block of a plan, by its name. Raises BenchError where the command line has such words too."""
    shared = alone("--plan", "a plan says itself what to run", plan)
    blocks: dict[str, dict[str, Any]] = {}
    words: dict[str, Any]
    for block in blocks_of(plan):
        if block.name in blocks:
            raise BenchError(f"{plan} has two blocks called '{block.name}'")
        words = {{"protocol": "protocol_name"}.get(key, key): value for key, value in block.words.items()}
        words["tasks"] = (words.pop("task"),)
        blocks[block.name] = {**shared, **words}
    return blocks


class Order:
    """What the words of a command stand for."""

    def __init__(
        self,
        tasks: tuple[str, ...],
        models: str,
        protocol_name: str | None,
        budget: str | None,
        seeds: str | None,
        device: str,
        changes: tuple[str, ...],
        results: Path,
        data: Path | None,
        backend: str,
        recompute: int = 0,
        replicas: str = "auto",
        again: str | None = None,
        limit: float | None = None,
    ) -> None:
        self.device = find_device(device)
        self.given, self.limit = protocol_name is not None, limit
        self.protocol: Protocol = find_protocol(usual_protocol(self.device) if protocol_name is None else protocol_name)
        for change in changes:
            self.protocol = with_changes(self.protocol, parse_changes(change))
        task = os.environ.get("SLURM_ARRAY_TASK_ID")
        self.array_task = task if seeds is not None and seeds.strip() == task != "0" else None
        self.tasks = split_words(",".join(tasks))
        self.models = catalog.chosen(models)
        self.budget = find_budget(self.protocol.budget if budget is None else budget).name
        self.seeds = list(range(self.protocol.seeds)) if seeds is None else parse_seeds(seeds)
        if not self.tasks:
            what = "names nothing" if tasks else "is missing"
            raise BenchError(f"--task {what}; `bench list tasks` shows what there is")
        forget()
        # whatever folder a stranger's code changes to
        data = None if data is None else Path(os.path.abspath(data))
        patience = IMPORT_SECONDS if limit is None else min(IMPORT_SECONDS, limit)
        look_at((*self.models, self.protocol.yardstick), self.tasks, patience)
        with self.guarded():
            self.specs = {task: catalog.find_task(task, self.protocol.scale, data) for task in self.tasks}
        self.cells = cells_of(self.protocol.name, self.tasks, self.models, self.budget, self.seeds)
        together = find_replicas(replicas, self.device, len(self.seeds))
        self.where = Where(Path(os.path.abspath(results)), self.device, data, backend, recompute, together, limit)
        self.store = Store(results)  # its sentences name the folder as the user did
        self.fingerprints: dict[Group, dict[str, Any]] = {}
        self.again = split_words(again or "")
        if again is not None and not self.again:
            raise BenchError("--again names nothing; write failed, all, a status, or a model or task")
        for word in self.again:
            if word not in ("failed", "all", *STATUSES) and not any(_is_meant(word, cell) for cell in self.cells):
                raise BenchError(
                    f"--again {word} names no cell of this command; write failed, all, a status, "
                    "or a model or task, in which * stands for anything"
                )
        self.untuned = tracks.check((cell.group for cell in self.cells), self.where.results)

    def guarded(self) -> AbstractContextManager[None]:
        """Strangers' tasks make their data apart from this process, and what they change in it is put back."""
        return asked_apart(self.tasks, self.device, self.limit)

    def todo(self) -> tuple[list[Cell], Counter[str]]:
        """Cells without a final record or to be run again, and how many of the others have which status."""
        self.store.check_readable()
        todo, done = [], Counter[str]()
        for cell in self.cells:
            try:
                record = self.store.find_run(cell)
            except DamagedRecord:
                record = None
            if record is None or not record.is_final or self._is_wanted_again(record):
                todo.append(cell)
                continue
            version = self.protocol.version
            if record.protocol_version != version:
                raise BenchError(
                    f"{self.store.run_path(cell)} was made under version {record.protocol_version} of the protocol, "
                    f"this is version {version}: move the old records away or use another --results"
                )
            changed = self._changed(cell.group, record)
            if changed and record.status == "ok":
                raise BenchError(
                    f"{changed} since {self.store.run_path(cell)} was made; `--again all` runs it anew and keeps the "
                    "old records aside; or use another --results, or give what has changed another name"
                )
            if changed:
                todo.append(cell)
            else:
                done[record.status] += 1
        return todo, done

    def measured(self, group: Group) -> Measurement | None:
        """What was measured on this machine of what a group's model and task are now."""
        found = self.store.find_measurement(group, machine.slug(self.device))
        return None if found is None or self._changed(group, found) else found

    def _changed(self, group: Group, record: RunRecord | Measurement) -> str:
        """What is not as it was when a record was made, in the beginning of a sentence; or an empty string."""
        if group not in self.fingerprints:
            with self.guarded():
                task = self.specs[group.task]
                known: dict[str, Any] = {
                    **fingerprint(group.model, task, self.protocol.data_seed, self.where.data_root)
                }
            point = tracks.point_of(group, self.where.results)
            known["point"] = {} if point is None else point.facts()
            self.fingerprints[group] = known
        now = self.fingerprints[group]
        # a measurement keeps no point
        differ = [name for name, value in now.items() if getattr(record, name, value) != value]
        words = {"source": group.model, "task_source": group.task, "data": f"the data of {group.task}"}
        words["point"] = f"the point of {group.model}"
        if not differ:
            return ""
        if all(not getattr(record, name) for name in differ):  # an older record
            return f"nobody can tell whether {words[differ[0]]} has changed"
        return f"{' and '.join(words[name] for name in differ)} {'has' if differ != ['data'] else 'have'} changed"

    def put_aside(self, todo: Collection[Cell]) -> int:
        """Put the records of cells that run again, and damaged ones, where nothing reads them; how many."""
        count = 0
        for cell in todo:
            try:
                record = self.store.find_run(cell)
                away = record is not None and record.is_final
            except DamagedRecord:
                away = True
            if away:
                self.store.put_aside(self.store.run_path(cell))
                count += 1
        return count

    def _is_wanted_again(self, record: RunRecord) -> bool:
        return any(
            word in ("all", record.status)
            or (word == "failed" and record.is_fault)
            or (word not in STATUSES and _is_meant(word, record.cell))
            for word in self.again
        )

    def to_measure(self, todo: Collection[Cell]) -> list[Group]:
        """What is to be timed: of what runs now all that this machine has not, of the rest what no machine has."""
        running = {cell.group for cell in todo}
        groups = dict.fromkeys(cell.group for cell in self.cells)
        missing = []
        for group in groups:
            found = self.measured(group)
            again = found is not None and group in running and found.is_fault
            if again or (found is None and (group in running or not self.store.is_measured(group))):
                missing.append(group)
        return missing

    def steps(self) -> dict[str, int]:
        """The training steps of each task, where they do not depend on the size of its data."""
        known = {name: for_task(self.protocol, spec.training).max_steps for name, spec in self.specs.items()}
        return {name: steps for name, steps in known.items() if steps is not None}

    def prepare_data(self, tasks: Collection[str], tell: Callable[[str, int, int], None]) -> Iterator[str]:
        """Check that the data of these tasks are there and compute once what loading needs; tell(task, done, total).

        Gives what a user should know of them.
        """
        wanted = {name: spec for name, spec in self.specs.items() if name in tasks}
        for spec in wanted.values():  # before the first of them is prepared, which may take long
            check_data(spec, self.where.data_root)
        for name, spec in wanted.items():
            if catalog.strange_task(name):  # what is wrong with the data is nobody's but theirs
                load_data(spec, self.protocol.data_seed, self.where.data_root)
            if known := prepare_data(spec, self.where.data_root, partial(tell, name)):
                yield f"{name}: {known}"

    def prepare_backend(self) -> Iterator[str]:
        """Build the native kernels before workers need them; gives what a user should know meanwhile."""
        needed = {"native": "cpu", "triton": "cuda"}.get(self.where.backend, self.device)
        if needed != self.device:
            raise BenchError(
                f"the {self.where.backend} back end runs on --device {needed} and this is {self.device}; "
                "use --backend auto to take what serves"
            )
        if self.device != "cpu" or self.where.backend in ("eager", "compiled"):
            return
        reason = yield from engine.build_native()
        if reason and self.where.backend == "native":
            raise BenchError(f"the native back end cannot be built: {reason}; use --backend auto or eager")
        if reason:
            yield f"no native code for the recurrences, the eager loop serves, several times slower: {reason}"

    def _smallest_p(self) -> str:
        seeds, models = len(self.seeds), len(self.models)
        alone, corrected = power.smallest_p(seeds), power.smallest_adjusted_p(seeds, models)
        together = "" if models < 3 else f", nor below {corrected:.3g} corrected for all pairs of models"
        return f"p cannot be below {alone:.3g} with so few seeds{together}"

    def headline(self, workers: int) -> str:
        """What will run, under which protocol and why, and a line for what nobody tuned."""
        default = "" if self.given else f" (the default {'with' if self.device == 'cuda' else 'without'} CUDA)"
        parts = ((self.tasks, "task"), (self.models, "model"), (self.seeds, "seed"))
        counts = " x ".join(counted(len(names), word) for names, word in parts)
        if self.array_task is not None:
            counts += f" (seeds 0 to {len(self.seeds) - 1}: in task {self.array_task} of an array job, "
            counts += f"--seeds {self.array_task}, is seed {self.array_task} alone)"
        first = (
            f"protocol {self.protocol.name}, version {self.protocol.version}{default}; budget {self.budget}; "
            f"device {self.device}, {counted(workers, 'worker')}; {counts} = {counted(len(self.cells), 'cell')}; "
            + self._smallest_p()
        )
        return "\n".join([first, *tracks.in_words(self.untuned)])
