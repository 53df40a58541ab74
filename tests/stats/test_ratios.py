"""What timings say, on samples made by hand and on noise that is known."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.records.kinds import Ratio
from harness.stats import ratios
from harness.stats.ratios import exponent, false_alarms, median_interval, of_rounds
from harness.stats.verdicts import CANNOT_TELL, EQUIVALENT, FASTER, SLOWER, TIMES_MARGIN


def test_a_latency_keeps_quantiles_jitter_and_every_sample():
    latency = ratios.latency([30.0, 10.0, 20.0, 50.0, 40.00049])
    assert (latency.lower, latency.median, latency.upper, latency.samples) == (20.0, 30.0, pytest.approx(40, 1e-4), 5)
    assert (latency.q10, latency.q90) == (pytest.approx(14.0), pytest.approx(46.0, 1e-4))
    assert latency.jitter == pytest.approx(32 / 30, 1e-4)
    assert latency.values == (30.0, 10.0, 20.0, 50.0, 40.0)


def test_a_round_is_the_ratio_of_geometric_means():
    ratio = of_rounds([2.0, 8.0, 6.0, 6.0, 3.0, 3.0], [2.0, 2.0, 2.0, 2.0, 1.0, 9.0])
    assert (ratio.median, ratio.rounds) == (pytest.approx(2.0), 3)  # of 2, 3 and 1
    assert (ratio.low, ratio.high) == (None, None)


def test_a_machine_that_slows_down_evenly_changes_no_ratio():
    """A B B A at 1, q, q^2, q^3 times the usual."""
    q = 1.3
    rounds = [(q ** (4 * r), q ** (4 * r + 3), q ** (4 * r + 1), q ** (4 * r + 2)) for r in range(8)]
    mine = [3 * factor for a, b, *_ in rounds for factor in (a, b)]
    theirs = [2 * factor for *_, a, b in rounds for factor in (a, b)]
    ratio = of_rounds(mine, theirs)
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((1.5, 1.5, 1.5))


@pytest.mark.parametrize(
    ("mine", "theirs"), [([1.0], [1.0]), ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), ([1.0] * 4, [1.0] * 2)]
)
def test_what_are_no_rounds_is_refused(mine, theirs):
    with pytest.raises(ValueError, match="no rounds"):
        of_rounds(mine, theirs)


def test_an_interval_of_the_median_needs_eight_values():
    assert median_interval(range(7)) == []
    assert median_interval([5, 3, 8, 1, 7, 2, 6, 4]) == [1, 8]


@pytest.mark.parametrize("n", [8, 11, 20, 40])
def test_the_ends_are_the_innermost_order_statistics_with_the_level(n):
    low, high = median_interval(range(n))
    assert (low, high) == (low, n - 1 - low)
    assert stats.binom.cdf(low, n, 0.5) <= 0.005 < stats.binom.cdf(low + 1, n, 0.5)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.7, 0.9, FASTER),
        (0.7, 0.96, CANNOT_TELL),
        (0.96, 1.04, EQUIVALENT),
        (0.99, 1.06, CANNOT_TELL),
        (0.5, 2.0, CANNOT_TELL),
        (1.06, 1.2, SLOWER),
        (None, None, CANNOT_TELL),
    ],
)
def test_a_verdict_is_on_the_whole_interval(low, high, said):
    assert ratios.verdict(Ratio(1.0, low, high, 8), 0.05) == said


def test_no_claim_is_smaller_than_what_a_control_showed():
    controls = [Ratio(1.02, None, None, 8), Ratio(1 / 1.2, None, None, 8)]
    assert ratios.margin_of(controls) == pytest.approx(0.2)
    assert ratios.margin_of(controls[:1]) == ratios.margin_of([]) == TIMES_MARGIN


def test_exponents_are_slopes_of_logarithms():
    sizes = [21, 42, 85, 170]
    assert exponent(sizes, [3 * size**2 for size in sizes]) == pytest.approx(2.0)
    assert exponent(sizes, [7.0] * 4) == pytest.approx(0.0)
    assert exponent([1, 10, 100], [1, 10, 1000]) == pytest.approx(np.polyfit([0, 1, 2], [0, 1, 3], 1)[0])
    assert exponent([5], [1.0]) is exponent([5, 5], [1.0, 2.0]) is exponent([1, 2], [0, 1]) is None


# ----------------------------------------------------------------------------- how often nothing looks like something


def machine(rng: np.random.Generator, calls: int) -> np.ndarray:
    """Milliseconds of equal calls: 3 % of noise, a pace that wanders, and now and then a call twice as long."""
    pace = np.cumsum(rng.normal(0, 0.02, calls))
    slow = np.where(rng.random(calls) < 0.05, math.log(2), 0.0)
    return 10 * np.exp(pace + slow + rng.normal(0, 0.03, calls))


def controls(design: str, repeats: int = 400, rounds: int = 16) -> list[Ratio]:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(repeats):
        taken = machine(rng, 4 * rounds)
        if design == "one after the other":
            mine, theirs = taken[: 2 * rounds], taken[2 * rounds :]
        else:
            mine, theirs = taken.reshape(-1, 4)[:, [0, 3]].ravel(), taken.reshape(-1, 4)[:, [1, 2]].ravel()
        found.append(of_rounds(list(mine), list(theirs)))
    return found


def test_in_rounds_equal_things_are_hardly_ever_called_different():
    found = controls("in rounds")
    assert false_alarms(found) <= 4  # 1 %
    assert sum(not control.low <= 1 <= control.high for control in found) <= 12  # of a 99 % interval


def test_one_after_the_other_they_often_are():
    assert false_alarms(controls("one after the other")) > 40


def test_false_alarms_are_counted_in_both_directions():
    far = [Ratio(0.8, 0.7, 0.9, 8), Ratio(1.2, 1.1, 1.3, 8), Ratio(1.0, 0.99, 1.01, 8), Ratio(1.0, 0.5, 2.0, 8)]
    assert false_alarms(far) == 2
