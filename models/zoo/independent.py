"""IndRNN: layers of relu whose units read of the state what each of them said alone.

    p_t = W x_t + b;  h_t = relu(p_t + u h_{t-1}), unit by unit;  x_t of a layer above is norm(h_t) of that below
    the answer is linear in the norm(h_T) of the last layer

Li, Li, Cook, Zhu, Gao: Independently recurrent neural network (IndRNN): building a longer and deeper RNN, CVPR 2018.

norm is batch normalisation over all sequences and steps of a batch: in training an answer depends on later steps, and
no state can be carried; in evaluation it is by running statistics. `norm=layer` normalises the units of each step and
is causal, `norm=none` leaves it out. `before=True` normalises p in place of h.

Weights start as in the authors' code: u U(0, 5^(1 / T)) for T steps, W U(-l, l) with l^2 = 6 / (65 inputs), the
classifier N(0, 2 / width), biases zero. As there, u is kept within +-5^(1 / T), entries of gradients within +-10, and
all weights but u and biases have an l2 of 0.0001.

Departures: none of the equations. The bounds are met after each step, there before the next. `dropout`, one mask for
all steps of a pass after every layer and 0.1 there, is off, as no model here has any. Six layers are those of digits by
pixels. Their option for the last layer's u does nothing in the released code, and is not here.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ..engine.scan import Recurrence, State, scan
from ..parts.stack import Stack, check_dropout, dropped
from ..spec import ModelSpec, Shape, carries


def step(weights: State, state: State, p: Tensor) -> tuple[State, State]:
    h = torch.relu(torch.addcmul(p, weights[0], state[0]))
    return (h,), (h,)


class _Independent(torch.autograd.Function):
    """(p (time, batch, h), u (h), h_0 (batch, h)) -> h of every step, and of the last one: the loop without a graph."""

    @staticmethod
    def forward(ctx, p, u, h_0):
        every, h = torch.empty_like(p), h_0
        for p_t, h_t in zip(p.unbind(0), every.unbind(0), strict=True):
            h = torch.addcmul(p_t, u, h, out=h_t).relu_()
        ctx.save_for_backward(u, h_0, every)
        return every, h.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_every, d_h):
        u, h_0, every = ctx.saved_tensors
        through, d_p = (every > 0).to(every), torch.empty_like(every)
        for d_t, through_t, d_p_t in zip(*(v.unbind(0)[::-1] for v in (d_every, through, d_p)), strict=True):
            d_h = torch.add(d_t, d_h, out=d_p_t).mul_(through_t) * u
        before = torch.cat([h_0.unsqueeze(0), every[:-1]])
        return d_p, (d_p * before).sum((0, 1)), d_h


def whole(weights: State, state: State, p: Tensor) -> tuple[State, State]:
    every, last = _Independent.apply(p, *weights, *state)
    return (last,), (every,)


RECURRENCE = Recurrence(step, library=whole)


class Independent(nn.Module):
    """W (h, d), b, u (h); x (batch, time, d) -> h (batch, time, h), normalised; state: h (batch, h) as it was."""

    def __init__(self, inputs: int, width: int, bound: float, norm: str, before: bool) -> None:
        super().__init__()
        self.before = before
        limit = math.sqrt(6 / (65 * inputs))
        self.W = nn.Parameter(torch.empty(width, inputs).uniform_(-limit, limit))
        self.b = nn.Parameter(torch.zeros(width))
        self.u = nn.Parameter(torch.empty(width).uniform_(0, bound))
        self.norm = {"batch": OverBatch, "layer": nn.LayerNorm, "none": lambda width: None}[norm](width)

    def initial_state(self, batch: int) -> State:
        return (self.b.new_zeros(batch, len(self.b)),)

    def normalised(self, v: Tensor) -> Tensor:
        return v if self.norm is None else self.norm(v)

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        p = F.linear(x, self.W, self.b)
        p = self.normalised(p) if self.before else p
        given = self.initial_state(len(x)) if state is None else state
        after, (h,) = scan(RECURRENCE, (self.u,), given, (p.transpose(0, 1),))
        h = h.transpose(0, 1)
        return h if self.before else self.normalised(h), after


class OverBatch(nn.BatchNorm1d):
    """v (batch, time, h), each unit over all sequences and steps."""

    def forward(self, v: Tensor) -> Tensor:
        return super().forward(v.transpose(1, 2)).transpose(1, 2)


class IndependentNetwork(Stack):
    """As Stack. norm: batch, layer or none."""

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        layers: int = 6,
        norm: str = "batch",
        before: bool = False,
        dropout: float = 0.0,
    ) -> None:
        if norm not in ("batch", "layer", "none"):
            raise ValueError(f"norm is '{norm}'; choose one of batch, layer, none")
        check_dropout(dropout)
        bound = 5 ** (1 / shape.length)
        super().__init__(shape, width, layers, lambda d, h, place: Independent(d, h, bound, norm, before))
        self.bound, self.dropout, self.norm = bound, dropout, norm

    @property
    def initial_state(self) -> Callable[[int], State]:  # type: ignore[override]
        if self.norm == "batch":
            raise AttributeError("a batch's statistics are of all its steps")
        return super().initial_state

    def trained_as(self) -> dict[str, dict[str, float]]:
        own = {"u": {"low": -self.bound, "high": self.bound}, "b": {}, "bias": {}}
        ends = {name: name.rpartition(".")[2] for name, _ in self.named_parameters()}
        return {name: {"most": 10.0} | own.get(end, {"l2": 1e-4}) for name, end in ends.items()}

    def between(self, h: Tensor) -> Tensor:
        return dropped(h, self.dropout if self.training else 0.0)


def why_not(shape: Shape) -> str | None:
    if carries(shape):
        return "its normalisation looks at all steps of a batch, so it cannot go on from where a sequence ended"
    return None


IND_RNN = ModelSpec(
    "indrnn",
    "IndRNN",
    IndependentNetwork,
    paper_width=128,
    layers=6,
    why_not=why_not,
    causal=False,
    what="six layers of relu whose units read no other unit's state, normalised over the batch",
    cite="Li, Li, Cook, Zhu, Gao: Independently recurrent neural network (IndRNN): building a longer and deeper RNN, "
    "CVPR 2018",
    source="https://github.com/Sunnydreamrain/IndRNN_pytorch",
    licence="none",
    start="u U(0, 5^(1 / T)), W U(-l, l), l^2 = 6 / (65 inputs), classifier N(0, 2 / width): the authors' code",
    head="he-zero",
    further=("norm", ("batch", "layer", "none")),
)
