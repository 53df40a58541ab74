"""Mamba's selective state space: a diagonal linear recurrence for each unit, its steps of time, what it reads and what
is read of it given for every step.

    h_t = exp(dt_t A) h_{t-1} + dt_t s_t B_t^T;  y_t = h_t C_t
"""

import torch
from torch import Tensor

from ..engine.native.selective import Selective
from ..engine.scan import Recurrence, State


def step(weights: State, state: State, dt: Tensor, s: Tensor, B: Tensor, C: Tensor) -> tuple[State, State]:
    """A (E, N); h (batch, E, N); dt, s (batch, E), B, C (batch, N) -> h, and y (batch, E)."""
    (A,) = weights
    decay = torch.exp(dt.unsqueeze(2) * A)
    h = torch.addcmul((dt * s).unsqueeze(2) * B.unsqueeze(1), decay, state[0])
    return (h,), (torch.matmul(h, C.unsqueeze(2)).squeeze(2),)


def native(weights: State, state: State, dt: Tensor, s: Tensor, B: Tensor, C: Tensor) -> tuple[State, State]:
    y, last = Selective.apply(dt, s, B, C, *weights, *state)
    return (last,), (y,)


SELECTIVE = Recurrence(step, native=native)
