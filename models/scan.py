"""The one loop over time that every custom recurrence uses, and its back ends.

A cell is a step function `(state, *frame) -> (state, outputs)`; states and outputs are tuples of
tensors. What does not depend on the state (the input projection, filters, noise) is computed for
the whole sequence before the loop and comes in as a frame.

    eager    the step function once for each step: the truth
    native   the step function's attribute `fused(state, *inputs)`, which does all steps in native
             code (native.py) and returns what the loop would, where the step has one and it can

`auto` takes native where it can. Both give the same numbers; tests compare them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from . import native

State = tuple[Tensor, ...]
Step = Callable[..., tuple[State, tuple[Tensor, ...]]]

BACKENDS = ("auto", "eager", "native")
_chosen = "auto"
_used: set[str] = set()


def scan(step: Step, state: State, inputs: Sequence[Tensor]) -> tuple[State, tuple[Tensor, ...]]:
    """Apply `step` along the first axis of `inputs`.

    inputs: tensors (time, ...), all of one length of at least 1. Returns the last state, and each
    output stacked over time, (time, ...); no outputs where the step returns none.
    """
    fused = getattr(step, "fused", None)
    if fused is not None and takes_native(*inputs, *state):
        return fused(state, *inputs)
    if _chosen == "native":
        raise RuntimeError(f"no native code for this recurrence: {native.why_not() or 'it has none'}")
    _used.add("eager")
    # unbind, not indexing: the gradient of x[t] fills a whole sequence for every step
    collected = []
    for frame in zip(*(sequence.unbind(0) for sequence in inputs), strict=True):
        state, outputs = step(state, *frame)
        collected.append(outputs)
    return state, tuple(torch.stack(column) for column in zip(*collected, strict=True))


def takes_native(*tensors: Tensor) -> bool:
    """Is native code wanted, there, and able to take these tensors? If so it counts as used."""
    if _chosen == "eager" or not native.serves(*tensors):
        return False
    _used.add("native")
    return True


@contextmanager
def backend(name: str) -> Iterator[set[str]]:
    """Take this back end inside the block; gives the set of those that were used in it."""
    global _chosen, _used
    if name not in BACKENDS:
        raise ValueError(f"no back end '{name}'; choose one of {', '.join(BACKENDS)}")
    before = _chosen, _used
    _chosen, _used = name, set()
    try:
        yield _used
    finally:
        _chosen, _used = before
