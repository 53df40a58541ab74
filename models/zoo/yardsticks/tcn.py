"""TCN: layers of causal convolutions whose taps lie twice as far apart from one to the next.

    layer l: y = relu(drop(relu(C_2 drop(relu(C_1 v)))) + P v),  C_i causal, with k taps 2^l steps apart
    C = g V / |V| for each unit's V;  P is the identity where v is as wide as y;  the answer is linear in the last y_T

Bai, Kolter, Koltun: An empirical evaluation of generic convolutional and recurrent networks for sequence modeling,
arXiv 1803.01271, 2018.

Eight layers of 25 units and seven taps are those of their digits by pixels: an answer sees 3,061 steps. Weights start
as in the authors' code: V and biases as torch's convolution (what that code sets instead is made anew from V and g
before it is read), g = |V|, P N(0, 0.01^2).

The state that is carried are the last (k - 1) 2^l inputs of each convolution, which are zero at the start, as its
padding is.

Departures: none of the equations. `dropout`, whole units of a sequence at single steps and 0.05 there, is off, as no
model here has any.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.replicas import uniform
from ...engine.scan import State
from ...parts.library import of_layers
from ...parts.stack import check_dropout
from ...spec import ModelSpec, Shape, spread


class Causal(nn.Module):
    """V (h, d, k), g (h), b (h); v (batch, d, time) -> (batch, h, time).

    State: the last inputs (batch, d, (k - 1) apart).
    """

    def __init__(self, inputs: int, width: int, taps: int, apart: int) -> None:
        super().__init__()
        self.apart = apart
        limit = 1 / math.sqrt(inputs * taps)
        self.V = nn.Parameter(torch.empty(width, inputs, taps).uniform_(-limit, limit))
        self.g = nn.Parameter(self.V.detach().flatten(1).norm(dim=1))
        self.b = nn.Parameter(torch.empty(width).uniform_(-limit, limit))

    def initial_state(self, batch: int) -> State:
        _, inputs, taps = self.V.shape
        return (self.V.new_zeros(batch, inputs, (taps - 1) * self.apart),)

    def forward(self, v: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        v = torch.cat([past, v], dim=2)
        weight = self.V * (self.g / self.V.flatten(1).norm(dim=1)).view(-1, 1, 1)
        return F.conv1d(v, weight, self.b, dilation=self.apart), v[:, :, v.shape[2] - past.shape[2] :]


class Level(nn.Module):
    """Two convolutions and what goes past them; v (batch, d, time) -> (batch, h, time); state: theirs."""

    def __init__(self, inputs: int, width: int, taps: int, apart: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.first, self.second = Causal(inputs, width, taps, apart), Causal(width, width, taps, apart)
        self.past = nn.Conv1d(inputs, width, 1) if inputs != width else None
        if self.past is not None:
            nn.init.normal_(self.past.weight, std=0.01)

    def initial_state(self, batch: int) -> State:
        return *self.first.initial_state(batch), *self.second.initial_state(batch)

    def dropped(self, v: Tensor) -> Tensor:
        if not self.dropout or not self.training:
            return v
        return v * (uniform(v) >= self.dropout).to(v) / (1 - self.dropout)

    def forward(self, v: Tensor, state: State | None) -> tuple[Tensor, State]:
        before = self.initial_state(len(v)) if state is None else state
        y, first = self.first(v, before[0])
        y, second = self.second(self.dropped(torch.relu(y)), before[1])
        y = self.dropped(torch.relu(y))
        return torch.relu(y + (v if self.past is None else self.past(v))), (first, second)


class TemporalConvolutions(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: every level's.

    Raises ValueError as `spread`.
    """

    def __init__(self, shape: Shape, width: float, *, layers: int = 8, taps: int = 7, dropout: float = 0.0) -> None:
        super().__init__()
        if taps < 2 or taps != int(taps):
            raise ValueError(f"taps is {taps}; give a whole number of at least 2")
        check_dropout(dropout)
        self.per_step = shape.per_step
        widths = spread(width, layers)
        below = [shape.inputs, *widths[:-1]]
        self.levels = nn.ModuleList(
            Level(d, h, taps, 2**l, dropout) for l, (d, h) in enumerate(zip(below, widths, strict=True))
        )
        self.classifier = nn.Linear(widths[-1], shape.outputs)

    def initial_state(self, batch: int) -> State:
        return tuple(zeros for level in self.levels for zeros in level.initial_state(batch))

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        v, after = x.transpose(1, 2), []
        for level, before in zip(self.levels, of_layers(state, len(self.levels)), strict=True):
            v, last = level(v, before)
            after += last
        answers = self.classifier(v.transpose(1, 2) if self.per_step else v[:, :, -1])
        return answers if state is None else (answers, tuple(after))


TCN = ModelSpec(
    "tcn",
    "TCN",
    TemporalConvolutions,
    paper_width=25,
    layers=8,
    what="eight layers of causal convolutions, each over twice the time of that below; no recurrence",
    cite="Bai, Kolter, Koltun: An empirical evaluation of generic convolutional and recurrent networks for sequence "
    "modeling, arXiv 1803.01271, 2018",
    source="https://github.com/locuslab/TCN",
    licence="MIT",
    start="as torch's convolution, N(0, 0.01^2) past the layers: the authors' code; classifier as torch's Linear",
    head="default",
)
