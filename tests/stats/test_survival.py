"""Time to a target with runs that never arrive: by hand, against lifelines and scikit-learn, and by simulation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.proportion import proportion_confint
from support.records import FACTS, made_curve, made_run

from harness.records.kinds import Point
from harness.stats.over_seeds import unpaired_p
from harness.stats.survival import (
    Restricted,
    arrival,
    arrivals,
    capped,
    curve_area,
    kaplan_meier,
    profile,
    restricted_mean,
    steps_to_target,
)

NEVER = float("nan")


# ----------------------------------------------------------------------------- the arrival of one run


def step_of(curve, target, **words):
    found = arrival(curve, target, **words)
    return None if found is None else found.step


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.1, 0.8, 0.9], 200),
        ([0.8, 0.9], 100),
        ([0.7, 0.7], 100),  # reaching it exactly counts
        ([0.8, 0.1, 0.8, 0.8, 0.1], 300),  # it has to stay for two
        ([0.8, 0.1, 0.8, 0.1], None),
        ([0.1, 0.8], 200),  # the last evaluation has none after it
        ([0.8, None], None),
        ([None, 0.8, 0.8], 200),
        ([0.1, 0.2], None),
        ([], None),
    ],
)
def test_the_target_is_reached_where_validation_stays_at_it(values, step):
    assert step_of(made_curve(values), 0.7, higher_is_better=True) == step


def test_how_long_it_must_stay_can_be_chosen():
    curve = made_curve([0.8, 0.1, 0.8, 0.8, 0.1, 0.8, 0.8, 0.8])
    found = [step_of(curve, 0.7, higher_is_better=True, stay=stay) for stay in (1, 2, 3)]
    assert found == [100, 300, 600]


# ----------------------------------------------------------------------------- Kaplan and Meier


@pytest.mark.parametrize("case", range(6))
def test_curve_mean_and_median_agree_with_lifelines(case):
    lifelines = pytest.importorskip("lifelines")
    from lifelines.utils import restricted_mean_survival_time

    rng = np.random.default_rng(case)
    arrive, watched = np.ceil(rng.exponential(30, 9)), np.ceil(rng.uniform(20, 60, 9))  # with ties
    watched[0] = 60
    times = np.where(arrive <= watched, arrive, NEVER)
    found = kaplan_meier(times, watched)
    fit = lifelines.KaplanMeierFitter().fit(np.fmin(arrive, watched), arrive <= watched)
    assert found.remaining == pytest.approx(fit.survival_function_at_times(found.times).to_numpy())
    for horizon in (5.0, 20.0, min(50.0, found.end)):
        assert found.mean(horizon) == pytest.approx(restricted_mean_survival_time(fit, t=horizon))
    other = fit.median_survival_time_
    assert found.median == other or (math.isnan(found.median) and math.isinf(other))


A = [20.0, 22.0, 25.0, 24.0, 23.0]
B = [15.0, 16.0, NEVER, NEVER, NEVER]


@pytest.mark.parametrize("times", [A, B, [NEVER, NEVER], [100.0, NEVER, 3.0], [5.0]])
def test_the_restricted_mean_is_the_area_under_scipys_curve(times):
    horizon = 100.0
    known, never = np.nan_to_num(times, nan=horizon), np.isnan(times)
    curve = scipy.stats.ecdf(scipy.stats.CensoredData.right_censored(known, never)).sf
    edges = np.unique([0.0, *known, horizon])
    area = float(np.sum(curve.evaluate(edges[:-1]) * np.diff(edges)))
    assert restricted_mean(times, horizon).mean == pytest.approx(area)


def test_runs_that_never_arrive_count_as_the_whole_budget():
    """measurement.md, section 3.1: the mean of successes prefers B, 15.5 to 22.8; the restricted mean does not."""
    assert restricted_mean(A, 100) == Restricted(pytest.approx(22.8), 5, 5)
    assert restricted_mean(B, 100) == Restricted(pytest.approx(66.2), 2, 5)


def test_a_run_that_arrives_after_the_horizon_has_not_arrived_by_then():
    assert restricted_mean([50.0, 150.0], 100) == Restricted(75, 1, 2)


def test_a_restricted_mean_needs_a_run():
    with pytest.raises(ValueError, match="at least one run"):
        restricted_mean([], 100)


def test_steps_to_a_target_are_of_the_runs_that_say_anything():
    """Of four runs with the same curve one broke off, so that it never arrived, and of two nothing can be said."""
    ends = ("ok", "diverged", "interrupted", "skipped")
    runs = [made_run(seed=seed, status=status, curve=made_curve([0.8, 0.8])) for seed, status in enumerate(ends)]
    assert steps_to_target(runs, 0.7, 400) == Restricted((100 + 400) / 2, 1, 2)
    assert steps_to_target(runs, None, 400) is None
    assert steps_to_target(runs[2:], 0.7, 400) is None
    assert steps_to_target([made_run(curve=())], 0.7, 400) is None


def test_a_run_that_diverged_early_counts_as_one_that_never_arrives():
    """Censored where it ended it would say: I was watched for a second only."""
    honest = kaplan_meier([10, NEVER], [100, np.inf])
    assert honest.mean(100) == pytest.approx((10 + 100) / 2)
    assert list(honest.remaining) == [1, 0.5]
    assert kaplan_meier([10, NEVER], [100, 1]).remaining[-1] == 0
    assert kaplan_meier([NEVER, NEVER], np.inf).mean(7) == 7


def test_half_of_the_runs_make_the_median_and_some_may_arrive_at_once():
    assert kaplan_meier([10, NEVER], 100).median == 10
    found = kaplan_meier([0.0, 5.0], 100)
    assert (list(found.times), list(found.remaining)) == ([0, 5], [0.5, 0])


def test_nothing_is_known_after_the_watch():
    with pytest.raises(ValueError, match="no run was watched up to 101; choose a horizon of at most 100"):
        kaplan_meier(B, 100).mean(101)
    assert kaplan_meier(A, 100).mean(1000) == pytest.approx(22.8)  # all arrived, nothing is left to know


@pytest.mark.parametrize(("times", "watched"), [([-1.0], 5), ([6.0], 5), ([NEVER], NEVER), ([], 5), ([[1.0]], 5)])
def test_times_that_make_no_sense_are_refused(times, watched):
    with pytest.raises(ValueError, match=r"a time is below 0|times are"):
        kaplan_meier(times, watched)


@pytest.mark.parametrize("horizon", [0, -1, np.inf, NEVER])
def test_a_horizon_is_a_number_above_0(horizon):
    with pytest.raises(ValueError, match="a horizon must be"):
        capped([1.0], horizon)


# ----------------------------------------------------------------------------- p


def test_p_of_restricted_means_by_hand():
    """Three against three, fully apart: 2 / 20. The log-rank test's asymptotic p would be 0.025."""
    assert unpaired_p(capped([10, 11, 12], 100), capped([50, NEVER, NEVER], 100)) == pytest.approx(2 / 20)


# ----------------------------------------------------------------------------- targets and curves


def test_arrival_by_three_clocks_at_several_targets():
    curve = [Point(100 * i, 5000 * i, 0.5 * i, None, value) for i, value in enumerate([0.2, 0.6, 0.5, 0.8, 0.9])]
    found = {
        clock: arrivals(made_run(curve=curve), [0.5, 0.6, 0.95], clock) for clock in ("step", "samples", "seconds")
    }
    np.testing.assert_array_equal(found["step"], [100, 300, NEVER])
    np.testing.assert_array_equal(found["samples"], [5000, 15000, NEVER])
    np.testing.assert_array_equal(found["seconds"], [0.5, 1.5, NEVER])
    error = made_run(curve=made_curve([0.9, 0.3, 0.2]), task=replace(FACTS, higher_is_better=False))
    np.testing.assert_array_equal(arrivals(error, 0.3), [200])


@pytest.mark.parametrize("changes", [{"status": "diverged"}, {"status": "failed"}, {"task": None}])
def test_a_run_that_broke_off_never_arrived(changes):
    found = arrivals(made_run(curve=made_curve([0.8, 0.8]), **changes), [0.5, 0.7])
    np.testing.assert_array_equal(found, [NEVER, NEVER])


def test_the_area_of_a_curve_by_hand():
    """Chance until 100, halfway until 200, the reference from then on to 400."""
    assert curve_area([100, 200], [0.5, 0.9], 400, chance=0.1, reference=0.9) == pytest.approx((0.5 + 2) / 4)
    assert curve_area([100, 200], [3.0, 2.0], 400, chance=4, reference=2) == pytest.approx((0.5 + 2) / 4)
    assert curve_area([100, 200], [0.5, 0.9], 150, chance=0.1, reference=0.9) == pytest.approx(0.5 / 3)
    assert curve_area([], [], 400, chance=0.1, reference=0.9) == 0


def test_a_run_that_diverged_or_failed_is_at_chance_from_there_on():
    assert curve_area([0, 100], [1.0, NEVER], 400, chance=0, reference=1) == 1 / 4
    assert curve_area([0, 100], [1.0, 1.0], 400, chance=0, reference=1, failed=True) == 1 / 4
    assert curve_area([0, 100], [1.0, 1.0], 400, chance=0, reference=1) == 1


def test_areas_need_times_that_increase_and_a_scale():
    with pytest.raises(ValueError, match="times must increase"):
        curve_area([2, 1], [0.1, 0.2], 10, chance=0, reference=1)
    with pytest.raises(ValueError, match="nothing lies between"):
        curve_area([1, 2], [0.1, 0.2], 10, chance=1, reference=1)


# ----------------------------------------------------------------------------- profiles


TIMES = [[[10, 10], [20, 20], [NEVER, NEVER]], [[30, NEVER], [10, 10], [NEVER, NEVER]]]  # (tasks, models, seeds)


def test_a_profile_by_hand():
    """Restricted means 10, 20, never and (30 + 100) / 2, 10, never: ratios 1, 2, never and 6.5, 1, never."""
    found = profile(TIMES, 100, ratios=[1, 2, 5, 7])
    np.testing.assert_array_equal(found.share, [[0.5, 0.5, 0.5, 1], [0.5, 1, 1, 1], [0, 0, 0, 0]])
    areas = [(1 + 0.5 / 6) / 2, (1 + 5 / 6) / 2, 0]
    assert [area.mean for area in found.area] == pytest.approx(areas)


def test_the_intervals_are_over_tasks(rng):
    """Wilson's of the share, Student's of the area, as of any numbers."""
    found = profile(rng.exponential(30, size=(5, 3, 4)), 100)
    good = np.rint(5 * found.share).astype(int)
    expected = [[proportion_confint(count, 5, method="wilson") for count in line] for line in good]
    np.testing.assert_allclose(np.stack([found.low, found.high], axis=2), expected)
    assert all(area.low < area.mean < area.high for area in found.area)
    assert np.isnan(profile(rng.exponential(30, size=(1, 2, 4)), 100).area[0].low)


def test_tasks_that_share_data_are_one_task_of_a_profile(rng):
    """The first two count half each: the intervals are those of four tasks."""
    times = rng.exponential(30, size=(5, 3, 4))
    found = profile(times, 100, ["mnist", "mnist", "b", "c", "d"])
    alone = profile(times, 100).share, profile(times[1:], 100).share, profile(times[[0, 2, 3, 4]], 100).share
    np.testing.assert_allclose(found.share, (alone[1] + alone[2]) / 2)
    low, high = proportion_confint(4 * found.share, 4, method="wilson")
    np.testing.assert_allclose(np.stack([found.low, found.high]), [low, high], atol=1e-12)
    twice = profile(np.repeat(times, 2, axis=0), 100, ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"])
    assert twice.area == profile(times, 100).area


def test_the_areas_interval_covers_where_a_bootstrap_of_three_seeds_covers_70(rng):
    """Five tasks, four models, runs that spread by 150 steps; the truth is that of very many seeds."""
    base = rng.uniform(300, 1200, size=(5, 4, 1))
    truth = [area.mean for area in profile(rng.normal(base, 150, (5, 4, 4000)).clip(1), 1600).area]
    studies = [profile(rng.normal(base, 150, (5, 4, 3)).clip(1), 1600).area for _ in range(100)]
    inside = [[area.low <= t <= area.high for area, t in zip(areas, truth, strict=True)] for areas in studies]
    assert np.mean(inside, axis=0).min() > 0.9


def test_horizons_may_differ_between_tasks():
    times = [[[10.0], [20.0]], [[10.0], [20.0]]]
    found = profile(times, [15, 100])
    np.testing.assert_array_equal(found.share[1, [0, -1]], [0, 0.5])  # 20 is never within 15


def test_arriving_at_once_is_the_best_there_is():
    found = profile([[[0.0], [5.0]]], 10)
    np.testing.assert_array_equal(found.share[:, -1], [1, 0])


@pytest.mark.parametrize(
    ("times", "ratios", "sentence"), [([[1.0]], [1, 2], "tasks, models, seeds"), (TIMES, [2, 3], "begin with 1")]
)
def test_profiles_need_their_axes(times, ratios, sentence):
    with pytest.raises(ValueError, match=sentence):
        profile(times, 100, ratios=ratios)


def test_an_arrival_at_once_counts_in_a_process_that_flushes_denormals():
    torch = pytest.importorskip("torch")
    torch.set_flush_denormal(True)
    try:
        found = kaplan_meier([0.0, 5.0], 100)
    finally:
        torch.set_flush_denormal(False)
    assert (list(found.times), list(found.remaining)) == ([0, 5], [0.5, 0])
