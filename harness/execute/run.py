"""Cells become their records, whatever happens. Start reading here.

names -> specs (catalog) -> data (tasks) -> width (budget) -> curves (group, train) -> records (store)
"""

import gc
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from .. import machine
from ..catalog import find_model, find_task, forget_files, strange_model
from ..engine import backend
from ..errors import BenchError, said, sentence
from ..measure.forecast import TooLarge, check_fits
from ..measure.subject import Subject, quick, subject_of
from ..plan import Cell, Group, find_budget
from ..prepare.budget import solve
from ..prepare.modules import Skip, Where, fingerprint, settled
from ..protocol import Protocol, find_protocol
from ..records.kinds import INTERRUPTED, TIMED_OUT, Measurement, RunRecord, TaskFacts, from_json, to_json
from ..records.running import signs_of
from ..records.store import Store
from ..seeds import global_stream
from ..write.words import clock
from .group import NotStackable, Progress, Report, begun, together, train_group
from .surroundings import guarded, kept, pass_on

__all__ = ["Progress", "described", "measure_group", "run_cell", "run_group"]


def run_cell(
    cell: Cell,
    where: Where,
    *,
    report: Report = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> RunRecord:
    """Train one cell and store its record, whatever the cell does. Raises Unwritable where it cannot be stored."""
    return run_group([cell], where, report=report, stop=stop)[0]


def run_group(
    cells: Sequence[Cell],
    where: Where,
    *,
    note: str = "",
    report: Report = lambda progress: None,
    finished: Callable[[RunRecord], None] = lambda record: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[RunRecord]:
    """Train cells that may train together (tune.space.together_of), and store a record of each, whatever they do.

    Those that can do so, where they cannot, or something breaks, the seeds of each group, and where these cannot, one
    after the other; then their records say why. note: a sentence for all of them. finished: told of each record as it
    is stored. Raises Unwritable where a record or a checkpoint cannot be stored.
    """
    store = Store(where.results)
    process, until, limit = os.getpid(), math.inf, where.limit
    records: dict[Cell, RunRecord] = {}

    def over() -> bool:
        return time.process_time() > until

    def ended() -> bool:
        return stop() or over()

    with signs_of(store, cells) as signs:

        def told(progress: Progress) -> None:
            if os.getpid() != process:
                os._exit(1)  # the model has forked, and this copy would go on as if it were the process itself
            signs(progress.cell, progress.step, progress.steps, progress.points)
            report(progress)

        def attempt(some: Sequence[Cell], why: str) -> str:
            """Store the records of cells that train together; why they must train alone, where they must."""
            nonlocal until
            if limit is not None:
                until = time.process_time() + limit * len(some)
            with guarded(some[0], where) as changes:
                if len(some) > 1:
                    done, why = _tried(some, where, store, told, ended)
                else:
                    done = [_alone(some[0], where, store, told, ended)]
            with guarded(some[0], where):
                done = [_written(record, where) for record in done]
            forget_files(some[0].model)  # what its file does when it is imported is done for each cell alike
            if os.getpid() != process:
                os._exit(1)
            why = "\n".join([why, *changes])
            for record in done:
                if record.status == INTERRUPTED and over() and limit is not None:
                    record = _timed_out(record, limit)
                records[record.cell] = _stored(record, f"{note}\n{why}", store)
                signs.end(record.cell)
                finished(records[record.cell])
            return why

        for some in _together(cells, where, store):
            of_group: dict[Group, list[Cell]] = {}
            for cell in some:
                of_group.setdefault(cell.group, []).append(cell)
            why = attempt(some, "") if len(of_group) > 1 else ""
            for seeds in of_group.values():
                alone = attempt(seeds, "") if len(seeds) > 1 and seeds[0] not in records else why
                for cell in seeds:
                    if cell not in records:
                        attempt([cell], alone)
    return [records[cell] for cell in cells]


def _together(cells: Sequence[Cell], where: Where, store: Store) -> list[list[Cell]]:
    if len(cells) == 1:
        return [list(cells)]
    with guarded(cells[0], where):
        try:
            return together(cells, where, store)
        except BaseException as error:  # each cell will say for itself what is wrong
            pass_on(error)
            return [[cell] for cell in cells]


def _tried(
    cells: Sequence[Cell], where: Where, store: Store, report: Report, stop: Callable[[], bool]
) -> tuple[list[RunRecord], str]:
    """The records of several cells, or none and the reason why each must run alone."""
    done: list[RunRecord] = []
    why = ""
    try:
        _check_fits(cells[0].group, where, len(cells))
        done = train_group(cells, where, store, report, stop)
    except NotStackable as reason:
        why = str(reason)
    except BaseException as error:  # one of them may be at fault, and the others must not pay for it
        pass_on(error)
        why = sentence(error)
    _release(where)
    what = "seeds" if len({cell.group for cell in cells}) == 1 else "trials"
    return done, why and f"the {what} of {cells[0].model} ran one after the other: {why}"


def _alone(cell: Cell, where: Where, store: Store, report: Report, stop: Callable[[], bool]) -> RunRecord:
    record = begun(cell, where)
    try:
        _check_fits(cell.group, where)
        (record,) = train_group([cell], where, store, report, stop)
    except BaseException as error:  # a stranger's model may exit as well
        pass_on(error)
        status, reason = _ending(error)
        record = replace(record, status=status, reason=reason)
    _release(where)
    return record


def _ending(error: BaseException) -> tuple[str, str]:
    """The status and the reason of what ended so; a stranger's model may raise anything, and it costs itself alone."""
    if isinstance(error, Skip):
        return "skipped", str(error)
    memory = isinstance(error, TooLarge | torch.OutOfMemoryError | MemoryError)
    memory |= "DefaultCPUAllocator" in said(error) and "memory" in said(error)  # torch has no type for a CPU's
    return "out-of-memory" if memory else "failed", sentence(error)


def _check_fits(group: Group, where: Where, replicas: int = 1) -> None:
    """Raise TooLarge where a cell needs more memory than is free; it does not train otherwise for having been tried."""
    if not strange_model(group.model):
        check_fits(group, where, replicas)
        return
    find_model(group.model)  # what its file does when it is imported is not put back yet
    with kept():
        check_fits(group, where, replicas)


def _timed_out(record: RunRecord, limit: float) -> RunRecord:
    stopped = record.reason.partition(";")[0]
    return replace(record, status=TIMED_OUT, reason=f"its {clock(limit)} of CPU time are over: {stopped}")


def _written(record: RunRecord, where: Where) -> RunRecord:
    """The record in full, and in plain values, as it will be read; it says so where that cannot be."""
    try:
        record = described(record, find_protocol(record.cell.protocol), where.data_root)
        return cast(RunRecord, from_json(to_json(record), str(record.cell)))
    except (TypeError, ValueError, BenchError) as error:
        return replace(begun(record.cell, where), reason=f"its record cannot be written: {sentence(error)}")


def _stored(record: RunRecord, note: str, store: Store) -> RunRecord:
    """The record as it now stands in the results folder."""
    notes = [*note.splitlines(), *record.notes.splitlines()]
    record = replace(record, notes="\n".join(filter(None, dict.fromkeys(notes))), finished=machine.now())
    store.save_run(record)
    if record.status not in (INTERRUPTED, TIMED_OUT):
        store.drop_checkpoint(record.cell)
    return record


def _release(where: Where) -> None:
    """Give memory back that the last training held."""
    gc.collect()
    if where.device.startswith("cuda"):
        torch.cuda.empty_cache()


def measure_group(
    group: Group, where: Where, take: Callable[[Subject], dict[str, Any]] = quick, **facts: Any
) -> Measurement:
    """Time one group beside the yardstick, and store the measurement.

    take: what is measured of it, as fields of Measurement; facts: fields that are known before.
    """
    with guarded(Cell(*group, 0), where):
        result = _measured(group, where, take, facts)
    Store(where.results).save_measurement(result, machine.slug(where.device))
    return result


def _measured(
    group: Group, where: Where, take: Callable[[Subject], dict[str, Any]], facts: dict[str, Any]
) -> Measurement:
    protocol, task = settled(group.protocol, group.task, where.data_root)
    facts |= fingerprint(group.model, task, protocol.data_seed, where.data_root)
    facts |= {"batch": protocol.batch, "machine": machine.provenance(where.device)}
    status, reason = "ok", ""
    try:
        check_fits(group, where)
        subject = subject_of(group, where)
        with backend(where.backend, where.recompute) as used, global_stream(0, "noise"):
            facts |= take(subject) | {"missing": subject.missing}
        facts["backend"] = "+".join(sorted(used)) or "library"
    except BaseException as error:
        pass_on(error)
        status, reason = _ending(error)
    facts |= {"protocol_version": protocol.version, "status": status, "reason": reason, "finished": machine.now()}
    return Measurement(**group._asdict(), **facts)


def described(record: RunRecord, protocol: Protocol, data_root: Path | None, *, anywhere: bool = True) -> RunRecord:
    """The record with what a report must know of its task and model, as far as that can be found.

    anywhere: also by a stranger's model, which may do anything to the process that asks it.
    """
    try:
        task = find_task(record.cell.task, protocol.scale, data_root)
        facts = TaskFacts(
            task.title,
            task.metric,
            task.higher_is_better,
            task.chance,
            task.target,
            task.shape.length,
            detail=task.detail,
            target_why=task.target_why,
            reference=task.reference,
        )
        known = fingerprint(record.cell.model, task, protocol.data_seed, data_root)
        record = replace(record, task=facts, **known)  # type: ignore[arg-type]
        if not anywhere and strange_model(record.cell.model):
            return record
        spec = find_model(record.cell.model)
        record = replace(record, title=spec.title)
        # it was skipped, or ended before it was trained; for what never began Ctrl-C does not wait
        if record.params is None and record.status != INTERRUPTED and not spec.why_not(task.shape):
            found = solve(spec, task.shape, find_budget(record.cell.budget))
            record = replace(record, width=found.width, params=found.params, slack=found.slack)
    except (Exception, SystemExit):  # the record already says what is wrong
        return record
    return record
