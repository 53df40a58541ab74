"""What LRU and S4D stand in: a linear map, blocks that add to what they read, a classifier of the mean over time."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from ...engine.scan import State
from ...spec import Shape


class Deep(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    blocks: (v (batch, time, width), state or None) -> v, state; each with initial_state.
    state: every block's, and unless per_step also the sum of the last v (batch, width) and their number (batch, 1).
    """

    def __init__(self, shape: Shape, width: int, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.per_step = shape.per_step
        self.encoder = nn.Linear(shape.inputs, width)
        self.blocks = nn.ModuleList(blocks)
        self.classifier = nn.Linear(width, shape.outputs)

    slow: ClassVar[tuple[str, ...]] = ()  # what is trained at `rate` and without decay; all others with `decay`
    rate: ClassVar[float] = 1.0
    decay: ClassVar[float] = 0.0

    def trained_as(self) -> dict[str, dict[str, float]]:
        own = {name: ".rnn." in name and name.rpartition(".")[2] in self.slow for name, _ in self.named_parameters()}
        return {name: {"rate": self.rate} if slow else {"decay": self.decay} for name, slow in own.items()}

    def initial_state(self, batch: int) -> State:
        inner = tuple(zeros for block in self.blocks for zeros in block.initial_state(batch))
        bias = self.encoder.bias
        return inner if self.per_step else (*inner, bias.new_zeros(batch, len(bias)), bias.new_zeros(batch, 1))

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        v, after = self.encoder(x), []
        for number, block in enumerate(self.blocks):
            v, last = block(v, None if state is None else state[number : number + 1])
            after += last
        if self.per_step:
            answers = self.classifier(v)
        else:
            total, steps = v.sum(1), v.new_full((len(v), 1), v.shape[1])
            if state is not None:
                total, steps = total + state[-2], steps + state[-1]
            answers = self.classifier(total / steps)
            after += total, steps
        return answers if state is None else (answers, tuple(after))


STEPS = 8


def whole(width: float) -> tuple[int, int]:
    """The width of the blocks, and how many eighths it is less than the width asked for.

    Those go into what is inside the blocks: one unit more everywhere is a large part of a small budget.
    """
    return divmod(round(width * STEPS), STEPS)
