"""Skip RNN: an LSTM or a GRU that decides at each update how many steps it will then leave its state as it is.

    q~_t = q_{t-1} + min(p_{t-1}, 1 - q_{t-1});  u_t = round(q~_t)
    s~_t = cell(s_{t-1}, x_t);  s_t = u_t s~_t + (1 - u_t) s_{t-1}
    p_t = u_t sigmoid(w s~_t + b) + (1 - u_t) p_{t-1};  q_t = (1 - u_t) q~_t;  p_0 = 1, q_0 = 0

The paper's u~ is q, and p its increment Delta u~. w reads the cell's c, or the GRU's h. The gradient goes straight
through the rounding, half of which goes to the even side. Beside the task's loss there is one of `cost` for each
update. Several layers move at the same steps, and the last one says when.

Campos, Jou, Giro-i-Nieto, Torres, Chang: Skip RNN: learning to skip state updates in recurrent neural networks, ICLR
2018.

Weights start as in the authors' code: matrices Glorot-uniform, the cell's [W U] as one, biases zero but for 1 of the
forget gate, or of both of the GRU's gates, and b 1; s_0 is trained and starts N(0, 1); the classifier Glorot-uniform
with bias zero. `cost` is 1e-4, that of their results on digits by pixels.

Departures: none of the equations. Their code adds the forget gate's 1 in the cell; here it is where the bias starts. A
state that is carried is what differs from s_0, p_0 and q_0, so that zeros stand for the start. Their GRU of several
layers has the candidate of an upper layer read x_t in place of the layer below: `released=True`.
"""

import math
from functools import cache, partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import Recurrence, State, scan
from ...parts import cells
from ...spec import ModelSpec, ScaleUse, Shape, spread

KINDS = {"lstm": (cells.lstm_step, 4, 2), "gru": (cells.gru_step, 3, 1)}
"""Kind -> a step, gates with the candidate, states; the last state is what says when to move."""


class Layer(nn.Module):
    """W (G h, d), U (G h, h), b (G h), s_0 (states, h); rows as the cells'.

    inputs: the candidate reads so many apart from the rest, by W_g (h, inputs).
    """

    def __init__(self, kind: str, below: int, width: int, inputs: int | None) -> None:
        super().__init__()
        _, gates, states = KINDS[kind]
        own = inputs is not None
        self.W = nn.Parameter(torch.empty((gates - own) * width, below))
        self.U = nn.Parameter(torch.empty(gates * width, width))
        self.W_g = nn.Parameter(torch.empty(width, inputs)) if inputs is not None else None
        self.b = nn.Parameter(torch.zeros(gates * width))
        self.s_0 = nn.Parameter(torch.randn(states, width))
        with torch.no_grad():
            # an LSTM's kernel is one; a GRU's gates and its candidate have one each
            parts = [slice(0, 4 * width)] if kind == "lstm" else [slice(0, 2 * width), slice(2 * width, 3 * width)]
            for rows in parts:
                W = self.W_g if self.W_g is not None and rows.start else self.W[rows]
                limit = math.sqrt(6 / (W.shape[1] + width + rows.stop - rows.start))
                for weight in (W, self.U[rows]):
                    weight.uniform_(-limit, limit)
            self.b[width : 2 * width] = 1.0
            if kind == "gru":
                self.b[:width] = 1.0

    @property
    def weights(self) -> State:
        return self.W, self.b, self.U, *([] if self.W_g is None else [self.W_g])


def prepare(reads: bool, weights: State, x: Tensor) -> State:
    """W x + b of the first layer; and x, where upper layers read it."""
    return (*cells.project(weights, x), *([x] if reads else []))


def moves(q: Tensor) -> Tensor:
    """round(q), with the gradient of q."""
    value = q.detach()
    return q + (value.round() - value)  # exactly 0 or 1


def step(kind: str, sizes: tuple[int, ...], weights: State, state: State, frame: Tensor, *x: Tensor):
    """sizes: weights of each layer. state: every layer's, p and q (batch, 1); outputs: h of the last layer, u."""
    inner, _, states = KINDS[kind]
    *layers, (w, b) = _split(weights, (*sizes, 2))
    *before, (p, q) = _split(state, (*[states] * len(sizes), 2))
    room = 1 - q
    q = q + torch.where(p <= room, p, room)
    u = moves(q)
    after: list[Tensor] = []
    new: State = ()
    for (W, bias, U, *own), old in zip(layers, before, strict=True):
        if own:
            frame = torch.cat([F.linear(new[0], W), F.linear(x[0], own[0])], dim=1) + bias
        elif new:
            frame = F.linear(new[0], W, bias)
        new, _ = inner((W, bias, U), old, frame)
        after += (torch.lerp(s, s_new, u) for s, s_new in zip(old, new, strict=True))
    p = torch.lerp(p, torch.sigmoid(F.linear(new[-1], w, b)), u)
    return (*after, p, q * (1 - u)), (after[-states], u)


def _split(tensors: State, sizes: tuple[int, ...]) -> list[State]:
    parts, place = [], 0
    for size in sizes:
        parts.append(tensors[place : place + size])
        place += size
    return parts


@cache
def recurrence(kind: str, sizes: tuple[int, ...]) -> Recurrence:
    return Recurrence(partial(step, kind, sizes), partial(prepare, max(sizes) > 3))


class SkipNetwork(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    state: h and c, or h, of each layer (batch, units), p and q (batch, 1), less where they start. cost: of an update,
    at least 0. Raises ValueError as `spread`.
    """

    kind: ClassVar[str]

    def __init__(
        self, shape: Shape, width: float, *, layers: int = 1, cost: float = 1e-4, released: bool = False
    ) -> None:
        super().__init__()
        if not 0 <= cost < math.inf:
            raise ValueError(f"cost is {cost}; give a number of at least 0")
        kind, self.cost, self.per_step = self.kind, cost, shape.per_step
        self.penalised = cost > 0
        widths = spread(width, layers)
        below = [shape.inputs, *widths[:-1]]
        self.layers = nn.ModuleList(
            Layer(kind, d, h, shape.inputs if released and place else None)
            for place, (d, h) in enumerate(zip(below, widths, strict=True))
        )
        self.update = nn.Linear(widths[-1], 1)
        nn.init.xavier_uniform_(self.update.weight)
        nn.init.ones_(self.update.bias)
        self.classifier = nn.Linear(widths[-1], shape.outputs)

    def initial_state(self, batch: int) -> State:
        return tuple(s.new_zeros(batch, s.shape[-1]) for s in self._start())

    def _start(self) -> State:
        one = self.update.bias.new_ones(1)
        return (*(s for layer in self.layers for s in layer.s_0), one, 0 * one)

    def _run(self, x: Tensor, state: State | None) -> tuple[State, Tensor, Tensor]:
        """The last state, h of the last layer at all steps and u, (time, batch, ...)."""
        given = self.initial_state(len(x)) if state is None else state
        start = self._start()
        before = tuple(s + s_0 for s, s_0 in zip(given, start, strict=True))
        weights = [layer.weights for layer in self.layers]
        every = (*(weight for own in weights for weight in own), self.update.weight, self.update.bias)
        computed = recurrence(self.kind, tuple(map(len, weights)))
        last, (h, u) = scan(computed, every, before, (x.transpose(0, 1),))
        return tuple(s - s_0 for s, s_0 in zip(last, start, strict=True)), h, u

    def forward(self, x: Tensor, state: State | None = None, *, penalty: bool = False) -> Tensor | tuple[object, ...]:
        after, h, u = self._run(x, state)
        answers = self.classifier(h.transpose(0, 1) if self.per_step else h[-1])
        told = (answers, *([] if state is None else [after]), *([self.cost * u.sum(0).mean()] if penalty else []))
        return told if len(told) > 1 else answers

    def scale_use(self, x: Tensor) -> ScaleUse:
        """Where the state moves."""
        _, _, u = self._run(x, None)
        return ScaleUse(("the state moves",), u.transpose(0, 1), "share of sequences in which the state is updated")


class SkipLSTM(SkipNetwork):
    kind = "lstm"

    def __init__(self, shape: Shape, width: float, *, layers: int = 1, cost: float = 1e-4) -> None:
        super().__init__(shape, width, layers=layers, cost=cost)


class SkipGRU(SkipNetwork):
    kind = "gru"


SPEC = partial(
    ModelSpec,
    paper_width=110,
    cite="Campos, Jou, Giro-i-Nieto, Torres, Chang: Skip RNN: learning to skip state updates in recurrent neural "
    "networks, ICLR 2018",
    source="https://github.com/imatge-upc/skiprnn-2017-telecombcn",
    licence="MIT",
    start="Glorot-uniform, s_0 N(0, 1), what says when to move begins with a bias of 1: the authors' code",
    head="glorot",
    further=("cost", (1e-4, 1e-5, 0.0)),
)
SKIP_LSTM = SPEC("skip-lstm", "Skip-LSTM", SkipLSTM, what="an LSTM that decides for how long it leaves its state alone")
SKIP_GRU = SPEC("skip-gru", "Skip-GRU", SkipGRU, what="a GRU that decides for how long it leaves its state alone")
