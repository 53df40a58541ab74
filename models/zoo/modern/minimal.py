"""minGRU and minLSTM: a GRU and an LSTM whose gates read the input alone, so that no step waits for another.

    minGRU    z = sigmoid(W_z x_t + b_z);  h_t = (1 - z) h_{t-1} + z g(W_h x_t + b_h)                  (order h, z)
    minLSTM   f, i = sigmoid(W x_t + b);  f' = f / (f + i);  i' = i / (f + i)
              h_t = f' h_{t-1} + i' g(W_h x_t + b_h)                                                    (order h, f, i)
    g(v) = v + 1/2 where v >= 0, else sigmoid(v)
    x_t of a layer above is h_t of that below; the answer is linear in h_T of the last layer

Feng, Tung, Ahmed, Bengio, Hajimirsadeghi: Were RNNs all we needed?, arXiv 2410.01201, 2024.

Weights start as torch's Linear, as in the code of lucidrains, a port: none of the authors' is known to us.

Departures: none of the equations. Two layers are ours, `layers`: the gates of one layer see no past. The biases are the
paper's, recalled, unverified; the port has none. `forget_bias` b is ours: the biases of z and i start lower by it and
that of f higher, so that a share of about sigmoid(b) is kept. The port's parallel minLSTM goes on from g(h) where it is
given a state h: `released`, with which a text in pieces is another than the text at once.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import State
from ...parts.linear import linear
from ...spec import ModelSpec, Shape, spread


def g(v: Tensor) -> Tensor:
    return torch.where(v >= 0, v + 0.5, torch.sigmoid(v))


class Layer(nn.Module):
    """W (parts h, d), b (parts h); x (batch, time, d), h_0 (batch, h) -> h (batch, time, h).

    keeps: of each gate, 1 where it keeps and -1 where it renews.
    """

    keeps: tuple[int, ...]

    def __init__(self, inputs: int, width: int, forget_bias: float) -> None:
        super().__init__()
        self.parts = 1 + len(self.keeps)
        self.W = nn.Parameter(torch.empty(self.parts * width, inputs))
        self.b = nn.Parameter(torch.empty(self.parts * width))
        for weight in (self.W, self.b):
            nn.init.uniform_(weight, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))
        for bias, keeps in zip(self.b.detach().split(width)[1:], self.keeps, strict=True):
            bias += keeps * forget_bias

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        v, *gates = F.linear(x, self.W, self.b).chunk(self.parts, dim=2)
        keep, renew = self.shares(*gates)
        return linear(keep, renew * g(v), before)


class GRU(Layer):
    keeps = (-1,)

    @staticmethod
    def shares(z: Tensor) -> tuple[Tensor, Tensor]:
        return torch.sigmoid(-z), torch.sigmoid(z)


class LSTM(Layer):
    keeps = (1, -1)

    @staticmethod
    def shares(f: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
        more = F.softplus(-i) - F.softplus(-f)  # log f - log i
        return torch.sigmoid(more), torch.sigmoid(-more)


class Minimal(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    state: h of every layer, (batch, width) each.
    """

    layer: type[Layer]
    given = staticmethod(lambda h: h)  # where a layer goes on from

    def __init__(self, shape: Shape, width: float, *, layers: int = 2, forget_bias: float = 0.0) -> None:
        super().__init__()
        self.per_step = shape.per_step
        self.widths = spread(width, layers)
        below = [shape.inputs, *self.widths[:-1]]
        self.rnns = nn.ModuleList(self.layer(d, h, forget_bias) for d, h in zip(below, self.widths, strict=True))
        self.classifier = nn.Linear(self.widths[-1], shape.outputs)

    def initial_state(self, batch: int) -> State:
        return tuple(rnn.b.new_zeros(batch, h) for rnn, h in zip(self.rnns, self.widths, strict=True))

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        before = self.initial_state(len(x)) if state is None else tuple(map(self.given, state))
        after = []
        for rnn, h in zip(self.rnns, before, strict=True):
            x = rnn(x, h)
            after.append(x[:, -1])
        answers = self.classifier(x if self.per_step else x[:, -1])
        return answers if state is None else (answers, tuple(after))


class MinimalGRU(Minimal):
    layer = GRU


class MinimalLSTM(Minimal):
    layer = LSTM

    def __init__(
        self, shape: Shape, width: float, *, layers: int = 2, forget_bias: float = 0.0, released: bool = False
    ) -> None:
        super().__init__(shape, width, layers=layers, forget_bias=forget_bias)
        if released:
            self.given = g


SPEC = partial(
    ModelSpec,
    layers=2,
    cite="Feng, Tung, Ahmed, Bengio, Hajimirsadeghi: Were RNNs all we needed?, arXiv 2410.01201, 2024",
    source="https://github.com/lucidrains/minGRU-pytorch",
    licence="MIT",
    start="as torch's Linear: a port, as no code of the authors is known; classifier likewise",
    head="default",
    opening=("forget_bias", (0.0, 2.0, 4.0)),
)
MIN_GRU = SPEC("mingru", "minGRU", MinimalGRU, what="two layers of GRU whose gates read the input alone")
MIN_LSTM = SPEC("minlstm", "minLSTM", MinimalLSTM, what="two layers of LSTM whose gates read the input alone")
