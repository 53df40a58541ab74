"""ASRNN: a recurrent cell that reads its input at a scale which it chooses anew at every step.

    (1)  x~_t = sum_{k<K} phi(k) x_{t - 2^j k}                  the input at scale j = j_t; x_i = 0 for i < 1
         phi(k) = +1 for k < K/2, -1 for the other k            Haar's wavelet; 1 for K = 1
    (2)  pi_t = softmax(z_t)
    (3)  y_{t,j} = softmax_j((log pi_{t,j} + g_{t,j}) / tau)    g ~ Gumbel(0, 1)
    (4)  z_t = W_z h_{t-1} + U_z x_t + b_z
    (5-11)  h_t = LSTM or GRU of (x~_t, h_{t-1}), as in parts/cells.py

Hu, Wang, Qi, Learning to adaptively scale recurrent neural networks, AAAI 2019, arXiv 1902.05696.
No code was released, and the paper's text has come down to us without its symbols and numbers. SRNN,
its baseline, keeps one scale. J scales cost J(h + d + 1) weights beside the cell's and the classifier's.

What the paper leaves open is an option; the defaults and why:

    scales=4, taps=8, tau=0.1   recalled, unverified; its figures show the scales 0 to 3.
    mixture="soft"              x~_t = sum_j y_{t,j} x~_t(j): the paper trains y by plain differentiation.
                                "straight-through" reads one scale and differentiates as if y were soft.
    evaluation="argmax"         the likeliest scale: deterministic, and one scale a step, as its figures
                                show. "soft" weights the scales by pi_t, also deterministic; "sample"
                                draws as in training, from torch's global generator.
    normalisation="1/sqrt(K)"   phi times this: the wavelet's energy is 1, so filtered white noise has
                                the input's variance. Or "1" or "1/K".
    fixed_scale=3               SRNN's: the paper gives a "maximal considered scale" for SRNN too, which
                                would mean nothing were it 0. Its number is lost; 0 is as easily run.

A state that is carried on holds the inputs that the filters reach back to, 2^(J-1) (K-1) steps for ASRNN and
2^j (K-1) for SRNN, in the place of the zeros before the sequence, and the cell's own.

All weight matrices start Glorot-uniform, as the paper says, the classifier's too.

Departures: gates biased as parts/cells.py says (forget gate at 1; the paper is silent). RMSProp is the trainer's
matter; what the paper calls the decay rate is read as RMSProp's, not the learning rate's. x_t is whatever the task
gives, so embeddings where the paper models words.
"""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .engine.native import recurrences
from .engine.replicas import exponential
from .engine.scan import Recurrence, State, scan
from .engine.triton import lstm as triton_lstm
from .parts import library
from .parts.cells import CELLS, Classified, GRUCell, Layer, make_cell
from .parts.haar import filtered, haar, one_of, reach
from .spec import FORGET_BIASES, ModelSpec, ScaleUse, Shape

CITE = "Hu, Wang, Qi: Learning to adaptively scale recurrent neural networks, AAAI 2019, arXiv 1902.05696"


def moved_on(past: Tensor, x: Tensor) -> Tensor:
    """The last inputs after x, as many as `past` has: (batch, time, d) both."""
    return torch.cat([past, x], dim=1)[:, x.shape[1] :]


def parted(x: Tensor, state: State | None, cell: Layer) -> tuple[Tensor, Tensor | None, State]:
    """x and the past inputs in the order (time, batch, d), and the cell's own state."""
    if state is None:
        return x.transpose(0, 1), None, cell.initial_state(x.shape[0])
    return x.transpose(0, 1), state[0].transpose(0, 1), state[1:]


class AdaptivelyScaledRNN(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    state: the last inputs (batch, `reach`, inputs), then the cell's, (batch, width) each.
    """

    def __init__(
        self,
        cell: str,
        shape: Shape,
        width: int,
        *,
        scales: int = 4,
        taps: int = 8,
        tau: float = 0.1,
        mixture: str = "soft",
        evaluation: str = "argmax",
        normalisation: str = "1/sqrt(K)",
        forget_bias: float | None = None,  # 1, and for the LSTM alone
    ) -> None:
        super().__init__()
        if scales < 1:
            raise ValueError(f"scales is at least 1, not {scales}")
        if not tau > 0:
            raise ValueError(f"tau is greater than 0, not {tau}")
        if forget_bias is not None and cell != "lstm":
            raise ValueError(f"forget_bias is the LSTM's; a {cell} cell has no forget gate")
        one_of("mixture", mixture, ("soft", "straight-through"))
        one_of("evaluation", evaluation, ("argmax", "soft", "sample"))
        self.kind, self.per_step = cell, shape.per_step
        self.tau, self.mixture, self.evaluation = tau, mixture, evaluation
        self.scales, self.phi = scales, haar(taps, normalisation)
        self.cell = make_cell(cell, shape.inputs, width, forget_bias=1.0 if forget_bias is None else forget_bias)
        self.W_z = nn.Parameter(torch.empty(scales, width))
        self.U_z = nn.Parameter(torch.empty(scales, shape.inputs))
        self.b_z = nn.Parameter(torch.zeros(scales))
        limit = math.sqrt(6 / (width + shape.inputs + scales))
        for weight in (self.W_z, self.U_z):
            nn.init.uniform_(weight, -limit, limit)
        self.classifier = nn.Linear(width, shape.outputs)

    def initial_state(self, batch: int) -> State:
        past = self.U_z.new_zeros(batch, reach(self.phi, self.scales - 1), self.U_z.shape[1])
        return past, *self.cell.initial_state(batch)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        after, outputs = self._run(x, "h" if self.per_step else "nothing", state)
        answers = self.classifier(outputs[0].transpose(0, 1) if self.per_step else after[0])
        return answers if state is None else (answers, (moved_on(state[0], x), *after))

    @torch.no_grad()
    def chosen_scales(self, x: Tensor) -> Tensor:
        """The scale with the largest weight at each step, (batch, time) int64; sampled in training mode."""
        _, (chosen,) = self._run(x, "scales")
        return chosen.t()

    def scale_use(self, x: Tensor) -> ScaleUse:
        """Which scale is read at each step; of weights that are soft, the largest."""
        use = F.one_hot(self.chosen_scales(x), self.scales).to(x.dtype)
        labels = tuple(f"scale {j}" for j in range(self.scales))
        return ScaleUse(labels, use, "share of sequences in which the scale is chosen", exclusive=True)

    def _run(self, x: Tensor, kept: str, state: State | None = None) -> tuple[State, State]:
        """The cell's last state, and what is kept of (h_t, y_t), over time."""
        x, past, before = parted(x, state, self.cell)
        X = torch.stack([filtered(x, self.phi, j, past) for j in range(self.scales)], dim=2)  # (time, batch, J, d)
        z, W_z = F.linear(x, self.U_z, self.b_z), self.W_z
        if self._sampling:
            # (3) with z for log pi: their difference is the same for all scales, and softmax ignores it
            g = -exponential(z).log()
            z, W_z = (z + g) / self.tau, W_z / self.tau
        weights = (W_z, *self.cell.weights)
        recurrence = scaled(self.kind, self.scales, x.shape[2], self._rule, kept, torch.is_grad_enabled())
        return scan(recurrence, weights, before, (z, X))

    @property
    def _sampling(self) -> bool:
        return self.training or self.evaluation == "sample"

    @property
    def _rule(self) -> str:
        """How y_t comes from the logits: soft, straight-through or argmax."""
        if self._sampling:
            return self.mixture
        return "soft" if self.evaluation == "soft" else "argmax"


def _one_hot(y: Tensor) -> Tensor:
    return torch.zeros_like(y).scatter(1, y.argmax(1, keepdim=True), 1.0)


def weigh(rule: str, z: Tensor) -> Tensor:
    """y_t (batch, J) of the logits."""
    if rule == "argmax":
        return _one_hot(z)
    y = torch.softmax(z, 1)
    return y if rule == "soft" else _one_hot(y) + (y - y.detach())


# what a recurrence gives of (h_t, y_t), over time
KEPT = {"nothing": lambda h, y: (), "h": lambda h, y: (h,), "scales": lambda h, y: (y.argmax(-1),)}


def scaled_step(rule: str, kept: str, inner: Callable, weights: State, state: State, z: Tensor, X: Tensor):
    """One step of the cell whose own step is `inner`."""
    W_z, W, b, U = weights
    y = weigh(rule, torch.addmm(z, state[0], W_z.t()))
    # mixing before the projection: W x~_t of all scales beforehand is J times the products
    # and the memory, and would save one thin product a step
    mixed = (y.unsqueeze(2) * X).sum(1)
    state, _ = inner((W, b, U), state, torch.addmm(b, mixed, W.t()))
    return state, KEPT[kept](state[0], y)


def scaled_native(rule: str, kept: str, weights: State, state: State, z: Tensor, X: Tensor) -> tuple[State, State]:
    h, y, *last = recurrences.Scaled.apply(z, X, *weights, rule != "soft", *state)
    return tuple(last), KEPT[kept](h, y)


def scaled_triton(rule: str, kept: str, weights: State, state: State, z: Tensor, X: Tensor) -> tuple[State, State]:
    """With a leading replica axis on everything."""
    h, c, y = triton_lstm.scaled_lstm(z, X, *weights, rule != "soft", *state)
    return (h[:, -1], c[:, -1]), KEPT[kept](h, y)


@cache
def scaled(kind: str, scales: int, inputs: int, rule: str, kept: str, training: bool) -> Recurrence:
    """The adaptive-scale recurrence over a cell called `kind`."""
    # no kernel goes back through a one-hot choice
    whole = rule == "soft" or not training
    small = scales <= triton_lstm.MAX_SCALES and inputs <= triton_lstm.MAX_INPUTS
    return Recurrence(
        partial(scaled_step, rule, kept, CELLS[kind].recurrence.step),
        native=partial(scaled_native, rule, kept) if whole else None,
        triton=partial(scaled_triton, rule, kept) if whole and small and kind == "lstm" else None,
    )


class ScaledRNN(Classified):
    """SRNN: a layer that reads its input filtered at one scale.

    state: the last inputs (batch, `reach`, inputs), then the layer's.
    """

    def __init__(self, rnn: Layer, shape: Shape, width: int, fixed_scale: int, taps: int, normalisation: str) -> None:
        super().__init__(rnn, shape, width)
        if fixed_scale < 0:
            raise ValueError(f"fixed_scale is at least 0, not {fixed_scale}")
        self.inputs, self.fixed_scale, self.phi = shape.inputs, fixed_scale, haar(taps, normalisation)

    def initial_state(self, batch: int) -> State:
        past = self.classifier.weight.new_zeros(batch, reach(self.phi, self.fixed_scale), self.inputs)
        return past, *super().initial_state(batch)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        by_time, past, before = parted(x, state, self.rnn)
        answers, after = super().forward(filtered(by_time, self.phi, self.fixed_scale, past).transpose(0, 1), before)
        return answers if state is None else (answers, (moved_on(state[0], x), *after))


class ScaledLSTM(ScaledRNN):
    """SRNN with torch's own LSTM."""

    def __init__(
        self,
        shape: Shape,
        width: int,
        *,
        fixed_scale: int = 3,
        taps: int = 8,
        normalisation: str = "1/sqrt(K)",
        forget_bias: float = 1.0,
    ) -> None:
        rnn = library.LSTM(shape.inputs, width, forget_bias=forget_bias)
        super().__init__(rnn, shape, width, fixed_scale, taps, normalisation)


class ScaledGRU(ScaledRNN):
    """SRNN with the GRU that the paper's equations mean, reset before the product."""

    def __init__(
        self, shape: Shape, width: int, *, fixed_scale: int = 3, taps: int = 8, normalisation: str = "1/sqrt(K)"
    ) -> None:
        super().__init__(GRUCell(shape.inputs, width), shape, width, fixed_scale, taps, normalisation)


# the widths are recalled, unverified; they give about 68,000 (LSTM) and 52,000 (GRU) weights each
FIXED, CHOSEN = "{} on its input filtered at one scale", "{} that chooses the scale of its input at every step"
FACTS: dict[str, Any] = {
    "cite": CITE,
    "start": "Glorot-uniform, classifier included: the paper",
    "head": "glorot",
    "revision": 2,  # 1: the classifier started as torch's Linear
}
_fixed = partial(ModelSpec, paper_width=129, further=("fixed_scale", (0, 1, 2, 3)), **FACTS)
_chosen = partial(ModelSpec, paper_width=128, further=("tau", (0.1, 0.3, 1.0)), **FACTS)
SLSTM = _fixed("slstm", "SLSTM", ScaledLSTM, what=FIXED.format("LSTM"), opening=FORGET_BIASES)
SGRU = _fixed("sgru", "SGRU", ScaledGRU, what=FIXED.format("GRU"))
ASLSTM = _chosen(
    "aslstm", "ASLSTM", partial(AdaptivelyScaledRNN, "lstm"), what=CHOSEN.format("LSTM"), opening=FORGET_BIASES
)
ASGRU = _chosen("asgru", "ASGRU", partial(AdaptivelyScaledRNN, "gru"), what=CHOSEN.format("GRU"))
