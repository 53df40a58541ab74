"""Floating-point operations of a training step: its matrix products, two for a multiplication and addition, and
four times as many where the numbers are complex.

They are counted on the plain loop, whatever back end is timed, so that a model's number does not
depend on how it is computed. Element-wise operations, loss and optimizer do not count.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ..engine import backend
from ..train.evaluate import loss_of
from .latency import clock_for


class _Counter(TorchDispatchMode):
    """Adds up the FLOPs of the products inside it. torch's FlopCounterMode gives the same numbers in twice the time, as
    it looks into each of the many other operations of a loop."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        result = func(*args, **named)
        if of_sizes := flop_registry.get(func._overloadpacket):
            complex_ones = isinstance(result, Tensor) and result.is_complex()
            self.flops += int(of_sizes(*args, **named, out_val=result)) * (4 if complex_ones else 1)
        return result


def step_flops(build: Callable[[], nn.Module], *, length: int, inputs: int, batch: int) -> int:
    """FLOPs of forward and backward of what `build` makes, on (batch, length, inputs) with a label a sequence.

    Counted for one sequence on the CPU; the number is proportional to the batch.
    """
    counter = _Counter()
    with torch.random.fork_rng(devices=[]), _unfused(), backend("eager"):
        module = build().cpu()
        x, y = torch.randn(1, length, inputs), torch.zeros(1, dtype=torch.int64)
        with counter:
            loss_of(module(x), y).backward()
    return counter.flops * batch


def forward_flops(module: nn.Module, x: Tensor) -> int:
    """FLOPs of a forward pass of x, counted. The module comes to the CPU in a copy; give few sequences."""
    module, counter = copy.deepcopy(module).cpu(), _Counter()
    with torch.random.fork_rng(devices=[]), _unfused(), backend("eager"), torch.no_grad(), counter:
        module(x.cpu())
    return counter.flops


def matmul_rate(device: torch.device, size: int | None = None) -> float:
    """Floating-point operations a second of a large float32 matrix product: the best of five."""
    size = size or (8192 if device.type == "cuda" else 2048)
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    clock, product = clock_for(device), partial(torch.mm, a, b)
    product()
    return 2 * size**3 / (min(clock(product).wall for _ in range(5)) / 1000)


@contextmanager
def _unfused() -> Iterator[None]:
    """torch's fused kernels hide their products from the counter; without oneDNN they are single operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about other devices' settings
        with torch.backends.mkldnn.flags(enabled=False):
            yield
