"""What a plan can show: by hand, against statsmodels, and by simulation with the tests themselves."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from harness.stats.across import stratified_pairs
from harness.stats.contrasts import brunner_munzel_p, log_rank_p
from harness.stats.equivalence import mean_difference
from harness.stats.over_seeds import unpaired_p
from harness.stats.power import (
    LIKELY,
    comparisons,
    declared_effect,
    power,
    seeds_needed,
    sentence,
    smallest_adjusted_p,
    smallest_effect,
    smallest_p,
    widest_spread,
)

ALPHAS = [0.05 / comparisons(models) for models in (2, 6, 15)]


# ----------------------------------------------------------------------------- the smallest p


def test_the_smallest_p_of_blocks_is_two_of_all_sign_patterns():
    """2 / 2^n, until patterns are drawn."""
    assert [smallest_p(n, "blocks") for n in (0, 1, 3, 4, 5, 6)] == [1, 1, 0.25, 0.125, 0.0625, 0.03125]
    assert smallest_p(40, "blocks") == 2**-14


def test_the_smallest_p_of_runs_is_that_of_measurement_md():
    """Section 3.4."""
    found = [smallest_p(n) for n in (3, 4, 5, 6, 7, 8, 10)]
    assert found == pytest.approx([0.10, 0.029, 0.0079, 0.0022, 0.0006, 0.00016, 1e-5], rel=0.1)
    assert smallest_p(1) == smallest_p(0) == 1


@pytest.mark.parametrize("n", [2, 3, 6, 8, 11, 16, 17])
def test_the_smallest_p_is_that_of_runs_fully_apart(n):
    assert unpaired_p(np.arange(n), 100 + np.arange(n)) == pytest.approx(smallest_p(n))


def test_as_many_seeds_as_measurement_md_says_are_needed_for_all_pairs():
    """Section 3.4: 5, 6, 7, 7 seeds for 4, 6, 8, 10 models."""
    assert [comparisons(k) for k in (4, 6, 8, 10)] == [6, 15, 28, 45]
    needed = [min(n for n in range(2, 20) if smallest_adjusted_p(n, k) <= 0.05) for k in (4, 6, 8, 10)]
    assert needed == [5, 6, 7, 7]
    assert smallest_adjusted_p(3, 8) == 1


# ----------------------------------------------------------------------------- power


@pytest.mark.parametrize(("seeds", "effect", "alpha"), [(5, 1.5, 0.05), (8, 2.0, ALPHAS[2]), (9, 2.0, ALPHAS[2])])
def test_power_is_how_often_the_exact_test_finds_the_effect(rng, seeds, effect, alpha):
    """400 studies with the test itself; near its smallest p, where the t-test is not the same, and beyond."""
    runs = rng.normal(size=(400, 2, seeds)) + np.array([effect, 0.0])[:, None]
    found = np.mean([unpaired_p(*one) <= alpha for one in runs])
    expected = power(effect, seeds, rng=rng, alpha=alpha)
    assert found == pytest.approx(expected, abs=3 * math.sqrt(0.25 / 400 + 0.25 / 2000) + 0.01)


def test_power_of_blocks_near_the_smallest_p_is_not_that_of_the_t_test(rng):
    """13 blocks and 105 pairs: one pattern of 4,096 alone is enough. By simulation 0.735, by the t-test 0.966."""
    assert power(2.0, 13, "blocks", rng=rng, alpha=ALPHAS[2]) == pytest.approx(0.735, abs=0.035)
    assert power(1.0, 13, "blocks", rng=rng, alpha=ALPHAS[2]) == pytest.approx(0.111, abs=0.025)


def test_for_many_seeds_power_is_that_of_the_t_test_of_statsmodels(rng):
    """Of which the far tail is no finding; for small effects it is all but 0."""
    assert power(0.7, 20, "blocks", rng=rng) == pytest.approx(TTestPower().power(0.7, 20, 0.05), abs=1e-4)
    assert power(0.7, 20, rng=rng) == pytest.approx(TTestIndPower().power(0.7, 20, 0.05), abs=1e-4)


@pytest.mark.parametrize(("n", "test"), [(9, "blocks"), (5, "runs"), (6, "runs")])
def test_where_enumeration_ends_the_t_test_is_near(rng, test, n):
    other = {"blocks": TTestPower(), "runs": TTestIndPower()}[test]
    for effect in (0.8, 1.2):
        assert power(effect, n, test, rng=rng) == pytest.approx(other.power(effect, n, 0.05), abs=0.05)


def test_without_an_effect_power_is_half_of_the_level(rng):
    """Four seeds: p moves in steps of 2/70, of which one is below 0.05, on either side half as often."""
    assert power(0.0, 4, rng=rng, studies=8000) == pytest.approx(1 / 70, abs=3 * math.sqrt(1 / 70 / 8000))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_power_rises_with_the_effect_and_with_seeds_and_is_always_a_number(alpha):
    effects = (0.5, 2.0, 3.0, 40.0)
    for test in ("runs", "blocks"):
        grid = [
            [power(effect, n, test, rng=np.random.default_rng(0), alpha=alpha, studies=300) for effect in effects]
            for n in (3, 5, 7, 8, 9, 10, 11, 13, 14, 15, 20, 60, 200)
        ]
        assert np.isfinite(grid).all()
        assert (np.diff(grid, axis=1) >= 0).all()
        assert (np.diff(grid, axis=0) >= -0.08).all()  # by simulation


@pytest.mark.parametrize(
    ("n", "test", "alpha", "effect"),
    [
        (9, "runs", ALPHAS[2], 2.53),
        (11, "runs", ALPHAS[2], 2.18),
        (30, "runs", ALPHAS[1], 1.01),
        (20, "blocks", ALPHAS[2], 1.16),
        (60, "blocks", ALPHAS[2], 0.59),
    ],
)
def test_the_smallest_effect_is_that_of_the_noncentral_t(rng, n, test, alpha, effect):
    assert smallest_effect(n, test, rng=rng, alpha=alpha) == pytest.approx(effect, abs=0.005)


@pytest.mark.parametrize(("n", "test"), [(10, "blocks"), (30, "blocks"), (5, "runs")])
@pytest.mark.parametrize("likely", [0.5, 0.8])
def test_the_smallest_effect_is_found_as_likely_as_asked(rng, test, n, likely):
    effect = smallest_effect(n, test, rng=rng, likely=likely)
    found = power(effect, n, test, rng=rng, studies=4000)
    assert found == pytest.approx(likely, abs=3 * math.sqrt(0.25 / 2000 + 0.25 / 4000) + 0.01)


def test_so_few_seeds_find_no_effect_at_all(rng):
    assert smallest_effect(5, "blocks", rng=rng) is None
    assert smallest_effect(3, rng=rng) is None
    assert smallest_effect(5, rng=rng, alpha=0.05 / 10) is None
    assert smallest_effect(6, "blocks", rng=rng, alpha=2 / 64) is not None  # 2/64 is reached exactly


def test_the_seeds_that_are_needed_do_not_rise_with_the_effect():
    needed = [
        seeds_needed(effect, rng=np.random.default_rng(0), alpha=ALPHAS[2], studies=500)
        for effect in (0.05, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
    ]
    assert needed[:3] == [None, 41, 13]
    assert needed[1:] == sorted(needed[1:], reverse=True)
    assert needed[-1] == 8  # fewer cannot reach it


@pytest.mark.parametrize("likely", [0, 1])
def test_certainty_is_not_to_be_had(rng, likely):
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        smallest_effect(8, rng=rng, likely=likely)


@pytest.mark.parametrize(("tasks", "seeds", "models"), [(4, 5, 2), (4, 5, 4)])
def test_the_effect_over_tasks_is_found_about_as_likely_as_said(rng, tasks, seeds, models):
    """By the permutation test of all pairs; one model is ahead of the others, which are alike."""
    effect = smallest_effect(tasks * seeds, "blocks", rng=rng, alpha=0.05 / comparisons(models))
    x = rng.normal(size=(300, tasks, models, seeds))
    x[:, :, 0] += effect * math.sqrt(2)  # the differences of two runs have this spread
    found = np.mean([stratified_pairs(one, rng=rng, patterns=1000).adjusted[0] <= 0.05 for one in x])
    assert found == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / 300) + 0.03)


# ----------------------------------------------------------------------------- the sentence


def test_the_sentence_of_too_few_seeds_says_how_many_are_needed(rng):
    text = sentence(3, 4, ["a"], rng=rng)
    assert "the exact permutation test of 6 pairs" in text
    assert "gives 3 seeds a p of at least 0.6," in text
    assert "nothing can be significant with fewer than 5 seeds" in text
    assert "a difference of 1 standard deviation takes 27 seeds" in text  # as statsmodels has it
    assert "tasks" not in text


def test_the_sentence_of_enough_seeds_gives_the_effect_after_the_correction(rng):
    text = sentence(9, 3, ["a", "b", "b", "c"], rng=rng)
    one = smallest_effect(9, rng=np.random.default_rng(0), alpha=0.05 / 3)
    all_ = smallest_effect(27, "blocks", rng=np.random.default_rng(0), alpha=0.05 / 3)
    assert f"{one:.1f}" != f"{smallest_effect(9, rng=rng):.1f}"
    assert f"finds {one:.1f} standard deviations of a model's runs with 80% probability" in text
    assert "over 4 tasks together, in 27 blocks of their own data, finds" in text
    assert f"finds about {all_:.1f} standard deviations of the blocks' differences" in text


def test_the_sentence_of_tasks_that_do_not_help(rng):
    assert "blocks of their own data, shows nothing either" in sentence(2, 2, ["a", "b"], rng=rng)
    assert "blocks of their own data, can hardly show more" in sentence(
        3, 4, ["a", "b"], rng=rng
    )  # 2/64, and six pairs
    assert "together" not in sentence(1, 2, list("abcdef"), rng=rng)  # of one seed each only signs would count


def test_one_model_is_compared_with_nothing(rng):
    assert sentence(5, 1, ["a"], rng=rng) == "with one model there is nothing to compare"


@pytest.mark.parametrize(("test", "n"), [("metric", 5), ("metric", 8), ("steps", 5)])
def test_a_claims_own_test_finds_the_effect_that_it_promises_in_other_studies(test, n):
    effect, found = declared_effect(n, test), []
    for x, y in np.random.default_rng(1).normal(size=(600, 2, n)):
        if test == "metric":
            found.append(brunner_munzel_p(x + effect, y) <= 0.05)  # the wrong side is out of reach
        else:
            found.append(log_rank_p(-x - effect, -y, (np.inf, np.inf))[1] <= 0.05)
    assert np.mean(found) == pytest.approx(LIKELY, abs=0.05)
    assert declared_effect(n, test, likely=0.95) > effect
    assert declared_effect(3, test) is None


def test_the_widest_spread_lets_the_interval_lie_within_the_margin_as_often_as_promised():
    for sides, n in ((2, 8), (1, 5)):
        spread = widest_spread(n, sides)
        ends = [mean_difference(spread * x, spread * y) for x, y in np.random.default_rng(1).normal(size=(600, 2, n))]
        within = [one.high <= 1 and (sides == 1 or one.low >= -1) for one in ends]
        assert np.mean(within) == pytest.approx(LIKELY, abs=0.05)
