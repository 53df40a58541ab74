"""Floating-point operations of a training step: its matrix products, two for a multiplication and addition.

They are counted on the plain loop, whatever back end is timed, so that a model's number does not
depend on how it is computed. Element-wise operations, loss and optimizer do not count.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from .catalog import backend
from .evaluate import loss_of


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


@contextmanager
def _unfused() -> Iterator[None]:
    """torch's fused kernels hide their products from the counter; without oneDNN they are single operators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about other devices' settings
        with torch.backends.mkldnn.flags(enabled=False):
            yield
