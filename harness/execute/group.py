"""Cells that train together, seeds or trials of one model, from their names to what is known of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from .. import machine
from ..engine import backend
from ..errors import sentence
from ..plan import Cell, Group
from ..prepare.budget import count_parameters
from ..prepare.modules import Where, first_batch, load_splits, made, pointed, resolved
from ..protocol import Protocol, find_protocol
from ..records.kinds import Point, RunRecord
from ..records.store import Store
from ..seeds import global_stream, on_task
from ..train.alike import alike
from ..train.evaluate import loss_of
from ..train.graph import recorder_for
from ..train.insight import with_insight
from ..train.loop import Training
from ..train.replicas import difference
from .resuming import Kept, made_for

if TYPE_CHECKING:
    from ..catalog import ModelSpec, Splits, TaskSpec
    from ..prepare.budget import Width

    Resolved = tuple[Protocol, TaskSpec, ModelSpec, Width]

CHECKPOINT_SECONDS = 60.0
TELL_SECONDS = 0.25


class NotStackable(Exception):
    """These cells of a model cannot train in one pass, and why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running cell is; given to `report` at most a few times a second.

    before: the curve so far, of one that goes on from a checkpoint, said once.
    """

    cell: Cell
    step: int
    steps: int
    point: Point | None = None
    before: tuple[Point, ...] = ()

    @property
    def points(self) -> tuple[Point, ...]:
        return self.before if self.point is None else (*self.before, self.point)


Report = Callable[[Progress], None]


def begun(cell: Cell, where: Where) -> RunRecord:
    """The record of a cell as long as nothing is known of it but where it runs and how."""
    point = None
    try:
        protocol, _, point = pointed(cell.group, where)
    except Exception:  # what is wrong with the task will be said where it is needed
        protocol = find_protocol(cell.protocol)
    return RunRecord(
        cell,
        "failed",
        protocol.version,
        settings=asdict(protocol),
        point={} if point is None else point.facts(),
        machine=machine.provenance(where.device),
        recompute=where.recompute,
    )


def together(cells: Sequence[Cell], where: Where, store: Store) -> list[list[Cell]]:
    """The cells in parts that can go on together: of modules that are alike, and with checkpoints at one step."""
    known = _known(cells, where)
    kept = _kept(known, where, store)
    kinds: list[nn.Module] = []
    kind_of: dict[Group, int] = {}
    for group, (_, task, spec, found) in known.items():
        module = None if len(known) == 1 else made(spec, task.shape, found.width, "cpu", frame=task.frame)
        of = (number for number, kind in enumerate(kinds) if module is None or alike(kind, module))
        kind_of[group] = next(of, len(kinds))
        if module is not None and kind_of[group] == len(kinds):
            kinds.append(module)
    parts: dict[tuple[int, int], list[Cell]] = {}
    for cell in cells:
        parts.setdefault((kind_of[cell.group], kept.step_of(cell)), []).append(cell)
    return list(parts.values())


def _known(cells: Sequence[Cell], where: Where) -> dict[Group, Resolved]:
    return {group: resolved(group, where) for group in dict.fromkeys(cell.group for cell in cells)}


def _kept(known: Mapping[Group, Resolved], where: Where, store: Store) -> Kept:
    made = {group: made_for(group, protocol, task, found, where) for group, (protocol, task, _, found) in known.items()}
    return Kept(store, made)


def part_done(cell: Cell, where: Where, store: Store) -> float:
    """The part of a cell's training that its checkpoint has, from 0 to 1."""
    try:
        protocol, task, _, found = resolved(cell.group, where)
        steps = protocol.steps(len(load_splits(cell.task, protocol.scale, protocol.data_seed, where).train.y))
        made = {cell.group: made_for(cell.group, protocol, task, found, where)}
        return Kept(store, made).step_of(cell) / steps
    except Exception:  # the run itself will say what is wrong
        return 0.0


def train_group(
    cells: Sequence[Cell], where: Where, store: Store, report: Report, stop: Callable[[], bool]
) -> list[RunRecord]:
    """Train cells that are `together`; their records, ok, diverged or interrupted, not yet stored.

    Raises NotStackable where several cannot train in one pass, and whatever the model raises.
    """
    known = _known(cells, where)
    protocol, task, spec, found = known[cells[0].group]
    splits = load_splits(cells[0].task, protocol.scale, protocol.data_seed, where)
    seeds = [on_task(cell.seed, cell.task) for cell in cells]
    modules = [
        made(known[cell.group][2], task.shape, found.width, where.device, seed=seed, frame=task.frame)
        for cell, seed in zip(cells, seeds, strict=True)
    ]
    outside = count_parameters(modules[0]) - found.params
    if len(cells) > 1:
        with backend(where.backend, where.recompute):
            _check_stackable(modules, seeds, splits, protocol)
    with backend(where.backend, where.recompute) as used, global_stream(seeds[0], "noise"):
        training = Training(
            modules,
            splits,
            protocol,
            seeds=seeds,
            rates=[known[cell.group][0].learning_rate for cell in cells],
            metric=task.metric,
            higher_is_better=task.higher_is_better,
            classes=task.shape.vocabulary or task.shape.outputs,
            carried=task.shape.carried,
            stop=stop,
            recorder=recorder_for(where.device, where.backend),
        )
        kept = _kept(known, where, store)
        states = [kept.load(cell) for cell in cells]
        curves: list[list[Point]] = [[] for _ in cells]
        if there := [state for state in states if state] if all(states) else []:
            curves = [[Point(**point) for point in state["curve"]] for state in there]
            training.restore([state["training"] for state in there])
            for cell, curve in zip(cells, curves, strict=True):
                report(Progress(cell, training.step, training.steps, before=tuple(curve)))
        save = partial(kept.save, training, cells, curves)
        for points in _followed(training, cells, save, report):
            for place, point in points.items():
                curves[place].append(point)
        if training.stopped:
            save()
        untested = training.stopped or not training.alive or protocol.point is not None
        tested: list[float] = [] if untested else training.test()
    names = used | {"graph"} if training.update.recorded else used
    notes = [*used.notes, *([f"{cells[0].model}: {training.update.note}"] if training.update.note else [])]
    if kept.unkeepable:
        notes.append(f"{cells[0].model}: {kept.unkeepable}")
    records = []
    for place, (cell, curve) in enumerate(zip(cells, curves, strict=True)):
        record = replace(
            begun(cell, where),
            width=found.width,
            params=found.params,
            slack=found.slack,
            outside=outside,
            more_metrics={name: _number(values[place]) for name, values in training.tested_more.items()},
            curve=tuple(curve),
            best_step=training.replicas[place].best_step,
            valid_metric=training.replicas[place].best,
            train_seconds=training.seconds,
            evaluation_seconds=training.evaluation_seconds,
            waited_seconds=None if training.feed is None else training.feed.waited,
            backend="+".join(sorted(names)) or "library",
            replicas=len(cells),
            notes="\n".join([*filter(None, [kept.notes.get(cell, "")]), *notes]),
        )
        judged, best = _judged(record, training, place, tested, kept.unkeepable), training.replicas[place]
        done = (best.best_step or 0) / training.steps
        if protocol.point is None:  # what a trained model does is looked into on test sequences
            judged = with_insight(judged, spec, task, splits, where, best.best_weights, done)
        records.append(judged)
    return records


def _judged(record: RunRecord, training: Training, place: int, tested: list[float], unkeepable: str) -> RunRecord:
    """The record with its status and, where it went well, the test metric; a trial of tuning has none."""
    if training.replicas[place].diverged:
        return replace(record, status="diverged", reason=training.replicas[place].diverged)
    if training.stopped:
        goes_on = "begins anew, as nothing could be kept" if unkeepable else "goes on from there"
        reason = f"stopped at step {training.step} of {training.steps}; the same command {goes_on}"
        return replace(record, status="interrupted", reason=reason)
    if not tested:
        return replace(record, status="ok")
    if not math.isfinite(tested[place]):
        return replace(record, status="diverged", reason="the test metric is no finite number")
    return replace(record, status="ok", test_metric=tested[place])


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _check_stackable(modules: Sequence[nn.Module], seeds: Sequence[int], splits: Splits, protocol: Protocol) -> None:
    x, y = first_batch(splits, protocol.batch)
    try:
        reason = difference(modules, seeds, x, y, loss_of)
    except Exception as error:  # vmap has many ways to say no, and a stranger's model its own
        reason = sentence(error)
    if reason:
        raise NotStackable(reason)


def _followed(
    training: Training, cells: Sequence[Cell], save: Callable[[], None], report: Report
) -> Iterator[dict[int, Point]]:
    """Run a training to its end; tell of its progress, and save now and then what came of it so far."""
    told = saved = time.monotonic()
    inner_stop = training.stop

    def tell() -> None:
        nonlocal told
        told = time.monotonic()
        for place in training.alive:
            report(Progress(cells[place], training.step, training.steps))

    def beat() -> None:
        if time.monotonic() - told > TELL_SECONDS:
            tell()

    def each_step() -> bool:
        nonlocal saved
        beat()
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            save()
            saved = time.monotonic()
        return inner_stop()

    training.stop, training.beat = each_step, beat
    tell()
    for points in training:
        yield points
        for place, point in points.items():
            report(Progress(cells[place], training.step, training.steps, point))
