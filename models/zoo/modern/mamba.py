"""Mamba: a diagonal state space for each unit, whose steps of time, input and output are chosen by what it reads.

    u, z = W_in v_t;  s = silu(a convolution of u over the last four steps)
    d, B, C = W_x s;  Delta = softplus(W_d d + b_d);  A = -exp(A_log)
    h_t = exp(Delta A) h_{t-1} + (Delta s) B^T;  y = h_t C + D s;  block: v_t + W_out (y silu(z)) of RMSNorm(v_t)
    v_t = W x_t + b before the first;  the answer is linear in RMSNorm(v_T) of the last

Gu, Dao: Mamba: Linear-time sequence modeling with selective state spaces, COLM 2024 (arXiv 2312.00752).

A block has E = 2 D inner units of N = 16 states each; d has ceil(D / 16) entries.

Weights start as in the authors' code: A_log = log(1 .. N), D = 1, W_d U(-1 / sqrt(d), 1 / sqrt(d)), b_d such that Delta
is log-uniform from `dt_min` to 0.1 and at least 0.0001, W_out torch's Linear over sqrt(layers), others torch's.

Departures: B is not discretised as the paper has it but by Euler's rule, Delta B, as in the authors' code. The linear
map to D units before the first block, the classifier of the last step and two `layers` are ours, and so is the norm's
eps of 1e-5, recalled, unverified. An eighth of a unit of D is some inner units. That code trains A_log and D without
weight decay; here all are trained alike.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import State, scan
from ...parts.selective import SELECTIVE
from ...spec import ModelSpec, Shape, spread
from . import deep

DT_MAX, DT_FLOOR = 0.1, 1e-4


class Selective(nn.Module):
    """v (batch, time, D) -> likewise; state: h (batch, E, N), and the convolution's last inputs (batch, taps - 1, E).

    into is W_in; taps (taps, E), the last for this step, and shift (E) are the convolution's; select is W_x for d, B
    and C; step is W_d, b_d; out is W_out.
    """

    def __init__(
        self, width: int, inner: int, *, layers: int, states: int, taps: int, rank: int, bias: bool, dt_min: float
    ) -> None:
        super().__init__()
        self.parts = [rank, states, states]
        self.into = nn.Linear(width, 2 * inner, bias=bias)
        self.taps = nn.Parameter(torch.empty(taps, inner).uniform_(-1 / math.sqrt(taps), 1 / math.sqrt(taps)))
        self.shift = nn.Parameter(torch.empty(inner).uniform_(-1 / math.sqrt(taps), 1 / math.sqrt(taps)))
        self.select = nn.Linear(inner, sum(self.parts), bias=False)
        self.step = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, width, bias=bias)
        dt = (dt_min * (DT_MAX / dt_min) ** torch.rand(inner)).clamp(min=DT_FLOOR)
        with torch.no_grad():
            self.step.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # what softplus makes dt of
            self.out.weight /= math.sqrt(layers)

    def initial_state(self, batch: int) -> State:
        E, N = self.A_log.shape
        return self.D.new_zeros(batch, E, N), self.D.new_zeros(batch, len(self.taps) - 1, E)

    def forward(self, v: Tensor, state: State | None) -> tuple[Tensor, State]:
        before, past = self.initial_state(len(v)) if state is None else state
        u, z = self.into(v).chunk(2, dim=2)
        u = torch.cat([past, u], dim=1)
        s = F.silu(deep.convolved(u, self.taps, self.shift))
        d, B, C = self.select(s).split(self.parts, dim=2)
        frames = (F.softplus(self.step(d)), s, B, C)
        (last,), (y,) = scan(SELECTIVE, (-self.A_log.exp(),), (before,), tuple(f.transpose(0, 1) for f in frames))
        y = torch.addcmul(y.transpose(0, 1), self.D, s)
        return self.out(y * F.silu(z)), (last, u[:, v.shape[1] :])


class Block(nn.Module):
    """v (batch, time, D) -> v; state: Selective's."""

    def __init__(self, width: int, rnn: Selective) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.rnn = rnn
        self.initial_state = rnn.initial_state

    def forward(self, v: Tensor, state: State | None) -> tuple[Tensor, State]:
        added, after = self.rnn(self.norm(v), state)
        return v + added, after


class Mamba(deep.Deep):
    """As Deep. states: N; taps: steps of the convolution; rank: entries of d, None: ceil(D / 16)."""

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        layers: int = 2,
        states: int = 16,
        taps: int = 4,
        rank: int | None = None,
        bias: bool = False,
        dt_min: float = 0.001,
    ) -> None:
        width, eighths = deep.whole(width)
        rank = math.ceil(width / 16) if rank is None else rank
        for name, value in (("states", states), ("taps", taps), ("rank", rank)):
            if value < 1 or value != int(value):
                raise ValueError(f"{name} is {value}; give a whole number of at least 1")
        if not 0 < dt_min <= DT_MAX:
            raise ValueError(f"dt_min is {dt_min}; give a number above 0 and at most {DT_MAX}")
        of_one = 3 * width + taps + 2 * rank + 3 * states + 3  # weights of an inner unit
        more = eighths / deep.STEPS * (2 + 6 * width / of_one)  # as many weights as a unit of the width has
        every = spread(2 * width + more, layers)
        rest = {"layers": layers, "states": states, "taps": taps, "rank": rank, "bias": bias, "dt_min": dt_min}
        blocks = [Block(width, Selective(width, inner, **rest)) for inner in every]
        super().__init__(shape, width, blocks, nn.RMSNorm(width, eps=1e-5))


MAMBA = ModelSpec(
    "mamba",
    "Mamba",
    Mamba,
    layers=deep.STEPS,
    what="two layers of diagonal state spaces that choose their steps of time, what they take in and what they tell",
    cite="Gu, Dao: Mamba: Linear-time sequence modeling with selective state spaces, COLM 2024",
    source="https://github.com/state-spaces/mamba",
    licence="Apache-2.0",
    start="A -1 to -16, steps of time log-uniform in 0.001 to 0.1: the authors' code; classifier as torch's Linear",
    head="default",
    opening=("dt_min", (0.001, 0.0001, 0.01)),
    further=("states", (16, 4)),
)
