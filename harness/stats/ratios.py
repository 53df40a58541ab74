"""What timings say: quantiles, paired ratios and their verdicts, exponents of growth. Pure functions of samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..records.kinds import Latency, Ratio
from .verdicts import CANNOT_TELL, EQUIVALENT, FASTER, SLOWER, TIMES_LEVEL, TIMES_MARGIN

FEWEST = 8  # rounds, for an interval


def latency(samples: Sequence[float]) -> Latency:
    """Milliseconds as what is kept of them."""
    q10, lower, median, upper, q90 = (float(q) for q in np.percentile(samples, (10, 25, 50, 75, 90)))
    jitter = (q90 - q10) / median if median > 0 else None
    values = tuple(float(f"{value:.4g}") for value in samples)
    return Latency(median, lower, upper, len(samples), q10, q90, jitter, values)


def of_rounds(mine: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """The ratio of two that were timed in rounds A B B A; mine and theirs: two samples a round.

    A round's ratio is that of its geometric means, so that a machine that slows down evenly changes nothing.
    The interval is between order statistics of the rounds, which needs no assumption on how noise is distributed
    and is not moved by a few slow rounds; it needs FEWEST rounds.
    """
    if len(mine) != len(theirs) or len(mine) < 2 or len(mine) % 2:
        raise ValueError(f"{len(mine)} and {len(theirs)} samples are no rounds A B B A; give two of each a round")
    logs = (np.log(np.asarray(mine)) - np.log(np.asarray(theirs))).reshape(-1, 2).mean(axis=1)
    ends = median_interval(list(logs))
    low, high = (math.exp(end) for end in ends) if ends else (None, None)
    return Ratio(math.exp(float(np.median(logs))), low, high, len(logs))


def median_interval(values: Sequence[float], level: float = TIMES_LEVEL) -> list[float]:
    """The ends of a median's interval: the narrowest symmetric pair of order statistics; empty where none is enough."""
    n, ordered = len(values), sorted(values)
    below, rank = 0.0, 0  # the chance that the median lies below the value number `rank`, from 0
    for k in range(n // 2):
        below += math.comb(n, k) / 2**n
        if below > (1 - level) / 2:
            break
        rank = k + 1
    return [ordered[rank - 1], ordered[n - rank]] if rank else []


def verdict(ratio: Ratio, margin: float = TIMES_MARGIN) -> str:
    """Faster or slower where the whole interval is beyond the margin, equivalent where all of it is inside."""
    if ratio.low is None or ratio.high is None:
        return CANNOT_TELL
    if ratio.high < 1 / (1 + margin):
        return FASTER
    if ratio.low > 1 + margin:
        return SLOWER
    return EQUIVALENT if ratio.low >= 1 / (1 + margin) and ratio.high <= 1 + margin else CANNOT_TELL


def margin_of(controls: Sequence[Ratio]) -> float:
    """The margin that these controls allow: no claim is smaller than what something showed beside itself."""
    return max([TIMES_MARGIN, *(math.exp(abs(math.log(control.median))) - 1 for control in controls)])


def false_alarms(controls: Sequence[Ratio], margin: float = TIMES_MARGIN) -> int:
    """How many of the controls, where nothing differs, were called faster or slower."""
    return sum(verdict(control, margin) in (FASTER, SLOWER) for control in controls)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """The slope of log value over log size by least squares; None for fewer than two sizes or a value of 0."""
    if len(set(sizes)) < 2 or min(*sizes, *values) <= 0:
        return None
    x, y = np.log(np.asarray(sizes, dtype=np.float64)), np.log(np.asarray(values, dtype=np.float64))
    x -= x.mean()
    return float(x @ y / (x @ x))
