"""What is measured, as functions without arguments: a training step, and the parts of one."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..train.evaluate import loss_of
from ..train.graph import Recorder, Repeated
from ..train.optimizer import Optimizer
from ..train.replicas import Alone, Stacked


def training_step(
    module: nn.Module, x: Tensor, y: Tensor, clip: float, recorder: Recorder | None = None
) -> Callable[[], None]:
    """A function that does one whole training step on one batch, with Adam, as the trainer does.

    recorder: records it after a few calls and replays it from then on, as the trainer's on a GPU.
    """
    return replicas_step([module], x[None], y[None], clip, recorder)


def replicas_step(
    modules: Sequence[nn.Module], x: Tensor, y: Tensor, clip: float, recorder: Recorder | None = None
) -> Callable[[], None]:
    """training_step of several modules of one model at once; x, y (replicas, batch, ...): a batch for each."""
    model = Alone(modules[0], x.device) if len(modules) == 1 else Stacked(modules, range(len(modules)), x.device)
    optimizer = Optimizer(model, "adam", [1e-4], clip, recorder is not None)

    def update() -> None:
        optimizer.zero_grad()
        with model.noise():
            model.scores(loss_of, x, y).sum().backward()
        optimizer.step()

    repeated = Repeated(update, recorder, model.module, model.leaves, model.generators)

    def step() -> None:
        model.module.train()
        repeated()

    return step


def forward(module: nn.Module, x: Tensor) -> Callable[[], None]:
    """A function that answers one batch in evaluation mode, without gradients."""

    def call() -> None:
        module.eval()
        with torch.no_grad():
            module(x)

    return call


def backward(module: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    """A function that does the forward and the backward pass of a training step, without the update."""
    leaves = [parameter for parameter in module.parameters() if parameter.requires_grad]

    def call() -> None:
        module.train()
        for leaf in leaves:
            leaf.grad = None
        loss_of(module(x), y).backward()

    return call


def inference(module: nn.Module, x: Tensor) -> Callable[[], None] | None:
    """A function that answers one time step and carries the state on, as in use; None where the model has no state.

    x: (batch, time, ...), of which the first time step is used again and again.
    """
    begin: Callable[[int], tuple[Tensor, ...]] | None = getattr(module, "initial_state", None)
    if begin is None:
        return None
    first, state = x[:, :1].contiguous(), begin(len(x))

    def call() -> None:
        nonlocal state
        module.eval()
        with torch.no_grad():
            _, state = module(first, state)

    return call
