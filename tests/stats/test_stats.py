"""Each statistic by hand, against another library, and by simulation where error rates are promised."""

import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from harness.stats.over_seeds import (
    beats,
    holm,
    mean_interval,
    shift,
    unpaired_p,
)

# ----------------------------------------------------------------------------- the mean and its interval


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_interval_agrees_with_two_other_libraries(rng, seeds, level):
    values = rng.normal(0.7, 0.1, seeds)
    found = mean_interval(values, level)
    assert (found.low, found.high) == pytest.approx(DescrStatsW(values).tconfint_mean(1 - level))
    other = scipy.stats.ttest_1samp(values, 0).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((other.low, other.high))


def test_one_seed_has_a_mean_but_no_interval():
    found = mean_interval([0.5])
    assert found.mean == 0.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_equal_values_have_an_interval_of_no_width():
    found = mean_interval([0.5, 0.5, 0.5])
    assert (found.low, found.mean, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]]])
def test_a_mean_needs_one_axis_with_seeds(values):
    with pytest.raises(ValueError, match="a mean needs one axis with at least one seed"):
        mean_interval(values)


# ----------------------------------------------------------------------------- two models without common seeds


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 3), (3, 5), (6, 4), (7, 7)])
def test_p_of_labels_agrees_with_scipy(rng, n, m):
    for decimals in (0, 2, 15):  # fewer decimals: ties, and none but these
        x, y = np.round(rng.normal(0.7, 0.1, n), decimals), np.round(rng.normal(0.8, 0.1, m), decimals)
        other = scipy.stats.permutation_test((x, y), lambda a, b: np.mean(a) - np.mean(b), n_resamples=np.inf)
        assert unpaired_p(x, y) == pytest.approx(other.pvalue)


def test_accuracies_that_tie_but_for_rounding_count_as_ties():
    assert unpaired_p([1], [5]) == 1.0
    first, second = [0.1 + 0.2, 0.7], [0.3, 0.1 * 7]
    assert unpaired_p(first, second) == 1.0


@pytest.mark.parametrize(("n", "m"), [(12, 9), (20, 15)])  # enumerated, and drawn
def test_p_of_many_seeds_is_that_of_scipys_drawn_labels(n, m):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=n), rng.normal(0.8, 1, m)
    other = scipy.stats.permutation_test(
        (x, y), lambda a, b, axis: a.mean(axis) - b.mean(axis), n_resamples=20_000, vectorized=True, rng=rng
    )
    assert unpaired_p(x, y) == unpaired_p(x, y) == pytest.approx(other.pvalue, abs=6 * math.sqrt(0.25 / 20_000))


def test_without_a_difference_the_test_finds_one_no_more_often_than_it_says(rng):
    found = np.array([unpaired_p(*rng.exponential(size=(2, 6))) for _ in range(600)])
    for level in (1 / 32, 1 / 16, 1 / 4):
        assert np.mean(found <= level + 1e-9) <= level + 3 * math.sqrt(level * (1 - level) / 600)
    assert np.mean(found <= 1 / 4 + 1e-9) > 0.15


# ----------------------------------------------------------------------------- Hodges and Lehmann


def test_the_shift_by_hand():
    """The differences are -2, -1, 1, 1, 2, 2, 6, 9, 9."""
    assert shift([1, 2, 9], [0, 0, 3]) == 2


def test_how_likely_a_run_beats_a_run_is_that_of_mann_and_whitney(rng):
    x, y = np.round(rng.normal(0.5, 1, 9), 1), np.round(rng.normal(0, 1, 7), 1)  # with ties
    assert beats(x, y) == pytest.approx(scipy.stats.mannwhitneyu(x, y).statistic / (9 * 7))
    assert beats(x, y) == 1 - beats(y, x)


@pytest.mark.parametrize("of", [shift, beats])
def test_two_models_need_runs(of):
    with pytest.raises(ValueError, match="at least one run of each"):
        of([], [1])


# ----------------------------------------------------------------------------- Holm


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_holm_agrees_with_statsmodels(rng, count):
    for scale in (0.3, 1.0):
        raw = np.round(rng.uniform(0, scale, count), 2)  # rounded, so that there are ties
        np.testing.assert_allclose(holm(raw), multipletests(raw, method="holm")[1])
    assert list(holm([])) == []


def test_holm_leaves_what_it_is_given_alone():
    raw = np.array([0.04, 0.01])
    holm(raw)
    assert list(raw) == [0.04, 0.01]
