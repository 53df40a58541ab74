"""LEM, long expressive memory: two states that follow each other, each by steps of time that the network chooses.

    D_t = dt sigmoid(W_1 y_{t-1} + V_1 x_t + b_1);  E_t = dt sigmoid(W_2 y_{t-1} + V_2 x_t + b_2)
    z_t = (1 - D_t) z_{t-1} + D_t tanh(W_z y_{t-1} + V_z x_t + b_z)
    y_t = (1 - E_t) y_{t-1} + E_t tanh(W_y z_t + V_y x_t + b_y);  the answer is linear in y_T

Rusch, Mishra, Erichson, Mahoney: Long expressive memory for sequence modeling, ICLR 2022.

Weights start as in the authors' code: all U(-1 / sqrt(width), 1 / sqrt(width)), biases too; the classifier's weight
N(0, 2 / width).

Departures: D and E are the paper's time steps, the second with a bar there. Their code has a second bias in each
equation, of which the sum alone matters; here it is one, as in the paper. dt is that of their digits by pixels, 0.21
(permuted ones: 0.31).
"""

import math
from functools import cache, partial

import torch
from torch import Tensor, nn

from ...engine.scan import Recurrence, State
from ...parts import cells
from ...spec import ModelSpec, Shape


def step(dt: float, weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, _, W_gates, W_y = weights
    y, z = state
    h = y.shape[1]
    for_gates, for_y = projected.split([3 * h, h], dim=1)
    gates, for_z = torch.addmm(for_gates, y, W_gates.t()).split([2 * h, h], dim=1)
    D, E = (dt * torch.sigmoid(gates)).chunk(2, dim=1)
    z = torch.lerp(z, torch.tanh(for_z), D)
    y = torch.lerp(y, torch.tanh(torch.addmm(for_y, z, W_y.t())), E)
    return (y, z), (y,)


@cache
def recurrence(dt: float) -> Recurrence:
    return Recurrence(partial(step, dt), cells.project)


class Cell(cells.Cell):
    """Parts in the order 1, 2, z, y; state: y, z (batch, width)."""

    gates = 4
    states = 2

    def __init__(self, inputs: int, width: int, dt: float) -> None:
        super().__init__(inputs, width)
        self.recurrence = recurrence(dt)
        for weight in self.weights:
            nn.init.uniform_(weight.detach(), -1 / math.sqrt(width), 1 / math.sqrt(width))

    @property
    def weights(self) -> State:
        """W of 1, 2, z and W_y apart: split in every step, each would have a gradient of both."""
        h = self.weight_h.shape[1]
        return self.weight_x, self.bias, *self.weight_h.split([3 * h, h])


class LongExpressiveMemory(cells.Classified):
    """One layer; shapes as Classified, state: y, z (batch, width). dt: above 0, at most 1."""

    def __init__(self, shape: Shape, width: int, *, dt: float = 0.21) -> None:
        if not 0 < dt <= 1:
            raise ValueError(f"dt is {dt}; give a number above 0 and at most 1")
        super().__init__(Cell(shape.inputs, width, dt), shape, width)


LEM = ModelSpec(
    "lem",
    "LEM",
    LongExpressiveMemory,
    paper_width=128,
    what="two states that follow each other, each by steps of time that it learns",
    cite="Rusch, Mishra, Erichson, Mahoney: Long expressive memory for sequence modeling, ICLR 2022",
    source="https://github.com/tk-rusch/LEM",
    licence="none",
    start="U(-1 / sqrt(width), 1 / sqrt(width)), classifier N(0, 2 / width): the authors' code",
    head="he",
    opening=("dt", (0.21, 1.0, 0.05)),
)
