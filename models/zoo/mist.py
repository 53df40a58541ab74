"""MIST RNN: a NARX network that attends to its states of 1, 2, 4, ... steps ago.

    a_t = softmax(W_a x_t + U_a h_{t-1} + b_a);  r_t = sigmoid(W_r x_t + U_r h_{t-1} + b_r)
    m_t = sum_i a_{t,i} h_{t-n_i};  h_t = tanh(W x_t + U (r_t m_t) + b);  the answer is linear in h_T

DiPietro, Rupprecht, Navab, Hager: Analyzing and exploiting NARX recurrent neural networks for long-term dependencies,
arXiv 1702.07805, 2017.

Weights start as in the authors' code: each matrix, of x and the classifier too, N(0, 1 / width), biases zero.

Departures: none. The delays n_i are the paper's 2^0 to 2^7, also where a sequence has fewer steps: `delays`.
"""

import math
from functools import cache, partial

import torch
from torch import Tensor, nn

from ..engine.scan import Recurrence, State, scan
from ..parts import cells
from ..spec import ModelSpec, Shape

DELAYS = (1, 2, 4, 8, 16, 32, 64, 128)


class MIST(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    W (D + 2 h, d), b (D + 2 h), U (D + 2 h, h) for D delays: the parts a, r, h. state: h of as many steps as the
    longest delay has, the latest last, (batch, steps, width).
    """

    def __init__(self, shape: Shape, width: int, *, delays: tuple[int, ...] = DELAYS) -> None:
        super().__init__()
        if not delays or any(n < 1 or n != int(n) for n in delays):
            raise ValueError(f"delays are {delays}; give whole numbers of at least 1")
        self.per_step = shape.per_step
        self.delays = tuple(delays)
        rows = len(delays) + 2 * width
        self.W = nn.Parameter(torch.empty(rows, shape.inputs))
        self.U = nn.Parameter(torch.empty(rows, width))
        self.b = nn.Parameter(torch.zeros(rows))
        for weight in (self.W, self.U):
            nn.init.normal_(weight, std=1 / math.sqrt(width))
        self.classifier = nn.Linear(width, shape.outputs)

    def initial_state(self, batch: int) -> State:
        return (self.U.new_zeros(batch, max(self.delays), self.U.shape[1]),)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        (past,) = self.initial_state(len(x)) if state is None else state
        width = self.U.shape[1]
        parts = self.U.split([len(self.U) - width, width])  # here, as in every step each would have a gradient of both
        _, (h,) = scan(recurrence(self.delays), (self.W, self.b, *parts), past.unbind(1), (x.transpose(0, 1),))
        h = h.transpose(0, 1)
        answers = self.classifier(h if self.per_step else h[:, -1])
        return answers if state is None else (answers, (torch.cat([past, h], dim=1)[:, -max(self.delays) :],))


def step(delays: tuple[int, ...], weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    *_, U_gates, U_h = weights
    width = len(U_h)
    for_gates, for_h = projected.split([len(U_gates), width], dim=1)
    a, r = torch.addmm(for_gates, state[-1], U_gates.t()).split([len(delays), width], dim=1)
    past = torch.stack([state[-n] for n in delays], dim=1)  # (batch, D, width)
    m = torch.bmm(torch.softmax(a, dim=1).unsqueeze(1), past).squeeze(1)
    h = torch.tanh(torch.addmm(for_h, torch.sigmoid(r) * m, U_h.t()))
    return (*state[1:], h), (h,)


@cache
def recurrence(delays: tuple[int, ...]) -> Recurrence:
    return Recurrence(partial(step, delays), cells.project)


MIST_RNN = ModelSpec(
    "mist",
    "MIST RNN",
    MIST,
    paper_width=139,
    what="one layer of tanh that attends to its states of 1, 2, 4, ... steps ago",
    cite="DiPietro, Rupprecht, Navab, Hager: Analyzing and exploiting NARX recurrent neural networks for long-term "
    "dependencies, arXiv 1702.07805, 2017",
    source="https://github.com/rdipietro/mist-rnns",
    licence="Apache-2.0",
    start="N(0, 1 / width), biases zero, classifier included: the authors' code",
    head="lecun",
    opening=("delays", (DELAYS, (1, 2, 4, 8), (1, 4, 16, 64, 256))),
)
