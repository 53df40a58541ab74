"""One cell becomes its record, whatever happens. Start reading here.

names -> specs (catalog) -> data (tasks) -> width (budget) -> curve (train) -> record (store)
"""

from __future__ import annotations

import gc
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from . import machine, measure
from .budget import Width, as_width, misses, solve
from .catalog import find_model, find_task
from .errors import BenchError
from .plan import Cell
from .protocol import Protocol, find_budget, find_protocol
from .record import Measurement, Point, RunRecord, TaskFacts
from .seeds import global_stream
from .store import Store
from .train import Training

if TYPE_CHECKING:
    from .catalog import ModelSpec, Splits, TaskSpec

CHECKPOINT_SECONDS = 60.0


class Skip(Exception):
    """This pair is not run, for a reason that is no fault."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where and how cells run; the same for all cells of a command."""

    results: Path
    device: str = "cpu"
    data_root: Path | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running cell is; given to `report` at most a few times a second."""

    cell: Cell
    step: int
    steps: int
    point: Point | None = None


def prepare_process(device: str, threads: int) -> None:
    """Settings of a process that trains: threads, and no denormals, which slow saturated cells."""
    if device == "cpu":
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)


def run_cell(
    cell: Cell,
    where: Where,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> RunRecord:
    """Train one cell and store its record. Returns the record; raises nothing but KeyboardInterrupt."""
    store = Store(where.results)
    protocol = find_protocol(cell.protocol)
    facts = machine.provenance(where.device)
    record = RunRecord(cell, "failed", protocol.version, settings=asdict(protocol), machine=facts)
    try:
        record = _train(cell, protocol, where, store, record, report, stop)
    except Skip as reason:
        record = replace(record, status="skipped", reason=str(reason))
    except (torch.OutOfMemoryError, MemoryError) as error:
        record = replace(record, status="out-of-memory", reason=_sentence(error))
    except Exception as error:
        memory = "DefaultCPUAllocator" in str(error) and "memory" in str(error)
        record = replace(record, status="out-of-memory" if memory else "failed", reason=_sentence(error))
    record = replace(_described(record, protocol), finished=datetime.now(UTC).isoformat(timespec="seconds"))
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
    spec, found = fitted(cell.model, task, cell.budget)
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
        if kept is not None and kept["params"] == found.params:
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
        state = {"params": found.params, "training": training.state(), "curve": [asdict(point) for point in curve]}
        store.save_checkpoint(cell, state)

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


def fitted(model: str, task: TaskSpec, budget: str) -> tuple[ModelSpec, Width]:
    """The model and its width on a task. Raises Skip where it does not apply or misses the budget."""
    spec = find_model(model)
    reason = spec.why_not(task.shape)
    if reason:
        raise Skip(reason)
    wanted = find_budget(budget)
    try:
        found = solve(spec, task.shape, wanted)
    except ValueError as error:  # an option that the model refuses
        raise BenchError(f"{model}: {error}") from None
    if missed := misses(found, wanted):
        raise Skip(missed)
    return spec, found


@lru_cache(maxsize=2)
def load_splits(task: str, scale: str, data_seed: int, where: Where) -> Splits:
    """The data of a task, on the device."""
    splits = find_task(task, scale).load(data_seed, where.data_root)
    return type(splits)(*(type(split)(*(tensor.to(where.device) for tensor in split)) for split in splits))


def measure_group(group: tuple[str, str, str, str], where: Where) -> Measurement:
    """Time one (task, model, budget) beside the yardstick, and store the measurement."""
    protocol_name, task_name, model, budget = group
    protocol = find_protocol(protocol_name)
    facts: dict[str, Any] = {"batch": protocol.batch, "machine": machine.provenance(where.device)}
    status, reason = "ok", ""
    try:
        facts |= _measure(protocol, task_name, model, budget, where)
    except Skip as skipped:
        status, reason = "skipped", str(skipped)
    except (torch.OutOfMemoryError, MemoryError) as error:
        status, reason = "out-of-memory", _sentence(error)
    except Exception as error:  # a stranger's model may raise anything; it costs this measurement alone
        status, reason = "failed", _sentence(error)
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    result = Measurement(
        protocol_name, protocol.version, task_name, model, budget, status, reason, finished=finished, **facts
    )
    Store(where.results).save_measurement(result, machine.slug(where.device))
    return result


def _measure(protocol: Protocol, task_name: str, model: str, budget: str, where: Where) -> dict[str, Any]:
    task = find_task(task_name, protocol.scale)
    device = torch.device(where.device)
    x, y = (
        tensor[: protocol.batch] for tensor in load_splits(task_name, protocol.scale, protocol.data_seed, where).train
    )

    def built(name: str) -> nn.Module:
        try:
            spec, found = fitted(name, task, budget)
        except Skip:
            if name == model:
                raise
            spec = find_model(name)  # the yardstick at its nearest width, even beyond the tolerance
            found = solve(spec, task.shape, find_budget(budget))
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


def _described(record: RunRecord, protocol: Protocol) -> RunRecord:
    """The record with what a report must know of its task and model, as far as that can be found."""
    try:
        task = find_task(record.cell.task, protocol.scale)
        facts = TaskFacts(task.title, task.metric, task.higher_is_better, task.chance, task.target, task.shape.length)
        spec = find_model(record.cell.model)
        record = replace(record, task=facts, title=spec.title, source=source_digest(record.cell.model))
        if record.params is None and not spec.why_not(task.shape):  # it was skipped, or ended before it was trained
            found = solve(spec, task.shape, find_budget(record.cell.budget))
            record = replace(record, width=found.width, params=found.params, slack=found.slack)
    except Exception:  # the record already says what is wrong
        return record
    return record


def source_digest(model: str) -> str:
    """SHA-256 of the file of a model given as file.py:Name, else an empty string."""
    place = Path(model.partition("@")[0].rpartition(":")[0])
    return hashlib.sha256(place.read_bytes()).hexdigest() if place.suffix == ".py" and place.is_file() else ""


def _sentence(error: BaseException) -> str:
    """One line of an exception, with the place it came from unless it is a sentence for users."""
    text = " ".join(str(error).split())[:500]
    if isinstance(error, BenchError):
        return text
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {text}{place}"
