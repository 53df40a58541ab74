"""What any model must satisfy. Our tests and `bench check` walk over these.

Each check_* raises CheckFailed with one sentence. They run on small shapes on the CPU.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..errors import BenchError, sentence
from ..plan import Budget
from ..prepare.budget import bare, count_parameters, misses, parameters_at, solve
from ..prepare.data import check_packages
from ..prepare.modules import doubled, made
from ..train.evaluate import check_output, loss_of
from ..train.fitting import at_once, fit
from ..train.optimizer import Optimizer
from ..train.replicas import Alone

if TYPE_CHECKING:
    from ..catalog import ModelSpec, Shape


class CheckFailed(AssertionError):
    """A model or a task does not do what it must."""


@dataclass(frozen=True, slots=True)
class Example:
    """A small problem to check a model on."""

    length: int = 24
    inputs: int = 2
    outputs: int = 3
    per_step: bool = False


EXAMPLES = (Example(), Example(length=17, inputs=1), Example(per_step=True))
WIDTH = 6


def built(spec: ModelSpec, shape: Shape, *, seed: int = 0, width: float = WIDTH) -> nn.Module:
    """A module in double precision with the weights of a seed."""
    return doubled(made(spec, shape, width, "cpu", seed=seed))


def inputs_for(shape: Shape, batch: int = 3) -> Tensor:
    """(batch, time, inputs) random numbers, the same ones each time."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, shape.length, shape.inputs, generator=generator, dtype=torch.float64)


def check_shapes(spec: ModelSpec, shape: Shape) -> None:
    """Outputs have the task's shape, in training and in evaluation, for a batch of one as well."""
    module = built(spec, shape)
    for batch in (1, 3):
        y = torch.zeros((batch, shape.length) if shape.per_step else (batch,), dtype=torch.int64)
        for mode in (True, False):
            check_output(module.train(mode)(inputs_for(shape, batch)), y, shape.outputs)


def check_gradient_reaches_first_input(spec: ModelSpec, shape: Shape) -> None:
    """The last answer depends on the first step, and every trained parameter receives a gradient."""
    module = built(spec, shape)
    x = inputs_for(shape, batch=16).requires_grad_()  # a relu that is off in one row is on in another
    outputs = module(x)
    (outputs[:, -1] if shape.per_step else outputs).square().sum().backward()
    if x.grad is None or not bool(x.grad[:, 0].abs().sum() > 0):
        raise CheckFailed(f"{spec.name}: no gradient reaches the first step")
    if not bool(torch.isfinite(x.grad).all()):
        raise CheckFailed(f"{spec.name}: the gradient is not finite")


def check_causal(spec: ModelSpec, shape: Shape) -> None:
    """Where there is an answer a step, the answer at t depends on no later step."""
    if not shape.per_step or not spec.causal:
        return
    module = built(spec, shape).eval()
    x = inputs_for(shape)
    later = x.clone()
    half = shape.length // 2
    later[:, half:] += 1.0
    before, after = module(x), module(later)
    # a convolution by Fourier transform rounds with all of its input
    if not torch.allclose(before[:, :half], after[:, :half], rtol=1e-10, atol=1e-12):
        raise CheckFailed(f"{spec.name}: an answer depends on a later step")
    if torch.equal(before[:, half:], after[:, half:]):
        raise CheckFailed(f"{spec.name}: the answers do not depend on their own step")


def check_rows_are_independent(spec: ModelSpec, shape: Shape) -> None:
    """A sequence's answer does not depend on the others in its batch."""
    module = built(spec, shape).eval()
    x = inputs_for(shape)
    other = x.clone()
    other[1:] = other[1:].flip(0) + 1.0
    if not torch.allclose(module(x)[0], module(other)[0], rtol=1e-10, atol=1e-12):
        raise CheckFailed(f"{spec.name}: rows of a batch influence each other")


def check_determinism(spec: ModelSpec, shape: Shape) -> None:
    """The same seed gives the same weights and, in evaluation, the same answers; another seed others."""
    x = inputs_for(shape)
    first, second, other = (built(spec, shape, seed=seed).eval() for seed in (0, 0, 1))
    if not torch.equal(first(x), second(x)) or not torch.equal(first(x), first(x)):
        raise CheckFailed(f"{spec.name}: the same seed gives different answers")
    if torch.equal(first(x), other(x)):
        raise CheckFailed(f"{spec.name}: another seed gives the same answers; weights are not drawn at random")


def check_state_dict(spec: ModelSpec, shape: Shape) -> None:
    """Saved and loaded weights give the same answers."""
    module, other = built(spec, shape, seed=0).eval(), built(spec, shape, seed=1).eval()
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    x = inputs_for(shape)
    if not torch.equal(module(x), other(x)):
        raise CheckFailed(f"{spec.name}: answers change when weights are saved and loaded")


def check_scale_use(spec: ModelSpec, shape: Shape) -> None:
    """Where a module tells what its scales do, it does so for every step, and its answers stay as they were."""
    module = built(spec, shape).eval()
    if not hasattr(module, "scale_use"):
        return
    x = inputs_for(shape)
    before, told, after = module(x), module.scale_use(x), module(x)  # type: ignore[operator]
    if not torch.equal(before, after):
        raise CheckFailed(f"{spec.name}: it answers otherwise once it was asked for the use of its scales")
    if told is None:
        return
    if tuple(told.use.shape) != (*x.shape[:2], len(told.labels)) or not bool((told.use >= 0).all()):
        raise CheckFailed(f"{spec.name}: scale_use gives no (batch, time, labels) numbers of at least 0")
    if told.exclusive and not bool(((told.use == 1).sum(2) == 1).all() and (told.use.sum(2) == 1).all()):
        raise CheckFailed(f"{spec.name}: scale_use calls itself exclusive, but not one label has 1 at every step")


def check_training(spec: ModelSpec, shape: Shape) -> None:
    """What a module says of its own training can be done, and a loss of its own is a number."""
    check_packages(spec.name, spec.needs)
    module = built(spec, shape)
    if at_once(module):
        _check_fitting(spec, shape)
        return
    alone = Alone(module, torch.device("cpu"))
    try:
        optimizer = Optimizer(alone, "adam", [0.01], 0.0, False)
    except BenchError as error:
        raise CheckFailed(f"{spec.name}: {error}") from None
    x = inputs_for(shape)
    y = torch.zeros((3, shape.length) if shape.per_step else (3,), dtype=torch.int64)
    alone.scores(loss_of, x[None], y[None]).sum().backward()
    optimizer.step()
    if not all(bool(torch.isfinite(leaf).all()) for leaf in alone.leaves):
        raise CheckFailed(f"{spec.name}: a weight is no number after a step of training")


def _check_fitting(spec: ModelSpec, shape: Shape) -> None:
    """A model that is fitted at once answers with other numbers afterwards, the same for the same seed."""
    x = inputs_for(shape, batch=8 * shape.outputs)
    y = torch.arange(len(x)).remainder(shape.outputs)
    before, *fitted = (built(spec, shape).eval() for _ in range(3))
    for module in fitted:
        fit(module, 0, (x, y), lambda: False)
    unfitted, one, other = (module(x) for module in (before, *fitted))
    if torch.equal(unfitted, one):
        raise CheckFailed(f"{spec.name}: fitted_to changes none of its answers")
    if not torch.equal(one, other):
        raise CheckFailed(f"{spec.name}: fitted to the same data with the same seed it gives different answers")
    if not bool(torch.isfinite(one).all()):
        raise CheckFailed(f"{spec.name}: an answer is no finite number once it is fitted")


def check_budget(spec: ModelSpec, shape: Shape, budget: int = 20_000) -> None:
    """The solver's width meets the budget, or is the nearest there is; counts are those of the real module."""
    wanted = Budget(str(budget), budget)
    found = solve(spec, shape, wanted)
    real = count_parameters(bare(spec, shape, found.width))
    if real != found.params:
        raise CheckFailed(f"{spec.name}: {found.params} parameters on the meta device, {real} in truth")
    step = 1 / spec.layers_at(shape)
    for width in (found.width - step, found.width + step):
        if width >= 1 and abs(parameters_at(spec, shape, width) - budget) < abs(found.params - budget):
            raise CheckFailed(f"{spec.name}: width {width:g} is nearer to {budget} parameters than {found.width:g}")
    if misses(found, wanted) is None and abs(found.slack) > wanted.tolerance:
        raise CheckFailed(f"{spec.name}: a miss of {found.slack:+.1%} goes unnoticed")


MODEL_CHECKS: tuple[Callable[[ModelSpec, Shape], None], ...] = (
    check_shapes,
    check_gradient_reaches_first_input,
    check_causal,
    check_rows_are_independent,
    check_determinism,
    check_state_dict,
    check_scale_use,
    check_training,
    check_budget,
)


def check_agrees(
    name: str, module: nn.Module, plain: Callable[[dict[str, Tensor], Tensor], Tensor], x: Tensor, rtol: float = 1e-9
) -> None:
    """A module in float64 gives the values and all gradients of a plain loop written from its equations.

    plain(parameters, x): the same answer from the module's named parameters, without the module.
    """
    parameters = dict(module.named_parameters())
    copies = {key: value.detach().clone().requires_grad_() for key, value in parameters.items()}
    x, x_too = x.clone().requires_grad_(), x.clone().requires_grad_()
    seen, expected = module(x), plain(copies, x_too)
    if seen.shape != expected.shape or not torch.allclose(seen, expected, rtol=rtol, atol=rtol / 100):
        raise CheckFailed(f"{name}: its answers are not the plain loop's")
    pull = torch.linspace(-1, 1, seen.numel(), dtype=seen.dtype).view_as(seen)
    trained = [key for key, value in parameters.items() if value.requires_grad]
    ours = torch.autograd.grad(seen, [x, *(parameters[key] for key in trained)], pull, allow_unused=True)
    theirs = torch.autograd.grad(expected, [x_too, *(copies[key] for key in trained)], pull, allow_unused=True)
    for key, mine, wanted in zip(["x", *trained], ours, theirs, strict=True):
        mine, wanted = (torch.zeros(()) if g is None else g for g in (mine, wanted))
        if not torch.allclose(mine.double(), wanted.double(), rtol=rtol * 10, atol=rtol / 100):
            raise CheckFailed(f"{name}: the gradient of {key} is not the plain loop's")


def problems(spec: ModelSpec, shape: Shape) -> list[str]:
    """A sentence for each check that the model does not pass."""
    found = []
    for check in MODEL_CHECKS:
        try:
            check(spec, shape)
        except (CheckFailed, BenchError) as error:
            found.append(str(error))
        except (Exception, SystemExit) as error:  # a stranger's model may do anything
            found.append(f"{spec.name}: {check.__name__}: {sentence(error)}")
    return found
