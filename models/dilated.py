"""Dilated LSTM, GRU and RNN: a stack whose layer l remembers s_l = 2^{l-1} steps back instead of one.

    c_t^{(l)}, h_t^{(l)} = LSTM(x_t^{(l)}, c_{t-s}^{(l)}, h_{t-s}^{(l)}),  s = s_l
    h_t^{(l)} = GRU(x_t^{(l)}, h_{t-s}^{(l)}) or tanh(W x_t^{(l)} + U h_{t-s}^{(l)} + b)
    x_t^{(1)} = x_t;  x_t^{(l)} = h_t^{(l-1)};  the answer is linear in h_T of the last layer

TP-RNN's baseline: dilations 1, 2, 4, ... up to 256, as many layers as have s_l < T, nine at most;
59 units a layer, 62 where there are eight.

A layer of dilation s is s independent cells, one a phase t mod s: they go through one recurrence as
one batch, padded with zeros to a multiple of s. Where only h_T is asked for, just the steps that
can reach it are computed, one phase a layer: exact, and two passes' work instead of nine.

A state that is carried on holds the last s_l steps' h, and c, of each layer, in the order of time. It
is exact for any number of steps: those that do not fill a turn of all s phases are a pass of their own.

Chang, Zhang, Han, Yu, Guo, Tan, Cui, Witbrock, Hasegawa-Johnson, Huang: Dilated recurrent neural
networks, NeurIPS 2017.

Weights start as the authors' code starts them, since that made their numbers: Glorot-uniform cells with zero biases,
and N(0, 1) for the classifier's weight and bias. Their paper says N(0, 1) for all weights: `init=normal` draws the
cells' weights so as well.

A first dilation s above 1 leaves the last h of s phases: they are joined, as in the authors' code, and the answer is
linear in them all. It is for one answer a sequence.

Departures: the forget bias of TP-RNN's baseline is unknown; 1 is customary, and the authors' cells add it.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .engine.scan import State
from .parts import cells, library
from .spec import FORGET_BIASES, ModelSpec, Shape, spread

CITE = "Chang et al.: Dilated recurrent neural networks, NeurIPS 2017"
MOST_LAYERS = 9


class Dilated(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    state: what a layer carries, of every layer, (batch, s, width) each.
    """

    layer: type[cells.Layer]

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        dilations: tuple[int, ...] | None = None,
        init: str = "glorot",
    ) -> None:
        super().__init__()
        if init not in ("glorot", "normal"):
            raise ValueError(f"init is '{init}'; choose one of glorot, normal")
        self.dilations = _checked(dilations) if dilations is not None else _powers(shape)
        self.per_step = shape.per_step
        self.joined = self.dilations[0]
        if self.joined > 1 and self.per_step:
            raise ValueError(f"dilations are {dilations}; for an answer a step the first of them is 1")
        if self.joined > shape.length:
            raise ValueError(f"dilations are {dilations}; the first of them is at most the {shape.length} steps")
        widths = spread(width, len(self.dilations))
        below = [shape.inputs, *widths[:-1]]
        self.rnns = nn.ModuleList(self.layer(d, h) for d, h in zip(below, widths, strict=True))
        for rnn in self.rnns if init == "normal" else ():
            W, _, U, *_ = rnn.weights
            nn.init.normal_(W)
            nn.init.normal_(U)
        self.classifier = nn.Linear(self.joined * widths[-1], shape.outputs)

    def initial_state(self, batch: int) -> State:
        zeros = [rnn.initial_state(batch * s) for rnn, s in zip(self.rnns, self.dilations, strict=True)]
        return tuple(
            tensor.unflatten(0, (batch, s)) for pair, s in zip(zeros, self.dilations, strict=True) for tensor in pair
        )

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        if state is not None:
            return self._continued(x, state)
        kept = 1  # x holds the steps T, T - kept, T - 2 kept, ...
        for layer, (rnn, s) in enumerate(zip(self.rnns, self.dilations, strict=True)):
            # this layer and those above reach back from T by sums of their dilations only
            needed = 1 if self.per_step or self.joined > 1 else math.gcd(*self.dilations[layer:])
            x = x[:, (x.shape[1] - 1) % (needed // kept) :: needed // kept]
            kept = needed
            x = dilated(rnn, x, s // kept)
        return self._answers(x)

    def _answers(self, h: Tensor) -> Tensor:
        return self.classifier(h if self.per_step else h[:, -self.joined :].flatten(1))

    def _continued(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        after = []
        layers = library.of_layers(state, len(self.rnns))
        for rnn, s, before in zip(self.rnns, self.dilations, layers, strict=True):
            x, last = continued(rnn, x, s, before)
            after += last
        return self._answers(x), tuple(after)


class DilatedLSTM(Dilated):
    layer = library.LSTM

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        dilations: tuple[int, ...] | None = None,
        forget_bias: float = 1.0,
        init: str = "glorot",
    ) -> None:
        super().__init__(shape, width, dilations=dilations, init=init)
        for rnn in self.rnns:
            nn.init.constant_(rnn.bias_ih_l0.detach()[rnn.hidden_size : 2 * rnn.hidden_size], forget_bias)


class DilatedRNN(Dilated):
    layer = cells.TanhCell


class GatesOfOne(cells.GRUCell):
    """TensorFlow's GRU: gates and candidate have a kernel each, both Glorot-uniform; the gates' biases start at 1."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        gates = slice(0, 2 * width)
        nn.init.ones_(self.bias.detach()[gates])
        for rows, units in ((gates, 2 * width), (slice(2 * width, None), width)):
            limit = math.sqrt(6 / (inputs + width + units))
            for weight in (self.weight_x, self.weight_h):
                nn.init.uniform_(weight.detach()[rows], -limit, limit)


class DilatedGRU(Dilated):
    layer = GatesOfOne


def dilated(rnn: cells.Layer, x: Tensor, s: int) -> Tensor:
    """x (batch, time, d) -> h (batch, time, width), the state coming from s steps back."""
    if s == 1:
        return rnn(x)[0]
    batch, time, _ = x.shape
    x = F.pad(x, (0, 0, 0, -time % s))  # at the end, where no true step sees it
    phases = x.unflatten(1, (-1, s)).transpose(1, 2)  # (batch, s, time / s, d)
    h = rnn(phases.flatten(0, 1))[0]
    return h.unflatten(0, (batch, s)).transpose(1, 2).flatten(1, 2)[:, :time]


def continued(rnn: cells.Layer, x: Tensor, s: int, state: State) -> tuple[Tensor, State]:
    """`dilated` from the states of the s steps before, (batch, s, width) each; gives those of the last s steps."""
    batch, time, _ = x.shape
    rest = time % s
    parts = []
    # whole turns of all phases, then one step of the first `rest` phases
    for steps, phases in ((time - rest, s), (rest, rest)):
        if steps:
            now, x = x.split([steps, x.shape[1] - steps], dim=1)
            now = now.unflatten(1, (-1, phases)).transpose(1, 2).flatten(0, 1)  # (batch phases, steps / phases, d)
            h, last = rnn(now, tuple(tensor[:, :phases].flatten(0, 1) for tensor in state))
            parts.append(h.unflatten(0, (batch, phases)).transpose(1, 2).flatten(1, 2))
            state = tuple(
                torch.cat([old[:, phases:], new.unflatten(0, (batch, phases))], dim=1)
                for old, new in zip(state, last, strict=True)
            )
    return torch.cat(parts, dim=1), state


def layers(shape: Shape) -> int:
    """How many powers of 2 are below T, at least 1 and at most 9."""
    return max(1, min(MOST_LAYERS, (shape.length - 1).bit_length()))


def paper_width(shape: Shape) -> int:
    """TP-RNN's widths: 62 in the eight layers at T = 200, 59 in nine."""
    return 62 if layers(shape) == 8 else 59


def _powers(shape: Shape) -> tuple[int, ...]:
    return tuple(2**layer for layer in range(layers(shape)))


def _checked(dilations: tuple[int, ...]) -> tuple[int, ...]:
    if not dilations or any(s < 1 or s != int(s) for s in dilations):
        raise ValueError(f"dilations are {dilations}; give whole numbers of at least 1")
    return tuple(dilations)


SPEC = partial(
    ModelSpec,
    layers=layers,
    cite=CITE,
    source="https://github.com/code-terminator/DilatedRNN",
    licence="Apache-2.0",
    start="Glorot-uniform cells, classifier N(0, 1): the authors' code",
    head="normal",
)
DILATED_LSTM = SPEC(
    "dilated-lstm",
    "Dilated LSTM",
    DilatedLSTM,
    paper_width=paper_width,
    what="layers of LSTM with dilations 1, 2, 4, ...",
    opening=FORGET_BIASES,
    further=("init", ("glorot", "normal")),
    revision=2,  # 1: the classifier started as torch's Linear
)
DILATED_RNN = SPEC(
    "dilated-rnn",
    "Dilated RNN",
    DilatedRNN,
    paper_width=50,
    what="layers of tanh with dilations 1, 2, 4, ...",
    opening=("init", ("glorot", "normal")),
)
DILATED_GRU = SPEC(
    "dilated-gru",
    "Dilated GRU",
    DilatedGRU,
    what="layers of GRU with dilations 1, 2, 4, ...",
    opening=("init", ("glorot", "normal")),
)
