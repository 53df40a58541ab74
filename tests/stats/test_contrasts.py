"""The tests of one declared contrast, beside scipy and beside loops over every labelling."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from harness.stats import contrasts
from harness.stats.equivalence import mean_difference, unpaired

RNG = np.random.default_rng(3)
CASES = [
    ("untied", RNG.normal(size=4), RNG.normal(size=5)),
    ("tied", [1, 2, 2, 3, 5], [2, 2, 3, 3, 4]),
    ("one side without spread", [1, 1, 1, 1], [0, 2, 2, 3]),
]


def plain_statistic(x, y):
    """By ranks, as Brunner and Munzel write it."""
    n, m = len(x), len(y)
    together, mine, other = stats.rankdata([*x, *y]), stats.rankdata(x), stats.rankdata(y)
    higher = together[:n].mean() - together[n:].mean()
    var = [
        sum(
            (r - own - together_of.mean() + (len(own_all) + 1) / 2) ** 2
            for r, own in zip(together_of, own_all, strict=True)
        )
        / (k - 1)
        for together_of, own_all, k in ((together[:n], mine, n), (together[n:], other, m))
    ]
    spread = math.sqrt(n * var[0] + m * var[1])
    if spread < 1e-12:
        return 0.0 if abs(higher) < 1e-12 else math.copysign(math.inf, higher)
    return higher * n * m / ((n + m) * spread)


def every_labelling(x, y):
    both = [*x, *y]
    for mine in combinations(range(len(both)), len(x)):
        yield [both[i] for i in mine], [both[i] for i in range(len(both)) if i not in mine]


@pytest.mark.parametrize(("x", "y"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_brunner_munzel_is_scipys_statistic_and_its_p_counts_every_labelling(x, y):
    own = contrasts.brunner_munzel(x, y)
    assert own == pytest.approx(stats.brunnermunzel(y, x).statistic)
    assert own == pytest.approx(plain_statistic(x, y))
    every = np.array([plain_statistic(*labels) for labels in every_labelling(x, y)])
    above, below = np.mean(every >= own - 1e-9), np.mean(every <= own + 1e-9)
    assert contrasts.brunner_munzel_p(x, y) == pytest.approx(min(1, 2 * min(above, below)))


@pytest.mark.parametrize(("n", "ways"), [(5, 252), (8, 12_870)])
def test_runs_that_lie_all_above_the_others_give_the_smallest_p(n, ways):
    low, high = np.arange(n), np.arange(n) + 100.0
    assert contrasts.brunner_munzel(high, low) == math.inf
    assert contrasts.brunner_munzel_p(high, low) == contrasts.brunner_munzel_p(low, high) == pytest.approx(2 / ways)
    assert contrasts.brunner_munzel_p([1.0] * n, [0.0] * n) == pytest.approx(2 / ways)


def test_runs_that_are_all_tied_or_a_single_run_tell_nothing():
    assert contrasts.brunner_munzel([1, 1, 1], [1, 1, 1]) == 0
    assert contrasts.brunner_munzel_p([1, 1, 1], [1, 1, 1]) == contrasts.brunner_munzel_p([1], [2, 3]) == 1
    with pytest.raises(ValueError, match="at least one run"):
        contrasts.brunner_munzel_p([], [1, 2])


def test_beyond_nine_against_nine_labellings_are_drawn_and_always_the_same():
    x, y = RNG.normal(size=12), RNG.normal(size=12) + 0.9
    p = contrasts.brunner_munzel_p(x, y)
    contrasts._null.cache_clear()
    assert contrasts.brunner_munzel_p(x, y) == p
    assert p == pytest.approx(stats.brunnermunzel(x, y).pvalue, abs=0.01)


def arrivals_beyond_expected(x, y, seen):
    """Log-rank's numerator: at each arrival the first model's arrivals less its share of those still to arrive."""
    rows = [(t, until, 0) for t, until in zip(x, seen[0], strict=True)] + [
        (t, until, 1) for t, until in zip(y, seen[1], strict=True)
    ]
    total = 0.0
    for event in sorted({t for t, _, _ in rows if not np.isnan(t)}):
        risk = [side for t, until, side in rows if (until if np.isnan(t) else t) >= event]
        came = [side for t, _, side in rows if t == event]
        total += came.count(0) - len(came) * risk.count(0) / len(risk)
    return total


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([100, 200, 200, np.nan], [300, 400, np.nan, np.nan, np.nan]),
        ([100, 200, 300], [250, 350, 450]),
        ([np.nan, 100, 500], [np.nan, 100, 200, 300]),
    ],
)
def test_log_rank_counts_every_labelling_of_censored_runs(x, y):
    seen = [450, 500, np.inf, 600, 500, 500, 500, 500, 500]
    watched = (seen[: len(x)], seen[len(x) : len(x) + len(y)])
    sooner, p = contrasts.log_rank_p(x, y, watched)
    assert sooner == pytest.approx(arrivals_beyond_expected(x, y, watched))
    pairs = [*zip(x, watched[0], strict=True), *zip(y, watched[1], strict=True)]
    every = []
    for mine in combinations(range(len(pairs)), len(x)):
        sides = [[pairs[i] for i in mine], [pairs[i] for i in range(len(pairs)) if i not in mine]]
        (a, seen_a), (b, seen_b) = (zip(*side, strict=True) for side in sides)
        every.append(arrivals_beyond_expected(a, b, (seen_a, seen_b)))
    tails = np.mean(np.array(every) >= sooner - 1e-9), np.mean(np.array(every) <= sooner + 1e-9)
    assert p == pytest.approx(min(1, 2 * min(tails)))


def test_log_rank_agrees_with_scipy_where_there_are_many_runs():
    x, y = RNG.exponential(1.0, 40), RNG.exponential(1.6, 40)
    late = [np.where(t > 2, np.nan, t) for t in (x, y)]
    data = [stats.CensoredData.right_censored(np.minimum(t, 2), t > 2) for t in (x, y)]
    sooner, p = contrasts.log_rank_p(*late, (2.0, 2.0))
    found = stats.logrank(*data)
    assert np.sign(sooner) == np.sign(found.statistic)
    assert p == pytest.approx(found.pvalue, abs=0.01)
    assert contrasts.log_rank_p([np.nan] * 3, [np.nan] * 3, (5.0, 5.0)) == (0.0, 1.0)


def test_a_share_above_one_half_takes_five_of_five():
    assert contrasts.half_p(5, 5) == pytest.approx((1 / 32, 1))
    assert contrasts.half_p(0, 5) == pytest.approx((1, 1 / 32))
    assert contrasts.half_p(4, 5)[0] == pytest.approx(6 / 32)


def test_false_discoveries_are_adjusted_by_hand():
    assert contrasts.false_discovery([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert contrasts.false_discovery([]).size == 0


def test_the_mean_difference_is_welchs():
    x, y = RNG.normal(size=5), 3 * RNG.normal(size=8)
    found, scipys = mean_difference(x, y), stats.ttest_ind(x, y, equal_var=False).confidence_interval()
    assert (found.mean, found.low, found.high) == pytest.approx((x.mean() - y.mean(), scipys.low, scipys.high))
    same = unpaired(x, y, 1.0)
    for side, (shift, way) in zip((same.not_worse, same.not_better), ((1.0, "greater"), (-1.0, "less")), strict=True):
        assert side == pytest.approx(stats.ttest_ind(x + shift, y, equal_var=False, alternative=way).pvalue)
    assert same.outside == pytest.approx(1 - max(same.not_worse, same.not_better))


@pytest.mark.parametrize(("x", "y"), list(product(([0.5], [0.5] * 4), ([0.4], [0.4] * 3))))
def test_runs_without_any_spread_or_a_single_run_prove_no_equivalence(x, y):
    assert (unpaired(x, y, 0.5).p, unpaired(x, y, 0.05).outside) == (1, 1)
    assert np.isnan(mean_difference([0.5], y).low)
