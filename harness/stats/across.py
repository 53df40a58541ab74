"""Models against each other over tasks and seeds: every pair at once, with one correction for all of them.

Scores are (tasks, models, seeds), the same seeds for every model, and higher is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .verdicts import PATTERNS

ROUNDING = 1e-9  # statistics of two patterns that differ by less are ties
CHUNK = 2**12  # patterns at a time


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of models, each array (pairs,), in the order (0, 1), (0, 2), ..., (1, 2), ...

    `statistic` is above 0 where the first model is the better one; `p` stands alone, `adjusted` is
    corrected for all pairs.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    statistic: NDArray[np.float64]
    p: NDArray[np.float64]
    adjusted: NDArray[np.float64]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The adjusted p, (models, models), symmetric with ones on the diagonal."""
        result = np.ones((int(self.second.max()) + 1,) * 2)
        result[self.first, self.second] = result[self.second, self.first] = self.adjusted
        return result


def with_failures(scores: ArrayLike, chance: ArrayLike | None = None) -> NDArray[np.float64]:
    """Scores (tasks, models, seeds) with the worst result of the task in the place of each NaN, a run without result.

    Chance (tasks,), NaN where unknown, takes its place where it is worse still. So a run that
    diverged or failed counts against its model.
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 3:
        raise ValueError(f"scores are {x.shape}, but must be (tasks, models, seeds)")
    worst = np.fmin.reduce(x.reshape(len(x), -1), axis=1)
    if chance is not None:
        worst = np.fmin(worst, np.asarray(chance, dtype=np.float64))
    if np.isnan(worst).any():
        raise ValueError(f"no run of task {int(np.isnan(worst).argmax())} has a result; leave the task out")
    return np.where(np.isnan(x), worst[:, None, None], x)


def stratified_pairs(
    scores: ArrayLike, data: Sequence[str] | None = None, *, rng: np.random.Generator, patterns: int = PATTERNS
) -> Pairs:
    """Every pair of models over all tasks and seeds by permutation within blocks, with max-T.

    scores: (tasks, models, seeds); data: what each task's data are shared under, by default all their own. A block is
    one seed on all tasks that share data: runs of one seed on them begin and go alike, so that taking them for
    independent would find differences where there are none.

    The statistic of a pair is the mean over tasks of the paired difference, standardised: mean over seeds / root mean
    square over seeds. It is between -1 and 1, a task's scale does not matter, and for every pair it varies alike by
    chance. A pattern swaps the two labels of each pair in some of the blocks, that is, turns the signs of all
    differences in them; every pattern is tried where there are at most `patterns`, otherwise so many are drawn.
    `adjusted` compares each pair with the largest statistic of all pairs that are not further from 0 (step-down
    max-T, Westfall and Young, 1993).

    Labels change hands inside a pair only. Shuffling those of all models would carry a third model's
    results into a pair, and its p would then depend on how good and how noisy that third one is. p is exact for
    each pair; the correction supposes that a block's differences are together symmetric about 0
    where models are equal. What is found holds for these tasks; for other tasks see `ranks`.
    """
    x = complete(scores, 3)
    tasks, models, seeds = x.shape
    first, second = np.triu_indices(models, 1)
    d = x[:, first] - x[:, second]  # (tasks, pairs, seeds)
    scale = np.sqrt(np.mean(d**2, axis=2, keepdims=True))
    equal = scale <= ROUNDING * np.abs(x).max(axis=(1, 2))[:, None, None]  # a task without a difference says nothing
    d = np.divide(d, scale, out=np.zeros_like(d), where=~equal)
    d = families(d, data)
    blocks = d.transpose(0, 2, 1).reshape(-1, first.size) / (tasks * seeds)
    observed = blocks.sum(axis=0)
    order = np.argsort(-np.abs(observed), kind="stable")
    least = np.abs(observed)[order] - ROUNDING
    alone, together, count = np.zeros(first.size), np.zeros(first.size), 0
    for signs in _patterns(len(blocks), patterns, rng):
        found = np.abs(signs @ blocks[:, order])
        largest = np.maximum.accumulate(found[:, ::-1], axis=1)[:, ::-1]  # of this pair and those after it
        alone += (found >= least).sum(axis=0)
        together += (largest >= least).sum(axis=0)
        count += len(signs)
    p, adjusted = np.empty_like(observed), np.empty_like(observed)
    p[order] = alone / count
    adjusted[order] = np.maximum.accumulate(together / count)
    return Pairs(first, second, observed, p, adjusted)


def families(values: NDArray[np.float64], data: Sequence[str] | None) -> NDArray[np.float64]:
    """Values (tasks, ...) summed over the tasks that share data, (families, ...)."""
    if data is None:
        return values
    _, place = np.unique(data, return_inverse=True)
    found = np.zeros((place.max() + 1, *values.shape[1:]))
    np.add.at(found, place, values)
    return found


def family_means(values: NDArray[np.float64], data: Sequence[str] | None) -> NDArray[np.float64]:
    """Values (tasks, ...) averaged over the tasks that share data, (families, ...): these may be independent."""
    return families(values, data) / families(np.ones_like(values), data)


def complete(scores: ArrayLike, axes: int) -> NDArray[np.float64]:
    """The array, if it has a number in every place and at least two models (the second axis)."""
    x = np.asarray(scores, dtype=np.float64)
    named = ("tasks", "models", "seeds")[:axes]
    if x.ndim != axes or x.size == 0 or x.shape[1] < 2:
        raise ValueError(f"scores are {x.shape}, but must be ({', '.join(named)}) with at least two models")
    if not np.isfinite(x).all():
        raise ValueError("a score is missing or infinite; give runs that failed their place with with_failures")
    return x


def _patterns(blocks: int, most: int, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Sign patterns (patterns, blocks), in chunks: all, with the first block's sign fixed, or the identity and drawn.

    Turning every sign changes no distance from 0, so that half of all patterns stands for all.
    """
    if 2**blocks <= most:
        codes = np.arange(2 ** (blocks - 1))[:, None]
        bits = (codes >> np.arange(blocks) & 1).astype(np.float64)
        return np.split(1 - 2 * bits, range(CHUNK, len(bits), CHUNK))
    drawn = [np.ones((1, blocks))]
    for begin in range(1, most, CHUNK):
        drawn.append(rng.choice((-1.0, 1.0), (min(CHUNK, most - begin), blocks)))
    return drawn
