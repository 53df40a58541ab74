"""TANH-RNN and iRNN: one plain recurrent layer; what sets iRNN apart is where it starts.

    h_t = f(W h_{t-1} + V x_t + b),  f = tanh or relu;  the answer is linear in h_T

Elman, Finding structure in time, Cognitive Science 14(2), 1990. Le, Jaitly, Hinton: A simple way to initialize
recurrent networks of rectified linear units, arXiv 1504.00941, 2015.

iRNN starts with W the identity, b zero and all other weights N(0, 0.001^2), the classifier's too, as its paper is
recalled; there is no code of its authors. `init=glorot` draws V Glorot-uniform, as the authors of the uRNN did for
their comparison (`head=glorot` for the classifier). TANH-RNN starts as in that code: W, V and the classifier each
Glorot-uniform, b zero.

Departures: none of the equations. That code also trains h_0, which starts at zero: `start=trained`. The state that is
then carried is h_t - h_0, so that zeros stand for the start. Its relu has the gradient 1/2 at exactly 0, where all of
an iRNN's units are as long as the input is zero; ours has 0. The width for the budget "paper" is the 100 units of Le
et al., of TANH-RNN too.
"""

from functools import partial

import torch
from torch import Tensor, nn

from ..engine.scan import Recurrence, State
from ..parts import cells
from ..spec import ModelSpec, Shape


class Simple(cells.Classified):
    """One layer; shapes as Classified, state: h (batch, width), less h_0 where that is trained."""

    def __init__(self, shape: Shape, width: int, *, cell: type[cells.Cell], start: str = "zero") -> None:
        if start not in ("zero", "trained"):
            raise ValueError(f"start is '{start}'; choose one of zero, trained")
        super().__init__(cell(shape.inputs, width), shape, width)
        self.h_0 = nn.Parameter(torch.zeros(width)) if start == "trained" else None
        for weight in (self.rnn.weight_x, self.rnn.weight_h):
            nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        if self.h_0 is None:
            return super().forward(x, state)
        (h,) = self.initial_state(len(x)) if state is None else state
        answers, (h,) = super().forward(x, (h + self.h_0,))
        return answers if state is None else (answers, (h - self.h_0,))


class TanhNetwork(Simple):
    def __init__(self, shape: Shape, width: int, *, start: str = "zero") -> None:
        super().__init__(shape, width, cell=cells.TanhCell, start=start)


class IRNN(Simple):
    def __init__(self, shape: Shape, width: int, *, init: str = "normal", start: str = "zero") -> None:
        if init not in ("normal", "glorot"):
            raise ValueError(f"init is '{init}'; choose one of normal, glorot")
        super().__init__(shape, width, cell=ReluCell, start=start)
        nn.init.eye_(self.rnn.weight_h)
        if init == "normal":
            nn.init.normal_(self.rnn.weight_x, std=0.001)


def relu_step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, _, W = weights
    h = torch.relu(torch.addmm(projected, state[0], W.t()))
    return (h,), (h,)


class ReluCell(cells.Cell):
    """h_t = relu(W h_{t-1} + V x_t + b)."""

    recurrence = Recurrence(relu_step, cells.project)


SPEC = partial(ModelSpec, paper_width=100, source="https://github.com/amarshah/complex_RNN", licence="BSD-3-Clause")
TANH_RNN = SPEC(
    "tanh-rnn",
    "TANH-RNN",
    TanhNetwork,
    what="one layer of tanh",
    cite="Elman: Finding structure in time, Cognitive Science 14(2), 1990",
    start="each matrix Glorot-uniform, classifier included: the code of the uRNN's authors, who compare with it",
    head="glorot",
)
I_RNN = SPEC(
    "irnn",
    "iRNN",
    IRNN,
    what="one layer of relu whose recurrent matrix starts as the identity",
    cite="Le, Jaitly, Hinton: A simple way to initialize recurrent networks of rectified linear units, "
    "arXiv 1504.00941, 2015",
    start="identity, other weights N(0, 0.001^2), classifier included: recalled of the paper, unverified",
    head="normal-0.001",
    opening=("init", ("normal", "glorot")),
)
