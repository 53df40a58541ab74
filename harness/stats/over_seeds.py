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

LABELINGS = 200_000  # ways to label runs: all of them up to 10 seeds of each model, beyond that so many are drawn


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
    Exact up to 10 seeds each; the smallest p possible is 2 / binomial(n + m, n).
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(x.size, y.size) < 2:
        return 1.0
    together = np.concatenate([x, y]) - np.mean([*x, *y])
    sums = np.zeros(1) + sum(together[runs] for runs in _labelings(together.size, x.size))
    near = 1e-9 * np.abs(together).max()  # ties but for rounding are ties
    tails = np.mean(sums >= sums[0] - near), np.mean(sums <= sums[0] + near)
    return min(1.0, 2 * float(min(tails)))


@lru_cache(maxsize=4)
def _labelings(runs: int, first: int) -> NDArray[np.int16]:
    """Which runs get the first model's label: (first, labelings), beginning with those that have it.

    Those that are drawn are always the same, so that a p does not depend on what was tested before.
    """
    if math.comb(runs, first) <= LABELINGS:
        found = np.array(list(combinations(range(runs), first)), dtype=np.int16)
    else:
        orders = np.tile(np.arange(runs, dtype=np.int16), (LABELINGS, 1))
        np.random.default_rng(0).permuted(orders[1:], axis=1, out=orders[1:])
        found = orders[:, :first]
    return np.ascontiguousarray(found.T)


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
