"""Names become what runs: a module of the right width, and data on the device."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .budget import Width, misses, solve
from .catalog import find_model, find_task
from .errors import BenchError
from .protocol import Budget, Protocol, find_budget
from .record import RunRecord, TaskFacts

if TYPE_CHECKING:
    from .catalog import ModelSpec, Split, Splits, TaskSpec


class Skip(Exception):
    """This pair is not run, for a reason that is no fault."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where and how cells run; the same for all cells of a command."""

    results: Path
    device: str = "cpu"
    data_root: Path | None = None
    backend: str = "auto"  # of the recurrences; models/scan.py lists them
    recompute: int = 0  # steps a stretch that is computed again on the way back; 0: none
    replicas: int = 1  # seeds that train together, at most


def prepare_process(device: str, threads: int) -> None:
    """Settings of a process that trains: threads, and no denormals, which slow saturated cells."""
    if device == "cpu":
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)


def fitted(model: str, task: TaskSpec, wanted: Budget) -> tuple[ModelSpec, Width]:
    """The model and its width on a task. Raises Skip where it does not apply or misses the budget."""
    spec = find_model(model)
    reason = spec.why_not(task.shape)
    if reason:
        raise Skip(reason)
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
    train, valid, test = (_moved(split, where.device) for split in splits)
    more = {name: _moved(split, where.device) for name, split in splits.more.items()}
    return replace(splits, train=train, valid=valid, test=test, more=more)


def _moved(split: Split, device: str) -> Split:
    return split._replace(x=split.x.to(device), y=split.y.to(device))


def described(record: RunRecord, protocol: Protocol) -> RunRecord:
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


def sentence(error: BaseException) -> str:
    """One line of an exception, with the place it came from unless it is a sentence for users."""
    text = " ".join(str(error).split())[:500]
    if isinstance(error, BenchError):
        return text
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {text}{place}"
