"""Gradients of whatever comes out of a recurrence, and the comparison of two ways to compute it."""

from collections.abc import Sequence

import torch
from torch import Tensor


def weighted(outputs: Sequence[Tensor], which: Sequence[int]) -> Tensor:
    """A weighted sum of the numbers of these outputs."""
    chosen = [outputs[n] for n in which]
    weights = [torch.linspace(-1, 2, o.numel(), dtype=o.dtype, device=o.device).view_as(o) for o in chosen]
    return sum((output * weight).sum() for output, weight in zip(chosen, weights, strict=True))


def gradients(total: Tensor, inputs: Sequence[Tensor], *, retain: bool = False) -> list[Tensor]:
    """By each input; zeros where it is not read."""
    found = torch.autograd.grad(total, inputs, allow_unused=True, retain_graph=retain)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def assert_close(ours: Sequence[Tensor], theirs: Sequence[Tensor], tolerance: float, least: float = 0.0) -> None:
    """Each is near, relative to its largest number, to a hundredth of the largest of all or to the least."""
    assert len(ours) == len(theirs)
    sizes = [float(expected.detach().abs().max()) for expected in theirs]
    for number, (mine, expected, size) in enumerate(zip(ours, theirs, sizes, strict=True)):
        assert mine.shape == expected.shape
        difference = float((mine - expected).detach().abs().max())
        assert difference <= tolerance * max(size, max(sizes) / 100, least), number
