"""Floating-point operations of a training step: its matrix products, two for a multiplication and addition.

They are counted on the plain loop, whatever back end is timed, so that a model's number does not
depend on how it is computed. Element-wise operations, loss and optimizer do not count. Where a model has a closed
formula of its forward pass (ModelSpec.flops), that is taken instead, and a test compares the two.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..engine import backend
from ..train.evaluate import loss_of
from .latency import clock_for


def step_flops(build: Callable[[], nn.Module], *, length: int, inputs: int, batch: int) -> int:
    """FLOPs of forward and backward of what `build` makes, on (batch, length, inputs) with a label a sequence.

    Counted for one sequence on the CPU; the number is proportional to the batch.
    """
    with torch.random.fork_rng(devices=[]), _unfused(), backend("eager"):
        module = build().cpu()
        x, y = torch.randn(1, length, inputs), torch.zeros(1, dtype=torch.int64)
        with FlopCounterMode(display=False) as counter:
            loss_of(module(x), y).backward()
    return int(counter.get_total_flops()) * batch


def forward_flops(module: nn.Module, x: Tensor) -> int:
    """FLOPs of a forward pass of x, counted. The module comes to the CPU in a copy; give few sequences."""
    module = copy.deepcopy(module).cpu()
    counter = FlopCounterMode(display=False)
    with torch.random.fork_rng(devices=[]), _unfused(), backend("eager"), torch.no_grad(), counter:
        module(x.cpu())
    return int(counter.get_total_flops())


def matmul_rate(device: torch.device, size: int | None = None) -> float:
    """Floating-point operations a second of a large float32 matrix product: the best of five."""
    size = size or (8192 if device.type == "cuda" else 2048)
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    clock = clock_for(device)

    def product() -> None:
        torch.mm(a, b)

    product()
    return 2 * size**3 / (min(clock.block(product).wall for _ in range(5)) / 1000)


@contextmanager
def _unfused() -> Iterator[None]:
    """torch's fused kernels hide their products from the counter; without oneDNN they are single operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about other devices' settings
        with torch.backends.mkldnn.flags(enabled=False):
            yield
