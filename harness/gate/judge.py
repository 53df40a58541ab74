"""Is the head of two commits worse than its base? Verdicts on numbers and on times, from plain arrays.

    same          equal, or its difference lies within the tolerance, or the whole interval within the margin
    better        beyond that on the good side
    worse         beyond that on the bad side, and no seed, round or control says that it may be chance
    cannot tell   between these
    not judged    one of the two commits has no such number
    broken        a commit does not import, fails, or diverges where the other does not

Times are those of steps in turn: the logarithm of head's over base's, a value a round, and the 99 % interval of their
trimmed mean. A second process of base, timed in the same rounds, is the control: its difference means nothing.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ..stats.over_seeds import Interval, mean_interval
from ..stats.verdicts import BETTER, BROKEN, CANNOT_TELL, NOT_JUDGED, SAME, TIMES_LEVEL, TIMES_MARGIN, WORSE

FEWEST = 6  # rounds
TRIM = 0.2  # of the rounds at each end, as a busy machine spoils some of them


class Round(NamedTuple):
    """Milliseconds of a step: of base, of head and of base's second process, as `race` takes them together."""

    base: float
    head: float
    control: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that is lower the better. tolerance: relative to base's, or in its own units; None: must be equal."""

    key: str
    title: str
    tolerance: float | None
    relative: bool = True
    form: Callable[[float], str] = "{:,.0f}".format

    @property
    def allowed(self) -> str:
        if self.tolerance is None:
            return f"{self.title}: equal"
        return f"{self.title}: {100 * self.tolerance:g} {'%' if self.relative else 'percentage points'}"


METRICS = (
    Metric("params", "Parameters", None),
    Metric("peak_bytes", "Peak bytes", 0.01),
    Metric("flops", "FLOPs", 0.01),
    Metric("loss", "Loss", 0.02, form="{:.4g}".format),
    Metric("steps", "Steps to target", 0.10, form="{:,.4g}".format),
    Metric("error", "Test error", 0.02, relative=False, form="{:.1%}".format),
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What came of one metric; base and head: means over seeds, None where a commit has none."""

    metric: Metric
    base: float | None
    head: float | None
    verdict: str

    @property
    def changed(self) -> bool:
        """Are the two numbers not the same, whatever that means?"""
        return self.base != self.head


@dataclass(frozen=True, slots=True)
class Times:
    """Step of head / step of base, and of base's second process / its first."""

    ratio: Interval
    control: Interval
    rounds: int
    verdict: str


def numbers(metric: Metric, base: Sequence[float | None], head: Sequence[float | None]) -> Numbers:
    """The verdict on one metric; base and head: (seeds,), the same seeds, or one number each."""
    x, y = ([value for value in side if value is not None] for side in (base, head))
    first, second = (float(np.mean(side)) if side else None for side in (x, y))
    whole = 0 < len(x) == len(base) == len(y) == len(head)
    return Numbers(metric, first, second, _verdict(metric, x, y) if whole else NOT_JUDGED)


def _verdict(metric: Metric, x: ArrayLike, y: ArrayLike) -> str:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if (x == y).all():
        return SAME
    if metric.tolerance is None:
        return WORSE
    allowed = metric.tolerance * (abs(x.mean()) if metric.relative else 1.0)
    found = mean_interval(y - x, TIMES_LEVEL)
    if abs(found.mean) <= allowed:
        return SAME
    if x.size > 1 and found.low <= 0 <= found.high:
        return CANNOT_TELL if found.mean > 0 else SAME
    return WORSE if found.mean > 0 else BETTER


def times(rounds: Sequence[Round], margin: float = TIMES_MARGIN) -> Times:
    """The verdict on times after some rounds, at least two.

    Base is the mean of its two processes, so that the luck of one, where its memory happens to lie, counts for half.
    """
    base, head, control = np.log(np.array(rounds, dtype=np.float64)).T
    found, noise = trimmed(head - (base + control) / 2), trimmed(control - base)
    limit = math.log1p(margin)
    beyond = max(limit, abs(noise.low), abs(noise.high))
    if len(rounds) < FEWEST:
        verdict = CANNOT_TELL
    elif found.low > beyond:
        verdict = WORSE
    elif found.high < limit:
        verdict = BETTER if found.high < -beyond else SAME
    else:
        verdict = CANNOT_TELL
    return Times(_ratio(found), _ratio(noise), len(rounds), verdict)


def trimmed(values: ArrayLike) -> Interval:
    """The trimmed mean of values (rounds,), its interval from the winsorised variance (Tukey and McLaughlin, 1963)."""
    x = np.sort(np.asarray(values, dtype=np.float64))
    cut = int(TRIM * x.size)
    inner = x[cut : x.size - cut]
    spread = float(np.clip(x, inner[0], inner[-1]).std(ddof=1)) / (1 - 2 * cut / x.size) / math.sqrt(x.size)
    half = float(stats.t.ppf((1 + TIMES_LEVEL) / 2, inner.size - 1)) * spread
    return Interval(float(inner.mean()), float(inner.mean()) - half, float(inner.mean()) + half)


def _ratio(of_logarithms: Interval) -> Interval:
    return Interval(*(math.exp(x) for x in (of_logarithms.mean, of_logarithms.low, of_logarithms.high)))


def together(verdicts: Iterable[str]) -> str:
    """One verdict for all: the worst news counts, and what was not judged counts only where it is all there is."""
    found = set(verdicts)
    for verdict in (BROKEN, WORSE, CANNOT_TELL, BETTER, SAME):
        if verdict in found:
            return verdict
    return NOT_JUDGED
