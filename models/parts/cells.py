"""The plain cells: LSTM, GRU and tanh, one bias a gate, as TP-RNN and ASRNN build on them; and modReLU's recurrence.

    LSTM   i, f, o = sigmoid(W x_t + U h_{t-1} + b);  g = tanh(W_g x_t + U_g h_{t-1} + b_g)
           c_t = f c_{t-1} + i g;  h_t = o tanh(c_t)                                  (order i, f, g, o)
    GRU    r, z = sigmoid(W x_t + U h_{t-1} + b);  g = tanh(W_g x_t + U_g (r h_{t-1}) + b_g)
           h_t = z h_{t-1} + (1 - z) g                                                (order r, z, g)
    tanh   h_t = tanh(W x_t + U h_{t-1} + b)
    modReLU  h_t = sign(a) max(0, |a| + b), a = W x_t + U h_{t-1}

Each cell has a `recurrence` (scan.py) over its `weights` W, b, U and the input x, (time, batch, d),
and states, of which the first is h. The outputs of a recurrence are its states at all steps.

Weights start Glorot-uniform over the joint kernel [W U], as TensorFlow's cells do, which both
papers used; biases at zero but for the LSTM's forget gate.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..engine.native import recurrences
from ..engine.scan import Recurrence, State, scan
from ..engine.triton import lstm as triton_lstm
from ..spec import Shape


def project(weights: State, x: Tensor) -> State:
    """W x + b: (time, batch, d) -> (time, batch, G h)."""
    W, b, *_ = weights
    return (F.linear(x, W, b),)


def lstm_step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, _, U, *_ = weights
    h, c = state
    i, f, g, o = torch.addmm(projected, h, U.t()).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return (h, c), (h, c)


def gru_step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, _, U, *_ = weights
    (h,) = state
    units = h.shape[1]
    for_gates, for_g = projected.split([2 * units, units], dim=1)
    U_gates, U_g = U.split([2 * units, units])
    r, z = torch.sigmoid(torch.addmm(for_gates, h, U_gates.t())).chunk(2, dim=1)
    g = torch.tanh(torch.addmm(for_g, r * h, U_g.t()))
    h = g + z * (h - g)
    return (h,), (h,)


def tanh_step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    *_, U = weights
    h = torch.tanh(torch.addmm(projected, state[0], U.t()))
    return (h,), (h,)


def modrelu_step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, b, U = weights
    a = torch.addmm(projected, state[0], U.t())
    h = torch.sign(a) * torch.relu(a.abs() + b)
    return (h,), (h,)


def without_bias(weights: State, x: Tensor) -> State:
    """W x, as b is inside the relu."""
    return (F.linear(x, weights[0]),)


def lstm_native(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    h, c, *last = recurrences.LSTM.apply(x, *weights[:3], *state)
    return tuple(last), (h, c)


def gru_native(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    h, last = recurrences.GRU.apply(x, *weights, *state, False)
    return (last,), (h,)


def tanh_native(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    return projected_native(weights, state, *project(weights, x))


def projected_native(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    *_, U = weights
    h, last = recurrences.Tanh.apply(projected, U, *state, None)
    return (last,), (h,)


def modrelu_native(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    _, b, U = weights
    h, last = recurrences.ModReLU.apply(*without_bias(weights, x), U, b, *state)
    return (last,), (h,)


def lstm_triton(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    """With a leading replica axis on everything."""
    W, b, U, *_ = weights
    projected = torch.einsum("rtbd,rgd->rtbg", x, W) + b[:, None, None]
    h, c = triton_lstm.lstm(projected, U, *state)
    return (h[:, -1], c[:, -1]), (h, c)


LSTM = Recurrence(lstm_step, project, native=lstm_native, triton=lstm_triton)
GRU = Recurrence(gru_step, project, native=gru_native)
TANH = Recurrence(tanh_step, project, native=tanh_native)
PROJECTED = Recurrence(tanh_step, native=projected_native)  # TANH of a W x + b that is given, over U alone
MODRELU = Recurrence(modrelu_step, without_bias, native=modrelu_native)


class Layer:
    """What is a recurrent layer by its `recurrence` over its `weights` W, b, U, .., and so many `states` (batch, h)."""

    recurrence: ClassVar[Recurrence]
    states: ClassVar[int] = 1
    weights: State

    def initial_state(self, batch: int) -> State:
        """Zero states (batch, h) as the weights are."""
        U = self.weights[2]
        return tuple(U.new_zeros(batch, U.shape[1]) for _ in range(self.states))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (batch, time, d) from a state, None for zeros -> h (batch, time, h), the last state."""
        before = self.initial_state(len(x)) if state is None else state
        after, (h, *_) = scan(self.recurrence, self.weights, before, (x.transpose(0, 1),))
        return h.transpose(0, 1), after


class Classified(nn.Module):
    """A recurrent layer, and a linear classifier on its h.

    x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: the layer's.
    """

    def __init__(self, rnn: Layer, shape: Shape, width: int) -> None:
        super().__init__()
        self.per_step = shape.per_step
        self.rnn = rnn
        self.classifier = nn.Linear(width, shape.outputs)

    def initial_state(self, batch: int) -> State:
        return self.rnn.initial_state(batch)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        h, after = self.rnn(x, state)
        answers = self.classifier(h if self.per_step else after[0])
        return answers if state is None else (answers, after)


class Cell(Layer, nn.Module):
    """Parameters shared by the three cells: weight_x (G h, d), weight_h (G h, h), bias (G h)."""

    gates = 1

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.weight_x = nn.Parameter(torch.empty(self.gates * width, inputs))
        self.weight_h = nn.Parameter(torch.empty(self.gates * width, width))
        self.bias = nn.Parameter(torch.zeros(self.gates * width))
        limit = math.sqrt(6 / (inputs + width + self.gates * width))
        for weight in (self.weight_x, self.weight_h):
            nn.init.uniform_(weight, -limit, limit)

    @property
    def weights(self) -> State:
        return self.weight_x, self.bias, self.weight_h


class TanhCell(Cell):
    """h_t = tanh(W x_t + U h_{t-1} + b)."""

    recurrence = TANH


class LSTMCell(Cell):
    """Hochreiter and Schmidhuber (1997) with a forget gate, no peepholes."""

    gates = 4
    states = 2
    recurrence = LSTM

    def __init__(self, inputs: int, width: int, *, forget_bias: float = 1.0) -> None:
        super().__init__(inputs, width)
        with torch.no_grad():
            self.bias[width : 2 * width] = forget_bias


class GRUCell(Cell):
    """Cho et al. (2014): the reset gate acts on h before the product, unlike torch.nn.GRU."""

    gates = 3
    recurrence = GRU


CELLS = {"lstm": LSTMCell, "gru": GRUCell, "tanh": TanhCell}


def make_cell(kind: str, inputs: int, width: int, *, forget_bias: float = 1.0) -> Cell:
    """The cell called `kind`; the forget bias concerns the LSTM alone."""
    if kind not in CELLS:
        raise ValueError(f"no cell '{kind}'; choose one of {', '.join(CELLS)}")
    if kind == "lstm":
        return LSTMCell(inputs, width, forget_bias=forget_bias)
    return CELLS[kind](inputs, width)
