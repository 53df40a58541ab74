"""How soon runs arrive at a target, when some never do: survival analysis of training.

Times are steps, samples or seconds, one for each run, NaN for a run that did not arrive. Such a run is
right-censored: it was watched up to some time and had not arrived by then. It is neither dropped, which would
make a model that fails half of the time look fast, nor given a made-up time. A run that diverged or
failed never arrives: its watch is infinite, however early it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ..records.kinds import NOT_COUNTED, Point, RunRecord
from .across import family_means
from .over_seeds import Interval, mean_interval
from .shares import share_interval

Clock = Literal["step", "samples", "seconds"]


def arrival(curve: Sequence[Point], target: float, *, higher_is_better: bool, stay: int = 2) -> Point | None:
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
            return point
    return None


def arrivals(run: RunRecord, targets: ArrayLike, clock: Clock = "step") -> NDArray[np.float64]:
    """When a run comes to each of the targets to stay, (targets,), NaN for never; one that broke off never arrived."""
    wanted = np.atleast_1d(np.asarray(targets, dtype=np.float64))
    if run.status != "ok" or run.task is None:
        return np.full(wanted.shape, np.nan)
    points = [arrival(run.curve, float(t), higher_is_better=run.task.higher_is_better) for t in wanted]
    return np.array([np.nan if point is None else float(getattr(point, clock)) for point in points])


@dataclass(frozen=True, slots=True)
class Restricted:
    """The restricted mean of times, the mean of min(time, horizon), and how many of the runs arrived by then."""

    mean: float
    arrived: int
    runs: int


def restricted_mean(times: ArrayLike, horizon: float) -> Restricted:
    """Of times (runs,), NaN for never, where every run is watched up to the horizon (see `capped`)."""
    x = np.asarray(times, dtype=np.float64)
    if x.size == 0:
        raise ValueError("a restricted mean needs at least one run")
    return Restricted(float(capped(x, horizon).mean()), int(np.sum(x <= horizon)), x.size)


def steps_to_target(runs: Sequence[RunRecord], target: float | None, horizon: float) -> Restricted | None:
    """The restricted mean of the steps of one model's runs on a task; None without a target or any curve.

    Runs of which nothing can be said are left out. The horizon is that of the longest run that it is compared with,
    so that all models are restricted alike.
    """
    ran = [run for run in runs if run.status not in NOT_COUNTED]
    if target is None or not any(run.curve for run in ran):
        return None
    return restricted_mean([arrivals(run, target)[0] for run in ran], horizon)


@dataclass(frozen=True, slots=True)
class Survival:
    """The Kaplan-Meier estimate: `remaining`[i] of the runs have not arrived at `times`[i] or later, before the next.

    times: (steps,), from 0 on, increasing. `end`: so long at least one run was watched, and nothing is known after it.
    """

    times: NDArray[np.float64]
    remaining: NDArray[np.float64]
    end: float

    @property
    def median(self) -> float:
        """The time at which half of the runs have arrived, NaN if fewer do."""
        below = np.flatnonzero(self.remaining <= 0.5 + 1e-12)
        return float(self.times[below[0]]) if below.size else float("nan")

    def mean(self, horizon: float) -> float:
        """The restricted mean: the area up to the horizon, the mean of min(time, horizon)."""
        if self.remaining[-1] > 0 and horizon > self.end:
            raise ValueError(f"no run was watched up to {horizon:g}; choose a horizon of at most {self.end:g}")
        edges = np.minimum(np.append(self.times, np.inf), horizon)
        return float(np.sum(self.remaining * np.diff(edges)))


def kaplan_meier(times: ArrayLike, watched: ArrayLike) -> Survival:
    """The share of runs that have not arrived yet, over time (Kaplan and Meier, 1958).

    times: (runs,), NaN for a run that did not arrive. watched: until when each run was watched, (runs,) or one number;
    infinity for a run that is known never to arrive.
    """
    x = np.asarray(times, dtype=np.float64)
    seen = np.broadcast_to(np.asarray(watched, dtype=np.float64), x.shape)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"times are {x.shape}, but must be (runs,) with at least one run")
    never = np.isnan(x)
    if (x < 0).any() or np.isnan(seen[never]).any() or (x > seen).any():
        raise ValueError("a time is below 0 or after its run's watch, or a run without a time has no watch")
    known = np.where(never, seen, x)
    last = float(known[np.isfinite(known)].max(initial=0.0))
    data = stats.CensoredData.right_censored(np.where(np.isinf(known), last, known), never)
    curve = stats.ecdf(data).sf
    events = np.unique(x[~never])
    steps = np.concatenate([[0.0], events[events > 0]])
    # curve.evaluate is wrong at 0 in a process that flushes denormals, as those that train do
    place = np.searchsorted(curve.quantiles, steps, side="right")
    remaining = np.concatenate([[1.0], curve.probabilities])[place]
    return Survival(steps, np.asarray(remaining, dtype=np.float64), float(known.max()))


def capped(times: ArrayLike, horizon: ArrayLike) -> NDArray[np.float64]:
    """Times up to a common horizon, which stands for later ones and for NaN; their mean is the restricted mean.

    That is right where every run without a time was watched up to the horizon, as under one budget
    of steps; for other watches see kaplan_meier. The shapes broadcast.
    """
    x, limit = np.asarray(times, dtype=np.float64), np.asarray(horizon, dtype=np.float64)
    if not (limit > 0).all() or not np.isfinite(limit).all():
        raise ValueError("a horizon must be a number above 0")
    return np.fmin(x, limit)


def curve_area(
    times: ArrayLike, values: ArrayLike, horizon: float, *, chance: float, reference: float, failed: bool = False
) -> float:
    """The mean height of a validation curve up to the horizon: 0 is chance from start to end, 1 the reference.

    times, values: (points,). A value holds until the next evaluation, and the last one to the horizon; before the
    first, where a value is NaN, and after the last one of a run that failed it is chance.
    """
    x, y = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or (np.diff(x) <= 0).any():
        raise ValueError(f"times {x.shape} and values {y.shape} must be (points,), and times must increase")
    if chance == reference:
        raise ValueError(f"chance and reference are both {chance:g}; nothing lies between them")
    height = np.where(np.isnan(y), 0.0, (y - chance) / (reference - chance))
    if failed and height.size:
        height[-1] = 0.0
    edges = np.minimum(np.append(x, np.inf), horizon)
    return float(np.sum(height * np.diff(edges)) / horizon)


@dataclass(frozen=True, slots=True)
class Profile:
    """`share`: of the tasks on which a model takes at most `ratios` of the fastest model's time, (models, ratios).

    `low`, `high`: its interval by Wilson. `area`: the mean share over ratios 1 to the last, one interval a model, 1 is
    best, by Student over tasks, or over families of them.
    """

    ratios: NDArray[np.float64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    area: tuple[Interval, ...]


def profile(
    times: ArrayLike, horizon: ArrayLike, data: Sequence[str] | None = None, *, ratios: ArrayLike | None = None
) -> Profile:
    """Performance profiles over tasks (Dolan and More, 2002) of the restricted mean times, with intervals over tasks.

    times: (tasks, models, seeds), NaN for never; horizon: (tasks,) or one number. data: what each task's data are
    shared under, by default all their own; tasks that share them count as one, by their mean. ratios: from 1 on,
    increasing; 1 to 4 by default. A model that never arrives on a task is at no ratio. The intervals speak of tasks
    like these; redrawing seeds within tasks would cover 70 % at three seeds, where it says 95.
    """
    x = np.asarray(times, dtype=np.float64)
    if x.ndim != 3 or x.size == 0:
        raise ValueError(f"times are {x.shape}, but must be (tasks, models, seeds)")
    grid = np.linspace(1, 4, 61) if ratios is None else np.asarray(ratios, dtype=np.float64)
    if grid[0] != 1 or grid.size < 2 or (np.diff(grid) <= 0).any():
        raise ValueError("ratios must begin with 1 and increase")
    limit = np.broadcast_to(np.asarray(horizon, dtype=np.float64), x.shape[:1])[:, None, None]
    never = (np.isnan(x) | (x > limit)).all(axis=2)
    means = np.where(never, np.inf, capped(x, limit).mean(axis=2))  # (tasks, models)
    best = means.min(axis=1, keepdims=True)
    ratio = np.divide(means, best, out=np.full_like(means, np.inf), where=np.isfinite(means) & (best > 0))
    ratio = np.where(np.isfinite(means) & (means == best), 1.0, ratio)
    within = family_means(np.asarray(ratio[:, :, None] <= grid * (1 + 1e-12), dtype=np.float64), data)
    share = within.mean(axis=0)
    wilson = [share_interval(float(one), len(within)) for one in share.flat]
    low, high = (np.reshape(ends, share.shape) for ends in ([w.low for w in wilson], [w.high for w in wilson]))
    area = family_means((grid[-1] - np.minimum(ratio, grid[-1])) / (grid[-1] - 1), data)
    return Profile(grid, share, low, high, tuple(map(mean_interval, area.T)))
