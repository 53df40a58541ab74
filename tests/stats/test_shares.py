"""Shares of runs that learned: against statsmodels and scipy, by hand and by simulation."""

import numpy as np
import pytest
from scipy.stats import boschloo_exact
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from harness.stats.shares import boschloo_p, risk_difference, success_interval, unseen


@pytest.mark.parametrize(("successes", "runs"), [(0, 5), (1, 5), (3, 5), (5, 5), (7, 10), (1, 1)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_share_of_successes_agrees_with_statsmodels(successes, runs, level):
    found = success_interval(successes, runs, level)
    assert found.mean == successes / runs
    assert (found.low, found.high) == pytest.approx(proportion_confint(successes, runs, 1 - level, method="wilson"))


@pytest.mark.parametrize(("successes", "runs"), [(0, 0), (3, 2), (-1, 2)])
def test_more_successes_than_runs_are_refused(successes, runs):
    with pytest.raises(ValueError, match="cannot have succeeded"):
        success_interval(successes, runs)


@pytest.mark.parametrize(("first", "second"), [((7, 8), (2, 8)), ((3, 3), (0, 3)), ((0, 5), (0, 5)), ((4, 5), (9, 10))])
def test_the_difference_of_two_shares_has_newcombes_interval(first, second):
    found = risk_difference(first, second)
    assert found.mean == pytest.approx(first[0] / first[1] - second[0] / second[1])
    other = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(other, abs=1e-12)
    assert -1 <= found.low <= found.high <= 1


def test_boschloos_p_is_scipys_and_does_not_depend_on_the_order():
    assert (
        boschloo_p((7, 8), (2, 8))
        == boschloo_p((2, 8), (7, 8))
        == pytest.approx(boschloo_exact([[7, 2], [1, 6]]).pvalue, abs=1e-6)
    )
    assert boschloo_p((0, 3), (3, 3)) == pytest.approx(1 / 32, abs=1e-6)
    assert boschloo_p((0, 3), (0, 3)) == boschloo_p((3, 3), (3, 3)) == 1


def test_equal_shares_differ_by_boschloo_no_more_often_than_it_says():
    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.9):
        good = rng.binomial(8, share, size=(1000, 2))
        assert np.mean([boschloo_p((int(a), 8), (int(b), 8)) <= 0.05 for a, b in good]) <= 0.05 + 3 * 0.007


@pytest.mark.parametrize(("runs", "share"), [(3, 0.63), (5, 0.45), (10, 0.26)])
def test_so_many_runs_alike_leave_so_many_others_open(runs, share):
    assert unseen(runs) == pytest.approx(share, abs=0.005)
    assert (1 - unseen(runs)) ** runs == pytest.approx(0.05)
