"""QRNN: gates that read the input alone, of this step and the last, and a state without any matrix.

    z, f, o = tanh, sigmoid, sigmoid (W [x_t, x_{t-1}] + b),  x_0 = 0
    c_t = f c_{t-1} + (1 - f) z;  h_t = o c_t
    x_t of a layer above is h_t of that below; the answer is linear in h_T of the last layer

Bradbury, Merity, Xiong, Socher: Quasi-recurrent neural networks, ICLR 2017.

Weights start as in the authors' code, as torch's Linear.

`zoneout`: in training an entry of c stays as it is with that probability; in evaluation 1 - f is scaled by what is
left. Off by default.

Departures: none of the equations; what the authors' code calls f is 1 - f. Two layers are ours, `layers`; both see two
steps, `window` (1 or 2). The x that is carried from a piece of a text to the next has a gradient, which that code
stops.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..engine.replicas import exponential
from ..engine.scan import State
from ..parts.linear import linear
from ..parts.stack import Stack
from ..spec import ModelSpec, Shape


class Quasi(nn.Module):
    """One layer: W (3 h, window d), for x_t before x_{t-1}, and b (3 h), the parts z, f, o.

    x (batch, time, d) -> h (batch, time, h); state: c (batch, h), and where the window is 2 the last x (batch, d).
    """

    def __init__(self, inputs: int, width: int, window: int, zoneout: float) -> None:
        super().__init__()
        self.inputs, self.window, self.zoneout = inputs, window, zoneout
        self.W = nn.Parameter(torch.empty(3 * width, window * inputs))
        self.b = nn.Parameter(torch.empty(3 * width))
        for weight in (self.W, self.b):
            nn.init.uniform_(weight, -1 / math.sqrt(window * inputs), 1 / math.sqrt(window * inputs))

    def initial_state(self, batch: int) -> State:
        return tuple(self.b.new_zeros(batch, n) for n in (len(self.b) // 3, self.inputs)[: self.window])

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        c, *last = self.initial_state(len(x)) if state is None else state
        read = [x, *(torch.cat([before.unsqueeze(1), x[:, :-1]], dim=1) for before in last)]
        z, f, o = F.linear(torch.cat(read, dim=2), self.W, self.b).chunk(3, dim=2)
        renewed = torch.sigmoid(-f) * self.kept(f)
        c = linear(1 - renewed, renewed * torch.tanh(z), c)
        return torch.sigmoid(o) * c, (c[:, -1], *(x[:, -1] for _ in last))

    def kept(self, like: Tensor) -> Tensor | float:
        """What 1 - f is multiplied by. An exponential draw is above -log p with probability p."""
        if not self.zoneout or not self.training:
            return 1 - self.zoneout
        return (exponential(like) > -math.log1p(-self.zoneout)).to(like)


class QuasiRecurrent(Stack):
    """As Stack."""

    def __init__(self, shape: Shape, width: float, *, layers: int = 2, window: int = 2, zoneout: float = 0.0) -> None:
        if window not in (1, 2):
            raise ValueError(f"window is {window}; choose one of 1, 2")
        if not 0 <= zoneout < 1:
            raise ValueError(f"zoneout is {zoneout}; give a share of at least 0 and below 1")
        super().__init__(shape, width, layers, lambda d, h, place: Quasi(d, h, window, zoneout))


QRNN = ModelSpec(
    "qrnn",
    "QRNN",
    QuasiRecurrent,
    layers=2,
    what="two layers whose gates read two steps of their input, and no state",
    cite="Bradbury, Merity, Xiong, Socher: Quasi-recurrent neural networks, ICLR 2017",
    source="https://github.com/salesforce/pytorch-qrnn",
    licence="BSD-3-Clause",
    start="as torch's Linear: the authors' code; classifier likewise",
    head="default",
    opening=("window", (2, 1)),
)
