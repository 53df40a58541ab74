"""Minimal gated unit: a GRU whose update gate is also its reset gate.

    f_t = sigmoid(W_f x_t + U_f h_{t-1} + b_f)
    h~_t = tanh(W_h x_t + U_h (f_t h_{t-1}) + b_h)
    h_t = (1 - f_t) h_{t-1} + f_t h~_t

So it is a GRU with r = f and z = 1 - f, and runs in the GRU's native code with W_z = -W_f.

Zhou, Wu, Zhang, Zhou: Minimal gated unit for recurrent neural networks, International Journal of Automation and
Computing 13(3), 2016.

No code of the authors is known. Weights start as in the package torchrecurrent: W of both parts together, and U,
Glorot-uniform, biases zero.

Departures: none of the equations. `form=after` is another cell, flax's MGUCell: its gate acts after the product, which
has a bias b_n of its own, and keeps where the paper's renews: h~ = tanh(W_h x + b_h + f (U_h h_{t-1} + b_n)) and
h_t = (1 - f) h~ + f h_{t-1}. `bias_f` starts b_f; a unit is renewed in about 1 + e^{-bias_f} steps.
"""

import torch
from torch import Tensor, nn

from ..engine.scan import Recurrence, State
from ..parts import cells
from ..spec import ModelSpec, Shape


class MinimalGatedUnit(cells.Classified):
    """One layer; shapes as Classified, state: h (batch, width)."""

    def __init__(self, shape: Shape, width: int, *, form: str = "before", bias_f: float = 0.0) -> None:
        if form not in ("before", "after"):
            raise ValueError(f"form is '{form}'; choose one of before, after")
        layer = Before if form == "before" else After
        super().__init__(layer(shape.inputs, width, bias_f), shape, width)


def step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, _, U = weights
    (h,) = state
    for_f, for_h = projected.chunk(2, dim=1)
    U_f, U_h = U.chunk(2)
    f = torch.sigmoid(torch.addmm(for_f, h, U_f.t()))
    h = h + f * (torch.tanh(torch.addmm(for_h, f * h, U_h.t())) - h)
    return (h,), (h,)


def native(weights: State, state: State, x: Tensor) -> tuple[State, State]:
    """The GRU's gates r, z, g, of which 1 - z is f."""
    as_gru = []
    for weight in weights:
        for_f, for_h = weight.chunk(2)
        as_gru.append(torch.cat([for_f, -for_f, for_h]))
    return cells.gru_native(tuple(as_gru), state, x)


def after_step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, _, U, b_n = weights
    (h,) = state
    for_f, for_h = projected.chunk(2, dim=1)
    U_f, U_h = U.chunk(2)
    f = torch.sigmoid(torch.addmm(for_f, h, U_f.t()))
    new = torch.tanh(for_h + f * torch.addmm(b_n, h, U_h.t()))
    h = new + f * (h - new)
    return (h,), (h,)


class Before(cells.Cell):
    """The paper's; parts in the order f, h~."""

    gates = 2
    recurrence = Recurrence(step, cells.project, native=native)

    def __init__(self, inputs: int, width: int, bias_f: float) -> None:
        super().__init__(inputs, width)
        for weight in (self.weight_x, self.weight_h):
            nn.init.xavier_uniform_(weight)
        nn.init.constant_(self.bias[:width].detach(), bias_f)


class After(Before):
    """flax's; parts in the order f, h~."""

    recurrence = Recurrence(after_step, cells.project)

    def __init__(self, inputs: int, width: int, bias_f: float) -> None:
        super().__init__(inputs, width, bias_f)
        self.b_n = nn.Parameter(torch.zeros(width))

    @property
    def weights(self) -> State:
        return *super().weights, self.b_n


MGU = ModelSpec(
    "mgu",
    "MGU",
    MinimalGatedUnit,
    what="one layer of GRU whose two gates are one",
    cite="Zhou, Wu, Zhang, Zhou: Minimal gated unit for recurrent neural networks, "
    "International Journal of Automation and Computing 13(3), 2016",
    start="Glorot-uniform, biases zero: torchrecurrent, as no code of the authors is known; classifier as torch's "
    "Linear",
    head="default",
    opening=("bias_f", (0.0, -2.0, -4.0)),
)
