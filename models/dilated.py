"""Dilated LSTM: a stack whose layer l remembers s_l = 2^{l-1} steps back instead of one.

    c_t^{(l)}, h_t^{(l)} = LSTM(x_t^{(l)}, c_{t-s}^{(l)}, h_{t-s}^{(l)}),  s = s_l
    x_t^{(1)} = x_t;  x_t^{(l)} = h_t^{(l-1)};  the answer is linear in h_T of the last layer

TP-RNN's baseline: dilations 1, 2, 4, ... up to 256, as many layers as have s_l < T, nine at most;
59 units a layer, 62 where there are eight.

A layer of dilation s is s independent LSTMs, one a phase t mod s: they go through torch's LSTM as
one batch, padded with zeros to a multiple of s. Where only h_T is asked for, just the steps that
can reach it are computed, one phase a layer: exact, and two passes' work instead of nine.

A state that is carried on holds the last s_l steps' h and c of each layer, in the order of time. It
is exact for any number of steps: those that do not fill a turn of all s phases are a pass of their own.

Chang, Zhang, Han, Yu, Guo, Tan, Cui, Witbrock, Hasegawa-Johnson, Huang: Dilated recurrent neural
networks, NeurIPS 2017.

Weights start as the authors' code starts them, since that made their numbers: Glorot-uniform cells with zero biases,
and N(0, 1) for the classifier's weight and bias. Their paper says N(0, 1) for all weights: `init=normal` draws the
cells' weights so as well.

Departures: the forget bias of TP-RNN's baseline is unknown; 1 is customary, and the authors' cells add it. A first
dilation above 1, for which the authors join the last outputs, is not supported.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .engine.scan import State
from .parts import library
from .spec import FORGET_BIASES, ModelSpec, Shape, spread

CITE = "Chang et al.: Dilated recurrent neural networks, NeurIPS 2017"
MOST_LAYERS = 9


class DilatedLSTM(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    state: h, c of every layer, (batch, s, width) each.
    """

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        dilations: tuple[int, ...] | None = None,
        forget_bias: float = 1.0,
        init: str = "glorot",
    ) -> None:
        super().__init__()
        if init not in ("glorot", "normal"):
            raise ValueError(f"init is '{init}'; choose one of glorot, normal")
        self.dilations = _checked(dilations) if dilations is not None else _powers(shape)
        self.per_step = shape.per_step
        widths = spread(width, len(self.dilations))
        below = [shape.inputs, *widths[:-1]]
        self.rnns = nn.ModuleList(
            library.LSTM(d, h, forget_bias=forget_bias) for d, h in zip(below, widths, strict=True)
        )
        for rnn in self.rnns if init == "normal" else ():
            nn.init.normal_(rnn.weight_ih_l0)
            nn.init.normal_(rnn.weight_hh_l0)
        self.classifier = nn.Linear(widths[-1], shape.outputs)

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
            needed = 1 if self.per_step else math.gcd(*self.dilations[layer:])
            x = x[:, (x.shape[1] - 1) % (needed // kept) :: needed // kept]
            kept = needed
            x = dilated(rnn, x, s // kept)
        return self.classifier(x if self.per_step else x[:, -1])

    def _continued(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        after = []
        layers = library.of_layers(state, len(self.rnns))
        for rnn, s, before in zip(self.rnns, self.dilations, layers, strict=True):
            x, last = continued(rnn, x, s, before)
            after += last
        return self.classifier(x if self.per_step else x[:, -1]), tuple(after)


def dilated(rnn: nn.LSTM, x: Tensor, s: int) -> Tensor:
    """x (batch, time, d) -> h (batch, time, width), the state coming from s steps back."""
    if s == 1:
        return rnn(x)[0]
    batch, time, _ = x.shape
    x = F.pad(x, (0, 0, 0, -time % s))  # at the end, where no true step sees it
    phases = x.unflatten(1, (-1, s)).transpose(1, 2)  # (batch, s, time / s, d)
    h = rnn(phases.flatten(0, 1))[0]
    return h.unflatten(0, (batch, s)).transpose(1, 2).flatten(1, 2)[:, :time]


def continued(rnn: library.LSTM, x: Tensor, s: int, state: State) -> tuple[Tensor, State]:
    """`dilated` from the h and c of the s steps before, (batch, s, width) each; gives those of the last s steps."""
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
    if not dilations or dilations[0] != 1 or any(s < 1 or s != int(s) for s in dilations):
        raise ValueError(f"dilations are {dilations}; give whole numbers of at least 1, the first of them 1")
    return tuple(dilations)


DILATED_LSTM = ModelSpec(
    "dilated-lstm",
    "Dilated LSTM",
    DilatedLSTM,
    paper_width=paper_width,
    layers=layers,
    what="layers of LSTM with dilations 1, 2, 4, ...",
    cite=CITE,
    source="https://github.com/code-terminator/DilatedRNN",
    start="Glorot-uniform cells, classifier N(0, 1): the authors' code",
    head="normal",
    opening=FORGET_BIASES,
    further=("init", ("glorot", "normal")),
    revision=2,  # 1: the classifier started as torch's Linear
)
