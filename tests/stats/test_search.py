"""The best of k points: against every subset, by simulation and by Dodge et al.'s own formula."""

from itertools import combinations, product

import numpy as np
import pytest

from harness.stats.search import best_of, plug_in_bias, window

VALUES = [0.3, 0.9, 0.1, 0.5, 0.5, 0.7]


def test_the_mean_and_the_band_are_those_of_all_subsets():
    found = best_of(VALUES)
    for k in range(1, len(VALUES) + 1):
        bests = [max(some) for some in combinations(VALUES, k)]
        assert found.mean[k - 1] == pytest.approx(np.mean(bests))
        assert found.low[k - 1] == np.quantile(bests, 0.1, method="inverted_cdf")
        assert found.high[k - 1] == np.quantile(bests, 0.9, method="inverted_cdf")


def test_dodges_estimate_is_that_of_draws_with_replacement():
    for k in (1, 2, 3):
        plug_in = np.mean([max(some) for some in product(VALUES, repeat=k)])
        assert plug_in_bias(VALUES)[k - 1] == pytest.approx(plug_in - best_of(VALUES).mean[k - 1])
    assert plug_in_bias(VALUES)[0] == pytest.approx(0)
    assert (plug_in_bias(VALUES)[1:] < 0).all()


def test_the_estimate_is_unbiased_for_independent_points_and_dodges_is_too_low():
    rng = np.random.default_rng(1)
    draws = rng.uniform(size=(4000, 6))
    found = np.mean([best_of(some).mean for some in draws], axis=0)
    k = np.arange(1, 7)
    assert found == pytest.approx(k / (k + 1), abs=0.01)  # of uniform numbers
    dodge = np.mean([best_of(some).mean + plug_in_bias(some) for some in draws], axis=0)
    assert dodge[-1] < 6 / 7 - 0.05


def test_one_value_is_the_best_of_itself():
    found = best_of([0.4])
    assert [part.tolist() for part in found] == [[0.4], [0.4], [0.4]]


def test_the_window_is_from_the_least_to_the_greatest_rate_near_the_best():
    rates, values = [0.1, 0.001, 0.01, 0.03], [0.2, 0.75, 0.8, 0.85]
    assert window(rates, values, 0.1) == (0.001, 0.03)
    assert window(rates, values, 0.05) == (0.01, 0.03)
    assert window(rates, values, 0.0) == (0.03, 0.03)
