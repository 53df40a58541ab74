"""BN-LSTM: an LSTM that normalises what it reads of its state and of the input, and its cell before the output.

    i, f, g, o = BN(W_h h_{t-1}; gamma_h) + BN(W_x x_t; gamma_x) + b
    c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g);  h_t = sigmoid(o) tanh(BN(c_t; gamma_c) + b_c)
    BN(v; gamma) = gamma (v - mean) / sqrt(variance + 1e-5), over the batch, at each step apart
    the answer is linear in h_T

Cooijmans, Ballas, Laurent, Gulcehre, Courville: Recurrent batch normalization, ICLR 2017.

In evaluation mean and variance are running ones of each step, which begin at 0 and 1 and take 0.01 of each batch; steps
beyond the task's length take those of the last. So no state can be carried. `norm=none` is the LSTM that they compare
with: gamma and the normalisation are left out, b and b_c stay. `z_c` and `z_h` are zoneout on it, of shares of c and h
(Krueger et al., ICLR 2017: 0.15 each); h_t is then made from the c_t of which nothing stayed.

Weights start as in the authors' code for digits: W_h of g the identity and of the others orthogonal, W_x and the
classifier orthogonal, gamma 0.1, biases zero but for 1 of the forget gate, h_0 and c_0 zero and trained. Elsewhere they
start W_h orthogonal as one: `start=orthogonal`.

Departures: none of the equations. `noise`, N(0, 0.1^2) added to h_0 of each sequence, in evaluation too, is theirs for
digits by pixels that are not permuted; it is off, as no model here has any.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.replicas import exponential, uniform
from ...engine.scan import Recurrence, State, scan
from ...spec import ModelSpec, Shape, carries

EPSILON = 1e-5
TAKEN = 0.01
"""Of a batch's statistics, into the running ones."""


def normalised(v: Tensor, gamma: Tensor | None, given: State) -> tuple[Tensor, State]:
    """v (batch, ..) by the mean and variance given, or by its own, which are then also returned; None: as it is."""
    if gamma is None:
        return v, ()
    if given:
        mean, variance = given
    else:
        variance, mean = torch.var_mean(v, dim=0, correction=0)
    found = () if given else (mean.detach(), variance.detach())
    return gamma * (v - mean) * torch.rsqrt(variance + EPSILON), found


def step(zoned: bool, weights: State, state: State, x: Tensor, *given: Tensor) -> tuple[State, State]:
    """zoned: the share of the new c and h comes first, (batch, h) each or ().

    given: mean and variance of W_h h and of c; outputs: h, and these where they are not given.
    """
    W, b_c, *gammas = weights
    h_before, c_before = state
    (new_c, new_h), given = (given[:2], given[2:]) if zoned else ((1.0, 1.0), given)
    gamma_h, gamma_c = gammas or (None, None)
    read, of_h = normalised(F.linear(h_before, W), gamma_h, given[:2])
    i, f, g, o = (x + read).chunk(4, dim=1)
    c = torch.sigmoid(f) * c_before + torch.sigmoid(i) * torch.tanh(g)
    seen, of_c = normalised(c, gamma_c, given[2:])
    h = torch.sigmoid(o) * torch.tanh(seen + b_c)
    if zoned:
        h, c = torch.lerp(h_before, h, new_h), torch.lerp(c_before, c, new_c)
    return (h, c), (h, *of_h, *of_c)


RECURRENCES = {zoned: Recurrence(partial(step, zoned)) for zoned in (False, True)}


class BatchNormalisedLSTM(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    W_x (4 h, inputs), W_h (4 h, h), b, gamma_x, gamma_h (4 h), gamma_c, b_c, h_0, c_0 (h); gates i, f, g, o.
    state, with norm=none: h, c (batch, h), less h_0 and c_0. noise: the deviation of what h_0 is added.
    z_c, z_h: shares that stay.
    """

    def __init__(
        self,
        shape: Shape,
        width: int,
        *,
        norm: str = "batch",
        start: str = "identity",
        z_c: float = 0.0,
        z_h: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        if norm not in ("batch", "none"):
            raise ValueError(f"norm is '{norm}'; choose one of batch, none")
        if start not in ("identity", "orthogonal"):
            raise ValueError(f"start is '{start}'; choose one of identity, orthogonal")
        if not noise >= 0:
            raise ValueError(f"noise is {noise}; give a deviation of at least 0")
        for name, share in (("z_c", z_c), ("z_h", z_h)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share}; give a share of at least 0 and below 1")
        self.per_step, self.noise, self.zoned, self.z_c, self.z_h = shape.per_step, noise, z_c + z_h > 0, z_c, z_h
        self.track_running_stats = norm == "batch"
        self.W_x = nn.Parameter(nn.init.orthogonal_(torch.empty(4 * width, shape.inputs)))
        self.W_h = nn.Parameter(nn.init.orthogonal_(torch.empty(4 * width, width)))
        if start == "identity":
            i, f, o = nn.init.orthogonal_(torch.empty(3 * width, width)).chunk(3)
            self.W_h.data.copy_(torch.cat([i, f, torch.eye(width), o]))
        self.b, self.b_c = nn.Parameter(torch.zeros(4 * width)), nn.Parameter(torch.zeros(width))
        self.b.data[width : 2 * width] = 1.0
        self.h_0, self.c_0 = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))
        if self.track_running_stats:
            for name, size in (("x", 4 * width), ("h", 4 * width), ("c", width)):
                self.register_parameter(f"gamma_{name}", nn.Parameter(torch.full((size,), 0.1)))
                self.register_buffer(f"mean_{name}", torch.zeros(shape.length, size))
                self.register_buffer(f"variance_{name}", torch.ones(shape.length, size))
        self.classifier = nn.Linear(width, shape.outputs)

    @property
    def initial_state(self) -> Callable[[int], State]:
        if self.track_running_stats:
            raise AttributeError("statistics are of the steps of a sequence")
        return lambda batch: (self.h_0.new_zeros(batch, len(self.h_0)), self.c_0.new_zeros(batch, len(self.c_0)))

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        h_0 = self.h_0
        if self.track_running_stats and self.training and not self.noise and not self.zoned:
            h_0 = h_0.detach() + 0 * h_0  # what all sequences share is taken away; its gradient would be rounding
        start = h_0.expand(len(x), -1), self.c_0.expand(len(x), -1)
        if state is not None:
            start = start[0] + state[0], start[1] + state[1]
        elif self.noise:
            start = start[0] + self.noise * normal(start[0]), start[1]
        read = F.linear(x, self.W_x)
        weights, frames = (self.W_h, self.b_c), ()
        if self.track_running_stats:
            weights += self.gamma_h, self.gamma_c
            frames = () if self.training else self._running(x.shape[1])
            read, of_x = normalised(read, self.gamma_x, frames[:2])
        new = self.renewed(*x.shape[:2]) if self.zoned else ()
        given = ((read + self.b).transpose(0, 1), *(share.transpose(0, 1) for share in new), *frames[2:])
        after, (h, *found) = scan(RECURRENCES[self.zoned], weights, start, given)
        if self.track_running_stats and self.training:
            self._count((*of_x, *found))
        answers = self.classifier(h.transpose(0, 1) if self.per_step else h[-1])
        return answers if state is None else (answers, (after[0] - self.h_0, after[1] - self.c_0))

    def renewed(self, batch: int, steps: int) -> State:
        """The shares of the new c and h (batch or 1, time, h or 1)."""
        if not self.training:
            ones = self.b_c.new_ones(1, steps, 1)
            return ones * (1 - self.z_c), ones * (1 - self.z_h)
        c, h = uniform(self.b_c.new_empty(batch, steps, 2 * len(self.b_c))).chunk(2, dim=2)
        return (c >= self.z_c).to(c), (h >= self.z_h).to(h)

    def _statistics(self) -> State:
        return self.mean_x, self.variance_x, self.mean_h, self.variance_h, self.mean_c, self.variance_c

    def _running(self, steps: int) -> State:
        """Those of each step, (time, ..) each."""
        rows = torch.arange(steps, device=self.mean_x.device).clamp(max=len(self.mean_x) - 1)
        return tuple(every[rows] for every in self._statistics())

    @torch.no_grad()
    def _count(self, found: State) -> None:
        for running, now in zip(self._statistics(), found, strict=True):
            running[: len(now)].mul_(1 - TAKEN).add_(now[: len(running)], alpha=TAKEN)


def normal(like: Tensor) -> Tensor:
    """N(0, 1) in its shape, of each seed its own."""
    return torch.sqrt(2 * exponential(like)) * torch.cos(2 * torch.pi * torch.exp(-exponential(like)))


def why_not(shape: Shape) -> str | None:
    if carries(shape):
        return "its statistics are of the steps of a sequence, so it cannot go on from where one ended"
    return None


BN_LSTM = ModelSpec(
    "bn-lstm",
    "BN-LSTM",
    BatchNormalisedLSTM,
    paper_width=100,
    why_not=why_not,
    what="an LSTM with batch normalisation of state, input and cell, at each step apart",
    cite="Cooijmans, Ballas, Laurent, Gulcehre, Courville: Recurrent batch normalization, ICLR 2017",
    source="https://github.com/cooijmanstim/recurrent-batch-normalization",
    licence="none",
    start="orthogonal, the candidate's recurrent matrix the identity, gamma 0.1: the authors' code",
    head="orthogonal",
    opening=("start", ("identity", "orthogonal")),
)
