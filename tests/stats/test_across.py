"""All pairs over tasks and seeds: by hand, against a plain loop and scipy, and error rates by simulation."""

import itertools
import math

import numpy as np
import pytest

from harness.stats.across import stratified_pairs, with_failures


def slowly(scores: np.ndarray) -> tuple[dict, dict, dict]:
    """Statistic, p and adjusted p of every pair (i, j), by loops over all sign patterns of the blocks."""
    tasks, models, seeds = scores.shape
    pairs = list(itertools.combinations(range(models), 2))

    def statistic(i: int, j: int, signs: tuple[int, ...]) -> float:
        total = 0.0
        for t in range(tasks):
            d = [scores[t, i, s] - scores[t, j, s] for s in range(seeds)]
            size = math.sqrt(sum(value**2 for value in d) / seeds)
            if size:
                total += sum(signs[t * seeds + s] * d[s] for s in range(seeds)) / seeds / size
        return total / tasks

    observed = {pair: statistic(*pair, (1,) * (tasks * seeds)) for pair in pairs}
    found = [
        {pair: abs(statistic(*pair, signs)) for pair in pairs}
        for signs in itertools.product((1, -1), repeat=tasks * seeds)
    ]
    p = {pair: np.mean([one[pair] >= abs(observed[pair]) - 1e-9 for one in found]) for pair in pairs}
    adjusted, before = {}, 0.0
    open_ = sorted(pairs, key=lambda pair: -abs(observed[pair]))
    while open_:
        pair = open_[0]
        before = max(before, np.mean([max(one[q] for q in open_) >= abs(observed[pair]) - 1e-9 for one in found]))
        adjusted[pair] = before
        open_ = open_[1:]
    return observed, p, adjusted


@pytest.mark.parametrize(("tasks", "models", "seeds"), [(2, 3, 3), (1, 4, 5), (3, 2, 2), (4, 3, 1)])
def test_pairs_agree_with_a_plain_loop_over_all_patterns(rng, tasks, models, seeds):
    scores = np.round(rng.normal(size=(tasks, models, seeds)) + np.arange(models)[:, None], 1)  # with ties
    found = stratified_pairs(scores, rng=rng)
    for expected, values in zip(slowly(scores), (found.statistic, found.p, found.adjusted), strict=True):
        pairs = list(zip(found.first, found.second, strict=True))
        np.testing.assert_allclose(values, [expected[int(i), int(j)] for i, j in pairs], atol=1e-12)


def test_a_model_ahead_by_the_same_everywhere_by_hand(rng):
    """One task, three seeds: the statistic is 1, and 2 of 8 patterns reach it. A third model equals the second."""
    found = stratified_pairs([[[2, 3, 4], [1, 2, 3], [1, 2, 3]]], rng=rng)
    assert list(found.statistic) == pytest.approx([1, 1, 0])
    assert list(found.p) == list(found.adjusted) == [0.25, 0.25, 1]
    np.testing.assert_array_equal(found.matrix, [[1, 0.25, 0.25], [0.25, 1, 1], [0.25, 1, 1]])


def test_the_scale_of_a_task_and_what_seeds_share_do_not_matter(rng):
    scores = rng.normal(size=(3, 4, 3))
    moved = scores * np.array([1e-4, 1, 1e4])[:, None, None] + 5 * rng.normal(size=(3, 1, 3))
    one, other = (stratified_pairs(x, rng=np.random.default_rng(1)) for x in (scores, moved))
    np.testing.assert_allclose(one.adjusted, other.adjusted)


def test_drawn_patterns_are_near_to_all_and_never_give_zero(rng):
    scores = rng.normal(size=(3, 3, 5)) + np.array([0.4, 0.0, 0.0])[:, None]
    exact, drawn = (stratified_pairs(scores, rng=rng, patterns=most) for most in (2**15, 10_000))
    np.testing.assert_allclose(drawn.adjusted, exact.adjusted, atol=4 * math.sqrt(0.25 / 10_000))
    sure = stratified_pairs(np.arange(2.0)[:, None] + np.zeros((4, 2, 6)), rng=rng, patterns=1000)
    assert sure.p[0] == 1 / 1000


def test_where_all_patterns_are_tried_the_generator_is_left_alone(rng):
    stratified_pairs(np.random.default_rng(1).normal(size=(7, 3, 2)), rng=rng)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


@pytest.mark.parametrize("noise", ["normal", "lognormal", "unequal"])
def test_the_share_of_studies_with_a_false_discovery_is_kept(rng, noise):
    """Four equal models, 600 studies: a false discovery in 5 % of them, also where noise is skewed or unequal."""
    studies, level = 600, 0.05
    x = rng.normal(size=(studies, 3, 4, 3))
    x = {"normal": x, "lognormal": np.exp(x), "unequal": x * np.array([5.0, 5.0, 0.5, 0.5])[:, None]}[noise]
    false = np.mean([stratified_pairs(one, rng=rng, patterns=512).adjusted.min() <= level for one in x])
    allowed = 3 * math.sqrt(level * (1 - level) / studies)
    assert level - allowed < false < level + allowed


def test_equal_models_beside_better_ones_are_told_apart_no_more_often_than_it_says(rng):
    """Strong control: the second and third are equal and noisy, two more differ from both and from each other."""
    studies, level = 600, 0.05
    x = rng.normal(size=(studies, 3, 4, 3)) * np.array([0.5, 5, 5, 0.5])[:, None]
    x += np.array([30.0, 0, 0, 60])[:, None]
    false = np.mean([stratified_pairs(one, rng=rng, patterns=512).adjusted[3] <= level for one in x])
    assert false < level + 3 * math.sqrt(level * (1 - level) / studies)


def test_a_failed_run_counts_as_the_worst_of_its_task_or_as_chance():
    nan = float("nan")
    scores = [[[0.9, nan], [0.5, 0.7]], [[nan, 3.0], [2.0, nan]]]
    assert with_failures(scores).tolist() == [[[0.9, 0.5], [0.5, 0.7]], [[2.0, 3.0], [2.0, 2.0]]]
    assert with_failures(scores, [0.1, nan]).tolist() == [[[0.9, 0.1], [0.5, 0.7]], [[2.0, 3.0], [2.0, 2.0]]]
    assert with_failures(scores, [0.6, 2.5])[:, :, 0].tolist() == [[0.9, 0.5], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        ([[1.0, 2.0]], r"scores are \(1, 2\), but must be \(tasks, models, seeds\)"),
        ([[[1.0, 2.0]]], "at least two models"),
        ([[[1.0], [float("nan")]]], "missing or infinite; give runs that failed"),
    ],
)
def test_what_cannot_be_compared_is_refused(rng, scores, sentence):
    with pytest.raises(ValueError, match=sentence):
        stratified_pairs(scores, rng=rng)


def test_a_task_that_nobody_solved_is_refused():
    with pytest.raises(ValueError, match="no run of task 1 has a result"):
        with_failures([[[1.0], [2.0]], [[float("nan")], [float("nan")]]])


def test_a_smaller_difference_never_has_a_smaller_corrected_p(rng):
    """Step-down: a pair is no surer than one that is further from 0."""
    for _ in range(5):
        found = stratified_pairs(rng.normal(size=(3, 4, 3)), rng=rng)
        order = np.argsort(-np.abs(found.statistic))
        assert (np.diff(found.adjusted[order]) >= 0).all()
