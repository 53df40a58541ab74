"""Tests of one declared contrast: all ways to give the labels of two models' runs away anew, and exact shares."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .over_seeds import unpaired_p

LABELLINGS = 50_000  # are tried at most, which are all up to nine runs against nine; beyond, so many are drawn
CHUNK = 2**13  # labellings at a time
ROUNDING = 1e-9  # statistics that differ by less are ties


def brunner_munzel(first: ArrayLike, second: ArrayLike) -> float:
    """The studentised statistic of Brunner and Munzel (2000), above 0 where runs of the first (seeds,) are higher.

    It is (P - 1/2) / its standard error, where P is how likely a run of the first is above one of the second (ties are
    one half); infinite where all runs of one lie above all of the other, and 0 where all are tied.
    """
    x, y = _both(first, second)
    return float(_studentised(_above(np.concatenate([x, y])), _labels(x.size, [tuple(range(x.size))], y.size))[0])


def brunner_munzel_p(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p that a run of the first model (seeds,) is above one of the second (seeds,) as often as below it.

    By the statistic over all labellings (Neubert and Brunner, 2007), twice the smaller tail. Where the two are
    exchangeable it is exact; where they are as often above as below but spread unequally it is nearly so, as the
    statistic is studentised. All of five above all of five others: 2 / 252. 1 for fewer than two runs of either.
    """
    x, y = _both(first, second)
    if min(x.size, y.size) < 2:
        return 1.0
    together = np.concatenate([x, y])
    _, ties = np.unique(together, return_counts=True)
    null, own = _null(x.size, tuple(ties.tolist())), brunner_munzel(x, y)
    above = null.size - np.searchsorted(null, own - ROUNDING, side="left")
    below = np.searchsorted(null, own + ROUNDING, side="right")
    return min(1.0, 2 * float(min(above, below)) / null.size)


def log_rank_p(first: ArrayLike, second: ArrayLike, watched: tuple[ArrayLike, ArrayLike]) -> tuple[float, float]:
    """How much sooner the first model arrives, and the two-sided p that both arrive alike, over all labellings.

    first, second: times (runs,), NaN for a run that did not arrive; watched: until when each run was, infinity for one
    that is known never to arrive. The first number is arrivals of the first less those expected if both were alike,
    log-rank's (Mantel, 1966). It is a sum over the first model's runs of scores that the labels do not change (Peto and
    Peto, 1972), so that the exact test of sums serves, with censored runs kept.
    """
    x, y = _both(first, second)
    times = np.concatenate([x, y])
    until = np.concatenate(
        [np.broadcast_to(np.asarray(w, dtype=np.float64), t.shape) for w, t in zip(watched, (x, y), strict=True)]
    )
    arrived = ~np.isnan(times)
    last = np.where(arrived, times, until)
    events, count = np.unique(times[arrived], return_counts=True)
    hazard = np.array([k / np.sum(last >= event) for event, k in zip(events, count, strict=True)])
    scores = arrived - (hazard * (last[:, None] >= events)).sum(axis=1)
    return float(scores[: x.size].sum()), unpaired_p(scores[: x.size], scores[x.size :])


def half_p(successes: int, runs: int) -> tuple[float, float]:
    """One-sided p that at most half, and that at least half, of all runs succeed: exact, of so many of these."""
    found = [stats.binomtest(successes, runs, 0.5, alternative=way).pvalue for way in ("greater", "less")]
    return float(found[0]), float(found[1])


def false_discovery(p: ArrayLike) -> NDArray[np.float64]:
    """p adjusted to bound the expected share of wrong ones among all that are called right (Benjamini, Hochberg)."""
    raw = np.asarray(p, dtype=np.float64)
    return np.asarray(stats.false_discovery_control(raw)) if raw.size else raw


def _both(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 1 or min(x.size, y.size) == 0:
        raise ValueError(f"runs are {x.shape} and {y.shape}, but each must be (runs,) with at least one run")
    return x, y


def _above(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the run of a row is above that of a column, 1/2 where they are tied, (runs, runs)."""
    return np.asarray((1 + np.sign(values[:, None] - values)) / 2)


def _labels(first: int, chosen: list[tuple[int, ...]], second: int) -> NDArray[np.float64]:
    """1 for the runs that a labelling gives to the first model, (labellings, runs)."""
    labels = np.zeros((len(chosen), first + second))
    np.put_along_axis(labels, np.array(chosen), 1.0, axis=1)
    return labels


def _studentised(above: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The statistic of each labelling, (labellings,)."""
    n, m = labels.sum(axis=1), (1 - labels).sum(axis=1)
    # of each run the share of the other model's below it
    of_first = ((1 - labels) @ above.T) / m[:, None]
    of_second = (labels @ above.T) / n[:, None]
    share = (labels * of_first).sum(axis=1) / n
    spread = _variance(of_first, labels) / n + _variance(of_second, 1 - labels) / m
    with np.errstate(divide="ignore", invalid="ignore"):  # no spread: all above, all below, or all tied
        found = (share - 0.5) / np.sqrt(np.where(spread < ROUNDING**2, 0.0, spread))
    return np.asarray(np.nan_to_num(found, nan=0.0, posinf=math.inf, neginf=-math.inf))


def _variance(values: NDArray[np.float64], mine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the runs that are of one model, (labellings,)."""
    count = mine.sum(axis=1)
    mean = (mine * values).sum(axis=1) / count
    squares = (mine * (values - mean[:, None]) ** 2).sum(axis=1)
    return np.asarray(squares / np.maximum(1, count - 1))


@lru_cache(maxsize=256)
def _null(first: int, ties: tuple[int, ...]) -> NDArray[np.float64]:
    """The statistics of all labellings, or of drawn ones, sorted. They depend on the ties alone: on how many runs share
    each value, in the order of the values."""
    runs = sum(ties)
    above = _above(np.repeat(np.arange(len(ties), dtype=np.float64), ties))
    ways = math.comb(runs, first)
    if ways <= LABELLINGS:
        labels = _labels(first, list(combinations(range(runs), first)), runs - first)
    else:  # always the same, so that a p is as well
        labels = np.zeros((LABELLINGS, runs))
        labels[:, :first] = 1
        labels = np.random.default_rng(0).permuted(labels, axis=1)
    parts = [_studentised(above, labels[begin : begin + CHUNK]) for begin in range(0, len(labels), CHUNK)]
    return np.sort(np.concatenate(parts))
