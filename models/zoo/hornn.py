"""Higher-order RNN: every step reads the last N states, each through a matrix of its own.

    h_t = sigmoid(W_in x_t + b + sum_{n=1..N} W_hn h_{t-n})                     (plain)
    max     instead of the sum the largest W_hn h_{t-n} of the n, unit by unit
    fofe    sum_n alpha^{n-1} W_hn h_{t-n}
    gated   sum_n r_n (W_hn h_{t-n}),  r_n = sigmoid(W_gn x_t + U_gn h_{t-n} + b_gn)
    the answer is linear in h_T

Soltani, Jiang: Higher order recurrent neural networks, arXiv 1605.00064, 2016.

There is no code of the authors, and the equations are recalled of the paper, unverified. N = 3 is `order`, alpha = 0.6
`alpha`. Each matrix starts Glorot-uniform, biases zero, which is ours.

Departures: the sigmoid is that of the paper's language models.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..engine.scan import Recurrence, State
from ..parts import cells
from ..spec import ModelSpec, Shape


def plain(projected: Tensor, read: Tensor) -> Tensor:
    return projected + read.sum(0)


def largest(projected: Tensor, read: Tensor) -> Tensor:
    return projected + read.amax(0)


def gated(projected: Tensor, read: Tensor) -> Tensor:
    """Both hold W_h first, then what the gates read."""
    read_h, read_r = read.chunk(2, dim=2)
    for_h, *for_r = projected.split(read_h.shape[2], dim=1)
    return for_h + (torch.sigmoid(torch.stack(for_r) + read_r) * read_h).sum(0)


def recurrence(joined: Callable[[Tensor, Tensor], Tensor]) -> Recurrence:
    """joined: (W_in x + b, what each of the last N states is read as: (N, batch, ..)) -> (batch, h)."""

    def step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
        h = torch.sigmoid(joined(projected, torch.bmm(torch.stack(state), weights[2])))
        return (h, *state[:-1]), (h,)

    return Recurrence(step, cells.project)


KINDS = {"plain": plain, "max": largest, "fofe": plain, "gated": gated}
RECURRENCES = {kind: recurrence(joined) for kind, joined in KINDS.items()}


class HigherOrder(cells.Layer, nn.Module):
    """W (h, d), b (h), U (N, h, h); where gated h (N + 1) rows in W and b, 2 h in U, those of h_t before those of r.

    Its states are h of the last N steps, the latest first.
    """

    def __init__(self, inputs: int, width: int, kind: str, order: int, alpha: float) -> None:
        super().__init__()
        self.recurrence = RECURRENCES[kind]
        self.states = order
        gates = order if kind == "gated" else 0
        self.W = nn.Parameter(torch.empty(width * (1 + gates), inputs))
        self.b = nn.Parameter(torch.zeros(width * (1 + gates)))
        self.U = nn.Parameter(torch.empty(order, width * (2 if gates else 1), width))
        for weight in (self.W, *self.U):
            for matrix in weight.detach().split(width):
                nn.init.xavier_uniform_(matrix)
        self.decay = alpha if kind == "fofe" else 1.0

    @property
    def weights(self) -> State:
        scale = self.decay ** torch.arange(len(self.U), dtype=self.U.dtype, device=self.U.device)
        return self.W, self.b, (self.U * scale[:, None, None]).transpose(1, 2)


class HigherOrderNetwork(cells.Classified):
    """One layer; shapes as Classified, state: h of the last N steps, the latest first, (batch, width) each.

    kind: plain, max, fofe or gated. order: N. alpha: of fofe alone, between 0 and 1.
    """

    def __init__(self, shape: Shape, width: int, *, kind: str = "plain", order: int = 3, alpha: float = 0.6) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind is '{kind}'; choose one of {', '.join(KINDS)}")
        if order < 1 or order != int(order):
            raise ValueError(f"order is {order}; give a whole number of at least 1")
        if not 0 < alpha < 1:
            raise ValueError(f"alpha is {alpha}; give a number between 0 and 1")
        super().__init__(HigherOrder(shape.inputs, width, kind, order, alpha), shape, width)


HORNN = ModelSpec(
    "hornn",
    "HORNN",
    HigherOrderNetwork,
    what="one layer that reads its last three states",
    cite="Soltani, Jiang: Higher order recurrent neural networks, arXiv 1605.00064, 2016",
    start="each matrix Glorot-uniform, biases zero: ours, as no code is known; classifier as torch's Linear",
    head="default",
    opening=("kind", ("plain", "fofe", "max", "gated")),
)
