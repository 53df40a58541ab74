"""Cells become their records, whatever happens. Start reading here.

names -> specs (catalog) -> data (tasks) -> width (budget) -> curves (group, train) -> records (store)
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from .. import machine
from ..catalog import find_model, find_task
from ..engine import backend
from ..errors import sentence
from ..measure.forecast import TooLarge, check_fits
from ..measure.subject import Subject, quick, subject_of
from ..plan import Cell, Group, find_budget
from ..prepare.budget import solve
from ..prepare.modules import Skip, Where, fingerprint, settled
from ..protocol import Protocol, find_protocol
from ..records.kinds import Measurement, RunRecord, TaskFacts
from ..records.store import Store
from ..seeds import global_stream
from .group import NotStackable, Progress, Report, at_one_step, begun, train_group

__all__ = ["Progress", "described", "measure_group", "run_cell", "run_group"]


def run_cell(
    cell: Cell,
    where: Where,
    *,
    report: Report = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> RunRecord:
    """Train one cell and store its record, whatever the cell does. Raises OSError where it cannot be stored."""
    return run_group([cell], where, report=report, stop=stop)[0]


def run_group(
    cells: Sequence[Cell],
    where: Where,
    *,
    note: str = "",
    report: Report = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[RunRecord]:
    """Train cells that differ in the seed alone, and store a record of each, whatever they do.

    Those whose checkpoints stand at one step train together; where they cannot, or something breaks,
    they train one after the other and their records say why. note: a sentence for all of them.
    Raises OSError where a record cannot be stored.
    """
    store = Store(where.results)
    records: dict[Cell, RunRecord] = {}
    for together in _together(cells, where, store):
        done, why = _tried(together, where, store, report, stop) if len(together) > 1 else ([], "")
        records |= {record.cell: _stored(record, note, where, store) for record in done}
        for cell in together:
            if cell not in records:
                record = _alone(cell, where, store, report, stop)
                records[cell] = _stored(record, f"{note}\n{why}", where, store)
    return [records[cell] for cell in cells]


def _together(cells: Sequence[Cell], where: Where, store: Store) -> list[list[Cell]]:
    try:
        return at_one_step(cells, where, store) if len(cells) > 1 else [list(cells)]
    except Exception:  # each cell will say for itself what is wrong
        return [[cell] for cell in cells]


def _tried(
    cells: Sequence[Cell], where: Where, store: Store, report: Report, stop: Callable[[], bool]
) -> tuple[list[RunRecord], str]:
    """The records of several cells, or none and the reason why each must run alone."""
    done: list[RunRecord] = []
    why = ""
    try:
        check_fits(cells[0].group, where, len(cells))
        done = train_group(cells, where, store, report, stop)
    except NotStackable as reason:
        why = str(reason)
    except Exception as error:  # one of them may be at fault, and the others must not pay for it
        why = sentence(error)
    _release(where)
    return done, why and f"the seeds of {cells[0].model} ran one after the other: {why}"


def _alone(cell: Cell, where: Where, store: Store, report: Report, stop: Callable[[], bool]) -> RunRecord:
    record = begun(cell, where)
    try:
        check_fits(cell.group, where)
        (record,) = train_group([cell], where, store, report, stop)
    except Exception as error:
        status, reason = _ending(error)
        record = replace(record, status=status, reason=reason)
    _release(where)
    return record


def _ending(error: Exception) -> tuple[str, str]:
    """The status and the reason of what ended so; a stranger's model may raise anything, and it costs itself alone."""
    if isinstance(error, Skip):
        return "skipped", str(error)
    memory = isinstance(error, TooLarge | torch.OutOfMemoryError | MemoryError)
    memory |= "DefaultCPUAllocator" in str(error) and "memory" in str(error)  # torch has no type for a CPU's
    return "out-of-memory" if memory else "failed", sentence(error)


def _stored(record: RunRecord, note: str, where: Where, store: Store) -> RunRecord:
    """The record in full, as it now stands in the results folder."""
    notes = [*note.splitlines(), *record.notes.splitlines()]
    record = replace(record, notes="\n".join(filter(None, dict.fromkeys(notes))))
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    record = described(record, find_protocol(record.cell.protocol), where.data_root)
    record = replace(record, finished=finished)
    store.save_run(record)
    if record.status != "interrupted":
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
    except Exception as error:
        status, reason = _ending(error)
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    facts |= {"protocol_version": protocol.version, "status": status, "reason": reason, "finished": finished}
    result = Measurement(**group._asdict(), **facts)
    Store(where.results).save_measurement(result, machine.slug(where.device))
    return result


def described(record: RunRecord, protocol: Protocol, data_root: Path | None) -> RunRecord:
    """The record with what a report must know of its task and model, as far as that can be found."""
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
        spec = find_model(record.cell.model)
        known = fingerprint(record.cell.model, task, protocol.data_seed, data_root)
        record = replace(record, task=facts, title=spec.title, **known)  # type: ignore[arg-type]
        if record.params is None and not spec.why_not(task.shape):  # it was skipped, or ended before it was trained
            found = solve(spec, task.shape, find_budget(record.cell.budget))
            record = replace(record, width=found.width, params=found.params, slack=found.slack)
    except Exception:  # the record already says what is wrong
        return record
    return record
