"""LRU, linear recurrent unit: a diagonal linear recurrence of complex numbers, and all else between its layers.

    lambda = exp(-exp(nu) + i exp(theta));  h_t = lambda h_{t-1} + exp(gamma) (B u_t);  y_t = Re(C h_t) + D u_t
    block: v + W_1 g * sigmoid(W_2 g), each with a bias, g = gelu(y of LayerNorm(v));  v_t = W x_t + b before the first
    the answer is linear in the mean of the last v over time, or in v_t where there is an answer a step

Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De: Resurrecting recurrent neural networks for long sequences, ICML
2023.

There is no code of the authors; blocks, sizes and starts are those of minimal-LRU, a port: |lambda| uniform in area
between the radii `r_min` and 1, its angle U(0, 6.28), gamma = log sqrt(1 - |lambda|^2), B N(0, 1 / 2 H) and
C N(0, 1 / n) in each part, D N(0, 1), other maps N(0, 1 / inputs) with biases zero, flax's default but for its cut at
two deviations.

Departures: none of the equations. Layer normalisation is the port's second choice; its first, over the batch and all
steps, is not causal and would need statistics that the trainer keeps for evaluation. Four layers, n = H / 2 and the
gelu by tanh are the port's. As it does, nu, theta, gamma and B are trained at half the rate and without weight decay,
all others with a decay of 0.05. `dropout`, 0.1 there, is off, as no model here has any.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import State
from ...parts.stack import check_dropout, dropped
from ...spec import ModelSpec, Shape, spread
from . import deep


class LRU(nn.Module):
    """nu, theta, gamma (n), B (2 n, H) and C (H, 2 n) with their real parts first, D (H).

    u (batch, time, H) -> y (batch, time, H); state: h as [Re, Im] (batch, 2 n).
    """

    def __init__(self, width: int, modes: int, r_min: float) -> None:
        super().__init__()
        radius = torch.sqrt(r_min**2 + (1 - r_min**2) * (1 - torch.rand(modes)))  # above 0
        self.nu = nn.Parameter(torch.log(-torch.log(radius.clamp(max=1 - 1e-6))))
        self.theta = nn.Parameter(torch.log(6.28 * (1 - torch.rand(modes))))
        self.gamma = nn.Parameter(torch.log1p(-torch.exp(-2 * self.nu.detach().exp())) / 2)
        self.B = nn.Parameter(torch.randn(2 * modes, width) / math.sqrt(2 * width))
        self.C = nn.Parameter(torch.randn(width, 2 * modes) / math.sqrt(modes))
        self.D = nn.Parameter(torch.randn(width))

    def initial_state(self, batch: int) -> State:
        return (self.B.new_zeros(batch, len(self.B)),)

    def forward(self, u: Tensor, state: State | None) -> tuple[Tensor, State]:
        (before,) = self.initial_state(len(u)) if state is None else state
        decay = torch.polar(torch.exp(-self.nu.exp()), self.theta.exp())
        y, last = deep.turned(u, decay, self.B * self.gamma.exp().repeat(2).unsqueeze(1), self.C, before)
        return y + self.D * u, (last,)


class Block(nn.Module):
    """v (batch, time, H) -> v; state: LRU's."""

    def __init__(self, width: int, modes: int, r_min: float, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.rnn = LRU(width, modes, r_min)
        self.out = nn.Linear(width, 2 * width)  # W_1, W_2
        self.initial_state = self.rnn.initial_state

    def forward(self, v: Tensor, state: State | None) -> tuple[Tensor, State]:
        share = self.dropout if self.training else 0.0
        y, after = self.rnn(self.norm(v), state)
        added = F.glu(self.out(dropped(F.gelu(y, approximate="tanh"), share)), dim=2)
        return v + dropped(added, share), after


class LinearNetwork(deep.Deep):
    """As Deep. modes: n, None: half of the width. An eighth of a unit is a mode in one of four layers."""

    slow = ("rnn.nu", "rnn.theta", "rnn.gamma", "rnn.B")
    rate, decay = 0.5, 0.05

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        layers: int = 4,
        modes: int | None = None,
        r_min: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        check_dropout(dropout)
        width, eighths = deep.whole(width)
        modes = max(1, width // 2) if modes is None else modes
        if modes < 1 or modes != int(modes):
            raise ValueError(f"modes is {modes}; give a whole number of at least 1")
        if not 0 <= r_min < 1:
            raise ValueError(f"r_min is {r_min}; give a radius of at least 0 and below 1")
        every = spread(modes + eighths / 4, layers)
        super().__init__(shape, width, [Block(width, n, r_min, dropout) for n in every])
        for map_ in (self.encoder, *(block.out for block in self.blocks)):
            nn.init.normal_(map_.weight, std=1 / math.sqrt(map_.in_features))
            nn.init.zeros_(map_.bias)


LRU_NET = ModelSpec(
    "lru",
    "LRU",
    LinearNetwork,
    revision=2,  # 1: all weights trained alike
    paper_width=256,
    layers=deep.STEPS,
    what="four layers of a diagonal linear recurrence of complex numbers",
    cite="Orvieto et al.: Resurrecting recurrent neural networks for long sequences, ICML 2023",
    source="https://github.com/NicolasZucchet/minimal-LRU",
    licence="MIT",
    start="|lambda| uniform in area in the circle, maps N(0, 1 / inputs): a port, as no code of the authors is known",
    head="lecun",
    opening=("r_min", (0.0, 0.9, 0.99)),
)
