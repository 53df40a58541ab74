"""How weights follow their gradients: the protocol's optimizer, and what a model says of single parameters."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
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

    rates: the learning rate, or one for each replica; of these, torch's optimizer has a group each, over slices of the
    leaves. recordable: rates and counts are on the device. Raises BenchError where what the model says is wrong.
    """

    def __init__(
        self, model: Alone | Stacked, name: str, rates: Sequence[float], clip: float, recordable: bool
    ) -> None:
        self.model, self.clip, self.capturable = model, clip, recordable
        said = trained_as(model)
        self.told = [(at, said[name]) for at, name in enumerate(model.names) if name in said]
        self.parts = [[leaf] if len(rates) == 1 else list(leaf.detach().unbind()) for leaf in model.leaves]
        groups: dict[tuple[float, float, int], list[Tensor]] = {}  # of factor, l2 and place among the rates
        for name_of, parts in zip(model.names, self.parts, strict=True):
            own = said.get(name_of, Trained())
            for place, part in enumerate(parts):
                groups.setdefault((own.rate, own.l2, place), []).append(part)
        self.groups = {key: number for number, key in enumerate(groups)}  # in torch's order
        real, device = model.leaves[0].dtype.to_real(), model.leaves[0].device
        parameters = [
            {
                "params": parts,
                "lr": torch.zeros((), dtype=real, device=device) if recordable else 0.0,
                "weight_decay": l2,
            }
            for (_, l2, _), parts in groups.items()
        ]
        self.inner: torch.optim.Optimizer
        if name == "rmsprop":
            # one tensor at a time it would read a rate on the device from the host
            several = True if recordable else None
            self.inner = torch.optim.RMSprop(parameters, alpha=0.9, capturable=recordable, foreach=several)
        else:
            self.inner = torch.optim.Adam(parameters, capturable=recordable)
        self.inner._warned_capturable_if_run_uncaptured = True  # a few steps are
        self.set_rates(rates)

    def set_rates(self, rates: Sequence[float]) -> None:
        """The learning rate of the protocol from now on, or of each replica."""
        for (factor, _, place), group in zip(self.groups, self.inner.param_groups, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rates[place] * factor)
            else:
                group["lr"] = rates[place] * factor

    def zero_grad(self) -> None:
        """Forget the leaves' gradients."""
        for leaf in self.model.leaves:
            leaf.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One step along the leaves' gradients."""
        told = [(at, self.model.leaves[at], own) for at, own in self.told]
        for _, leaf, own in told:
            if own.most < math.inf and leaf.grad is not None:
                leaf.grad.clamp_(-own.most, own.most)
        if self.clip:
            self.model.clip(self.clip)
        for at, leaf, own in told:
            if own.decay:
                for part, rate in self._rated(at, own):
                    part.mul_(1 - rate * own.decay)
            if own.step is not None and leaf.grad is not None:
                self._by(own.step, at, leaf.grad, own)
                leaf.grad = None  # the optimizer leaves it as it is
        for leaf, parts in zip(self.model.leaves, self.parts, strict=True):
            if parts[0] is not leaf:
                for place, part in enumerate(parts):
                    part.grad = None if leaf.grad is None else leaf.grad[place]
        self.inner.step()
        for _, leaf, own in told:
            if (own.low, own.high) != (-math.inf, math.inf):
                leaf.clamp_(own.low, own.high)

    def _by(self, step: Step, at: int, gradient: Tensor, own: Trained) -> None:
        """A step of the model's own, of each replica apart."""
        parts = self.parts[at]
        together = len(parts) < self.model.count
        for (part, rate), given in zip(self._rated(at, own), [gradient] if len(parts) == 1 else gradient, strict=True):
            state = self.inner.state[part]
            if "memory" not in state:
                state["memory"] = torch.zeros_like(part)
            every = torch.vmap(step, in_dims=(0, 0, 0, None)) if together else step
            weight, kept = every(part.detach(), given, state["memory"], rate)
            part.copy_(weight)
            state["memory"].copy_(kept)

    def _rated(self, at: int, own: Trained) -> Iterator[tuple[Tensor, float | Tensor]]:
        """The parts of a leaf, with their learning rates."""
        for place, part in enumerate(self.parts[at]):
            yield part, self.inner.param_groups[self.groups[own.rate, own.l2, place]]["lr"]

    def state(self, place: int) -> list[dict[str, Tensor]]:
        """A copy of what is remembered of each leaf of a replica, as if it trained alone."""
        found = []
        for parts in self.parts:
            entry = self.inner.state.get(parts[place if len(parts) > 1 else 0], {})
            stacked = len(parts) < self.model.count
            found.append(
                {name: (value[place] if stacked and name != "step" else value).clone() for name, value in entry.items()}
            )
        return found

    def load(self, states: Sequence[Sequence[Mapping[str, Tensor]]]) -> None:
        """Take over the `state` of each replica."""
        for parts, entries in zip(self.parts, zip(*states, strict=True), strict=True):
            for part, own in zip(parts, [entries] if len(parts) == 1 else [(one,) for one in entries], strict=True):
                for name, value in own[0].items():
                    if name != "step" and len(own) > 1:
                        value = torch.stack([entry[name] for entry in own])
                    on_host = name == "step" and not self.capturable
                    self.inner.state[part][name] = value.clone() if on_host else value.to(part.device, copy=True)


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
