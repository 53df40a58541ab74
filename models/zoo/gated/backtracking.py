"""SAB, sparse attentive backtracking: an LSTM that attends to a few of its past states, through which errors go back.

    i, f, g, o of W x_t + U h_{t-1} + b;  c_t = f c_{t-1} + i g;  h^ = o tanh(c_t)
    s_j = w [tanh h^, tanh M_j] for each M_j of the memory;  q_t = sum_j a_j M_j;  h_t = h^ + q_t
    a_j = s_j while the memory has no more than k_top states;  then v_j / (sum_j v_j + 10^-7), where
    v_j = max(0, s_j - theta), theta = 10^-7 + the k_top-th largest s;  the answer is linear in [h_T, q_T]
    the memory starts with one state, 0, and h_t joins it where k_att divides t; where k_trunc divides t, no error goes
    from h^ and c_t to the step before but through the memory

Ke, Goyal, Bilaniuk, Binas, Mozer, Pal, Bengio: Sparse attentive backtracking: Temporal credit assignment through
reminding, NeurIPS 2018.

Weights start as in the authors' code: the LSTM U(-1 / sqrt(width), 1 / sqrt(width)), biases too, w N(0, 0.01^2), the
classifier as torch's Linear.

What h^ adds to s is the same for all M_j, so that a state that is not among the k_top of largest s never is again:
those alone are kept, and carried.

Departures: none of the equations. Their code has a second bias, of which the sum alone matters. It fails for more than
one sequence at once, having the thresholds of all in one row; here each has its own. `block=True` is theirs too: no
error goes through s to the states. k_top, k_att and k_trunc are those of their copying task; `k_trunc=0` never stops
an error. The width for the budget "paper" is that task's.
"""

import math
from functools import cache, partial

import torch
from torch import Tensor, nn

from ...engine.scan import Recurrence, State, scan
from ...parts import cells
from ...spec import ModelSpec, Shape

SMALL = 1e-7
Counts = tuple[int, int, int]


def step(counts: Counts, block: bool, weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    """m (batch, k_top): what M (batch, k_top, h) adds to s; t (batch, 1): steps that were."""
    *_, w_h, w_M = weights
    h, c, M, m, t = state
    top, every, stop = counts
    known = torch.floor(t / every) + 1  # states of the memory
    t = t + 1
    if stop:
        stops = t.remainder(stop) == 0
        h, c = torch.where(stops, h.detach(), h), torch.where(stops, c.detach(), c)
    (said, c), _ = cells.lstm_step(weights, (h, c), projected)
    lowest = m.detach().argmin(1, keepdim=True)
    least = m.gather(1, lowest)
    s = (torch.tanh(said.detach() if block else said) @ w_h).unsqueeze(1) + m  # where no state is yet, M is 0
    v = torch.relu(m - (least + SMALL))
    a = torch.where(known > top, v / (v.sum(1, keepdim=True) + SMALL), s)
    q = torch.bmm(a.unsqueeze(1), M).squeeze(1)
    h = said + q
    joined = (torch.tanh(h.detach() if block else h) @ w_M).unsqueeze(1)
    full = known >= top
    here = torch.arange(top, device=t.device) == torch.where(full, lowest, known)
    here = here & (t.remainder(every) == 0) & ((joined > least) | ~full)
    m = torch.where(here, joined, m)
    M = torch.where(here.unsqueeze(2), h.unsqueeze(1), M)
    return (h, c, M, m, t), (h, q)


@cache
def recurrence(counts: Counts, block: bool) -> Recurrence:
    return Recurrence(partial(step, counts, block), cells.project)


class Attentive(cells.Cell):
    """Parts i, f, g, o; w (2 h). x (batch, time, d) -> [h, q] (batch, time, 2 h).

    State: h, c (batch, h), M (batch, k_top, h), m (batch, k_top), t (batch, 1).
    """

    gates = 4

    def __init__(self, inputs: int, width: int, counts: Counts, block: bool) -> None:
        super().__init__(inputs, width)
        self.top = counts[0]
        self.recurrence = recurrence(counts, block)
        for weight in (self.weight_x, self.weight_h, self.bias):
            nn.init.uniform_(weight.detach(), -1 / math.sqrt(width), 1 / math.sqrt(width))
        self.w = nn.Parameter(0.01 * torch.randn(2 * width))

    @property
    def weights(self) -> State:
        return *super().weights, *self.w.chunk(2)

    def initial_state(self, batch: int) -> State:
        sizes = [(len(self.w) // 2,)] * 2 + [(self.top, len(self.w) // 2), (self.top,), (1,)]
        return tuple(self.w.new_zeros(batch, *size) for size in sizes)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        before = self.initial_state(len(x)) if state is None else state
        after, answers = scan(self.recurrence, self.weights, before, (x.transpose(0, 1),))
        return torch.cat(answers, dim=2).transpose(0, 1), after


class Backtracking(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: Attentive's."""

    def __init__(
        self, shape: Shape, width: int, *, k_top: int = 10, k_att: int = 2, k_trunc: int = 10, block: bool = False
    ) -> None:
        super().__init__()
        for name, value, least in (("k_top", k_top, 1), ("k_att", k_att, 1), ("k_trunc", k_trunc, 0)):
            if value < least or value != int(value):
                raise ValueError(f"{name} is {value}; give a whole number of at least {least}")
        self.per_step = shape.per_step
        self.rnn = Attentive(shape.inputs, width, (k_top, k_att, k_trunc), block)
        self.classifier = nn.Linear(2 * width, shape.outputs)
        self.initial_state = self.rnn.initial_state

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        seen, after = self.rnn(x, state)
        answers = self.classifier(seen if self.per_step else seen[:, -1])
        return answers if state is None else (answers, after)


SAB = ModelSpec(
    "sab",
    "SAB",
    Backtracking,
    paper_width=128,
    what="one layer of LSTM that attends to ten of its past states, through which alone errors go far back",
    cite="Ke et al.: Sparse attentive backtracking: Temporal credit assignment through reminding, NeurIPS 2018",
    source="https://github.com/nke001/sparse_attentive_backtracking_release",
    licence="none",
    start="LSTM U(-1 / sqrt(width), 1 / sqrt(width)), w N(0, 0.01^2), classifier as torch's Linear: the authors' code",
    head="default",
    opening=("k_trunc", (10, 50, 0)),
    further=("k_top", (10, 5)),
)
