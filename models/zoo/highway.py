"""Recurrent highway network: L highway layers inside one step of time.

    s_t^{(0)} = s_{t-1}^{(L)};  for l = 1..L, with [l = 1] 1 in the first of them and 0 in the others:
    h = tanh([l = 1] W_H x_t + R_H^{(l)} s_t^{(l-1)} + b_H^{(l)})
    t = sigmoid([l = 1] W_T x_t + R_T^{(l)} s_t^{(l-1)} + b_T^{(l)})
    s_t^{(l)} = h t + s_t^{(l-1)} (1 - t);  the answer is linear in s_T^{(L)}

Zilly, Srivastava, Koutnik, Schmidhuber: Recurrent highway networks, ICML 2017.

Weights start as the authors' code draws them for the Penn Treebank: all weights, b_H and the classifier U(-0.04, 0.04),
b_T at -2 (-4 for Wikipedia: `bias_t`).

In training `dropout_input` and `dropout_state` drop entries of x, and of s where it is multiplied by R, one mask for
all steps of a pass, as Gal and Ghahramani do; the s that is carried is whole. Off by default, since no model here has
any; the authors took 0.75 and 0.25.

Departures: none of the equations. L is 5 by default, of the paper's 1 to 10: `depth`. The authors' mask of a batch of
text is here that of a piece of text, which is the same.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..engine.replicas import exponential
from ..engine.scan import Recurrence, State, scan
from ..spec import ModelSpec, Shape


class RecurrentHighway(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: s (batch, width).

    W (2 h, d), R (2 h L, h), b (2 h L), layer after layer, H before T.
    """

    def __init__(
        self,
        shape: Shape,
        width: int,
        *,
        depth: int = 5,
        bias_t: float = -2.0,
        dropout_input: float = 0.0,
        dropout_state: float = 0.0,
    ) -> None:
        super().__init__()
        if depth < 1 or depth != int(depth):
            raise ValueError(f"depth is {depth}; give a whole number of at least 1")
        for name, share in (("dropout_input", dropout_input), ("dropout_state", dropout_state)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share}; give a share of at least 0 and below 1")
        self.per_step = shape.per_step
        self.dropout = dropout_input, dropout_state
        self.W = nn.Parameter(torch.empty(2 * width, shape.inputs))
        self.R = nn.Parameter(torch.empty(2 * width * depth, width))
        self.b = nn.Parameter(torch.empty(2 * width * depth))
        for weight in (self.W, self.R, self.b):
            nn.init.uniform_(weight, -0.04, 0.04)
        nn.init.constant_(self.b.detach().view(depth, 2, width)[:, 1], bias_t)
        self.classifier = nn.Linear(width, shape.outputs)

    def initial_state(self, batch: int) -> State:
        return (self.R.new_zeros(batch, self.R.shape[1]),)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        before = self.initial_state(len(x)) if state is None else state
        for_x, for_s = self.masks(x[:, 0], before[0])
        if for_x is not None:
            x = x * for_x.unsqueeze(1)
        weights = (self.W, self.b, self.R, *(() if for_s is None else (for_s,)))
        after, (s,) = scan(RECURRENCE, weights, before, (x.transpose(0, 1),))
        answers = self.classifier(s.transpose(0, 1) if self.per_step else after[0])
        return answers if state is None else (answers, after)

    def masks(self, *tensors: Tensor) -> tuple[Tensor | None, ...]:
        """What x (batch, inputs) and s (batch, width) are multiplied by at all steps; None: by nothing."""
        if not self.training:
            return (None,) * len(tensors)
        return tuple(_mask(tensor, share) for tensor, share in zip(tensors, self.dropout, strict=True))


def _mask(like: Tensor, share: float) -> Tensor | None:
    """1 / (1 - share) where an entry is kept, else 0. An exponential draw is above -log p with probability p."""
    if not share:
        return None
    return (exponential(like) > -math.log1p(-share)).to(like) / (1 - share)


def project(weights: State, x: Tensor) -> State:
    W, b, *_ = weights
    return (F.linear(x, W, b[: len(W)]),)


def step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    W, b, R, *mask = weights
    (s,) = state
    layers = zip(b.split(len(W)), R.split(len(W)), strict=True)
    for l, (b_l, R_l) in enumerate(layers):
        read = s * mask[0] if mask else s
        h, t = torch.addmm(b_l if l else projected, read, R_l.t()).chunk(2, dim=1)
        s = s + (torch.tanh(h) - s) * torch.sigmoid(t)
    return (s,), (s,)


RECURRENCE = Recurrence(step, project)
RHN = ModelSpec(
    "rhn",
    "RHN",
    RecurrentHighway,
    what="several highway layers inside one step of time",
    cite="Zilly, Srivastava, Koutnik, Schmidhuber: Recurrent highway networks, ICML 2017",
    source="https://github.com/jzilly/RecurrentHighwayNetworks",
    licence="MIT",
    start="U(-0.04, 0.04), classifier included, the gates' biases -2: the authors' code",
    head="uniform-0.04",
    opening=("bias_t", (-2.0, -4.0)),
)
