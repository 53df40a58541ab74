"""What a plan can show: by hand, against statsmodels, and by simulation with the tests themselves."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from harness.stats.across import stratified_pairs
from harness.stats.over_seeds import difference_p, unpaired_p
from harness.stats.power import (
    chosen_test,
    comparisons,
    power,
    sentence,
    smallest_adjusted_p,
    smallest_effect,
    smallest_paired_p,
    smallest_unpaired_p,
)

# ----------------------------------------------------------------------------- the smallest p


def test_the_smallest_paired_p_is_two_of_all_sign_patterns():
    """measurement.md, section 3.4: 2 / 2^n for n paired seeds."""
    assert [smallest_paired_p(n) for n in (3, 4, 5, 6)] == [0.25, 0.125, 0.0625, 0.03125]


def test_one_seed_or_none_can_prove_nothing():
    assert smallest_paired_p(1) == smallest_paired_p(0) == 1.0


def test_the_smallest_unpaired_p_is_that_of_measurement_md():
    """Section 3.4."""
    found = [smallest_unpaired_p(n, n) for n in (3, 4, 5, 6, 7, 8, 10)]
    assert found == pytest.approx([0.10, 0.029, 0.0079, 0.0022, 0.0006, 0.00016, 1e-5], rel=0.1)
    assert smallest_unpaired_p(1, 5) == smallest_unpaired_p(0, 0) == 1


@pytest.mark.parametrize(("n", "m"), [(2, 2), (3, 3), (2, 5), (6, 4)])
def test_the_smallest_unpaired_p_is_that_of_runs_fully_apart(rng, n, m):
    assert unpaired_p(np.arange(n), 100 + np.arange(m), rng=rng) == pytest.approx(smallest_unpaired_p(n, m))


def test_as_many_seeds_as_measurement_md_says_are_needed_for_all_pairs():
    """Section 3.4: 5, 6, 7, 7 seeds for 4, 6, 8, 10 models."""
    assert [comparisons(k) for k in (4, 6, 8, 10)] == [6, 15, 28, 45]
    needed = [min(n for n in range(2, 20) if smallest_adjusted_p(n, k, "unpaired") <= 0.05) for k in (4, 6, 8, 10)]
    assert needed == [5, 6, 7, 7]
    assert smallest_adjusted_p(5, 4, "paired") == pytest.approx(6 / 16)
    assert smallest_adjusted_p(3, 8, "paired") == 1


@pytest.mark.parametrize(
    ("seeds", "models", "test"),
    [(6, 2, "paired"), (5, 2, "unpaired"), (4, 2, "unpaired"), (3, 2, "paired"), (8, 4, "paired"), (7, 4, "unpaired")],
)
def test_the_test_is_chosen_by_what_so_many_seeds_can_show(seeds, models, test):
    assert chosen_test(seeds, models) == test


# ----------------------------------------------------------------------------- power


@pytest.mark.parametrize(("test", "seeds", "effect"), [("paired", 6, 1.5), ("paired", 8, 1.0), ("unpaired", 5, 1.5)])
def test_power_is_how_often_the_exact_test_finds_the_effect(rng, test, seeds, effect):
    """600 studies with stats.difference_p itself; two models' runs of unit spread, paired: of their differences."""
    size = 1 / math.sqrt(2) if test == "paired" else 1.0
    runs = size * rng.normal(size=(600, 2, seeds)) + np.array([effect, 0.0])[:, None]
    found = np.mean([difference_p(*one, test, rng=rng) <= 0.05 for one in runs])
    expected = power(effect, seeds, test, rng=rng, studies=4000)
    assert found == pytest.approx(expected, abs=3 * math.sqrt(0.25 / 600 + 0.25 / 4000))


def test_for_many_seeds_power_is_that_of_the_t_test_of_statsmodels(rng):
    assert power(0.7, 20, rng=rng) == pytest.approx(TTestPower().power(0.7, 20, 0.05), abs=1e-6)
    other = TTestIndPower().power(0.7, 20, 0.05)
    assert power(0.7, 20, "unpaired", rng=rng) == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize(("test", "seeds"), [("paired", 12), ("unpaired", 7)])
def test_where_enumeration_ends_the_t_test_is_near(rng, test, seeds):
    other = {"paired": TTestPower(), "unpaired": TTestIndPower()}[test]
    for effect in (0.8, 1.2):
        assert power(effect, seeds, test, rng=rng) == pytest.approx(other.power(effect, seeds, 0.05), abs=0.04)


def test_without_an_effect_power_is_the_level(rng):
    """Six seeds: p moves in steps of 2/64, so that at 0.05 the level is 1/32."""
    assert power(0.0, 6, rng=rng, studies=4000) == pytest.approx(1 / 32, abs=3 * math.sqrt(1 / 32 / 4000))


@pytest.mark.parametrize(("test", "seeds"), [("paired", 6), ("paired", 10), ("paired", 30), ("unpaired", 5)])
@pytest.mark.parametrize("likely", [0.5, 0.8])
def test_the_smallest_effect_is_found_as_likely_as_asked(rng, test, seeds, likely):
    effect = smallest_effect(seeds, test, rng=rng, likely=likely)
    found = power(effect, seeds, test, rng=rng, studies=4000)
    assert found == pytest.approx(likely, abs=3 * math.sqrt(0.25 / 2000 + 0.25 / 4000) + 0.01)


def test_so_few_seeds_find_no_effect_at_all(rng):
    assert smallest_effect(5, rng=rng) is None
    assert smallest_effect(6, rng=rng, alpha=0.05 / 3) is None
    assert smallest_effect(3, "unpaired", rng=rng) is None
    assert smallest_effect(6, rng=rng, alpha=2 / 64) is not None  # 2/64 is reached exactly


@pytest.mark.parametrize("likely", [0, 1])
def test_certainty_is_not_to_be_had(rng, likely):
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        smallest_effect(8, rng=rng, likely=likely)


@pytest.mark.parametrize(("tasks", "seeds", "models"), [(4, 5, 2), (4, 5, 4)])
def test_the_effect_over_tasks_is_found_about_as_likely_as_said(rng, tasks, seeds, models):
    """By the permutation test of all pairs; one model is ahead of the others, which are alike."""
    effect = smallest_effect(tasks * seeds, rng=rng, alpha=0.05 / comparisons(models))
    x = rng.normal(size=(300, tasks, models, seeds))
    x[:, :, 0] += effect * math.sqrt(2)  # the differences of two runs have this spread
    found = np.mean([stratified_pairs(one, rng=rng, patterns=1000).adjusted[0] <= 0.05 for one in x])
    assert found == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / 300) + 0.03)


# ----------------------------------------------------------------------------- the sentence


def test_the_sentence_of_too_few_seeds_says_how_many_are_needed(rng):
    text = sentence(3, 4, 1, rng=rng)
    assert "the exact paired sign-flip test of 6 pairs" in text
    assert "gives 3 seeds a p of at least 1," in text
    assert "nothing can be significant with fewer than 5 seeds" in text
    assert "tasks" not in text


def test_the_sentence_of_enough_seeds_gives_the_effect(rng):
    text = sentence(8, 2, 3, rng=rng)
    one, all_ = (smallest_effect(n, rng=np.random.default_rng(0)) for n in (8, 24))
    assert "paired sign-flip test of 1 pair with" in text
    assert f"a p of at least {2 / 2**8:.2g}, and finds {one:.1f} standard deviations of the paired differences" in text
    assert f"over 3 tasks together finds {all_:.1f} standard deviations of the paired differences with 80%" in text


def test_the_effect_in_the_sentence_is_that_after_the_correction(rng):
    effect = smallest_effect(9, rng=np.random.default_rng(0), alpha=0.05 / 3)
    assert f"finds {effect:.1f} standard" in sentence(9, 3, 1, rng=rng)
    assert f"{effect:.1f}" != f"{smallest_effect(9, rng=rng):.1f}"


def test_the_sentence_names_the_unpaired_test_where_it_alone_can_decide(rng):
    text = sentence(5, 2, 1, rng=rng)
    assert "the exact unpaired permutation test of 1 pair" in text
    assert "standard deviations of a model's runs with 80% probability" in text


def test_the_sentence_of_tasks_that_do_not_help(rng):
    assert "over 2 tasks together shows nothing either" in sentence(2, 2, 2, rng=rng)
    assert "over 2 tasks together can hardly show more" in sentence(3, 4, 2, rng=rng)  # 2/64, and six pairs
    assert "together" not in sentence(1, 2, 6, rng=rng)  # of one seed each only signs would count


def test_one_model_is_compared_with_nothing(rng):
    assert sentence(5, 1, 3, rng=rng) == "with one model there is nothing to compare"
