"""Clockwork RNN: a tanh layer whose modules i = 1..g run at periods T_i = 2^{i-1}.

    y_t[i] = tanh(W_I[i] x_t + sum_{j >= i} W_H[i, j] y_{t-1}[j] + b[i])    if t mod T_i = 0
    y_t[i] = y_{t-1}[i]                                                     otherwise
    the answer is linear in the whole of y_{T-1};  t = 0, 1, ..., T - 1;  y_{-1} = 0

W_H is block-upper-triangular: a module reads itself and the slower ones, never a faster one. The
zero blocks are no parameters. The modules due at t are always the first few, so that a step is
one product with the first rows of W_H; the other modules cost nothing.

Koutnik, Greff, Gomez, Schmidhuber: A Clockwork RNN, ICML 2014.

Departures: a bias, which the paper's equations do not show, and Glorot-uniform weights over the
joint kernel of each module, as the other models here. g follows from the length: periods up to
T / 4, so that each module runs at least four times, and 8 modules at most; fewer than g units
make fewer modules. Neither table that we compare with has this model: its width for the budget
"paper" is ours, the one whose count (41,767) is nearest to LSTM-S's 41,810 at 784 steps of one
input and 10 classes.
"""

import math
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import recurrences
from .scan import State, Step, scan
from .spec import ModelSpec, Shape, spread

CITE = "Koutnik, Greff, Gomez, Schmidhuber: A Clockwork RNN, ICML 2014"
MOST_MODULES = 8


class Clockwork(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    width: units of all modules together; the fastest modules take the rest of a division.
    """

    def __init__(self, shape: Shape, width: int, *, modules: int | None = None) -> None:
        super().__init__()
        self.per_step = shape.per_step
        g = modules_for(shape) if modules is None else modules
        if g < 1 or g != int(g):
            raise ValueError(f"modules is {g}; give a whole number of at least 1")
        g = min(g, width)
        self.widths = spread(width / g, g)
        self.W_I = nn.Parameter(torch.empty(width, shape.inputs))
        self.W_H = nn.ParameterList(torch.empty(k, sum(self.widths[i:])) for i, k in enumerate(self.widths))
        self.b = nn.Parameter(torch.zeros(width))
        for W_I, W_H in zip(self.W_I.split(self.widths), self.W_H, strict=True):
            limit = math.sqrt(6 / (shape.inputs + sum(W_H.shape)))
            for weight in (W_I, W_H):
                nn.init.uniform_(weight, -limit, limit)
        self.classifier = nn.Linear(width, shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        projected = F.linear(x.transpose(0, 1), self.W_I, self.b)
        initial = (torch.zeros_like(projected[0]),)
        (y,), outputs = scan(self.step_function(), initial, (projected,))
        return self.classifier(outputs[0].transpose(0, 1) if self.per_step else y)

    def step_function(self) -> Step:
        """step(y_{t-1}, W_I x_t + b); it counts t itself, so one function serves one pass from t = 0."""
        units = sum(self.widths)
        W_H = torch.cat([F.pad(row, (units - row.shape[1], 0)) for row in self.W_H]).t()
        due_units = list(accumulate(self.widths))
        due_columns = [W_H[:, :n] for n in due_units]
        t = -1

        def step(state: State, projected: Tensor) -> tuple[State, State]:
            nonlocal t
            t += 1
            (y,) = state
            slowest = _slowest_due(t, len(due_units))
            n = due_units[slowest]
            new = torch.tanh(torch.addmm(projected[:, :n], y, due_columns[slowest]))
            y = torch.cat([new, y[:, n:]], dim=1) if n < units else new
            return (y,), (y,) if self.per_step else ()

        def fused(state: State, projected: Tensor) -> tuple[State, State]:
            slowest = (_slowest_due(t, len(due_units)) for t in range(len(projected)))
            due = torch.tensor([due_units[i] for i in slowest], dtype=torch.int32)
            y, last = recurrences.Tanh.apply(projected, W_H.t(), *state, due)
            return (last,), (y,) if self.per_step else ()

        step.fused = fused
        return step


def modules_for(shape: Shape) -> int:
    """How many periods 1, 2, 4, ... are at most T / 4, at least 1 and at most 8."""
    return max(1, min(MOST_MODULES, (shape.length // 4).bit_length()))


def _slowest_due(t: int, g: int) -> int:
    """The index, from 0, of the slowest module due at t: how often 2 divides t, at most g - 1."""
    return min(g - 1, (t & -t).bit_length() - 1) if t else g - 1


CLOCKWORK = ModelSpec("clockwork", "Clockwork RNN", Clockwork, paper_width=262, cite=CITE)
