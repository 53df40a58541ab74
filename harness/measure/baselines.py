"""How far one comes on a task without a memory: what stands beside chance where data are real.

Of sequences with one label, a view forgets what a recurrent network is there to keep:

    mean over time            the order is thrown away; leading zeros, which pad, are no part of it
    last step alone           all that came before is
    spectrum without phase    of sequences of one input: log |FFT|, no matter when

On each view multinomial logistic regression, under several weights of the L2 penalty, and k nearest neighbours are
fitted to the training set; validation chooses one of them, and that one alone reads the test set. Of a text the last
step alone is the token before, with counts of pairs smoothed as Witten and Bell (1991) do: there is nothing to choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from .. import machine
from ..catalog import find_task
from ..errors import BenchError
from ..prepare.data import check_data, load_data, prepare_data
from ..prepare.modules import task_fingerprint
from ..records.baselines import Baselines

if TYPE_CHECKING:
    from pathlib import Path

    from ..catalog import Split, Splits
    from ..protocol import Protocol

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
NEIGHBOURS = (1, 5, 15)
FLOOR = 1e-3  # of a magnitude whose logarithm is taken
CHUNK = 500  # sequences whose neighbours are looked for at a time
NATS: dict[str, Callable[[float], float]] = {  # a metric of nats a token
    "cross_entropy": float,
    "perplexity": math.exp,
    "bits_per_character": lambda nats: nats / math.log(2),
}
Predict = Callable[[Tensor], Tensor]  # features (n, d) -> labels (n,)


def found(name: str, protocol: Protocol, data_root: Path | None) -> Baselines:
    """The record of a task at the scale and with the data seed of a protocol.

    Raises BenchError where its data are not there, or the task is of a kind that has none.
    """
    task = find_task(name, protocol.scale, data_root)
    check_data(task, data_root)
    prepare_data(task, data_root, lambda done, total: None)
    values = baselines(load_data(task, protocol.data_seed, data_root), task.metric)
    of = task_fingerprint(task, protocol.data_seed, data_root)
    made = Baselines(name, protocol.scale, protocol.data_seed, task.metric, values, of["task_source"], of["data"])
    return replace(made, machine=machine.provenance("cpu"), finished=machine.now())


def baselines(splits: Splits, metric: str) -> dict[str, float]:
    """The test metric by what was seen of the sequences.

    Raises BenchError for tasks that are neither one label a sequence nor the next token of a text.
    """
    x, y = splits.train
    if metric == "accuracy" and x.is_floating_point() and y.ndim == 1:
        views = _views(x.shape[2])
        return {name: classified(*((view(split.x), split.y) for split in splits)) for name, view in views.items()}
    if metric in NATS and not x.is_floating_point():
        return {"last step alone": NATS[metric](pair_entropy(splits.train, splits.test))}
    raise BenchError("baselines without a memory are for tasks with one label a sequence, and for texts")


def _views(inputs: int) -> Mapping[str, Callable[[Tensor], Tensor]]:
    """What is seen of x (n, time, inputs) -> (n, d)."""
    views = {"mean over time": _mean, "last step alone": lambda x: x[:, -1]}
    return views | ({"spectrum without phase": _spectrum} if inputs == 1 else {})


def _mean(x: Tensor) -> Tensor:
    begun: Tensor = (x != 0).any(dim=2).cummax(dim=1).values
    return x.sum(dim=1) / begun.sum(dim=1, keepdim=True).clamp(min=1)


def _spectrum(x: Tensor) -> Tensor:
    spectrum: Tensor = torch.fft.rfft(x[..., 0], dim=1)
    return (spectrum.abs() + FLOOR).log()


def classified(train: tuple[Tensor, Tensor], valid: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> float:
    """The test accuracy of the classifier that is best in validation, each set (n, d) and labels (n,); of equally good
    ones the first.
    """
    x = train[0].double()
    mean, deviation = x.mean(dim=0), x.std(dim=0)
    deviation = deviation.where(deviation > 0, 1.0)

    def scaled(features: Tensor) -> Tensor:
        return (features.double() - mean) / deviation

    tried = [logistic(scaled(x), train[1], penalty) for penalty in PENALTIES]
    tried += [neighbours(scaled(x), train[1], k) for k in NEIGHBOURS if k <= len(x)]

    def accuracy(predict: Predict, of: tuple[Tensor, Tensor]) -> float:
        return float((predict(scaled(of[0])) == of[1]).double().mean())

    return accuracy(max(tried, key=lambda predict: accuracy(predict, valid)), test)


def logistic(x: Tensor, y: Tensor, penalty: float) -> Predict:
    """Multinomial logistic regression; penalty: the weight of half the squared norm of the weights."""
    # the last row holds the biases
    weight = torch.zeros(x.shape[1] + 1, int(y.max()) + 1, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(x @ weight[:-1] + weight[-1], y) + penalty / 2 * weight[:-1].square().sum()
        torch.autograd.backward(value)
        return value

    optimizer.step(loss)
    fitted = weight.detach()
    return lambda x: (x @ fitted[:-1] + fitted[-1]).argmax(dim=1)


def neighbours(x: Tensor, y: Tensor, k: int) -> Predict:
    """The commonest label of the k nearest; of equally common ones the smallest."""

    def nearest(few: Tensor) -> Tensor:
        labels: Tensor = y[torch.cdist(few, x).topk(k, largest=False).indices]
        return labels.mode(dim=1).values

    return lambda features: torch.cat([nearest(few) for few in features.split(CHUNK)])


def pair_entropy(train: Split, test: Split) -> float:
    """Nats a token of the test text, each predicted from the one before: (n, time) tokens x and y.

    p(w | v) = (c(v, w) + T(v) p(w)) / (c(v) + T(v)), T(v) the number of different tokens that follow v, and p(w) from
    the training text with one count more of each token.
    """
    size = 1 + max(int(tokens.max()) for split in (train, test) for tokens in split)
    before, after = (tokens.flatten() for tokens in train)
    single = (torch.bincount(after, minlength=size) + 1.0).double()
    single /= single.sum()
    pairs, counts = (before * size + after).unique(return_counts=True)
    total = torch.bincount(before, minlength=size).double()
    kinds = torch.bincount(pairs // size, minlength=size).double()
    v, w = (tokens.flatten() for tokens in test)
    place = torch.searchsorted(pairs, v * size + w).clamp(max=len(pairs) - 1)
    seen = counts[place] * (pairs[place] == v * size + w)
    share = (seen + kinds[v] * single[w]) / (total[v] + kinds[v])
    return float(-torch.where(total[v] > 0, share, single[w]).log().mean())
