"""r-LSTM: an LSTM from one of whose states a second network must tell what was read before it.

    h_t, c_t = LSTM(x_t, h_{t-1}, c_{t-1});  y = C relu(W h_T + b) + d
    at an anchor t = a, drawn for each sequence in each step of training, two layers of LSTM, the first from h_a, c_a,
    the second from zeros, read x_{a-l}, .., x_{a-2} and tell of each what follows it, x_{a-l+1}, .., x_{a-1}, by a head
    of their own as that of y; `weight` times the loss of what they tell is added to the task's

Trinh, Dai, Luong, Le: Learning longer-term dependencies in RNNs with auxiliary losses, ICML 2018.

There is no code of the authors, and the paper is recalled, unverified. The case is a port's,
younggyoseo/rnn-auxiliary-loss, which by its own account does not come to the paper's numbers: `released=True`, whose
heads have no relu. Else the port differs in how it trains: its anchor is drawn once for the whole run, and the
classifier's bias stays at zero.

The loss is the squared error of real inputs, or with `classes` the cross entropy: x, a number in [0, 1], then is the
symbol round(x (classes - 1)), embedded in so many numbers as `embedding` says, and there is no gradient by x. Both
heads drop connections of their last map in training, with probability `dropout`. l, the `segment`, is by default that
share of the sequence which 600 of 784 are; `reverse` has it told from its end. `bptt` lets errors go so many steps
back, from the end of the sequence, from the anchor, and within stretches of the segment that are counted from its end
and have a loss each; 0 is all the way. `pretrain` is the share of the training in which there is the second network's
loss alone.

All that is trained counts in a budget, the second network too, though no answer needs it.

Weights start as an LSTM's here, Glorot-uniform with forget biases of 1, and heads and classifier as torch's Linear:
ours, as no source says.

Departures: the squared error, as the paper's inputs are symbols. Both losses are there from the start; the paper, as
the port, first trains on the second network's alone, which `pretrain=0.17` does for as long as the port. One anchor a
sequence. No error goes into x by what is to be told. A head has twice the units of its layer, as the paper's 256 of
128. Where a state is carried, anchor and segment lie within a piece, and `bptt` counts from its end.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.replicas import uniform
from ...engine.scan import State, scan
from ...parts import cells
from ...spec import ModelSpec, Shape, spread


class Head(nn.Module):
    """C relu(W h + b) + d, where C is given for each call, as some of its entries are dropped."""

    def __init__(self, width: int, released: bool) -> None:
        super().__init__()
        self.inner, self.released = nn.Linear(width, 2 * width), released

    def forward(self, h: Tensor, last: nn.Linear, dropout: float) -> Tensor:
        inner = self.inner(h) if self.released else torch.relu(self.inner(h))
        C = last.weight
        if dropout:
            C = C * (uniform(C) >= dropout) / (1 - dropout)
        return F.linear(inner, C, last.bias)


class Recalling(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    state: h, c (batch, units). penalty: the second network's loss comes as one more value. width: mean units of the
    three layers of LSTM, of which the two that hand on h_a, c_a have as many. Raises ValueError as `spread`.
    """

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        segment: int | None = None,
        weight: float = 1.0,
        bptt: int = 0,
        classes: int = 0,
        embedding: int = 16,
        dropout: float = 0.5,
        reverse: bool = False,
        pretrain: float = 0.0,
        released: bool = False,
    ) -> None:
        super().__init__()
        if reason := _why_not(shape):
            raise ValueError(reason)
        l = max(2, round(shape.length * 600 / 784)) if segment is None else segment
        if not 2 <= l < shape.length or l != int(l):
            raise ValueError(f"segment is {l}; give a whole number of at least 2 and below the {shape.length} steps")
        if not 0 <= weight < math.inf:
            raise ValueError(f"weight is {weight}; give a number of at least 0")
        if bptt < 0 or bptt != int(bptt):
            raise ValueError(f"bptt is {bptt}; give a whole number of at least 0")
        if classes < 0 or classes == 1 or classes != int(classes):
            raise ValueError(f"classes is {classes}; give a whole number of at least 2, or 0 for real inputs")
        if classes and shape.inputs != 1:
            raise ValueError(f"classes is {classes}, but a step has {shape.inputs} inputs; symbols take one")
        if embedding < 1 or embedding != int(embedding):
            raise ValueError(f"embedding is {embedding}; give a whole number of at least 1")
        for name, share in (("dropout", dropout), ("pretrain", pretrain)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share}; give a share of at least 0 and below 1")
        self.per_step, self.penalised = shape.per_step, weight > 0
        self.l, self.weight, self.bptt, self.classes = l, weight, bptt, classes
        self.dropout, self.reverse = dropout, reverse
        self.encoder = nn.Embedding(classes, embedding) if classes else None
        d = embedding if classes else shape.inputs
        first, units, last = spread(width, 3)
        own = first + last - units  # of the second network's second layer
        self.rnn = cells.LSTMCell(d, units)
        self.head = Head(units, released)
        self.classifier = nn.Linear(2 * units, shape.outputs)
        self.recall = nn.ModuleList([cells.LSTMCell(d, units), cells.LSTMCell(units, own)])
        self.recall_head = Head(own, released)
        self.told = nn.Linear(2 * own, classes or d)
        self.initial_state = self.rnn.initial_state
        self.pretrain, self.alone = pretrain, pretrain > 0
        if pretrain:
            self.set_progress = self._progress  # without it a step is the same at all times

    def _progress(self, fraction: float) -> None:
        self.alone = fraction < self.pretrain

    def forward(self, x: Tensor, state: State | None = None, *, penalty: bool = False) -> Tensor | tuple[object, ...]:
        x = self._symbols(x) if self.classes else x
        read = x if self.encoder is None else self.encoder(x)
        before = self.initial_state(len(x)) if state is None else state
        (h, c), after = self._run(read, before)
        answers = self.head(h if self.per_step else h[:, -1], self.classifier, self._dropped)
        told: tuple[object, ...] = (answers, *([] if state is None else [after]))
        if penalty:
            loss = self.weight * self._loss(x, read, before, h, c)
            told = (answers.detach() if self.alone else answers, *told[1:], loss)
        return told if len(told) > 1 else answers

    def _symbols(self, x: Tensor) -> Tensor:
        return (x[..., 0] * (self.classes - 1)).round().long().clamp(0, self.classes - 1)

    @property
    def _dropped(self) -> float:
        return self.dropout if self.training else 0.0

    def _run(self, read: Tensor, state: State) -> tuple[State, State]:
        """h and c at all steps, and the last ones."""
        every = []
        for stretch in read.split(_sizes(read.shape[1], read.shape[1], self.bptt), dim=1):
            states, state = _states(self.rnn, stretch, tuple(s.detach() for s in state) if every else state)
            every.append(states)
        return tuple(torch.cat(parts, dim=1) for parts in zip(*every, strict=True)), state

    def _loss(self, x: Tensor, read: Tensor, before: State, h: Tensor, c: Tensor) -> Tensor:
        a = self.anchors(h[:, 0, 0], read.shape[1])
        states: list[State | None] = [self._anchored(read, before, (h, c), a), None]
        of_x, wanted = (_stretch(v, a - self.l, self.l) for v in (read, x.detach()))
        if self.reverse:
            of_x, wanted = of_x.flip(1), wanted.flip(1)
        sizes = _sizes(self.l - 1, self.l, self.bptt)
        losses = []
        for inner, target in zip(of_x[:, :-1].split(sizes, dim=1), wanted[:, 1:].split(sizes, dim=1), strict=True):
            for place, rnn in enumerate(self.recall):
                inner, last = rnn(inner, states[place])
                states[place] = tuple(s.detach() for s in last)
            told = self.recall_head(inner, self.told, self._dropped)
            if self.classes:
                losses.append(F.cross_entropy(told.flatten(0, 1), target.flatten()))
            else:
                losses.append(F.mse_loss(told, target))
        return torch.stack(losses).sum()

    def anchors(self, like: Tensor, steps: int) -> Tensor:
        """An anchor from l to the last step for each sequence of `like` (batch)."""
        return (self.l + uniform(like) * (steps - self.l)).long().clamp(max=steps - 1)

    def _anchored(self, read: Tensor, before: State, every: State, a: Tensor) -> State:
        """h_a and c_a, from which errors go back so many steps as `bptt` says."""
        if not self.bptt or self.bptt >= read.shape[1]:
            return tuple(_at(s, a) for s in every)
        first = (a + 1 - self.bptt).clamp(min=0)
        start = (_at(torch.cat([s_0.unsqueeze(1), s], dim=1), first) for s_0, s in zip(before, every, strict=True))
        states, _ = _states(self.rnn, _stretch(read, first, self.bptt), tuple(s.detach() for s in start))
        return tuple(_at(s, a - first) for s in states)


def _states(rnn: cells.LSTMCell, x: Tensor, state: State) -> tuple[State, State]:
    """h and c at all steps (batch, time, h), and the last ones."""
    after, every = scan(rnn.recurrence, rnn.weights, state, (x.transpose(0, 1),))
    return tuple(s.transpose(0, 1) for s in every), after


def _sizes(steps: int, length: int, bptt: int) -> list[int]:
    """Of stretches of bptt steps that are counted from the end of `length`, of which the first `steps` are there."""
    ends = [end for end in range(length % bptt, steps, bptt) if end] if bptt else []
    return [end - start for start, end in pairwise([0, *ends, steps])]


def _at(v: Tensor, t: Tensor) -> Tensor:
    """v (batch, time, n) at a step of each sequence."""
    return _stretch(v, t, 1).squeeze(1)


def _stretch(v: Tensor, first: Tensor, steps: int) -> Tensor:
    """v (batch, time, ...), so many steps from a first one of each sequence."""
    places = first.unsqueeze(1) + torch.arange(steps, device=first.device)
    return v.gather(1, places.view(*places.shape, *[1] * (v.dim() - 2)).expand(-1, -1, *v.shape[2:]))


def _why_not(shape: Shape) -> str | None:
    if shape.length > 2:
        return None
    return f"an anchor has at least two steps before it, and its sequences have {shape.length} in all"


R_LSTM = ModelSpec(
    "r-lstm",
    "r-LSTM",
    Recalling,
    paper_width=128,
    layers=3,
    why_not=_why_not,
    what="an LSTM from one of whose states a second network tells what was read before it, in training alone",
    cite="Trinh, Dai, Luong, Le: Learning longer-term dependencies in RNNs with auxiliary losses, ICML 2018",
    source="https://github.com/younggyoseo/rnn-auxiliary-loss",
    licence="none",
    start="Glorot-uniform LSTMs, forget bias 1, heads and classifier as torch's Linear: ours, as no source says",
    head="default",
    opening=("weight", (1.0, 0.1)),
)
