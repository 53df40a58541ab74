"""MTGRU: layers of GRU, each of which follows its GRU at a time constant of its own, larger from layer to layer.

    z, r = sigmoid(W x_t + U h_{t-1} + b);  u = tanh(W_u x_t + U_u (r h_{t-1}) + b_u)
    h_t = (1 - 1 / tau) h_{t-1} + (z h_{t-1} + (1 - z) u) / tau
    x_t of a layer above is h_t of that below; the answer is linear in h_T of the last layer

Kim, Moirangthem, Lee: Towards abstraction from extraction: multiple timescale gated recurrent unit for summarization,
RepL4NLP 2016.

Weights start as in the authors' code: each matrix, that of both gates being one, orthogonal; biases Glorot-uniform,
TensorFlow's default for any variable. The classifier is torch's, since their model has none.

Departures: three layers of time constants 1, 2 and 4 are ours: `taus`. The released code multiplies its inputs from
the wrong side and cannot run as it is; here they are multiplied as in the paper. It calls 1 / tau tau.
"""

import math
from functools import cache, partial

from torch import Tensor, nn

from ..engine.scan import Recurrence, State
from ..parts import cells
from ..parts.stack import Stack
from ..spec import ModelSpec, Shape

TAUS = (1.0, 2.0, 4.0)


class MultipleTimescaleGRU(Stack):
    """As Stack. taus: a time constant for each layer, at least 1."""

    def __init__(self, shape: Shape, width: float, *, taus: tuple[float, ...] = TAUS) -> None:
        if not taus or min(taus) < 1:
            raise ValueError(f"taus are {taus}; give a number of at least 1 for each layer")
        super().__init__(shape, width, len(taus), lambda d, h, place: Slowed(d, h, taus[place]))


class Slowed(cells.GRUCell):
    """A GRU of gates r, z, u at a time constant."""

    def __init__(self, inputs: int, width: int, tau: float) -> None:
        super().__init__(inputs, width)
        self.recurrence = slowed(tau)
        for weight in (self.weight_x, self.weight_h, self.bias):
            for part in weight.detach().split([2 * width, width]):
                if part.dim() == 2:
                    nn.init.orthogonal_(part)
                else:
                    limit = math.sqrt(3 / len(part))
                    nn.init.uniform_(part, -limit, limit)


@cache
def slowed(tau: float) -> Recurrence:
    """The GRU's own where tau is 1, and that has native code."""
    return cells.GRU if tau == 1 else Recurrence(partial(step, tau), cells.project)


def step(tau: float, weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    (old,) = state
    (new,), _ = cells.gru_step(weights, state, projected)
    h = old + (new - old) / tau
    return (h,), (h,)


MTGRU = ModelSpec(
    "mtgru",
    "MTGRU",
    MultipleTimescaleGRU,
    layers=len(TAUS),
    what="three layers of GRU at time constants 1, 2 and 4",
    cite="Kim, Moirangthem, Lee: Towards abstraction from extraction: Multiple timescale gated recurrent unit for "
    "summarization, RepL4NLP 2016",
    source="https://github.com/dennissm/mtgru",
    licence="none",
    start="orthogonal, biases Glorot-uniform: the authors' code; classifier as torch's Linear",
    head="default",
    opening=("taus", (TAUS, (1.0, 4.0, 16.0), (1.0, 8.0, 64.0))),
)
