"""One cell becomes its record, whatever happens. Start reading here.

names -> specs (catalog) -> data (tasks) -> width (budget) -> curve (train) -> record (store)
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import torch
from torch import nn

from . import machine, measure
from .budget import Width, as_width, solve
from .catalog import backend, find_model, find_task
from .plan import Cell
from .prepare import Skip, Where, described, fitted, load_splits, sentence, source_digest
from .protocol import Protocol, find_budget, find_protocol
from .record import Measurement, Point, RunRecord
from .seeds import global_stream
from .store import Store
from .train import Training

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running cell is; given to `report` at most a few times a second."""

    cell: Cell
    step: int
    steps: int
    point: Point | None = None


def run_cell(
    cell: Cell,
    where: Where,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> RunRecord:
    """Train one cell and store its record, whatever the cell does. Raises OSError where it cannot be stored."""
    store = Store(where.results)
    protocol = find_protocol(cell.protocol)
    facts = machine.provenance(where.device)
    record = RunRecord(cell, "failed", protocol.version, settings=asdict(protocol), machine=facts)
    try:
        with backend(where.backend) as used:
            record = _train(cell, protocol, where, store, record, report, stop)
        record = replace(record, backend="+".join(sorted(used)) or "library")
    except Skip as reason:
        record = replace(record, status="skipped", reason=str(reason))
    except (torch.OutOfMemoryError, MemoryError) as error:
        record = replace(record, status="out-of-memory", reason=sentence(error))
    except Exception as error:
        memory = "DefaultCPUAllocator" in str(error) and "memory" in str(error)
        record = replace(record, status="out-of-memory" if memory else "failed", reason=sentence(error))
    record = replace(described(record, protocol), finished=datetime.now(UTC).isoformat(timespec="seconds"))
    store.save_run(record)
    if record.status != "interrupted":
        store.drop_checkpoint(cell)
    gc.collect()
    if where.device.startswith("cuda"):
        torch.cuda.empty_cache()
    return record


def _train(
    cell: Cell,
    protocol: Protocol,
    where: Where,
    store: Store,
    record: RunRecord,
    report: Callable[[Progress], None],
    stop: Callable[[], bool],
) -> RunRecord:
    task = find_task(cell.task, protocol.scale)
    spec, found = fitted(cell.model, task, find_budget(cell.budget, protocol.tolerance))
    record = replace(record, width=found.width, params=found.params, slack=found.slack)
    splits = load_splits(cell.task, protocol.scale, protocol.data_seed, where)
    with global_stream(cell.seed, "init"):
        module = spec.build(task.shape, as_width(found.width)).to(where.device)
    with global_stream(cell.seed, "noise"):
        training = Training(
            module,
            splits,
            protocol,
            seed=cell.seed,
            metric=task.metric,
            higher_is_better=task.higher_is_better,
            classes=task.shape.outputs,
            stop=stop,
        )
        curve: list[Point] = []
        kept = store.load_checkpoint(cell)
        if kept is not None and kept["made_for"] == made_for(cell, protocol, found):
            training.restore(kept["training"])
            curve = [Point(**point) for point in kept["curve"]]
        _follow(training, cell, found, curve, store, report)
        record = replace(
            record,
            status="ok",
            curve=tuple(curve),
            best_step=training.best_step,
            valid_metric=training.best,
            train_seconds=training.seconds,
            evaluation_seconds=training.evaluation_seconds,
        )
        if training.stopped:
            reason = f"stopped at step {training.step} of {training.steps}; the same command goes on from there"
            return replace(record, status="interrupted", reason=reason)
        if training.diverged:
            return replace(record, status="diverged", reason=training.diverged)
        tested = training.test()
        if not math.isfinite(tested):
            return replace(record, status="diverged", reason="the test metric is no finite number")
        return replace(record, test_metric=tested)


def made_for(cell: Cell, protocol: Protocol, found: Width) -> list[Any]:
    """What must be the same for a checkpoint to be gone on from."""
    return [protocol.version, found.width, found.params, source_digest(cell.model)]


def _follow(
    training: Training,
    cell: Cell,
    found: Width,
    curve: list[Point],
    store: Store,
    report: Callable[[Progress], None],
) -> None:
    """Run a training to its end; keep its curve, tell of its progress, save a checkpoint now and then."""

    def save() -> None:
        made = made_for(cell, find_protocol(cell.protocol), found)
        points = [asdict(point) for point in curve]
        store.save_checkpoint(cell, {"made_for": made, "training": training.state(), "curve": points})

    told = saved = time.monotonic()
    inner_stop = training.stop

    def each_step() -> bool:
        nonlocal told
        if time.monotonic() - told > 0.25:
            told = time.monotonic()
            report(Progress(cell, training.step, training.steps))
        return inner_stop()

    training.stop = each_step
    report(Progress(cell, training.step, training.steps))
    for point in training:
        curve.append(point)
        report(Progress(cell, training.step, training.steps, point))
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            saved = time.monotonic()
            save()
    if training.stopped:
        save()


def measure_group(group: tuple[str, str, str, str], where: Where) -> Measurement:
    """Time one (task, model, budget) beside the yardstick, and store the measurement."""
    protocol_name, task_name, model, budget = group
    protocol = find_protocol(protocol_name)
    facts: dict[str, Any] = {"batch": protocol.batch, "machine": machine.provenance(where.device)}
    status, reason = "ok", ""
    try:
        with backend(where.backend) as used:
            facts |= _measure(protocol, task_name, model, budget, where)
        facts["backend"] = "+".join(sorted(used)) or "library"
    except Skip as skipped:
        status, reason = "skipped", str(skipped)
    except (torch.OutOfMemoryError, MemoryError) as error:
        status, reason = "out-of-memory", sentence(error)
    except Exception as error:  # a stranger's model may raise anything; it costs this measurement alone
        status, reason = "failed", sentence(error)
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    result = Measurement(
        protocol_name, protocol.version, task_name, model, budget, status, reason, finished=finished, **facts
    )
    Store(where.results).save_measurement(result, machine.slug(where.device))
    return result


def _measure(protocol: Protocol, task_name: str, model: str, budget: str, where: Where) -> dict[str, Any]:
    task = find_task(task_name, protocol.scale)
    device, wanted = torch.device(where.device), find_budget(budget, protocol.tolerance)
    x, y = (
        tensor[: protocol.batch] for tensor in load_splits(task_name, protocol.scale, protocol.data_seed, where).train
    )

    def built(name: str) -> nn.Module:
        try:
            spec, found = fitted(name, task, wanted)
        except Skip:
            if name == model:
                raise
            spec = find_model(name)  # the yardstick at its nearest width, even beyond the tolerance
            found = solve(spec, task.shape, wanted)
        return spec.build(task.shape, as_width(found.width)).to(device)

    with global_stream(0, "init"):
        module, yardstick = built(model), built(protocol.yardstick)
    seconds = protocol.measure_seconds
    with global_stream(0, "noise"):
        step = measure.training_step(module, x, y, protocol.clip)
        other = measure.training_step(yardstick, x, y, protocol.clip)
        latency, ratio = measure.time_pair(step, other, seconds, device)
        return {
            "step": latency,
            "ratio": ratio,
            "yardstick": protocol.yardstick,
            "forward": measure.time_alone(measure.forward(module, x), seconds / 3, device),
            "peak_bytes": measure.peak_bytes(step, device),
        }
