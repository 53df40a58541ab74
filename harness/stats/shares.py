"""Shares of runs that learned, where seeds either learn or do not: a mean over both kinds describes neither."""

from __future__ import annotations

import math
from functools import lru_cache

from scipy import stats

from .over_seeds import Interval
from .verdicts import ALPHA, LEVEL


def success_interval(successes: int, runs: int, level: float = LEVEL) -> Interval:
    """The share of runs that succeeded, and Wilson's score interval (1927), which has a width at 0 and 1 too."""
    if not 0 <= successes <= runs or runs == 0:
        raise ValueError(f"{successes} of {runs} runs cannot have succeeded; give 0 to `runs` of at least one run")
    return share_interval(successes / runs, runs, level)


def share_interval(share: float, of: int, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a share of so many, which need be no whole number of them where parts were counted."""
    z2 = float(stats.norm.ppf((1 + level) / 2)) ** 2 / of
    middle, half = share + z2 / 2, math.sqrt(z2 * (share * (1 - share) + z2 / 4))
    return Interval(share, max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2)))


def unseen(runs: int, alpha: float = ALPHA) -> float:
    """The largest share of other outcomes that so many runs without any leave open: 1 - alpha^(1 / runs)."""
    return float(1 - alpha ** (1 / runs))


def risk_difference(first: tuple[int, int], second: tuple[int, int], level: float = LEVEL) -> Interval:
    """The share of the first less that of the second, each (successes, runs), and Newcombe's interval (1998).

    It squares and adds the distances to the ends of the two intervals of Wilson (his method 10).
    """
    a, b = success_interval(*first, level), success_interval(*second, level)
    difference = a.mean - b.mean
    low = difference - math.hypot(a.mean - a.low, b.high - b.mean)
    return Interval(difference, low, difference + math.hypot(a.high - a.mean, b.mean - b.low))


def boschloo_p(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Two-sided p that two shares, each (successes, runs), are equal, by the exact test of Boschloo (1970)."""
    return _boschloo(*sorted((first, second)))


@lru_cache(maxsize=4096)
def _boschloo(first: tuple[int, int], second: tuple[int, int]) -> float:
    (a, n), (b, m) = first, second
    if a + b in (0, n + m):
        return 1.0  # which scipy leaves open
    return min(1.0, float(stats.boschloo_exact([[a, b], [n - a, m - b]]).pvalue))
