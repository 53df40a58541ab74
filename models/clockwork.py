"""Clockwork RNN: a tanh layer whose modules i = 1..g run at periods T_i = 2^{i-1}.

    y_t[i] = tanh(W_I[i] x_t + sum_{j >= i} W_H[i, j] y_{t-1}[j] + b[i])    if t mod T_i = 0
    y_t[i] = y_{t-1}[i]                                                     otherwise
    the answer is linear in the whole of y_{T-1};  t = 0, 1, ..., T - 1;  y_{-1} = 0

W_H is block-upper-triangular: a module reads itself and the slower ones, never a faster one. The
zero blocks are no parameters. The modules due at t are always the first few, so that a step is
one product with the first rows of W_H; the other modules cost nothing.

Where the sequences are pieces of one text, y goes from piece to piece, and t begins at 0 in each: that is
exact where pieces begin at multiples of the slowest period, so a length that it does not divide is refused.

Koutnik, Greff, Gomez, Schmidhuber: A Clockwork RNN, ICML 2014.

Weights start N(0, 0.1^2), the classifier's too, which is recalled of the paper, unverified; there is no code of the
authors. `init=glorot` draws them Glorot-uniform over the joint kernel of each module, as the other models' here.

The second published form is a port's, flandolfi/clockwork-rnn (MIT): the same equations, bias included, with the
slowest units first, which is an order alone. It starts otherwise, as Keras does: `init=port` draws what a module reads
of others, [W_I[i], W_H[i, j > i]], Glorot-uniform, and W_H[i, i] orthogonal; `head=glorot` is its classifier.

Departures: a bias, which the paper's equations do not show. g follows from the length: periods up to
T / 4, so that each module runs at least four times, and 8 modules at most; fewer than g units
make fewer modules. Neither table that we compare with has this model: its width for the budget
"paper" is ours, the one whose count (41,767) is nearest to LSTM-S's 41,810 at 784 steps of one
input and 10 classes.
"""

import math
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .engine.native import recurrences
from .engine.scan import Recurrence, State, scan
from .parts.cells import project
from .spec import ModelSpec, ScaleUse, Shape, carries, spread

CITE = "Koutnik, Greff, Gomez, Schmidhuber: A Clockwork RNN, ICML 2014"
MOST_MODULES = 8


class Clockwork(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: y (batch, width).

    width: units of all modules together; the fastest modules take the rest of a division.
    """

    def __init__(self, shape: Shape, width: int, *, modules: int | None = None, init: str = "normal") -> None:
        super().__init__()
        if init not in ("normal", "glorot", "port"):
            raise ValueError(f"init is '{init}'; choose one of normal, glorot, port")
        self.per_step = shape.per_step
        g = modules_for(shape) if modules is None else modules
        if g < 1 or g != int(g):
            raise ValueError(f"modules is {g}; give a whole number of at least 1")
        g = min(g, width)
        if carries(shape) and (reason := _misses_a_period(shape.length, g)):
            raise ValueError(reason)
        self.widths = spread(width / g, g)
        self.W_I = nn.Parameter(torch.empty(width, shape.inputs))
        self.W_H = nn.ParameterList(torch.empty(k, sum(self.widths[i:])) for i, k in enumerate(self.widths))
        self.b = nn.Parameter(torch.zeros(width))
        for W_I, W_H in zip(self.W_I.split(self.widths), self.W_H, strict=True):
            k, read = W_H.shape
            apart = k if init == "port" else 0  # what it reads of itself is no part of the port's kernel
            limit = math.sqrt(6 / (shape.inputs + read - apart + k))
            for weight in (W_I, W_H):
                nn.init.normal_(weight, std=0.1) if init == "normal" else nn.init.uniform_(weight, -limit, limit)
            if init == "port":
                nn.init.orthogonal_(W_H.detach()[:, :k])
        self.classifier = nn.Linear(width, shape.outputs)

    def initial_state(self, batch: int) -> State:
        return (self.W_I.new_zeros(batch, sum(self.widths)),)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        before = self.initial_state(x.shape[0]) if state is None else state
        x = x.transpose(0, 1)
        units, due_units = sum(self.widths), list(accumulate(self.widths))
        W_H = torch.cat([F.pad(row, (units - row.shape[1], 0)) for row in self.W_H])
        due = [due_units[_slowest_due(t, len(due_units))] for t in range(len(x))]
        weights = (self.W_I, self.b, W_H)
        after, outputs = scan(PER_STEP if self.per_step else LAST, weights, before, (x,), due)
        answers = self.classifier(outputs[0].transpose(0, 1) if self.per_step else after[0])
        return answers if state is None else (answers, after)

    def scale_use(self, x: Tensor) -> ScaleUse:
        """Which modules run at each step: the same for all sequences."""
        periods = [2**i for i in range(len(self.widths))]
        due = torch.tensor([[t % period == 0 for period in periods] for t in range(x.shape[1])])
        labels = tuple(f"period {period}" for period in periods)
        return ScaleUse(labels, due.to(x).expand(len(x), -1, -1), "1 where the module of this period runs")


def step(outputs: bool, weights: State, state: State, projected: Tensor, due: int) -> tuple[State, State]:
    """One step of which the first `due` units change; W_H y_{t-1} is their rows' product."""
    *_, W_H = weights
    (y,) = state
    new = torch.tanh(torch.addmm(projected[:, :due], y, W_H[:due].t()))
    y = torch.cat([new, y[:, due:]], dim=1)
    return (y,), (y,) if outputs else ()


def native(outputs: bool, weights: State, state: State, x: Tensor, schedule: tuple[int, ...]) -> tuple[State, State]:
    W_I, b, W_H = weights
    due = torch.tensor(schedule, dtype=torch.int32)
    y, last = recurrences.Tanh.apply(F.linear(x, W_I, b), W_H, *state, due)
    return (last,), (y,) if outputs else ()


PER_STEP, LAST = (
    Recurrence(partial(step, outputs), project, native=partial(native, outputs)) for outputs in (True, False)
)


def modules_for(shape: Shape) -> int:
    """How many periods 1, 2, 4, ... are at most T / 4, at least 1 and at most 8."""
    return max(1, min(MOST_MODULES, (shape.length // 4).bit_length()))


def _slowest_due(t: int, g: int) -> int:
    """The index, from 0, of the slowest module due at t: how often 2 divides t, at most g - 1."""
    return min(g - 1, (t & -t).bit_length() - 1) if t else g - 1


def _misses_a_period(length: int, g: int) -> str | None:
    slowest = 2 ** (g - 1)
    if length % slowest == 0:
        return None
    return (
        f"its slowest module runs every {slowest} steps, which do not divide the {length} steps of a piece: "
        "its clock would start anew at every piece"
    )


def _why_not(shape: Shape) -> str | None:
    return _misses_a_period(shape.length, modules_for(shape)) if carries(shape) else None


CLOCKWORK = ModelSpec(
    "clockwork",
    "Clockwork RNN",
    Clockwork,
    paper_width=262,
    why_not=_why_not,
    what="modules that update at periods 1, 2, 4, ...",
    cite=CITE,
    start="N(0, 0.1^2), classifier included: recalled of the paper, unverified",
    head="normal-0.1",
    opening=("init", ("normal", "glorot")),
    revision=2,  # 1: Glorot-uniform, the classifier as torch's Linear
)
