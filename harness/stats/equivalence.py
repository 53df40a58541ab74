"""Are two models as good as each other, as far as anyone cares? A large p does not show that; these do.

The margin, below which a difference does not matter, is declared before running, in the metric's units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from .over_seeds import Interval
from .verdicts import LEVEL

ROUNDING = 1e-9  # differences that vary by less have no spread
CHUNK = 10_000  # draws at a time


@dataclass(frozen=True, slots=True)
class Equivalence:
    """p that the mean is below -margin (`not_worse`), above margin (`not_better`), between the two (`outside`).

    Each is small where that is refuted; `outside` is the smaller of two one-sided p, one for each end.
    """

    not_worse: float
    not_better: float
    outside: float

    @property
    def p(self) -> float:
        """Small where the two are equivalent."""
        return max(self.not_worse, self.not_better)


@dataclass(frozen=True, slots=True)
class Posterior:
    """Probabilities that the first model is worse, practically equal, better; together 1."""

    worse: float
    equal: float
    better: float


def two_one_sided(differences: ArrayLike, margin: float) -> Equivalence:
    """Two one-sided t-tests of paired differences (seeds,), first model - second (Schuirmann, 1987).

    `not_worse` alone is the test of no loss. Differences without any spread prove nothing: runs that all stayed where
    they began end alike too, and the next one may not.
    """
    d = _checked(differences, margin)
    error = float(stats.sem(d)) if d.size > 1 else 0.0
    if error <= ROUNDING * np.abs(d).max():
        return Equivalence(1.0, 1.0, 1.0)
    t = stats.t(d.size - 1)
    low, high = (d.mean() + margin) / error, (d.mean() - margin) / error
    return Equivalence(float(t.sf(low)), float(t.cdf(high)), float(min(t.cdf(low), t.sf(high))))


def mean_difference(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> Interval:
    """The mean of the first model's runs (seeds,) less the second's, and Welch's interval (1947); its ends are NaN for
    a single run of either."""
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    difference = float(x.mean() - y.mean())
    if min(x.size, y.size) < 2:
        return Interval(difference, float("nan"), float("nan"))
    error, free = _welch(x, y)
    half = float(special.stdtrit(free, (1 + level) / 2)) * error if error else 0.0
    return Interval(difference, difference - half, difference + half)


def unpaired(first: ArrayLike, second: ArrayLike, margin: float) -> Equivalence:
    """Two one-sided t-tests of the means of runs that are not paired, (seeds,) and (seeds,), by Welch.

    As `two_one_sided`, they prove nothing where neither has any spread, or one has a single run.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if min(x.size, y.size) < 2:
        return Equivalence(1.0, 1.0, 1.0)
    error, free = _welch(x, y)
    if error <= ROUNDING * max(np.abs(x).max(), np.abs(y).max()):
        return Equivalence(1.0, 1.0, 1.0)
    difference = float(x.mean() - y.mean())
    below, above = (float(special.stdtr(free, (difference + end) / error)) for end in (margin, -margin))
    return Equivalence(1 - below, above, min(below, 1 - above))


def _welch(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """The standard error of the difference of two means, and its degrees of freedom (Satterthwaite)."""
    a, b = (float(z.var(ddof=1)) / z.size for z in (x, y))
    if a + b == 0:
        return 0.0, 1.0
    return float(np.sqrt(a + b)), (a + b) ** 2 / (a**2 / (x.size - 1) + b**2 / (y.size - 1))


def signed_rank(
    differences: ArrayLike, margin: float, *, rng: np.random.Generator, prior: float = 0.5, draws: int = 50_000
) -> Posterior:
    """Bayesian signed-rank test with a region of practical equivalence (Benavoli et al., 2014 and 2017).

    differences: (tasks,), first model - second, on one scale. A Dirichlet process over the tasks, with one more of
    weight `prior` and no difference; each draw of weights w gives the shares of w_i w_j with (d_i + d_j) / 2 below,
    in and above [-margin, margin], and counts for the largest of the three.
    """
    d = np.append(0.0, _checked(differences, margin))
    means = (d[:, None] + d) / 2
    near = 1e-9 * np.abs(d).max()
    above, below = _step(means - margin, near), _step(-means - margin, near)
    won = np.zeros(3)
    for begin in range(0, draws, CHUNK):
        w = rng.dirichlet([prior, *np.ones(d.size - 1)], min(CHUNK, draws - begin))
        better, worse = ((w @ half * w).sum(axis=1) for half in (above, below))
        shares = np.stack([worse, 1 - worse - better, better])
        won += (shares == shares.max(axis=0)) @ (1 / (shares == shares.max(axis=0)).sum(axis=0))
    return Posterior(*map(float, won / draws))


def _step(x: NDArray[np.float64], near: float) -> NDArray[np.float64]:
    """1 above 0, 1/2 at it, 0 below."""
    return (1 + np.sign(np.where(np.abs(x) <= near, 0.0, x))) / 2


def _checked(differences: ArrayLike, margin: float) -> NDArray[np.float64]:
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or d.size == 0 or not np.isfinite(d).all():
        raise ValueError(f"differences are {d.shape}, but must be numbers along one axis, at least one")
    if margin < 0:
        raise ValueError(f"the margin is {margin:g}, but a difference that does not matter is at least 0")
    return d
