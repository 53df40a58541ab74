"""What an answer is worth: the loss of a batch, and the metric of a whole split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import BenchError
from .replicas import Alone, Stacked

EVALUATION_BATCH = 500
State = tuple[Tensor, ...]


class WrongOutput(BenchError):
    """A model's answer does not have the shape that the task needs."""


def loss_of(outputs: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    """Cross-entropy for labels, squared error for real targets; labels are (batch,) or (batch, time)."""
    if y.is_floating_point():
        return F.mse_loss(outputs, y, reduction=reduction)
    return F.cross_entropy(outputs.flatten(0, -2), y.flatten(), reduction=reduction)


def check_output(outputs: Tensor, y: Tensor, classes: int) -> None:
    """Raise WrongOutput unless outputs fit the targets y of a batch."""
    wanted = tuple(y.shape) if y.is_floating_point() else (*y.shape, classes)
    if not isinstance(outputs, Tensor) or tuple(outputs.shape) != wanted:
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise WrongOutput(f"the model answers with {found} where {wanted} is needed")


@torch.no_grad()
def evaluate(
    model: Alone | Stacked,
    x: Tensor,
    y: Tensor,
    metric: str,
    carried: State = (),
    streams: int = 1,
    beat: Callable[[], None] = lambda: None,
) -> list[float]:
    """accuracy, mse, cross_entropy, bits_per_character or perplexity of each replica over a whole split, in evaluation
    mode; NaN where an answer is no finite number.

    carried: the state before the first piece of a text, (replicas, batch, ...) each; the text then goes on in
    so many streams. A model that draws noise here draws it batch by batch, so a group and a seed alone draw the
    same only where the split is no longer than a group's batch. beat: called after each batch.
    """

    def score(outputs: Tensor, answers: Tensor) -> Tensor:
        if metric == "accuracy":
            right = (outputs.argmax(dim=-1) == answers).sum()
            # argmax names a class for NaN as well
            return right.double().where(outputs.amax(dim=-1).isfinite().all(), math.nan)
        return loss_of(outputs, answers, reduction="sum").double()

    model.module.eval()
    total = torch.zeros(model.count, dtype=torch.float64, device=y.device)
    with model.noise():
        if carried:
            for rows in in_streams(len(y), streams):
                carried = tuple(state[:, : len(rows)] for state in carried)
                sums, carried = model.scores_and_state(score, x[rows].to(y.device), y[rows], carried, shared=True)
                total += sums
                beat()
        else:
            batch = max(1, EVALUATION_BATCH // model.count)  # a group takes no more memory than one
            for inputs, answers in zip(x.split(batch), y.split(batch), strict=True):
                total += model.scores_of_all(score, inputs.to(y.device, copy=True), answers)
                beat()
    model.module.train()
    means = [value / y.numel() for value in total.tolist()]
    if metric == "bits_per_character":
        return [mean / math.log(2) for mean in means]
    return [_exp(mean) for mean in means] if metric == "perplexity" else means


def in_streams(pieces: int, streams: int) -> Iterator[Tensor]:
    """The rows of each step when `pieces` in the order of a text are read in so many streams, all of them once.

    >>> [rows.tolist() for rows in in_streams(5, 2)]
    [[0, 3], [1, 4], [2]]
    """
    streams = min(streams, pieces)
    whole, rest = divmod(pieces, streams)
    number = torch.arange(streams)
    starts = number * whole + number.clamp(max=rest)
    for step in range(whole + (rest > 0)):
        yield starts[: streams if step < whole else rest] + step


def _exp(mean: float) -> float:
    return math.exp(mean) if mean < 700 else math.inf
