"""The one loop over time that every custom recurrence uses.

A cell is a step function `(state, *frame) -> (state, outputs)`; states and outputs are tuples of
tensors. What does not depend on the state (the input projection, filters, noise) is computed for
the whole sequence before the loop and comes in as a frame.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Step = Callable[..., tuple[State, tuple[Tensor, ...]]]


def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> tuple[State, tuple[Tensor, ...]]:
    """Apply `step` along the first axis of `inputs`.

    inputs: tensors (time, ...), all of one length of at least 1. Returns the last state, and each
    output stacked over time, (time, ...); no outputs where the step returns none.
    """
    # unbind, not indexing: the gradient of x[t] fills a whole sequence for every step
    collected = []
    for frame in zip(*(sequence.unbind(0) for sequence in inputs), strict=True):
        state, outputs = step(state, *frame)
        collected.append(outputs)
    return state, tuple(torch.stack(column) for column in zip(*collected, strict=True))
