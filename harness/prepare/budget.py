"""How wide a model is under a parameter budget. Pure: modules are built on the meta device."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..errors import BenchError
from ..protocol import Budget

if TYPE_CHECKING:
    from ..catalog import ModelSpec, Shape


@dataclass(frozen=True, slots=True)
class Width:
    """A width and the trainable parameters it gives; slack is (params - budget) / budget."""

    width: float
    params: int
    slack: float = 0.0


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters, each counted once."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def parameters_at(spec: ModelSpec, shape: Shape, width: float) -> int:
    """Trainable parameters of `spec` at a width, without allocating them."""
    try:
        with torch.device("meta"):
            return count_parameters(spec.build(shape, as_width(width)))
    except (NotImplementedError, RuntimeError):  # a stranger's initialiser may need real numbers
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return count_parameters(spec.build(shape, as_width(width)))


def as_width(width: float) -> float:
    """A whole width as an int, so that a plain `build(shape, width: int)` works."""
    return int(width) if float(width).is_integer() else width


def solve(spec: ModelSpec, shape: Shape, budget: Budget) -> Width:
    """The width whose count is nearest to the budget, or the paper's width. See `misses`.

    Raises BenchError where the model has no paper width and none can be solved for.
    """
    if budget.params is None:
        width = spec.paper_width_at(shape)
        if width is None:
            raise BenchError(f"{spec.name} has no width from a paper; give a number as the budget")
        return Width(width, parameters_at(spec, shape, width))
    layers = spec.layers_at(shape)
    counts: dict[int, int] = {}

    def count(units: int) -> int:
        if units not in counts:
            counts[units] = parameters_at(spec, shape, units / layers)
        return counts[units]

    high = layers
    while count(high) < budget.params:
        if high > 2**22:
            raise BenchError(f"the parameters of {spec.name} do not grow with its width, so no width meets a budget")
        high *= 2
    low = max(layers, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < budget.params else (low, middle)
    # a count may step back where units move between layers, so look at the neighbours as well
    around = range(max(layers, low - 2), high + 3)
    target = budget.params
    units = min(around, key=lambda n: (abs(count(n) - target), n))
    return Width(units / layers, count(units), (count(units) - target) / target)


def misses(found: Width, budget: Budget) -> str | None:
    """Why this width does not meet the budget, in a sentence, or None where it does."""
    if budget.params is None or abs(found.slack) <= budget.tolerance:
        return None
    return (
        f"no width comes within {budget.tolerance:.0%} of {budget.params:,} parameters; "
        f"the nearest is {found.params:,} at width {found.width:g} ({found.slack:+.1%})"
    )
