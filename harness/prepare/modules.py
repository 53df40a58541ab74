"""Names become what runs: a module of the right width, and data on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from .. import strangers
from ..catalog import find_model, find_task, source_digest
from ..errors import BenchError
from ..plan import Budget, Group, find_budget
from ..protocol import Protocol, find_protocol, for_task
from ..seeds import global_stream
from ..tune.tracks import point_of
from .budget import Width, bare, misses, solve
from .data import check_packages, load_data

if TYPE_CHECKING:
    from torch import nn

    from ..catalog import ModelSpec, Shape, Split, Splits, TaskSpec
    from ..tune.choices import Point

    Frame = Callable[[nn.Module], nn.Module]

RESIDENT = 0.25  # of a GPU's free memory may be taken up by data


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
    limit: float | None = None  # seconds of CPU time that a cell may take
    until: float | None = None  # when to stop, in seconds since 1970; no cell begins that would not end by then
    idle: bool = False  # give way to everything else on the machine, so nothing is too long without a step


def settled(protocol_name: str, task_name: str, data_root: Path | None = None) -> tuple[Protocol, TaskSpec]:
    """A task at the scale of a protocol, and the protocol as it is for this task."""
    protocol = find_protocol(protocol_name)
    task = find_task(task_name, protocol.scale, data_root)
    return for_task(protocol, task.training), task


def resolved(group: Group, where: Where) -> tuple[Protocol, TaskSpec, ModelSpec, Width]:
    """What the names of a group stand for, at the point at which it trains.

    Raises Skip where the model does not apply or misses the budget, BenchError where no point was chosen for it.
    """
    protocol, task, point = pointed(group, where)
    wanted = find_budget(group.budget, protocol.tolerance)
    return protocol, task, *fitted(group.model, task, wanted, {} if point is None else point.options)


def pointed(group: Group, where: Where) -> tuple[Protocol, TaskSpec, Point | None]:
    """The same without the model; third the point of tuning at which it trains, None for its source's own."""
    protocol, task = settled(group.protocol, group.task, where.data_root)
    point = point_of(group, where.results)
    if point is not None and point.learning_rate is not None:
        protocol = replace(protocol, learning_rate=point.learning_rate)
    return protocol, task, point


def made(
    spec: ModelSpec, shape: Shape, width: float, device: str, *, seed: int = 0, frame: Frame | None = None
) -> nn.Module:
    """A model with the initial weights of a seed, in what its task puts around it (TaskSpec.frame)."""
    return framed(spec, shape, width, device, seed=seed, frame=frame)[0]


def framed(
    spec: ModelSpec, shape: Shape, width: float, device: str, *, seed: int = 0, frame: Frame | None = None
) -> tuple[nn.Module, nn.Module]:
    """The same, and the model inside."""
    with global_stream(seed, "init"):
        inner = bare(spec, shape, width)
        return (inner if frame is None else frame(inner)).to(device), inner


def doubled(module: nn.Module) -> nn.Module:
    """The module itself, with its real numbers in float64 and its complex ones in complex128."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_complex():
            tensor.data = tensor.data.to(torch.complex128)
    return module.double()


def fitted(
    model: str, task: TaskSpec, wanted: Budget, options: Mapping[str, object] = MappingProxyType({})
) -> tuple[ModelSpec, Width]:
    """The model and its width on a task.

    Raises Skip where it does not apply or misses the budget, BenchError where a package that it needs is missing.

    options: of the model, beside those in its name.
    """
    spec = find_model(model)
    if options:
        spec = replace(spec, build=partial(spec.build, **options))
    reason = spec.why_not(task.shape)
    if reason:
        raise Skip(reason)
    check_packages(spec.name, spec.needs)
    try:
        found = solve(spec, task.shape, wanted)
    except ValueError as error:  # an option that the model refuses
        raise BenchError(f"{model}: {error}") from None
    if missed := misses(found, wanted):
        raise Skip(missed)
    if task.shape.carried and not hasattr(bare(spec, task.shape, found.width), "initial_state"):
        raise Skip("this task is one long text, and the model has no initial_state(batch) to take up where it stopped")
    return spec, found


@lru_cache(maxsize=2)
def load_splits(task: str, scale: str, data_seed: int, where: Where) -> Splits:
    """The data of a task, on the device; x stays on the host where it is too large for that."""
    splits = load_data(find_task(task, scale, where.data_root), data_seed, where.data_root)
    every = (*splits, *splits.more.values())
    size = sum(tensor.nbytes for split in every for tensor in split)
    x_device = where.device
    if where.device != "cpu" and size > RESIDENT * torch.cuda.mem_get_info()[0]:
        x_device = "cpu"

    def moved(split: Split) -> Split:
        return split._replace(x=split.x.to(x_device), y=split.y.to(where.device))

    train, valid, test = map(moved, splits)
    more = {name: moved(split) for name, split in splits.more.items()}
    return replace(splits, train=train, valid=valid, test=test, more=more)


def forget() -> None:
    """Look at strangers' files and data anew, as a command that begins must."""
    load_splits.cache_clear()
    strangers.forget()


def fingerprint(model: str, task: TaskSpec, data_seed: int, data_root: Path | None) -> dict[str, str]:
    """What a record says of the code and the data that it was made with, as fields of RunRecord."""
    return {"source": source_digest(model), **task_fingerprint(task, data_seed, data_root)}


def task_fingerprint(task: TaskSpec, data_seed: int, data_root: Path | None) -> dict[str, str]:
    """The part of it that is of the task alone."""
    data = strangers.data_digest(task, data_seed, data_root)
    return {"task_source": source_digest(task.name), "data": data}


def first_batch(splits: Splits, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """x and y of the first training sequences, on the device; a model may write into this x."""
    x, y = splits.train
    return x[:batch].to(y.device, copy=True), y[:batch]
