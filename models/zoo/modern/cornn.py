"""coRNN: oscillators that drive each other, damped, at small steps of time.

    z_t = z_{t-1} + dt (tanh(W y_{t-1} + W_z z_{t-1} + V x_t + b) - gamma y_{t-1} - epsilon z_{t-1})
    y_t = y_{t-1} + dt z_t;  the answer is linear in y_T

Rusch, Mishra: Coupled oscillatory recurrent neural network (coRNN): An accurate and (gradient) stable architecture for
learning long time dependencies, ICLR 2021.

Weights start as in the authors' code: all of the cell as those of one torch Linear of [x, z, y], the classifier as
torch's.

Departures: the damping epsilon z is that of the step before, as in their code; the paper also has it implicit. dt,
gamma and epsilon are those of their digits by pixels, 0.042, 2.7 and 4.7 (permuted ones: 0.076, 0.4 and 8).
"""

import math
from functools import cache, partial

import torch
from torch import Tensor, nn

from ...engine.scan import Recurrence, State
from ...parts import cells
from ...spec import ModelSpec, Shape


def step(
    dt: float, gamma: float, epsilon: float, weights: State, state: State, projected: Tensor
) -> tuple[State, State]:
    _, _, W, W_z = weights
    y, z = state
    driven = torch.tanh(torch.addmm(torch.addmm(projected, y, W.t()), z, W_z.t()))
    z = torch.add(torch.add((1 - dt * epsilon) * z, y, alpha=-dt * gamma), driven, alpha=dt)
    y = torch.add(y, z, alpha=dt)
    return (y, z), (y,)


@cache
def recurrence(dt: float, gamma: float, epsilon: float) -> Recurrence:
    return Recurrence(partial(step, dt, gamma, epsilon), cells.project)


class Oscillators(cells.Cell):
    """weight_h is W; state: y, z (batch, width)."""

    states = 2

    def __init__(self, inputs: int, width: int, **constants: float) -> None:
        super().__init__(inputs, width)
        self.recurrence = recurrence(**constants)
        self.weight_z = nn.Parameter(torch.empty(width, width))
        limit = 1 / math.sqrt(inputs + 2 * width)
        for weight in self.weights:
            nn.init.uniform_(weight, -limit, limit)

    @property
    def weights(self) -> State:
        return self.weight_x, self.bias, self.weight_h, self.weight_z


class Coupled(cells.Classified):
    """One layer; shapes as Classified, state: y, z (batch, width). dt, gamma and epsilon are above 0."""

    def __init__(
        self, shape: Shape, width: int, *, dt: float = 0.042, gamma: float = 2.7, epsilon: float = 4.7
    ) -> None:
        constants = {"dt": dt, "gamma": gamma, "epsilon": epsilon}
        for name, value in constants.items():
            if value <= 0:
                raise ValueError(f"{name} is {value}; give a number above 0")
        super().__init__(Oscillators(shape.inputs, width, **constants), shape, width)


CO_RNN = ModelSpec(
    "cornn",
    "coRNN",
    Coupled,
    paper_width=256,
    what="one layer of damped oscillators that drive each other",
    cite="Rusch, Mishra: Coupled oscillatory recurrent neural network (coRNN): An accurate and (gradient) stable "
    "architecture for learning long time dependencies, ICLR 2021",
    source="https://github.com/tk-rusch/coRNN",
    licence="MIT",
    start="as torch's Linear of [x, z, y]: the authors' code; classifier as torch's Linear",
    head="default",
    opening=("dt", (0.042, 0.1, 0.2)),
    further=("epsilon", (4.7, 1.0, 8.0)),
)
