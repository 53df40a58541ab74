"""Phased LSTM: an LSTM whose units are each open for a part of a period of their own, and else all but stay.

    g, f, i, o = tanh, sigmoid, sigmoid, sigmoid (W x_t + U h_{t-1} + b);  c~ = f c_{t-1} + i g;  h~ = o tanh(c~)
    c_t = k c~ + (1 - k) c_{t-1};  h_t = k h~ + (1 - k) h_{t-1};  the answer is linear in h_T
    phi = ((t + s) mod |tau|) / |tau|;  k = 2 phi / |r| up to |r| / 2, 2 - 2 phi / |r| up to |r|, then leak phi

Neil, Pfeiffer, Liu: Phased LSTM: Accelerating recurrent network training for long or event-based sequences, NeurIPS
2016.

Weights start as in an author's code: all U(-1 / sqrt(width), 1 / sqrt(width)), biases too, but r is 0.05, s U(0, 100)
and tau exp(U(1, 3)), in the units of t. The classifier is torch's.

Departures: the paper has peepholes and no leak in evaluation, and its shift is -s; here all is as in that code, which
is for PyTorch. There mod has the sign of t + s, so that k is negative where s has gone below -t; here it is the
paper's. The gradients are those of both: 1 to t + s, -floor((t + s) / tau) to tau. Where an input is the time of its
step (`stamps` of the shape), t is that and x all but that, as in both; otherwise the times of a sequence are 0, 1, 2,
..., and those of a text go on. What only fills a shorter sequence up is a step as others are; the paper leaves it out.
"""

import math

import torch
from torch import Tensor, nn

from ...engine.scan import State
from ...parts import cells
from ...spec import ModelSpec, Shape, stamps_of
from .leaky import leaky


class Phased(cells.Cell):
    """Parts g, f, i, o; tau, s, r (h). State: h, c (batch, h), and the time of the next step (batch, 1).

    stamps: which input is the time of its step.
    """

    gates = 4
    states = 2

    def __init__(
        self, inputs: int, width: int, log_tau: tuple[float, float], r: float, leak: float, stamps: int | None
    ) -> None:
        super().__init__(inputs - (stamps is not None), width)
        self.leak, self.stamps = leak, stamps
        for weight in self.weights:
            nn.init.uniform_(weight.detach(), -1 / math.sqrt(width), 1 / math.sqrt(width))
        self.tau = nn.Parameter(torch.empty(width).uniform_(*log_tau).exp())
        self.s = nn.Parameter(torch.empty(width).uniform_(0, 100))
        self.r = nn.Parameter(torch.full((width,), r))

    def initial_state(self, batch: int) -> State:
        return *super().initial_state(batch), self.bias.new_zeros(batch, 1)

    def times(self, x: Tensor, first: Tensor) -> Tensor:
        """t (batch or 1, time) of x (batch, time, d), from the time of its first step (batch or 1, 1) on."""
        if self.stamps is not None:
            return x[:, :, self.stamps]
        return first + torch.arange(x.shape[1], dtype=first.dtype, device=first.device)

    def openness(self, t: Tensor) -> Tensor:
        """k (.., h) at the times t (..)."""
        tau, r = self.tau.abs(), self.r.abs()
        phi = torch.remainder(t.unsqueeze(-1) + self.s, tau) / tau  # its gradient to tau is that of their code
        rising = 2 * phi / r
        return torch.where(phi <= r / 2, rising, torch.where(phi <= r, 2 - rising, self.leak * phi))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """All sequences have the same times where there are neither stamps nor a state."""
        *before, first = (*super().initial_state(len(x)), self.bias.new_zeros(1, 1)) if state is None else state
        t = self.times(x, first)
        if self.stamps is not None:
            x = torch.cat([x[:, :, : self.stamps], x[:, :, self.stamps + 1 :]], dim=2)
        k = self.openness(t)
        h, after = leaky((*self.weights, self.bias.new_zeros(())), tuple(before), x, k, k)
        return h, (*after, t[:, -1:] + 1)


class PhasedNetwork(cells.Classified):
    """One layer; shapes as Classified, state: Phased's. log_tau: between which the logarithms of tau start."""

    def __init__(
        self,
        shape: Shape,
        width: int,
        *,
        log_tau: tuple[float, float] = (1.0, 3.0),
        r: float = 0.05,
        leak: float = 0.001,
    ) -> None:
        if len(log_tau) != 2 or log_tau[0] > log_tau[1]:
            raise ValueError(f"log_tau is {log_tau}; give two numbers, the smaller one first")
        if not 0 < r <= 1:
            raise ValueError(f"r is {r}; give a share above 0 and at most 1")
        if not 0 <= leak <= 1:
            raise ValueError(f"leak is {leak}; give a number between 0 and 1")
        super().__init__(Phased(shape.inputs, width, log_tau, r, leak, stamps_of(shape)), shape, width)


P_LSTM = ModelSpec(
    "plstm",
    "Phased LSTM",
    PhasedNetwork,
    what="one layer of LSTM whose units are each open for a part of a period of their own",
    cite="Neil, Pfeiffer, Liu: Phased LSTM: Accelerating recurrent network training for long or event-based sequences, "
    "NeurIPS 2016",
    source="https://github.com/dannyneil/pytorch_plstm",
    licence="MIT",
    start="U(-1 / sqrt(width), 1 / sqrt(width)), r 0.05, s U(0, 100), tau exp(U(1, 3)): an author's code; classifier "
    "as torch's Linear",
    head="default",
    opening=("log_tau", ((1.0, 3.0), (0.0, 2.0), (3.0, 6.0))),
    further=("r", (0.05, 0.2)),
)
