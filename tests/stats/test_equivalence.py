"""Practically equal: by hand, against statsmodels and baycomp, and error rates by simulation."""

import math

import numpy as np
import pytest
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

from harness.stats.equivalence import signed_rank, two_one_sided


@pytest.mark.parametrize("margin", [0.5, 1.0, 2.0])
def test_two_one_sided_tests_agree_with_statsmodels(rng, margin):
    x, y = rng.normal(0.3, 1, (2, 9))
    p, low, high = ttost_paired(x, y, -margin, margin)
    found = two_one_sided(x - y, margin)
    assert (found.p, found.not_worse, found.not_better) == pytest.approx((p, low[1], high[1]))


@pytest.mark.parametrize("published", [97.0, 98.0, 98.4, 98.6, 99.5])
@pytest.mark.parametrize("margin", [0.2, 0.5, 1.0])
def test_inside_and_outside_of_a_margin_agree_with_statsmodels(published, margin):
    values = np.array([98.1, 98.4, 97.9, 98.6, 98.3])
    found = two_one_sided(values - published, margin)
    expected, (_, low, _), (_, high, _) = DescrStatsW(values).ttost_mean(published - margin, published + margin)
    assert found.p == pytest.approx(expected, rel=1e-9)
    assert found.outside == pytest.approx(min(1 - low, 1 - high), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("differences", [[0.0] * 3, [0.1, 0.1], [1.0, 1.0], [0.1 + 0.2, 0.3], [0.1], [1.0]])
def test_without_any_spread_or_with_one_seed_nothing_is_proved(differences):
    found = two_one_sided(differences, 0.5)
    assert (found.p, found.outside) == (1, 1)


DIFFERENCES = [
    [0.01, 0.03, -0.02, 0.05, 0.04, 0.02],
    [0.1, 0.2, 0.15, 0.3],
    [-0.2, 0.01, 0.02, -0.1, -0.05, -0.3, 0.0],
    [0.02, 0.02, 0.02, 0.02],
]


@pytest.mark.parametrize("differences", DIFFERENCES)
@pytest.mark.parametrize("margin", [0.009, 0.029])  # no mean of two differences lies at it
def test_the_signed_rank_test_agrees_with_baycomp(rng, differences, margin):
    baycomp = pytest.importorskip("baycomp")
    d, draws = np.array(differences), 4000
    worse, equal, better = baycomp.SignedRankTest.probs(np.zeros(d.size), d, margin, nsamples=draws, random_state=1)
    found = signed_rank(d, margin, rng=rng, draws=40_000)
    near = 4 * math.sqrt(0.25 / draws)
    assert (found.worse, found.equal, found.better) == pytest.approx((worse, equal, better), abs=near)
    assert found.worse + found.equal + found.better == pytest.approx(1)


def test_one_task_by_hand(rng):
    """d = 1, margin 0.6: w0^2 + 2 w0 w1 is equal, w1^2 better. Better wins where w1 > sqrt(1/2).

    w1 is Beta(1, 1/2), P(w1 > w) = sqrt(1 - w).
    """
    found = signed_rank([1.0], 0.6, rng=rng, draws=100_000)
    assert found.better == pytest.approx(math.sqrt(1 - math.sqrt(0.5)), abs=4 * math.sqrt(0.25 / 100_000))
    assert found.worse == 0


def test_turning_the_differences_turns_the_answer(rng):
    one, other = (signed_rank(sign * np.array(DIFFERENCES[0]), 0.01, rng=rng) for sign in (1, -1))
    assert (one.worse, one.better) == pytest.approx((other.better, other.worse), abs=0.02)


def test_without_a_margin_and_a_difference_nothing_wins(rng):
    found = signed_rank([0.0, 0.0], 0.0, rng=rng, draws=1000)
    assert (found.worse, found.better) == pytest.approx((0.5, 0.5), abs=0.1)


@pytest.mark.parametrize(
    ("differences", "margin", "sentence"),
    [
        ([], 1, "at least one"),
        ([[1.0]], 1, "one axis"),
        ([math.nan], 1, "must be numbers"),
        ([1.0], -1, "margin is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(rng, differences, margin, sentence):
    with pytest.raises(ValueError, match=sentence):
        two_one_sided(differences, margin)
    with pytest.raises(ValueError, match=sentence):
        signed_rank(differences, margin, rng=rng)


def test_a_mean_at_the_margin_but_for_rounding_counts_half(rng):
    """0.05 and 0.01 have the mean 0.03, though 0.05 + 0.01 > 0.06 in binary."""
    assert 0.05 + 0.01 > 0.06
    one, other = (signed_rank(d, m, rng=np.random.default_rng(1)) for d, m in (([0.05, 0.01], 0.03), ([5, 1], 3)))
    assert one == other
