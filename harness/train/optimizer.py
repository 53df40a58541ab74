"""How weights follow their gradients: the protocol's optimizer, and what a model says of single parameters."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..errors import BenchError
from .replicas import Alone, Stacked

Step = Callable[[Tensor, Tensor, Tensor, Any], tuple[Tensor, Tensor]]
"""(weight, gradient, memory, rate) -> the new weight and memory, all of one shape; memory begins at zero."""


@dataclass(frozen=True, slots=True)
class Trained:
    """How a parameter is trained; ModelSpec says what each number does."""

    rate: float = 1.0
    decay: float = 0.0
    l2: float = 0.0
    most: float = math.inf
    low: float = -math.inf
    high: float = math.inf
    step: Step | None = None


class Optimizer:
    """Adam or RMSprop over the leaves of one replica or several, with clipping.

    recordable: learning rates and counts are on the device. Raises BenchError where what the model says is wrong.
    """

    def __init__(self, model: Alone | Stacked, name: str, rate: float, clip: float, recordable: bool) -> None:
        self.model, self.clip, self.capturable = model, clip, recordable
        said = trained_as(model)
        self.groups: dict[tuple[float, float], int] = {}  # of rate and l2, in torch's order
        of_group: list[list[Tensor]] = []
        self.told = [(leaf, said[at]) for at, leaf in zip(model.names, model.leaves, strict=True) if at in said]
        for at, leaf in zip(model.names, model.leaves, strict=True):
            own = said.get(at, Trained())
            place = self.groups.setdefault((own.rate, own.l2), len(of_group))
            if place == len(of_group):
                of_group.append([])
            of_group[place].append(leaf)
        real, device = model.leaves[0].dtype.to_real(), model.leaves[0].device
        parameters = [
            {
                "params": leaves,
                "lr": torch.tensor(rate * factor, dtype=real, device=device) if recordable else rate * factor,
                "weight_decay": l2,
            }
            for (factor, l2), leaves in zip(self.groups, of_group, strict=True)
        ]
        self.inner: torch.optim.Optimizer
        if name == "rmsprop":
            # one tensor at a time it would read a rate on the device from the host
            several = True if recordable else None
            self.inner = torch.optim.RMSprop(parameters, alpha=0.9, capturable=recordable, foreach=several)
        else:
            self.inner = torch.optim.Adam(parameters, capturable=recordable)
        self.inner._warned_capturable_if_run_uncaptured = True  # a few steps are
        self.state, self.zero_grad = self.inner.state, self.inner.zero_grad

    def set_rate(self, rate: float) -> None:
        """The protocol's learning rate from now on."""
        for (factor, _), group in zip(self.groups, self.inner.param_groups, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor

    @torch.no_grad()
    def step(self) -> None:
        """One step along the leaves' gradients."""
        for leaf, own in self.told:
            if own.most < math.inf and leaf.grad is not None:
                leaf.grad.clamp_(-own.most, own.most)
        if self.clip:
            self.model.clip(self.clip)
        for leaf, own in self.told:
            rate = self.inner.param_groups[self.groups[own.rate, own.l2]]["lr"]
            if own.decay:
                leaf.mul_(1 - rate * own.decay)
            if own.step is not None and leaf.grad is not None:
                self._by(own.step, leaf, leaf.grad, rate)
                leaf.grad = None  # the optimizer leaves it as it is
        self.inner.step()
        for leaf, own in self.told:
            if (own.low, own.high) != (-math.inf, math.inf):
                leaf.clamp_(own.low, own.high)

    def _by(self, step: Step, leaf: Tensor, gradient: Tensor, rate: float | Tensor) -> None:
        """A step of the model's own, of each replica apart."""
        if "memory" not in self.state[leaf]:
            self.state[leaf]["memory"] = torch.zeros_like(leaf)
        memory = self.state[leaf]["memory"]
        every = step if self.model.count == 1 else torch.vmap(step, in_dims=(0, 0, 0, None))
        weight, kept = every(leaf.detach(), gradient, memory, rate)
        leaf.copy_(weight)
        memory.copy_(kept)


def trained_as(model: Alone | Stacked) -> dict[str, Trained]:
    """What the module says of its parameters, by their names. Raises BenchError where that cannot be."""
    tell: Callable[[], Mapping[str, Mapping[str, Any]]] | None = getattr(model.module, "trained_as", None)
    found = {}
    for name, numbers in (tell() if tell is not None else {}).items():
        if name not in model.names:
            raise BenchError(f"trained_as speaks of '{name}', and the model trains no parameter of that name")
        known = [field.name for field in fields(Trained)]
        if unknown := [key for key in numbers if key not in known]:
            raise BenchError(f"trained_as says '{unknown[0]}' of '{name}'; it can say {', '.join(known)}")
        own = Trained(**numbers)
        if not (0 <= own.rate < math.inf and 0 <= own.decay < math.inf and 0 <= own.l2 < math.inf):
            raise BenchError(f"trained_as of '{name}': rate, decay and l2 must be at least 0 and finite")
        if not (own.most > 0 and own.low < own.high):
            raise BenchError(f"trained_as of '{name}': 'most' must be above 0, and 'low' below 'high'")
        found[name] = own
    return found
