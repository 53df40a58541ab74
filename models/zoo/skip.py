"""sTANH-RNN: a tanh layer that also reads its state of s steps ago.

    h_t = tanh(U x_t + W h_{t-1} + W_s h_{t-s} + b),  h = 0 before the sequence;  the answer is linear in h_T

So s steps at a time it is a plain tanh layer on [x_t, h_{t-s}], and runs in that one's native code.

Zhang, Wu, Che, Lin, Memisevic, Salakhutdinov, Bengio: Architectural complexity measures of recurrent neural networks,
NeurIPS 2016.

There is no code of the authors, and the equation is recalled of the paper, unverified. The skip s is 11 by default,
as on MNIST there, 21 on permuted MNIST: `skip`. Each matrix starts Glorot-uniform, b zero, classifier included, as the
TANH-RNN of models/zoo/simple.py, whose row stands beside it.

Departures: none known. The width for the budget "paper" is its 64 units.
"""

import torch
from torch import Tensor, nn

from ..engine.scan import State
from ..parts import cells
from ..spec import ModelSpec, Shape


class SkipTanh(cells.TanhCell):
    """weight_x is [U, W_s]; state: h of the last s steps, the latest last, (batch, s, width)."""

    def __init__(self, inputs: int, width: int, skip: int) -> None:
        super().__init__(inputs + width, width)
        self.skip = skip
        U, W_s = self.weight_x.detach().split([inputs, width], dim=1)
        for weight in (U, self.weight_h, W_s):
            nn.init.xavier_uniform_(weight)

    def initial_state(self, batch: int) -> State:
        return (self.bias.new_zeros(batch, self.skip, len(self.bias)),)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        (past,) = self.initial_state(len(x)) if state is None else state
        every = []
        for now in x.split(self.skip, dim=1):
            h, _ = super().forward(torch.cat([now, past[:, : now.shape[1]]], dim=2), (past[:, -1],))
            every.append(h)
            past = torch.cat([past[:, h.shape[1] :], h], dim=1)
        return torch.cat(every, dim=1), (past,)


class SkipNetwork(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: SkipTanh's."""

    def __init__(self, shape: Shape, width: int, *, skip: int = 11) -> None:
        super().__init__()
        if skip < 1 or skip != int(skip):
            raise ValueError(f"skip is {skip}; give a whole number of at least 1")
        self.per_step = shape.per_step
        self.rnn = SkipTanh(shape.inputs, width, skip)
        self.classifier = nn.Linear(width, shape.outputs)

    def initial_state(self, batch: int) -> State:
        return self.rnn.initial_state(batch)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        h, after = self.rnn(x, state)
        answers = self.classifier(h if self.per_step else h[:, -1])
        return answers if state is None else (answers, after)


STANH_RNN = ModelSpec(
    "stanh-rnn",
    "sTANH-RNN",
    SkipNetwork,
    paper_width=64,
    what="one layer of tanh that also reads its state of 11 steps ago",
    cite="Zhang et al.: Architectural complexity measures of recurrent neural networks, NeurIPS 2016",
    start="each matrix Glorot-uniform, classifier included: as the TANH-RNN beside it, as no code is known",
    head="glorot",
    opening=("skip", (11, 5, 21)),
)
