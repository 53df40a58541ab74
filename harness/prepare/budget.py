"""How wide a model is under a parameter budget. Pure: modules are built on the meta device."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..errors import BenchError
from ..plan import Budget

if TYPE_CHECKING:
    from ..catalog import ModelSpec, Shape


@dataclass(frozen=True, slots=True)
class Width:
    """A width and the trainable parameters it gives; slack is (params - budget) / budget."""

    width: float
    params: int
    slack: float = 0.0


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers, each counted once; a complex one is two.

    Of a parameter that is bound, as a unitary matrix is, so many as the `free_numbers` of its part of the module say.
    """
    free: dict[int, int] = {}
    for part in module.modules():
        for name, count in getattr(part, "free_numbers", {}).items():
            free[id(part.get_parameter(name))] = count
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return sum(free.get(id(parameter), numbers(parameter)) for parameter in trained)


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
    """The width whose count is nearest to the budget, or the width that the budget names. See `misses`.

    Widths that the model refuses are passed over; where the nearest count misses the tolerance, counts that step back
    and forth are looked at over a longer stretch.

    Raises BenchError where the model has no paper width and none can be solved for, or what the model raised where it
    refuses every width.
    """
    if budget.width is not None:
        return Width(budget.width, parameters_at(spec, shape, budget.width))
    if budget.params is None:
        width = spec.paper_width_at(shape)
        if width is None:
            raise BenchError(f"{spec.name} has no width from a paper; give a number as the budget")
        return Width(width, parameters_at(spec, shape, width))
    target, counts = budget.params, _Counts(spec, shape)
    low, high = counts.bracket(target)
    # a count may step back where units move between layers, so look at the neighbours as well
    units = counts.nearest(target, low - 2, high + 3)
    if units is None or abs(counts[units] - target) > budget.tolerance * target:
        units = counts.nearest(target, low - STRETCH, high + STRETCH)
    if units is None:
        units = counts.nearest(target, 0, max(counts) + 1)
    if units is None:
        raise counts.refusal
    return Width(units / counts.layers, counts[units], (counts[units] - target) / target)


# units: a model that takes only multiples of some number, such as the heads of attention, has a width in each stretch
STRETCH = 64
MOST_REFUSED = 256  # units up to which a width is looked for where a model refuses all smaller ones
MOST_UNITS = 2**22


class _Counts(dict[int, int]):
    """Parameters by units, all layers together; -1 where the model refuses."""

    def __init__(self, spec: ModelSpec, shape: Shape) -> None:
        self.spec, self.shape, self.layers = spec, shape, spec.layers_at(shape)
        self.refusal: Exception = BenchError(f"{spec.name} takes no width")

    def __missing__(self, units: int) -> int:
        try:
            self[units] = parameters_at(self.spec, self.shape, units / self.layers)
        except BenchError:
            raise
        except Exception as error:  # a stranger's model may raise anything
            if not self:
                self.refusal = error
            self[units] = -1
        return self[units]

    def after(self, units: int) -> int:
        """The count at the next width that the model takes, or -1 where it refuses a whole stretch."""
        return next((self[n] for n in range(units, units + STRETCH) if self[n] >= 0), -1)

    def bracket(self, target: int) -> tuple[int, int]:
        """Neighbouring units of which the second is the first to reach the target.

        Raises BenchError where none does.
        """
        low = high = self.layers
        taken = False
        while (found := self.after(high)) < target:
            if found < 0 and (taken or high > MOST_REFUSED):
                break
            if high > MOST_UNITS:
                raise BenchError(
                    f"the parameters of {self.spec.name} do not grow with its width, so no width meets a budget"
                )
            taken = taken or found >= 0
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if 0 <= self.after(middle) < target else (low, middle)
        return low, high

    def nearest(self, target: int, first: int, stop: int) -> int | None:
        """The units of a range whose count is nearest to the target, and of two the fewer."""
        taken = [units for units in range(max(self.layers, first), stop) if self[units] >= 0]
        return min(taken, key=lambda units: (abs(self[units] - target), units), default=None)


def misses(found: Width, budget: Budget) -> str | None:
    """Why this width does not meet the budget, in a sentence, or None where it does."""
    if budget.params is None or abs(found.slack) <= budget.tolerance:
        return None
    return (
        f"no width comes within {budget.tolerance:.0%} of {budget.params:,} parameters; "
        f"the nearest is {found.params:,} at width {found.width:g} ({found.slack:+.1%})"
    )
