"""Gated-feedback RNN: every layer reads what all layers were one step ago, each through a gate of its own.

    Layer j reads h_t^{j-1} from below, x_t in the first, and h*_{t-1} = [h^1 .. h^L]_{t-1}. All gates, the feedback
    gates g^{i->j}, one number for each pair of layers, among them, are
        sigmoid(W h_t^{j-1} + U h*_{t-1} + b)
    and with m = sum_i g^{i->j} U_c^{i->j} h_{t-1}^i
    LSTM   c_t^j = f c_{t-1}^j + i tanh(W_c h_t^{j-1} + m + b_c);  h_t^j = o tanh(c_t^j)
    GRU    h_t^j = u h_{t-1}^j + (1 - u) tanh(W_c h_t^{j-1} + r m + b_c)
    the answer is linear in the h_T of all layers

Chung, Gulcehre, Cho, Bengio: Gated feedback recurrent neural networks, ICML 2015.

Weights start as in the authors' code: W N(0, 0.01^2), each block of U from one layer to one part of a layer
orthogonal, its rows of feedback gates U(-0.08, 0.08), biases zero.

Departures: three layers, and a classifier on all of them, are ours, as the source has none.
"""

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..engine.scan import Recurrence, State, scan
from ..parts import library
from ..spec import ModelSpec, Shape, spread

Joined = Callable[[State, Tensor, Tensor, Tensor], State]
"""(state of a layer, W_c h + b_c, gates, m), all (batch, ..) -> the new state of the layer."""


class GatedFeedback(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    Of each layer j of n units W (parts n + L, inputs), U (parts n + L, units of all layers), b (parts n + L): the
    candidate, then the gates i, f, o or r, u, then the feedback gates from the layers 1 to L.
    """

    parts: int  # of a layer: its candidate and its gates
    states: int  # of a layer

    def __init__(self, shape: Shape, width: float, *, layers: int = 3) -> None:
        super().__init__()
        self.per_step = shape.per_step
        self.widths = spread(width, layers)
        below = [shape.inputs, *self.widths[:-1]]
        rows = [self.parts * n + layers for n in self.widths]
        self.W = nn.ParameterList(torch.empty(row, d) for row, d in zip(rows, below, strict=True))
        self.U = nn.ParameterList(torch.empty(row, sum(self.widths)) for row in rows)
        self.b = nn.ParameterList(torch.zeros(row) for row in rows)
        for n, W, U in zip(self.widths, self.W, self.U, strict=True):
            nn.init.normal_(W, std=0.01)
            for source in U.detach().split(self.widths, dim=1):
                *blocks, feedback = source.split([n] * self.parts + [layers])
                for block in blocks:
                    nn.init.orthogonal_(block)
                nn.init.uniform_(feedback, -0.08, 0.08)
        self.classifier = nn.Linear(sum(self.widths), shape.outputs)

    def initial_state(self, batch: int) -> State:
        return tuple(self.b[0].new_zeros(batch, n) for n in self.widths for _ in range(self.states))

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        before = self.initial_state(len(x)) if state is None else state
        (W, *W_above), (b, *b_above) = self.W, self.b
        # the gates of all layers read the same h*, so that they are one product
        split = [U.split([n, len(U) - n]) for n, U in zip(self.widths, self.U, strict=True)]
        candidates, gates = zip(*split, strict=True)
        weights = (W, b, torch.cat(gates), *candidates, *W_above, *b_above)
        after, (h,) = scan(_recurrence(self.joined, tuple(self.widths)), weights, before, (x.transpose(0, 1),))
        last = torch.cat(after[:: self.states], dim=1)
        answers = self.classifier(h.transpose(0, 1) if self.per_step else last)
        return answers if state is None else (answers, after)


@cache
def _recurrence(joined: Joined, widths: tuple[int, ...]) -> Recurrence:
    return Recurrence(partial(_step, joined, widths), _project)


def _project(weights: State, x: Tensor) -> State:
    W, b, *_ = weights
    return (F.linear(x, W, b),)


def _step(
    joined: Joined, widths: tuple[int, ...], weights: State, state: State, projected: Tensor
) -> tuple[State, State]:
    layers = len(widths)
    _, _, U_gates, *rest = weights
    U_c, W, b = rest[:layers], rest[layers : 2 * layers - 1], rest[2 * layers - 1 :]  # W and b above the first layer
    own = library.of_layers(state, layers)
    h = [of_layer[0] for of_layer in own]
    recurrent = torch.cat(h, dim=1) @ U_gates.t()
    after, start = [], 0
    for j, n in enumerate(widths):
        below = projected if j == 0 else F.linear(after[-1][0], W[j - 1], b[j - 1])
        rows = below.shape[1] - n
        gates = torch.sigmoid(below[:, n:] + recurrent[:, start : start + rows])
        start += rows
        g = gates[:, rows - layers :].split(1, dim=1)
        m = torch.cat([g_i * h_i for g_i, h_i in zip(g, h, strict=True)], dim=1) @ U_c[j].t()
        after.append(joined(own[j], below[:, :n], gates[:, : rows - layers], m))
    return tuple(tensor for of_layer in after for tensor in of_layer), (torch.cat([a[0] for a in after], dim=1),)


class GatedFeedbackLSTM(GatedFeedback):
    """state: h, c of every layer, (batch, width) each."""

    parts = 4
    states = 2

    @staticmethod
    def joined(state: State, below: Tensor, gates: Tensor, m: Tensor) -> State:
        i, f, o = gates.chunk(3, dim=1)
        c = f * state[1] + i * torch.tanh(below + m)
        return o * torch.tanh(c), c


class GatedFeedbackGRU(GatedFeedback):
    """state: h of every layer, (batch, width) each."""

    parts = 3
    states = 1

    @staticmethod
    def joined(state: State, below: Tensor, gates: Tensor, m: Tensor) -> State:
        r, u = gates.chunk(2, dim=1)
        new = torch.tanh(below + r * m)
        return (new + u * (state[0] - new),)


SPEC = partial(
    ModelSpec,
    layers=3,
    cite="Chung, Gulcehre, Cho, Bengio: Gated feedback recurrent neural networks, ICML 2015",
    source="https://github.com/jych/cle",
    licence="none",
    start="U orthogonal, W N(0, 0.01^2), feedback gates U(-0.08, 0.08): the authors' code; classifier as torch's",
    head="default",
)
GF_LSTM = SPEC("gf-lstm", "GF-LSTM", GatedFeedbackLSTM, what="three layers of LSTM that all read each other, gated")
GF_GRU = SPEC("gf-gru", "GF-GRU", GatedFeedbackGRU, what="three layers of GRU that all read each other, gated")
