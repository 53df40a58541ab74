"""The hierarchical RNN: layers of tanh, each slower than the one below, that read it and all slower ones.

    y_t[l] = tanh(W[l] y_t[l-1] + sum_{j >= l} U[l, j] y_{t-1}[j] + b[l])    if t mod k^{l-1} = 0
    y_t[l] = y_{t-1}[l]                                                      otherwise
    l = 1..L;  y_t[0] = x_t;  the answer is linear in all levels' y_{T-1};  t = 0, 1, ..., T - 1;  y_{-1} = 0

So it is a Clockwork RNN (models/clockwork.py) with one module a layer: a level reads, in place of the input, what the
level below has just become, fast to slow, and, as there, itself and the slower levels as they were, and back.

El Hihi, Bengio: Hierarchical recurrent neural networks for long-term dependencies, NIPS 1995.

No source: it is built after a description of a line, layers with larger fixed delays or fewer updates from one to the
next, which feed each other. Neither the paper's text nor code of its authors was at hand, so its numbers are not those
of the paper, and there is no case to hold it to but its own plain loop.

Where the sequences are pieces of one text, y goes from piece to piece, and t begins at 0 in each: that is exact where
pieces begin at multiples of the slowest period, so a length that it does not divide is refused.

Weights start Glorot-uniform over the joint kernel [W[l], U[l]] of each level, biases at zero, the classifier as
torch's, all ours.

Departures: not known, as said. All of these are ours: k = 4; as many levels as have periods up to T / 4, so that each
runs at least four times, and 8 at most (`levels`); tanh; that a level reads all slower ones and not the next alone; and
that the answer is read from all levels.
"""

import math
from functools import cache, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import Recurrence, State, scan
from ...parts.cells import without_bias
from ...spec import ModelSpec, ScaleUse, Shape, carries, spread

K = 4
MOST_LEVELS = 8


class Hierarchical(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: y (batch, units).

    y is that of all levels, the fastest first. W[l] (h, units of the level below), U[l] (h, units of this and all
    slower levels), b (units). Raises ValueError as `spread`.
    """

    def __init__(self, shape: Shape, width: float, *, levels: int | None = None, k: int = K) -> None:
        super().__init__()
        if k < 2 or k != int(k):
            raise ValueError(f"k is {k}; give a whole number of at least 2")
        levels = levels_for(shape, k) if levels is None else levels
        if levels < 1 or levels != int(levels):
            raise ValueError(f"levels is {levels}; give a whole number of at least 1")
        if carries(shape) and (reason := _misses_a_period(shape.length, levels, k)):
            raise ValueError(reason)
        self.per_step, self.k = shape.per_step, k
        widths = self.widths = tuple(spread(width, levels))
        below = [shape.inputs, *widths[:-1]]
        self.W = nn.ParameterList(torch.empty(h, d) for h, d in zip(widths, below, strict=True))
        self.U = nn.ParameterList(torch.empty(h, sum(widths[l:])) for l, h in enumerate(widths))
        self.b = nn.Parameter(torch.zeros(sum(widths)))
        for W, U in zip(self.W, self.U, strict=True):
            limit = math.sqrt(6 / (W.shape[1] + sum(U.shape)))
            for weight in (W, U):
                nn.init.uniform_(weight, -limit, limit)
        self.classifier = nn.Linear(sum(widths), shape.outputs)

    def initial_state(self, batch: int) -> State:
        return (self.b.new_zeros(batch, len(self.b)),)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        before = self.initial_state(len(x)) if state is None else state
        U = torch.cat([F.pad(own, (len(self.b) - own.shape[1], 0)) for own in self.U])
        first, *upper = self.W
        due = [_due(t, len(self.widths), self.k) for t in range(x.shape[1])]
        computed = recurrence(self.widths, self.per_step)
        after, outputs = scan(computed, (first, self.b, U, *upper), before, (x.transpose(0, 1),), due)
        answers = self.classifier(outputs[0].transpose(0, 1) if self.per_step else after[0])
        return answers if state is None else (answers, after)

    def scale_use(self, x: Tensor) -> ScaleUse:
        """Which levels run at each step: the same for all sequences."""
        periods = [self.k**l for l in range(len(self.widths))]
        due = torch.tensor([[t % period == 0 for period in periods] for t in range(x.shape[1])])
        labels = tuple(f"period {period}" for period in periods)
        return ScaleUse(labels, due.to(x).expand(len(x), -1, -1), "1 where the level of this period runs")


def step(
    widths: tuple[int, ...], outputs: bool, weights: State, state: State, projected: Tensor, due: int
) -> tuple[State, State]:
    """One step of which the first `due` levels change."""
    _, b, U, *upper = weights
    (y,) = state
    units = sum(widths[:due])
    first, *read = torch.addmm(b[:units], y, U[:units].t()).split(widths[:due], dim=1)
    new = [torch.tanh(projected + first)]
    for W, own in zip(upper, read, strict=False):
        new.append(torch.tanh(torch.addmm(own, new[-1], W.t())))
    y = torch.cat([*new, y[:, units:]], dim=1)
    return (y,), (y,) if outputs else ()


@cache
def recurrence(widths: tuple[int, ...], outputs: bool) -> Recurrence:
    return Recurrence(partial(step, widths, outputs), without_bias)


def levels_for(shape: Shape, k: int = K) -> int:
    """How many periods 1, k, k^2, ... are at most T / 4, at least 1 and at most 8."""
    return max(1, sum(k**l <= shape.length / 4 for l in range(MOST_LEVELS)))


def _due(t: int, levels: int, k: int) -> int:
    """How many levels run at t."""
    return next((l for l in range(1, levels) if t % k**l), levels)


def _misses_a_period(length: int, levels: int, k: int) -> str | None:
    slowest = k ** (levels - 1)
    if length % slowest == 0:
        return None
    return (
        f"its slowest level runs every {slowest} steps, which do not divide the {length} steps of a piece: "
        "its clock would start anew at every piece"
    )


def _why_not(shape: Shape) -> str | None:
    return _misses_a_period(shape.length, levels_for(shape), K) if carries(shape) else None


HIERARCHICAL_RNN = ModelSpec(
    "hierarchical-rnn",
    "Hierarchical RNN",
    Hierarchical,
    layers=levels_for,
    why_not=_why_not,
    what="layers of tanh at periods 1, 4, 16, ... that read the one below and all slower ones; no source, built after "
    "a description",
    cite="El Hihi, Bengio: Hierarchical recurrent neural networks for long-term dependencies, NIPS 1995",
    start="Glorot-uniform, biases zero, classifier as torch's Linear: ours, as no source was at hand",
    head="default",
    opening=("k", (4, 2, 8)),
)
