"""Statistics over seeds: pure functions of arrays, each with one axis, the seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .verdicts import LEVEL

ENUMERATED = 32  # runs of both models: up to 16 seeds of each every labelling counts
LABELINGS = 200_000  # are drawn beyond that


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, or another estimate, and the ends of its interval; the ends are NaN for fewer than two values."""

    mean: float
    low: float
    high: float

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


def mean_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """The mean over seeds and its Student-t interval. values: (seeds,), at least one."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"values are {x.shape}; a mean needs one axis with at least one seed")
    if x.size == 1:
        return Interval(float(x[0]), float("nan"), float("nan"))
    mean, half = float(x.mean()), _quantile(level, x.size) * float(x.std(ddof=1)) / math.sqrt(x.size)
    return Interval(mean, mean - half, mean + half)


@lru_cache(maxsize=256)
def _quantile(level: float, seeds: int) -> float:
    """Of Student's t for a two-sided interval; a report asks thousands of times for a few of them."""
    return float(stats.t.ppf((1 + level) / 2, seeds - 1))


def unpaired_p(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p that runs (seeds,) and (seeds,) are alike, by giving their labels away anew.

    The hypothesis is that runs of the two models are exchangeable. The sums of the two are compared, but a small p
    speaks of no mean: of two models with one mean, a steady one and one that fails now and then are not alike either.
    Exact up to 16 seeds each; the smallest p possible is 2 / binomial(n + m, n).
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(x.size, y.size) < 2:
        return 1.0
    together = np.concatenate([x, y]) - np.mean([*x, *y])
    near = 1e-9 * np.abs(together).max()  # ties but for rounding are ties
    tails = _tails if together.size <= ENUMERATED else _drawn_tails
    return min(1.0, 2 * min(tails(together, x.size, near)))


def _tails(together: NDArray[np.float64], first: int, near: float) -> tuple[float, float]:
    """The shares of all labelings that give the first model at least, and at most, its own sum.

    A labelling takes k runs from one half of all runs and the others from the other half: of the sums that either half
    has, sorted, those that go together are counted without being listed.
    """
    own, middle = together[:first].sum(), together.size // 2
    low, high = _subsets(middle), _subsets(together.size - middle)
    above = below = 0
    for k in range(max(0, first - len(high) + 1), min(first, middle) + 1):
        rest = own - low[k] @ together[:middle]
        sums = np.sort(high[first - k] @ together[middle:])
        above += int(np.sum(sums.size - np.searchsorted(sums, rest - near, side="left")))
        below += int(np.sum(np.searchsorted(sums, rest + near, side="right")))
    ways = math.comb(together.size, first)
    return above / ways, below / ways


@lru_cache(maxsize=8)
def _subsets(runs: int) -> list[NDArray[np.float64]]:
    """Of each size k from 0 on all subsets of so many runs, (subsets, runs), 1 for a member."""
    bits = (np.arange(2**runs)[:, None] >> np.arange(runs) & 1).astype(np.float64)
    sizes = bits.sum(axis=1)
    return [bits[sizes == k] for k in range(runs + 1)]


def _drawn_tails(together: NDArray[np.float64], first: int, near: float) -> tuple[float, float]:
    """The same shares of drawn labelings, the true one among them; always the same, so that a p is as well."""
    rng, orders = np.random.default_rng(0), np.tile(together, (LABELINGS // 10, 1))
    sums = [together[:first].sum(keepdims=True)]
    sums += [rng.permuted(orders, axis=1)[:, :first].sum(axis=1) for _ in range(10)]
    every = np.concatenate(sums)
    return float(np.mean(every >= every[0] - near)), float(np.mean(every <= every[0] + near))


def shift(first: ArrayLike, second: ArrayLike) -> float:
    """How much higher the first model's results (seeds,) lie: the median of all differences between a run of the
    first and one of the second (Hodges and Lehmann, 1963). An outlier moves it little."""
    return float(np.median(_all_pairs(first, second)))


def beats(first: ArrayLike, second: ArrayLike) -> float:
    """How likely a run of the first model (seeds,) is better than one of the second (seeds,); ties are one half."""
    return float(np.mean((1 + np.sign(_all_pairs(first, second))) / 2))


def _all_pairs(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(x.size, y.size) == 0:
        raise ValueError("two models are compared by at least one run of each")
    return x[:, None] - y


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values, in the order given (Holm, 1979)."""
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    adjusted = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    result = np.empty_like(raw)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def against(best: str, runs: Mapping[str, ArrayLike]) -> dict[str, float]:
    """`unpaired_p` of each other model's runs (seeds,) and those of this one, by Holm's correction for all pairs.

    All pairs, since which model will be the best is not known before running.
    """
    pairs = list(combinations(runs, 2))
    adjusted = holm([unpaired_p(runs[first], runs[second]) for first, second in pairs])
    return {a if b == best else b: float(p) for (a, b), p in zip(pairs, adjusted, strict=True) if best in (a, b)}
