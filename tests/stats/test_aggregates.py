"""Aggregates over tasks: by hand, against scipy and statsmodels, and the table of coverages by simulation."""

import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.nonparametric import rank_compare_2indep

from harness.stats.aggregates import (
    COVERAGE,
    bootstrap,
    coverage,
    probability_of_improvement,
)


def test_the_interquartile_mean_by_hand(rng):
    assert bootstrap([[1, 2, 3, 4], [5, 6, 7, 800]], rng=rng).mean == (3 + 4 + 5 + 6) / 4
    assert bootstrap([[1, 2, 6]], rng=rng).mean == 3  # a quarter of three is no run


@pytest.mark.parametrize("statistic", ["mean", "interquartile mean"])
def test_the_bootstrap_agrees_with_scipy(rng, statistic):
    """Each task is a sample of its own, as scipy has it for a statistic of several samples."""
    x = rng.normal(size=(3, 6)) + 2 * np.arange(3)[:, None]

    def of(*tasks: np.ndarray, axis: int) -> np.ndarray:
        together = np.concatenate(np.broadcast_arrays(*tasks), axis=axis)
        return together.mean(axis=axis) if statistic == "mean" else scipy.stats.trim_mean(together, 0.25, axis=axis)

    other = scipy.stats.bootstrap(list(x), of, n_resamples=20_000, method="percentile", rng=rng)
    found = bootstrap(x, rng=rng, statistic=statistic, draws=20_000)
    ends = other.confidence_interval
    assert found.mean == pytest.approx(float(of(*x, axis=-1)))
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=0.03)


def test_the_probability_of_improvement_by_hand():
    """First task: 2 > 1, 2 < 3, 4 > 1, 4 > 3; second: ties alone."""
    assert probability_of_improvement([[2, 4], [1, 1]], [[1, 3], [1, 1]]).mean == (3 / 4 + 1 / 2) / 2


def test_tasks_that_share_data_are_one_task_of_the_probability_of_improvement():
    """Three tasks of which two say the same are two: the interval is that of two, not of three."""
    first, second, data = [[2, 4], [2, 4], [1, 1]], [[1, 3], [1, 3], [1, 1]], ["mnist", "mnist", "alone"]
    found = probability_of_improvement(first, second, data)
    assert found == probability_of_improvement(first[1:], second[1:])
    assert found.half > probability_of_improvement(first, second).half
    assert np.isnan(probability_of_improvement(first[:2], second[:2], data[:2]).low)  # one family is no sample


def test_the_probability_of_improvement_agrees_with_scipy_and_statsmodels(rng):
    x, y = np.round(rng.normal(0.5, 1, (1, 9)), 1), np.round(rng.normal(0, 1, (1, 7)), 1)
    found = probability_of_improvement(x, y)
    assert found.mean == pytest.approx(scipy.stats.mannwhitneyu(x[0], y[0]).statistic / 63)
    assert found.mean == pytest.approx(rank_compare_2indep(x[0], y[0]).prob1)
    assert np.isnan(found.low)  # one task
    two = probability_of_improvement(np.concatenate([x, x + 1]), np.concatenate([y, y]))
    other = probability_of_improvement(np.concatenate([y, y]), np.concatenate([x, x + 1]))
    assert (other.mean, other.low) == pytest.approx((1 - two.mean, 1 - two.high))


@pytest.mark.parametrize(
    ("statistic", "tasks", "seeds"),
    [("mean", 1, 3), ("mean", 1, 5), ("mean", 4, 10), ("interquartile mean", 1, 5), ("interquartile mean", 4, 5)],
)
def test_the_table_of_coverages_is_what_a_simulation_finds(statistic, tasks, seeds):
    studies, listed = 1000, COVERAGE[statistic][tasks, seeds]
    found = coverage(tasks, seeds, rng=np.random.default_rng(1), statistic=statistic, studies=studies)
    listed_error = math.sqrt(listed * (1 - listed) / 4000) + 0.005  # of its own simulation, and rounded
    assert found == pytest.approx(listed, abs=3 * math.sqrt(listed * (1 - listed) / studies) + listed_error)


def test_a_bootstrap_of_the_mean_covers_less_than_t_for_a_reason_that_is_known():
    """With n seeds the bootstrap's variance is (n - 1) / n of the sample's: near 2 Phi(1.96 sqrt(0.8)) - 1 for 5."""
    limit = 2 * scipy.stats.norm.cdf(1.96 * math.sqrt(0.8)) - 1
    assert COVERAGE["mean"][12, 5] == pytest.approx(limit, abs=0.015)


def test_more_seeds_cover_more():
    for table in COVERAGE.values():
        for tasks in {tasks for tasks, _ in table}:
            found = [table[tasks, seeds] for seeds in (3, 5, 10, 20)]
            assert found == sorted(found)
            assert found[-1] < 0.95


@pytest.mark.parametrize("scores", [[[1.0, math.nan]], [[]]])
def test_a_missing_score_is_refused(rng, scores):
    with pytest.raises(ValueError, match="a score is missing"):
        bootstrap(scores, rng=rng)
    with pytest.raises(ValueError, match="a score is missing"):
        probability_of_improvement(scores, scores)


def test_axes_are_checked(rng):
    with pytest.raises(ValueError, match=r"must be \(tasks, seeds\)"):
        bootstrap([1.0, 2.0], rng=rng)
    with pytest.raises(ValueError, match="of the same tasks"):
        probability_of_improvement([[1.0]], [[1.0], [2.0]])
