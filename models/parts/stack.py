"""Recurrent layers, each on the one below, and a linear classifier on the last; what is dropped between them."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from ..engine.replicas import exponential
from ..engine.scan import State
from ..spec import Shape, spread
from . import library


class Stack(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: every layer's.

    layer: its inputs, units and number -> x (batch, time, inputs), its state or None -> h (batch, time, units), state;
    with initial_state. Raises ValueError as `spread`.
    """

    def __init__(self, shape: Shape, width: float, layers: int, layer: Callable[[int, int, int], nn.Module]) -> None:
        super().__init__()
        self.per_step = shape.per_step
        widths = spread(width, layers)
        below = [shape.inputs, *widths[:-1]]
        self.rnns = nn.ModuleList(layer(d, h, place) for place, (d, h) in enumerate(zip(below, widths, strict=True)))
        self.classifier = nn.Linear(widths[-1], shape.outputs)

    def initial_state(self, batch: int) -> State:
        return tuple(zeros for rnn in self.rnns for zeros in rnn.initial_state(batch))

    def between(self, h: Tensor) -> Tensor:
        """What is done to what a layer says."""
        return h

    def read(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """What the last layer says (batch, time, units), and the states."""
        after = []
        for rnn, before in zip(self.rnns, library.of_layers(state, len(self.rnns)), strict=True):
            h, last = rnn(x, before)
            x = self.between(h)
            after += last
        return x, tuple(after)

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        h, after = self.read(x, state)
        answers = self.classifier(h if self.per_step else h[:, -1])
        return answers if state is None else (answers, after)


def dropped(v: Tensor, share: float) -> Tensor:
    """v (batch, time, width) without a share of its entries, the same ones at all steps."""
    if not share:
        return v
    kept = exponential(v[:, 0]) > -math.log1p(-share)  # so with that probability
    return v * (kept / (1 - share)).to(v).unsqueeze(1)


def check_dropout(share: float, name: str = "dropout") -> None:
    """Raises ValueError."""
    if not 0 <= share < 1:
        raise ValueError(f"{name} is {share}; give a share of at least 0 and below 1")
