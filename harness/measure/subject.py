"""A model beside the yardstick, built and with a batch of its task: what measurements are taken of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..catalog import find_model
from ..errors import sentence
from ..plan import Group, find_budget
from ..prepare.budget import Width, numbers, solve
from ..prepare.modules import Skip, Where, first_batch, fitted, load_splits, made, resolved
from ..protocol import Protocol
from ..stats import ratios
from ..train.evaluate import loss_of
from ..train.fitting import at_once
from ..train.graph import recorder_for
from . import latency
from . import steps as measure
from .flops import forward_flops
from .memory import peak_bytes, saved_bytes

if TYPE_CHECKING:
    from ..catalog import ModelSpec, TaskSpec


@dataclass(frozen=True, slots=True)
class Subject:
    """One (task, model, budget). x, y: the first training batch, on the device.

    missing: what could not be measured, and why.
    """

    group: Group
    protocol: Protocol
    task: TaskSpec
    spec: ModelSpec
    found: Width
    module: nn.Module
    yardstick: nn.Module
    x: Tensor
    y: Tensor
    where: Where
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return torch.device(self.where.device)

    def step(self, module: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> Callable[[], None]:
        """A training step as the trainer does it, recorded where that records; on the batch unless others are given."""
        recorder = recorder_for(self.where.device, self.where.backend)
        x, y = (self.x if x is None else x), (self.y if y is None else y)
        return measure.training_step(module, x, y, self.protocol.clip, recorder)

    def plain_step(self, x: Tensor | None = None, y: Tensor | None = None) -> Callable[[], None]:
        """A training step that is never recorded, for what counts bytes."""
        x, y = (self.x if x is None else x), (self.y if y is None else y)
        return measure.training_step(self.module, x, y, self.protocol.clip)

    def tried(self, name: str, call: Callable[[], Any]) -> Any:
        """What the call gives, or None, with the reason among those that are missing."""
        try:
            return call()
        except Exception as error:  # a model may refuse what training does not ask of it
            self.missing[name] = sentence(error)
            return None


def subject_of(group: Group, where: Where) -> Subject:
    """Build a model and its yardstick. Raises Skip where the model does not apply, or has no training step."""
    protocol, task, spec, found = resolved(group, where)
    wanted = find_budget(group.budget, protocol.tolerance)
    splits = load_splits(group.task, protocol.scale, protocol.data_seed, where)
    x, y = first_batch(splits, protocol.batch)
    try:
        other = fitted(protocol.yardstick, task, wanted)
    except Skip:  # the yardstick at its nearest width, even beyond the tolerance
        other = find_model(protocol.yardstick), solve(find_model(protocol.yardstick), task.shape, wanted)
    module, yardstick = (
        made(one, task.shape, width.width, where.device, frame=task.frame) for one, width in ((spec, found), other)
    )
    if at_once(module):
        raise Skip("it is fitted to the data at once, so there is no training step to measure")
    return Subject(group, protocol, task, spec, found, module, yardstick, x, y, where)


def quick(subject: Subject) -> dict[str, Any]:
    """The pass of `bench run`: the step beside the yardstick's, the forward pass, the peak, and what is exact."""
    seconds, device = subject.protocol.measure_seconds, subject.device
    step, other = subject.step(subject.module), subject.step(subject.yardstick)
    mine, theirs = latency.samples((step, other), seconds, device)
    (forward,) = latency.samples((measure.forward(subject.module, subject.x),), seconds / 3, device)
    return exact(subject) | {
        "step": ratios.latency(mine),
        "ratio": ratios.of_rounds(mine, theirs).median,
        "forward": ratios.latency(forward),
        "peak_bytes": peak_bytes(subject.plain_step(), device),
    }


def exact(subject: Subject) -> dict[str, Any]:
    """What no clock is needed for."""
    module, x, y = subject.module, subject.x, subject.y
    known = (*module.parameters(), *module.buffers(), x, y)

    def state() -> int | None:
        begin = getattr(module, "initial_state", None)
        return None if begin is None else sum(map(numbers, begin(1)))

    module.train()
    return {
        "yardstick": subject.protocol.yardstick,
        "title": subject.spec.title,
        "length": subject.task.shape.length,
        "params": subject.found.params,
        "state": subject.tried("state", state),
        "saved_bytes": subject.tried("saved_bytes", lambda: saved_bytes(lambda: loss_of(module(x), y), known)),
        # the way back has two products for each of the way there, but for a few inputs
        "flops": subject.tried("flops", lambda: 3 * len(y) * forward_flops(module, x[:1])),
    }
