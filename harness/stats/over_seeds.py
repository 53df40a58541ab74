"""Statistics over seeds: pure functions of arrays, each with one axis, the seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .verdicts import LEVEL

SIGN_PATTERNS = 2**16  # at most: up to 16 seeds are enumerated, beyond that patterns are drawn
LABELINGS = 200_000  # ways to label runs at most: up to 10 seeds of each model are enumerated

Test = Literal["paired", "unpaired"]


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


def success_interval(successes: int, runs: int, level: float = LEVEL) -> Interval:
    """The share of runs that succeeded, and Wilson's score interval (1927), which has a width at 0 and 1 too."""
    if not 0 <= successes <= runs or runs == 0:
        raise ValueError(f"{successes} of {runs} runs cannot have succeeded; give 0 to `runs` of at least one run")
    found = stats.binomtest(successes, runs).proportion_ci(level, method="wilson")
    return Interval(successes / runs, float(found.low), float(found.high))


def sign_flip_p(differences: ArrayLike, *, rng: np.random.Generator) -> float:
    """Two-sided p of the mean of paired differences (seeds,), by flipping signs.

    Exact up to 16 seeds, where `rng` is not used; the smallest p possible is 2 / 2^n.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.size < 2 or not d.any():
        return 1.0
    if 2**d.size <= SIGN_PATTERNS:
        sums = _signs(d.size) @ d
        return float(np.mean(np.abs(sums) >= abs(sums[0]) - 1e-9 * np.abs(d).max()))
    result = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", vectorized=True, n_resamples=SIGN_PATTERNS, rng=rng
    )
    return min(1.0, float(np.asarray(result.pvalue)))


@lru_cache(maxsize=4)
def _signs(seeds: int) -> NDArray[np.float64]:
    """Half of all sign patterns (patterns, seeds), the identity first; the other half are their negatives."""
    bits = np.arange(2 ** (seeds - 1))[:, None] >> np.arange(seeds) & 1
    return (1 - 2 * bits).astype(np.float64)


def unpaired_p(first: ArrayLike, second: ArrayLike, *, rng: np.random.Generator) -> float:
    """Two-sided p of the difference of means of (seeds,) and (seeds,), by giving the runs' labels away anew.

    Exact up to 10 seeds each, where `rng` is not used; the smallest p possible is 2 / binomial(n + m, n).
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(x.size, y.size) < 2:
        return 1.0
    together = np.concatenate([x, y]) - np.mean([*x, *y])
    if math.comb(together.size, x.size) <= LABELINGS:
        sums = together[_choices(together.size, x.size)].sum(axis=1)
    else:
        orders = rng.permuted(np.tile(together, (LABELINGS // 10, 1)), axis=1)
        orders[0] = together
        sums = orders[:, : x.size].sum(axis=1)
    near = 1e-9 * np.abs(together).max()  # ties but for rounding are ties
    tails = np.mean(sums >= sums[0] - near), np.mean(sums <= sums[0] + near)
    return min(1.0, 2 * float(min(tails)))


@lru_cache(maxsize=4)
def _choices(runs: int, first: int) -> NDArray[np.int8]:
    """Which runs get the first model's label: (labelings, first), beginning with those that have it."""
    return np.array(list(combinations(range(runs), first)), dtype=np.int8)


def difference_p(first: ArrayLike, second: ArrayLike, test: Test, *, rng: np.random.Generator) -> float:
    """Two-sided p of two models' results (seeds,), by the test that was chosen before running (power.chosen_test).

    Paired: entries at the same place have the same seed.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if test == "unpaired":
        return unpaired_p(x, y, rng=rng)
    return sign_flip_p(_differences(x, y), rng=rng)


def shift(first: ArrayLike, second: ArrayLike, test: Test) -> float:
    """How much higher the first model's results (seeds,) lie, by Hodges and Lehmann (1963).

    Paired: the median of the means of all two differences, each with itself included; unpaired: the
    median of all differences between a run of the first and one of the second. An outlier moves it little.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(x.size, y.size) == 0:
        raise ValueError("a shift needs at least one run of each model")
    if test == "unpaired":
        return float(np.median(x[:, None] - y))
    d = _differences(x, y)
    return float(np.median((d[:, None] + d)[np.triu_indices(d.size)] / 2))


def _differences(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    if x.shape != y.shape:
        raise ValueError(f"{x.size} and {y.size} results cannot be paired; give those of the common seeds")
    return x - y


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values, in the order given (Holm, 1979)."""
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    adjusted = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    result = np.empty_like(raw)
    result[order] = np.minimum(adjusted, 1.0)
    return result
