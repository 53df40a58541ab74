"""Statistics over seeds: pure functions of arrays, each with one axis, the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .record import Point

PATTERNS = 2**16  # sign patterns at most: up to 16 seeds are enumerated, beyond that patterns are drawn


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the ends of its interval; the ends are NaN for fewer than two values."""

    mean: float
    low: float
    high: float

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean over seeds and its Student-t interval. values: (seeds,), at least one."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"values are {x.shape}; a mean needs one axis with at least one seed")
    if x.size == 1:
        return Interval(float(x[0]), float("nan"), float("nan"))
    half = float(stats.t.ppf((1 + level) / 2, x.size - 1) * stats.sem(x))
    return Interval(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half)


def sign_flip_p(differences: ArrayLike, *, rng: np.random.Generator) -> float:
    """Two-sided p of the mean of paired differences (seeds,), by flipping signs.

    Exact up to 16 seeds, where `rng` is not used; the smallest p possible is 2 / 2^n.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.size < 2 or not d.any():
        return 1.0
    result = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", vectorized=True, n_resamples=PATTERNS, rng=rng
    )
    return min(1.0, float(np.asarray(result.pvalue)))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values, in the order given (Holm, 1979)."""
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    adjusted = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    result = np.empty_like(raw)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def steps_to_target(curve: Sequence[Point], target: float, *, higher_is_better: bool, stay: int = 2) -> int | None:
    """The first evaluation that reaches the target and stays there for `stay` evaluations, or None.

    At the end of a curve fewer than `stay` evaluations are left; those must all reach it.
    """
    hits = [
        point.valid_metric is not None
        and (point.valid_metric >= target if higher_is_better else point.valid_metric <= target)
        for point in curve
    ]
    for index, point in enumerate(curve):
        if all(hits[index : index + stay]):
            return point.step
    return None


def restricted_mean(times: Sequence[float | None], horizon: float) -> float:
    """Mean time up to a common horizon; None is a run that had not arrived by then (censored).

    The area under the Kaplan-Meier curve up to the horizon, where all runs are watched that long.
    """
    if not times:
        raise ValueError("a restricted mean needs at least one run")
    return float(np.mean([horizon if time is None else min(time, horizon) for time in times]))
