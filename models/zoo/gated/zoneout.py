"""Zoneout: an LSTM of which, in training, random entries stay as they are for a step.

    g, f, i, o = tanh, sigmoid, sigmoid, sigmoid (W x_t + U h_{t-1} + b);  c~ = f c_{t-1} + i g;  h~ = o tanh(c~)
    c_t = d_c c_{t-1} + (1 - d_c) c~;  h_t = d_h h_{t-1} + (1 - d_h) h~;  the answer is linear in h_T
    each entry of d_c and d_h at each step 1 with probability z_c and z_h, else 0; in evaluation z_c and z_h themselves

Krueger, Maharaj, Kramar, Pezeshki, Ballas, Ke, Goyal, Bengio, Courville, Pal: Zoneout: Regularizing RNNs by randomly
preserving hidden activations, ICLR 2017.

Weights start as in the authors' code for permuted digits: W, U and the classifier orthogonal, the forget bias 1, other
biases 0. `init=identity` is that of the code it is made from, by the runs on digits: U of g the identity, U of the
others together orthogonal.

Departures: none of the equations. That code has a bias inside the tanh of h~, and trains h_0 and c_0, which start at
zero: `released=True`. The state that is then carried is h_t - h_0 and c_t - c_0, so that zeros stand for the start. It
gives h the mask of c, against its paper; here they are drawn apart. z_c and z_h are those of permuted digits.
"""

import torch
from torch import Tensor, nn

from ...engine.replicas import uniform
from ...engine.scan import State
from ...parts import cells
from ...spec import FORGET_BIASES, ModelSpec, Shape
from .leaky import leaky

INITS = ("orthogonal", "identity")


class Zoneout(cells.Cell):
    """Parts g, f, i, o; beta (h), the bias inside the tanh, or None. State: h, c (batch, h)."""

    gates = 4
    states = 2

    def __init__(
        self, inputs: int, width: int, z_c: float, z_h: float, init: str, forget_bias: float, beta: bool
    ) -> None:
        super().__init__(inputs, width)
        self.z_c, self.z_h = z_c, z_h
        self.beta = nn.Parameter(torch.zeros(width)) if beta else None
        nn.init.orthogonal_(self.weight_x)
        if init == "identity":
            nn.init.eye_(self.weight_h.detach()[:width])
            nn.init.orthogonal_(self.weight_h.detach()[width:])
        else:
            nn.init.orthogonal_(self.weight_h)
        nn.init.constant_(self.bias.detach()[width : 2 * width], forget_bias)

    def renewed(self, batch: int, steps: int) -> tuple[Tensor, Tensor]:
        """1 - d_c, 1 - d_h (batch or 1, time, h or 1)."""
        if not self.training:
            ones = self.bias.new_ones(1, steps, 1)
            return ones * (1 - self.z_c), ones * (1 - self.z_h)
        c, h = uniform(self.bias.new_empty(batch, steps, len(self.bias) // 2)).chunk(2, dim=2)
        return (c >= self.z_c).to(c), (h >= self.z_h).to(h)

    def read(self, batch: int) -> State:
        """What h_{t-1} is multiplied with where U reads it: here nothing."""
        return ()

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        before = self.initial_state(len(x)) if state is None else state
        beta = self.bias.new_zeros(()) if self.beta is None else self.beta
        return leaky((*self.weights, beta, *self.read(len(x))), before, x, *self.renewed(*x.shape[:2]))


class ZoneoutNetwork(cells.Classified):
    """One layer; shapes as Classified, state: h, c (batch, width), less h_0 and c_0 where those are trained."""

    def __init__(
        self,
        shape: Shape,
        width: int,
        *,
        z_c: float = 0.15,
        z_h: float = 0.15,
        init: str = "orthogonal",
        forget_bias: float = 1.0,
        released: bool = False,
    ) -> None:
        for name, share in (("z_c", z_c), ("z_h", z_h)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share}; give a share of at least 0 and below 1")
        if init not in INITS:
            raise ValueError(f"init is '{init}'; choose one of {', '.join(INITS)}")
        super().__init__(Zoneout(shape.inputs, width, z_c, z_h, init, forget_bias, released), shape, width)
        self.start = nn.Parameter(torch.zeros(2, width)) if released else None  # h_0, c_0

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        if self.start is None:
            return super().forward(x, state)
        given = self.initial_state(len(x)) if state is None else state
        answers, after = super().forward(x, tuple(s + s_0 for s, s_0 in zip(given, self.start, strict=True)))
        return answers if state is None else (answers, tuple(s - s_0 for s, s_0 in zip(after, self.start, strict=True)))


ZONEOUT_LSTM = ModelSpec(
    "zoneout-lstm",
    "Zoneout LSTM",
    ZoneoutNetwork,
    paper_width=100,
    what="one layer of LSTM of which random entries stay as they are for a step in training",
    cite="Krueger et al.: Zoneout: Regularizing RNNs by randomly preserving hidden activations, ICLR 2017",
    source="https://github.com/teganmaharaj/zoneout",
    licence="none",
    start="matrices orthogonal, classifier included, forget bias 1, other biases 0: the authors' code",
    head="orthogonal",
    opening=FORGET_BIASES,
    further=("z_c", (0.15, 0.05, 0.5)),
)
