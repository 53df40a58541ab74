"""UnICORNN: layers of oscillators that do not drive each other within a layer, undamped, each at its own steps of time.

    p_t = V x_t + b;  s = dt sigmoid(c)
    z_t = z_{t-1} - s (tanh(w y_{t-1} + p_t) + alpha y_{t-1});  y_t = y_{t-1} + s z_t, unit by unit
    x_t of a layer above is y_t of that below; the answer is linear in y_T of the last layer

Rusch, Mishra: UnICORNN: A recurrent model for learning very long time dependencies, ICML 2021.

Weights start as in the authors' code: V U(-l, l) with l^2 = 6 / (65 inputs), w U(0, 1), c U(-0.1, 0.1), b zero, the
classifier N(0, 2 / width) with bias zero.

`dropout`: in training entries of y are dropped after every layer, one mask for all steps of a pass. Off by default,
since no model here has any; the authors took 0.1.

Departures: none of the equations. dt, alpha and three layers are those of their permuted digits, 0.19 and 30.65; they
have a dt for each layer on other tasks.
"""

import math

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ...engine.scan import Recurrence, State, scan
from ...parts.stack import Stack, check_dropout, dropped
from ...spec import ModelSpec, Shape


def step(weights: State, state: State, p: Tensor) -> tuple[State, State]:
    w, s, stiffness = weights
    y, z = state
    z = torch.addcmul(torch.addcmul(z, s, torch.tanh(torch.addcmul(p, w, y)), value=-1), stiffness, y, value=-1)
    y = torch.addcmul(y, s, z)
    return (y, z), (y,)


class _Oscillators(torch.autograd.Function):
    """(p (time, batch, h), w, s, stiffness = s alpha, y_0, z_0) -> y of every step, the last y and z.

    The loop without a graph of its steps; the way back needs no loop but for the gradients of y and z.
    """

    @staticmethod
    def forward(ctx, p, w, s, stiffness, y_0, z_0):
        every_y, every_z, y, z = torch.empty_like(p), torch.empty_like(p), y_0, z_0
        for p_t, y_t, z_t in zip(p.unbind(0), every_y.unbind(0), every_z.unbind(0), strict=True):
            pull = torch.addcmul(p_t, w, y).tanh_().mul_(s).addcmul_(stiffness, y)
            z = torch.sub(z, pull, out=z_t)
            y = torch.addcmul(y, s, z, out=y_t)
        ctx.save_for_backward(p, w, s, stiffness, y_0, every_y, every_z)
        return every_y, y.clone(), z.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_every, d_y, d_z):
        p, w, s, stiffness, y_0, every_y, every_z = ctx.saved_tensors
        before = torch.cat([y_0.unsqueeze(0), every_y[:-1]])
        a = torch.tanh(torch.addcmul(p, w, before))
        d_p = -s * (1 - a * a)  # of z to p
        of_y = d_p * w - stiffness  # of z to the y before
        ys, zs = torch.empty_like(p), torch.empty_like(p)
        for d_t, of_t, y_t, z_t in zip(*(v.unbind(0)[::-1] for v in (d_every, of_y, ys, zs)), strict=True):
            d_y = torch.add(d_y, d_t, out=y_t)
            d_z = torch.addcmul(d_z, s, d_y, out=z_t)
            d_y = torch.addcmul(d_y, of_t, d_z)
        d_p = d_p * zs
        d_w, d_s, d_stiffness = d_p * before, ys * every_z - zs * a, -zs * before
        return d_p, *(d.sum((0, 1)) for d in (d_w, d_s, d_stiffness)), d_y, d_z


def whole(weights: State, state: State, p: Tensor) -> tuple[State, State]:
    every, *last = _Oscillators.apply(p, *weights, *state)
    return tuple(last), (every,)


RECURRENCE = Recurrence(step, library=whole)


class Oscillators(nn.Module):
    """V (h, d), b, w, c (h); x (batch, time, d) -> y (batch, time, h); state: y, z (batch, h)."""

    def __init__(self, inputs: int, width: int, dt: float, alpha: float) -> None:
        super().__init__()
        self.dt, self.alpha = dt, alpha
        self.V = nn.Parameter(torch.empty(width, inputs))
        self.b = nn.Parameter(torch.zeros(width))
        self.w = nn.Parameter(torch.rand(width))
        self.c = nn.Parameter(torch.empty(width))
        nn.init.uniform_(self.V, -math.sqrt(6 / (65 * inputs)), math.sqrt(6 / (65 * inputs)))
        nn.init.uniform_(self.c, -0.1, 0.1)

    def initial_state(self, batch: int) -> State:
        return self.b.new_zeros(batch, len(self.b)), self.b.new_zeros(batch, len(self.b))

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        before = self.initial_state(len(x)) if state is None else state
        s = self.dt * torch.sigmoid(self.c)
        p = F.linear(x, self.V, self.b).transpose(0, 1)
        after, (y,) = scan(RECURRENCE, (self.w, s, self.alpha * s), before, (p,))
        return y.transpose(0, 1), after


class UndampedNetwork(Stack):
    """As Stack."""

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        layers: int = 3,
        dt: float = 0.19,
        alpha: float = 30.65,
        dropout: float = 0.0,
    ) -> None:
        for name, value in (("dt", dt), ("alpha", alpha)):
            if value <= 0:
                raise ValueError(f"{name} is {value}; give a number above 0")
        check_dropout(dropout)
        super().__init__(shape, width, layers, lambda d, h, place: Oscillators(d, h, dt, alpha))
        self.dropout = dropout

    def between(self, h: Tensor) -> Tensor:
        return dropped(h, self.dropout if self.training else 0.0)


UNI_CO_RNN = ModelSpec(
    "unicornn",
    "UnICORNN",
    UndampedNetwork,
    paper_width=256,
    layers=3,
    what="three layers of undamped oscillators, each at its own steps of time",
    cite="Rusch, Mishra: UnICORNN: A recurrent model for learning very long time dependencies, ICML 2021",
    source="https://github.com/tk-rusch/unicornn",
    licence="none",
    start="V U(-l, l), l^2 = 6 / (65 inputs), w U(0, 1), c U(-0.1, 0.1), classifier N(0, 2 / width): the authors' code",
    head="he-zero",
    opening=("dt", (0.19, 0.05, 0.5)),
    further=("alpha", (30.65, 1.0, 10.0)),
)
