"""What LRU, S4D, S5 and Mamba stand in: a linear map, blocks that add to what they read, a classifier."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import State
from ...parts.library import of_layers
from ...parts.linear import linear
from ...parts.paired import as_complex, as_real
from ...spec import Shape


class Deep(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step.

    blocks: (v (batch, time, width), state or None) -> v, state; each with initial_state.
    norm: of the last block's v, whose last step then is classified; None: the mean of v over time is, as it is.
    state: every block's, and where there is such a mean also the sum of v (batch, width) and their number (batch, 1).
    """

    def __init__(self, shape: Shape, width: int, blocks: Sequence[nn.Module], norm: nn.Module | None = None) -> None:
        super().__init__()
        self.per_step = shape.per_step
        self.encoder = nn.Linear(shape.inputs, width)
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm
        self.classifier = nn.Linear(width, shape.outputs)

    slow: ClassVar[tuple[str, ...]] = ()  # of a block, what is trained at `rate` and without decay; others with `decay`
    rate: ClassVar[float] = 1.0
    decay: ClassVar[float] = 0.0

    def trained_as(self) -> dict[str, dict[str, float]]:
        own = {name: name.split(".", 2)[-1] in self.slow for name, _ in self.named_parameters()}
        return {name: {"rate": self.rate} if slow else {"decay": self.decay} for name, slow in own.items()}

    def initial_state(self, batch: int) -> State:
        inner = tuple(zeros for block in self.blocks for zeros in block.initial_state(batch))
        bias = self.encoder.bias
        return (*inner, bias.new_zeros(batch, len(bias)), bias.new_zeros(batch, 1)) if self._means else inner

    @property
    def _means(self) -> bool:
        return self.norm is None and not self.per_step

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        v, after = self.encoder(x), []
        *inner, total, steps = state if self._means and state is not None else (*(state or ()), 0, 0)
        befores = of_layers(None if state is None else tuple(inner), len(self.blocks))
        for block, before in zip(self.blocks, befores, strict=True):
            v, last = block(v, before)
            after += last
        if self._means:
            total, steps = v.sum(1) + total, v.new_full((len(v), 1), v.shape[1]) + steps
            v = total / steps
            after += total, steps
        else:
            v = v if self.per_step else v[:, -1]
            v = v if self.norm is None else self.norm(v)
        answers = self.classifier(v)
        return answers if state is None else (answers, tuple(after))


def convolved(v: Tensor, taps: Tensor, shift: Tensor) -> Tensor:
    """Each unit's own convolution over time: v (batch, K - 1 + time, width), taps (K, width), the last of this step,
    shift (width) -> (batch, time, width).
    """
    steps = v.shape[1] - len(taps) + 1
    for k, tap in enumerate(taps):
        shift = torch.addcmul(shift, tap, v[:, k : k + steps])
    return shift


def turned(u: Tensor, decay: Tensor, B: Tensor, C: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """u (batch, time, width) -> y_t = Re(C h_t), likewise, with h_t = decay h_{t-1} + B u_t, and the last h.

    decay (n) is complex; B (2 n, width), C (width, 2 n), h and `before` (batch, 2 n) have their real parts first.
    """
    read = as_complex(F.linear(u, B))
    h = as_real(linear(decay.expand_as(read), read, as_complex(before)))
    real, imaginary = C.chunk(2, dim=1)
    return F.linear(h, torch.cat([real, -imaginary], dim=1)), h[:, -1]


STEPS = 8


def whole(width: float, steps: int = STEPS) -> tuple[int, int]:
    """The width of the blocks, and how many eighths, or parts of `steps`, it is less than the width asked for.

    Those go into what is inside the blocks: one unit more everywhere is a large part of a small budget.
    """
    return divmod(round(width * steps), steps)
