"""The plain cells: LSTM, GRU and tanh, one bias a gate, as TP-RNN and ASRNN build on them.

    LSTM   i, f, o = sigmoid(W x_t + U h_{t-1} + b);  g = tanh(W_g x_t + U_g h_{t-1} + b_g)
           c_t = f c_{t-1} + i g;  h_t = o tanh(c_t)                                  (order i, f, g, o)
    GRU    r, z = sigmoid(W x_t + U h_{t-1} + b);  g = tanh(W_g x_t + U_g (r h_{t-1}) + b_g)
           h_t = z h_{t-1} + (1 - z) g                                                (order r, z, g)
    tanh   h_t = tanh(W x_t + U h_{t-1} + b)

Each cell has `project` (the part that needs no state, for a whole sequence), `initial` and
`step_function`, which `scan` drives. A state's first entry is h.

Weights start Glorot-uniform over the joint kernel [W U], as TensorFlow's cells do, which both
papers used; biases at zero but for the LSTM's forget gate.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import recurrences
from .scan import State, Step


class Cell(nn.Module):
    """Parameters shared by the three cells: weight_x (G h, d), weight_h (G h, h), bias (G h)."""

    gates = 1
    states = 1

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.weight_x = nn.Parameter(torch.empty(self.gates * width, inputs))
        self.weight_h = nn.Parameter(torch.empty(self.gates * width, width))
        self.bias = nn.Parameter(torch.zeros(self.gates * width))
        limit = math.sqrt(6 / (inputs + width + self.gates * width))
        for weight in (self.weight_x, self.weight_h):
            nn.init.uniform_(weight, -limit, limit)

    def project(self, x: Tensor) -> Tensor:
        """W x + b: (..., inputs) -> (..., G h)."""
        return F.linear(x, self.weight_x, self.bias)

    def initial(self, x: Tensor) -> State:
        """Zero states (batch, h) for inputs x, (time, batch, ...)."""
        return tuple(x.new_zeros(x.shape[1], self.width) for _ in range(self.states))

    def step_function(self) -> Step:
        """step(state, x_t) -> (state, state)."""
        U = self.weight_h.t()

        def step(state: State, x: Tensor) -> tuple[State, State]:
            h = torch.tanh(torch.addmm(self.project(x), state[0], U))
            return (h,), (h,)

        def fused(state: State, x: Tensor) -> tuple[State, State]:
            h, last = recurrences.Tanh.apply(self.project(x), self.weight_h, state[0], None)
            return (last,), (h,)

        step.fused = fused
        return step


class TanhCell(Cell):
    """h_t = tanh(W x_t + U h_{t-1} + b)."""


class LSTMCell(Cell):
    """Hochreiter and Schmidhuber (1997) with a forget gate, no peepholes."""

    gates = 4
    states = 2

    def __init__(self, inputs: int, width: int, *, forget_bias: float = 1.0) -> None:
        super().__init__(inputs, width)
        with torch.no_grad():
            self.bias[width : 2 * width] = forget_bias

    def step_function(self) -> Step:
        U = self.weight_h.t()

        def step(state: State, x: Tensor) -> tuple[State, State]:
            h, c = state
            i, f, g, o = torch.addmm(self.project(x), h, U).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            return (h, c), (h, c)

        def fused(state: State, x: Tensor) -> tuple[State, State]:
            h, c, *last = recurrences.LSTM.apply(x, self.weight_x, self.bias, self.weight_h, *state)
            return tuple(last), (h, c)

        step.fused = fused
        return step


class GRUCell(Cell):
    """Cho et al. (2014): the reset gate acts on h before the product, unlike torch.nn.GRU."""

    gates = 3

    def step_function(self) -> Step:
        U_gates, U_g = self.weight_h.split([2 * self.width, self.width])
        U_gates, U_g = U_gates.t(), U_g.t()

        def step(state: State, x: Tensor) -> tuple[State, State]:
            (h,) = state
            for_gates, for_g = self.project(x).split([2 * self.width, self.width], dim=1)
            r, z = torch.sigmoid(torch.addmm(for_gates, h, U_gates)).chunk(2, dim=1)
            g = torch.tanh(torch.addmm(for_g, r * h, U_g))
            h = g + z * (h - g)
            return (h,), (h,)

        def fused(state: State, x: Tensor) -> tuple[State, State]:
            h, last = recurrences.GRU.apply(x, self.weight_x, self.bias, self.weight_h, *state, False)
            return (last,), (h,)

        step.fused = fused
        return step


CELLS = {"lstm": LSTMCell, "gru": GRUCell, "tanh": TanhCell}


def make_cell(kind: str, inputs: int, width: int, *, forget_bias: float = 1.0) -> Cell:
    """The cell called `kind`; the forget bias concerns the LSTM alone."""
    if kind not in CELLS:
        raise ValueError(f"no cell '{kind}'; choose one of {', '.join(CELLS)}")
    if kind == "lstm":
        return LSTMCell(inputs, width, forget_bias=forget_bias)
    return CELLS[kind](inputs, width)
