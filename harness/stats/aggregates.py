"""One number for many tasks: means of scores on one scale, and honest intervals.

Scores of one model are (tasks, seeds).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .across import family_means
from .over_seeds import Interval, beats, mean_interval
from .verdicts import LEVEL

Statistic = Literal["mean", "interquartile mean"]

# True coverage of a 95 % interval by `bootstrap`: statistic -> (tasks, seeds) -> share, found by `coverage`
# fmt: off
COVERAGE: dict[Statistic, dict[tuple[int, int], float]] = {
    "mean": {
        (1, 3): 0.74, (1, 5): 0.84, (1, 10): 0.9, (1, 20): 0.92,
        (2, 3): 0.79, (2, 5): 0.87, (2, 10): 0.91, (2, 20): 0.93,
        (3, 3): 0.83, (3, 5): 0.9, (3, 10): 0.92, (3, 20): 0.93,
        (4, 3): 0.84, (4, 5): 0.9, (4, 10): 0.92, (4, 20): 0.93,
        (6, 3): 0.86, (6, 5): 0.91, (6, 10): 0.92, (6, 20): 0.93,
        (12, 3): 0.87, (12, 5): 0.91, (12, 10): 0.93, (12, 20): 0.94,
    },
    "interquartile mean": {
        (1, 3): 0.74, (1, 5): 0.9, (1, 10): 0.93, (1, 20): 0.94,
        (2, 3): 0.84, (2, 5): 0.9, (2, 10): 0.92, (2, 20): 0.93,
        (3, 3): 0.81, (3, 5): 0.89, (3, 10): 0.92, (3, 20): 0.94,
        (4, 3): 0.81, (4, 5): 0.89, (4, 10): 0.92, (4, 20): 0.94,
        (6, 3): 0.85, (6, 5): 0.9, (6, 10): 0.93, (6, 20): 0.94,
        (12, 3): 0.86, (12, 5): 0.9, (12, 10): 0.93, (12, 20): 0.94,
    },
}
# fmt: on


def bootstrap(
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    statistic: Statistic = "interquartile mean",
    level: float = LEVEL,
    draws: int = 2000,
) -> Interval:
    """The statistic of scores (tasks, seeds) and its percentile interval, redrawing seeds within each task.

    With few seeds it is too short: COVERAGE says how much it truly covers.
    """
    x = _checked(scores)
    if x.ndim != 2:
        raise ValueError(f"scores are {x.shape}, but must be (tasks, seeds)")
    of = _over_seeds(statistic)
    low, high = np.quantile(of(_redrawn(x, draws, rng)), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(of(x)), float(low), float(high))


def probability_of_improvement(first: ArrayLike, second: ArrayLike, data: Sequence[str] | None = None) -> Interval:
    """How likely a run of the first model beats one of the second on a task, the mean over tasks; ties are one half.

    first: (tasks, seeds), second: (tasks, other seeds) (Agarwal et al., 2021); data: what each task's data are shared
    under, by default all their own. Tasks that share data count as one, by their mean. The interval is Student's over
    these: redrawing seeds within tasks would cover far too little with few of them.
    """
    x, y = _checked(first), _checked(second)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"scores are {x.shape} and {y.shape}, but must be (tasks, seeds) of the same tasks")
    return mean_interval(family_means(np.array([beats(one, other) for one, other in zip(x, y, strict=True)]), data))


def coverage(
    tasks: int,
    seeds: int,
    *,
    rng: np.random.Generator,
    statistic: Statistic = "interquartile mean",
    level: float = LEVEL,
    studies: int = 4000,
    draws: int = 500,
) -> float:
    """How often `bootstrap` holds the truth, by simulation: normal runs, tasks whose means lie 2 deviations apart.

    The truth is the statistic with very many seeds.
    """
    means = 2.0 * np.arange(tasks)
    of = _over_seeds(statistic)
    quantiles = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    truth = float(of(means[:, None] + quantiles))
    ends = [(1 - level) / 2, (1 + level) / 2]
    inside = 0
    for _ in range(studies):
        drawn = of(_redrawn(means[:, None] + rng.normal(size=(tasks, seeds)), draws, rng))
        low, high = np.quantile(drawn, ends)
        inside += bool(low <= truth <= high)
    return inside / studies


def _redrawn(x: NDArray[np.float64], draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(tasks, seeds) -> (draws, tasks, seeds), with replacement within each task."""
    tasks, seeds = x.shape
    return x[np.arange(tasks)[:, None], rng.integers(seeds, size=(draws, tasks, seeds))]


def _over_seeds(statistic: Statistic) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """A function of (..., tasks, seeds)."""
    if statistic == "mean":
        return lambda x: np.asarray(x.mean(axis=(-2, -1)))
    return lambda x: np.asarray(stats.trim_mean(x.reshape(*x.shape[:-2], -1), 0.25, axis=-1))


def _checked(scores: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(scores, dtype=np.float64)
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError("a score is missing; a run without a result counts as chance or as the task's worst")
    return x
