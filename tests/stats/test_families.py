"""Tasks that share data do not go independent ways under one seed: their blocks move together."""

import itertools
import math

import numpy as np
import pytest

from harness import catalog
from harness.compare.selection import Selection
from harness.stats.across import families, family_means, stratified_pairs
from harness.stats.ranks import friedman, mean_ranks


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def correlated(rng, tasks: int, models: int, seeds: int, share: float) -> np.ndarray:
    """Scores (tasks, models, seeds) of equal models; the first three tasks go together as `share` says."""
    c = np.eye(tasks)
    c[:3, :3] = share
    np.fill_diagonal(c, 1)
    return np.einsum("tu,uks->tks", np.linalg.cholesky(c), rng.normal(size=(tasks, models, seeds)))


def test_values_are_summed_over_the_tasks_that_share_data():
    values = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(families(values, ["b", "a", "b", "c"]), [[2, 3], [4, 6], [6, 7]])
    assert families(values, None) is values


def test_values_are_averaged_over_the_tasks_that_share_data():
    values = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(family_means(values, ["b", "a", "b", "c"]), [[2, 3], [2, 3], [6, 7]])
    np.testing.assert_array_equal(family_means(values, None), values)


def test_a_family_is_one_block_a_seed(rng):
    """Three tasks of one family and two seeds: two blocks, of which both signs count: 2 / 4."""
    scores = np.stack([rng.normal(size=(3, 2)) + 9, rng.normal(size=(3, 2))], axis=1)
    assert stratified_pairs(scores, rng=rng).p[0] == 2 / 2**6
    assert stratified_pairs(scores, ["a", "a", "a"], rng=rng).p[0] == 2 / 2**2
    assert stratified_pairs(scores, ["a", "a", "b"], rng=rng).p[0] == 2 / 2**4


def test_friedmans_orders_are_the_same_for_all_tasks_of_a_family(rng):
    scores = rng.normal(size=(4, 3)) + np.array([1, 0, 0])
    ranks = np.stack([mean_ranks([task]) for task in scores]) - 2
    between = (ranks.sum(axis=0) ** 2).sum()
    first, others = ranks[:2].sum(axis=0), ranks[2:]
    sums = [
        first[list(a)] + others[0][list(b)] + others[1][list(c)]
        for a, b, c in itertools.product(itertools.permutations(range(3)), repeat=3)
    ]
    share = np.mean([(one**2).sum() >= between - 1e-9 for one in sums])
    assert friedman(scores, ["a", "a", "b", "c"], rng=rng).p == pytest.approx(share)


@pytest.mark.parametrize(("tasks", "models", "seeds"), [(3, 2, 5), (5, 4, 3)])
def test_correlated_tasks_are_told_apart_no_more_often_than_it_says(rng, tasks, models, seeds):
    """Three tasks correlated 0.38, as the committed records are; as independent ones they would err three times."""
    data = ["mnist"] * 3 + [str(place) for place in range(3, tasks)]
    studies = [correlated(rng, tasks, models, seeds, 0.38) for _ in range(300)]
    wrong = {
        words is None: np.mean(
            [stratified_pairs(x, words, rng=rng, patterns=2**9).adjusted.min() <= 0.05 for x in studies]
        )
        for words in (None, data)
    }
    assert wrong[False] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)
    assert wrong[True] > wrong[False] + 0.02


def test_friedman_on_tasks_that_go_together_rejects_no_more_often_than_it_says(rng):
    """Five tasks of one family and three others; a model's luck on one seed is its luck on all five."""
    data, wrong = ["mnist"] * 5 + list("abc"), {True: 0, False: 0}
    for _ in range(200):
        scores = rng.normal(size=(8, 4))
        scores[1:5] = scores[0] + 0.3 * scores[1:5]
        for shared in wrong:
            wrong[shared] += friedman(scores, data if shared else None, rng=rng, draws=500).p <= 0.05
    assert wrong[True] / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    assert wrong[False] / 200 > 0.3


@pytest.mark.parametrize(
    ("together", "apart"),
    [
        (("sfc", "sti", "low-density", "sfc@length=50"), "sdigits"),
        (("smnist", "pmnist", "noisy-mnist-1000", "noisy-mnist-17"), "sdigits"),
        (("fsdd-mfcc", "fsdd-raw"), "vctk-raw-1000"),
        (("addition-200", "addition-31"), "copy-120"),
        (("copy-120", "copy-220"), "wikitext-2"),
    ],
)
def test_the_catalogue_knows_which_tasks_share_data(together, apart):
    words = {catalog.shared_data(name) for name in together}
    assert len(words) == 1
    assert catalog.shared_data(apart) not in words
    assert Selection([*together, apart], [], [], []).data[-1] == catalog.shared_data(apart)


def test_every_name_with_shared_data_is_a_task_and_shares_it_with_another():
    from tasks import SHARED_DATA

    assert set(SHARED_DATA) <= {*catalog.TASKS, *catalog.FAMILIES}
    assert min(list(SHARED_DATA.values()).count(word) for word in SHARED_DATA.values()) > 1
