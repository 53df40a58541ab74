"""How wide a model is under a parameter budget. Pure: modules are built on the meta device."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.parameter import is_lazy

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
    """Trainable numbers, each counted once; a complex one is two."""
    return sum(numbers(parameter) for parameter in module.parameters() if parameter.requires_grad)


def numbers(tensor: torch.Tensor) -> int:
    """The real numbers of a tensor."""
    return tensor.numel() * (2 if tensor.is_complex() else 1)


def bare(spec: ModelSpec, shape: Shape, width: float) -> nn.Module:
    """The model as its build makes it; one that is lazy has then seen a sequence of zeros, and has all its weights.

    Raises BenchError where that is no module, or one that still lacks weights.
    """
    module: object = spec.build(shape, as_width(width))
    if not isinstance(module, nn.Module):
        raise BenchError(
            f"{spec.name} gives a {type(module).__name__}; a model is a function (shape, width) -> nn.Module"
        )
    if _lacks_weights(module):
        training = module.training
        with torch.no_grad():
            module.eval()(torch.zeros(1, shape.length, shape.inputs))
        module.train(training)
        if _lacks_weights(module):
            raise BenchError(f"{spec.name} has lazy weights that an answer to a sequence does not use; remove them")
    return module


def _lacks_weights(module: nn.Module) -> bool:
    return any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers()))


def parameters_at(spec: ModelSpec, shape: Shape, width: float) -> int:
    """Trainable parameters of `spec` at a width, without allocating them."""
    try:
        with torch.device("meta"):
            return count_parameters(bare(spec, shape, width))
    except (NotImplementedError, RuntimeError):  # a stranger's initialiser may need real numbers
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return count_parameters(bare(spec, shape, width))


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
