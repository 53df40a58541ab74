"""S5: one diagonal linear state space of complex numbers that all units share, started as HiPPO's.

    Lambda = Lambda_re + i Lambda_im, Delta = exp(log_step);  A' = exp(Lambda Delta), B' = (A' - 1) / Lambda B
    s_t = A' s_{t-1} + B' u_t;  y_t = 2 Re(C s_t) + D u_t
    block: v + g * sigmoid(W g + b), g = gelu(y of LayerNorm(v));  v_t = W x_t + b before the first
    the answer is linear in the mean of the last v over time, or in v_t where there is an answer a step

`discretization=bilinear`: q = 1 / (1 - Delta Lambda / 2);  A' = q (1 + Delta Lambda / 2), B' = q Delta B. `clip`: of
Lambda_re what is above -0.0001 counts as that.

Smith, Warrington, Linderman: Simplified state space layers for sequence modeling, ICLR 2023.

Weights start as in the authors' code: Lambda the eigenvalues below the real axis of the normal part of HiPPO-LegS,
anew for each `block` of modes (their 8 blocks of 16); Delta log-uniform from `dt_min` to 0.1; D N(0, 1); B and C normal
in each part, of variance 1 / 4 P and 1 / 2 P; maps N(0, 1 / inputs) with biases zero, flax's default but for its cut at
two deviations.

Departures: none of the equations, where each mode with its conjugate is one. B and C of that code are real and complex
normal numbers, cut at two deviations, times HiPPO's eigenvectors; these are unitary, so without the cut their products
are what is drawn here at once. Layer normalisation, and not that over the batch and all steps, which is not causal and
would need statistics that the trainer keeps for evaluation. Six layers, as many modes P as units, the gate with one map
(`half_glu1`) and the gelu by tanh are theirs. As there, Lambda, B, Delta and the norms are trained without weight decay
and all others with one of 0.05; a rate of their own, which its defaults do not use, is left out.
"""

import math
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import State
from ...spec import ModelSpec, Shape, spread
from . import deep

DT_MAX = 0.1
STEPS = 2 * deep.STEPS  # of a unit, to meet a budget
HIGHEST = -1e-4  # of Lambda_re


@cache
def hippo(modes: int) -> Tensor:
    """The eigenvalues below the real axis of the normal part of HiPPO-LegS of order 2 modes, the lowest first.

    That part is -1/2 and a skew matrix with sqrt((n + 1/2) (k + 1/2)) above the diagonal.
    """
    root = torch.sqrt(torch.arange(2 * modes, dtype=torch.float64, device="cpu") + 0.5)
    skew = torch.outer(root, root).triu(1)
    heights = torch.linalg.eigvalsh(1j * (skew - skew.t()))[:modes]
    return torch.complex(torch.full_like(heights, -0.5), heights)


class StateSpace(nn.Module):
    """Lambda_re, Lambda_im, log_step (P), B (2 P, H) and C (H, 2 P) with their real parts first, D (H).

    u (batch, time, H) -> y likewise; state: s as [Re, Im] (batch, 2 P).
    """

    def __init__(self, width: int, modes: list[int], bilinear: bool, clip: bool, dt_min: float) -> None:
        super().__init__()
        self.bilinear, self.clip = bilinear, clip
        P = sum(modes)
        Lambda = torch.cat([hippo(m) for m in modes])
        self.Lambda_re = nn.Parameter(torch.empty(P).copy_(Lambda.real))
        self.Lambda_im = nn.Parameter(torch.empty(P).copy_(Lambda.imag))
        self.log_step = nn.Parameter(math.log(dt_min) + torch.rand(P) * math.log(DT_MAX / dt_min))
        self.B = nn.Parameter(torch.randn(2 * P, width) / math.sqrt(4 * P))
        self.C = nn.Parameter(torch.randn(width, 2 * P) / math.sqrt(2 * P))
        self.D = nn.Parameter(torch.randn(width))

    def initial_state(self, batch: int) -> State:
        return (self.B.new_zeros(batch, len(self.B)),)

    def discretized(self) -> tuple[Tensor, Tensor]:
        """A' and what B is multiplied by, (P) each."""
        real = self.Lambda_re.clamp(max=HIGHEST) if self.clip else self.Lambda_re
        Lambda, Delta = torch.complex(real, self.Lambda_im), self.log_step.exp()
        if self.bilinear:
            q = 1 / (1 - Delta * Lambda / 2)
            return q * (1 + Delta * Lambda / 2), q * Delta
        one = torch.exp(Lambda * Delta)
        return one, (one - 1) / Lambda

    def forward(self, u: Tensor, state: State | None) -> tuple[Tensor, State]:
        (before,) = self.initial_state(len(u)) if state is None else state
        decay, taken = self.discretized()
        B = torch.complex(*self.B.chunk(2)) * taken.unsqueeze(1)
        y, last = deep.turned(u, decay, torch.cat([B.real, B.imag]), 2 * self.C, before)
        return y + self.D * u, (last,)


class Block(nn.Module):
    """v (batch, time, H) -> v; state: StateSpace's."""

    def __init__(self, width: int, rnn: StateSpace) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.rnn = rnn
        self.out = nn.Linear(width, width)
        self.initial_state = rnn.initial_state

    def forward(self, v: Tensor, state: State | None) -> tuple[Tensor, State]:
        y, after = self.rnn(self.norm(v), state)
        g = F.gelu(y, approximate="tanh")
        return v + g * torch.sigmoid(self.out(g)), after


class SharedStateSpaces(deep.Deep):
    """As Deep. modes: P, None: as many as units; block: modes of one HiPPO. A part of a unit is some modes more."""

    slow = ("rnn.Lambda_re", "rnn.Lambda_im", "rnn.B", "rnn.log_step", "norm.weight", "norm.bias")
    decay = 0.05

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        layers: int = 6,
        modes: int | None = None,
        block: int = 16,
        discretization: str = "zoh",
        clip: bool = False,
        dt_min: float = 0.001,
    ) -> None:
        if discretization not in ("zoh", "bilinear"):
            raise ValueError(f"discretization is '{discretization}'; choose one of zoh, bilinear")
        if not 0 < dt_min <= DT_MAX:
            raise ValueError(f"dt_min is {dt_min}; give a number above 0 and at most {DT_MAX}")
        width, parts = deep.whole(width, STEPS)
        grows, modes = (1, width) if modes is None else (0, modes)
        for name, value in (("modes", modes), ("block", block)):
            if value < 1 or value != int(value):
                raise ValueError(f"{name} is {value}; give a whole number of at least 1")
        more = parts / STEPS * ((2 * width + 4 * modes + 5) / (4 * width + 3) + grows)  # as many weights as a unit has
        blocks = []
        for P in spread(modes + more, layers):
            every = spread(P / math.ceil(P / block), math.ceil(P / block))
            blocks.append(Block(width, StateSpace(width, every, discretization == "bilinear", clip, dt_min)))
        super().__init__(shape, width, blocks)
        for map_ in (self.encoder, *(block.out for block in self.blocks)):
            nn.init.normal_(map_.weight, std=1 / math.sqrt(map_.in_features))
            nn.init.zeros_(map_.bias)


S5 = ModelSpec(
    "s5",
    "S5",
    SharedStateSpaces,
    paper_width=128,
    layers=STEPS,
    what="six layers of one diagonal linear state space, which all units share",
    cite="Smith, Warrington, Linderman: Simplified state space layers for sequence modeling, ICLR 2023",
    source="https://github.com/lindermanlab/S5",
    licence="MIT",
    start="HiPPO's eigenvalues, steps of time log-uniform in 0.001 to 0.1, maps N(0, 1 / inputs): the authors' code",
    head="lecun",
    opening=("dt_min", (0.001, 0.0001, 0.01)),
    further=("block", (16, 4)),
)
