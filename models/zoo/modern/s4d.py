"""S4D: a diagonal linear state space for each unit, seen as one long convolution.

    A = -exp(a) + i w, dt = exp(l);  A' = exp(dt A), B' = (A' - 1) / A;  s_t = A' s_{t-1} + B' u_t, N / 2 modes a unit
    y_t = 2 Re(C s_t) + D u_t;  block: LayerNorm(v + W_1 g * sigmoid(W_2 g)), each with a bias, g = gelu(y of v)
    v_t = W x_t + b before the first;  the answer is linear in the mean of the last v over time, or in v_t where there
    is an answer a step

Gu, Gupta, Goel, Re: On the parameterization and initialization of diagonal state space models, NeurIPS 2022.

The sum over all steps before is a convolution with the kernel 2 Re(C A'^t B'), made by Fourier transform.

Weights start as in the authors' code: Re A = -1/2, Im A = pi n (S4D-Lin), dt log-uniform from 0.001 to 0.1, C complex
normal of variance 1, D N(0, 1), maps as torch's Linear.

Departures: none of the equations. Four layers, N = 64 and the norm after the sum are those of their example, whose
`dropout` of 0.1 is off, as no model here has any. As it does, dt and A are trained without weight decay and others with
one of 0.01; their rate is a tenth of the protocol's, where it has 0.001 beside 0.01.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import State
from ...parts.paired import as_complex, as_real
from ...parts.stack import check_dropout, dropped
from ...spec import ModelSpec, Shape, spread
from . import deep


class StateSpace(nn.Module):
    """log_dt (H), log_A_real, A_imag (H, N / 2), C (H, N / 2, 2) as (Re, Im), D (H); out is W_1, W_2.

    u (batch, time, H) -> W_1 g * sigmoid(W_2 g), likewise; state: s as [Re, Im] (batch, H, N).
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        half = states // 2
        self.log_dt = nn.Parameter(math.log(0.001) + torch.rand(width) * math.log(100))
        self.log_A_real = nn.Parameter(torch.full((width, half), math.log(0.5)))
        self.A_imag = nn.Parameter(math.pi * torch.arange(half, dtype=self.log_dt.dtype).repeat(width, 1))
        self.C = nn.Parameter(torch.randn(width, half, 2) / math.sqrt(2))
        self.D = nn.Parameter(torch.randn(width))
        self.out = nn.Linear(width, 2 * width)

    def initial_state(self, batch: int) -> State:
        width, half = self.A_imag.shape
        return (self.D.new_zeros(batch, width, 2 * half),)

    def forward(self, u: Tensor, state: State | None) -> tuple[Tensor, State]:
        y, after = self.convolved(u.transpose(1, 2), state)
        return F.glu(self.out(F.gelu(y.transpose(1, 2) + self.D * u)), dim=2), after

    def convolved(self, u: Tensor, state: State | None) -> tuple[Tensor, State]:
        """u (batch, H, time) -> 2 Re(C s), likewise; the last s where one was given."""
        steps = torch.arange(u.shape[2], dtype=u.dtype, device=u.device)
        A = torch.complex(-self.log_A_real.exp(), self.A_imag)
        dt_A = self.log_dt.exp().unsqueeze(1) * A
        one = torch.exp(dt_A)
        B, C = (one - 1) / A, 2 * torch.complex(*self.C.unbind(2))
        powers = torch.exp(dt_A.unsqueeze(2) * steps)  # (H, N / 2, time)
        kernel = torch.bmm((B * C).unsqueeze(1), powers).real.squeeze(1)
        size = 2 * u.shape[2]
        y = torch.fft.irfft(torch.fft.rfft(u, size) * torch.fft.rfft(kernel, size), size)[..., : u.shape[2]]
        if state is None:
            return y, ()
        s = as_complex(state[0]) * one
        y = y + torch.einsum("bhn,hnt->bht", s * C, powers).real
        read = torch.einsum("bht,hnt->bhn", u.flip(2).to(powers.dtype), powers)
        return y, (as_real(s * powers[..., -1] + read * B),)


class Block(nn.Module):
    """v (batch, time, H) -> v; state: StateSpace's."""

    def __init__(self, width: int, states: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.rnn = StateSpace(width, states)
        self.norm = nn.LayerNorm(width)
        self.initial_state = self.rnn.initial_state

    def forward(self, v: Tensor, state: State | None) -> tuple[Tensor, State]:
        added, after = self.rnn(v, state)
        return self.norm(v + dropped(added, self.dropout if self.training else 0.0)), after


class DiagonalStateSpaces(deep.Deep):
    """As Deep. states: N, of a unit; an eighth of a unit is a few states more in the first layers."""

    slow = ("rnn.log_dt", "rnn.log_A_real", "rnn.A_imag")
    rate, decay = 0.1, 0.01

    def __init__(self, shape: Shape, width: float, *, layers: int = 4, states: int = 64, dropout: float = 0.0) -> None:
        check_dropout(dropout)
        if states < 2 or states % 2:
            raise ValueError(f"states is {states}; give an even number of at least 2")
        width, eighths = deep.whole(width)
        more = eighths / deep.STEPS * (states / (2 * width) + 1)
        every = spread(states / 2 + more, layers)
        super().__init__(shape, width, [Block(width, 2 * modes, dropout) for modes in every])


S4D = ModelSpec(
    "s4d",
    "S4D",
    DiagonalStateSpaces,
    revision=2,  # 1: all weights trained alike
    paper_width=128,
    layers=deep.STEPS,
    what="four layers of diagonal linear state spaces, one a unit, as a long convolution",
    cite="Gu, Gupta, Goel, Re: On the parameterization and initialization of diagonal state space models, NeurIPS 2022",
    source="https://github.com/state-spaces/s4",
    licence="Apache-2.0",
    start="S4D-Lin, dt log-uniform from 0.001 to 0.1, maps as torch's Linear: the authors' code; classifier likewise",
    head="default",
    opening=("states", (64, 16)),
)
