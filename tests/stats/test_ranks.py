"""The classic battery over tasks: by hand, against scipy, statsmodels, scikit-posthocs and networkx."""

import itertools
import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from harness.stats.ranks import critical_difference, friedman, groups, mean_ranks, wilcoxon_pairs


def test_ranks_by_hand():
    assert list(mean_ranks([[0.9, 0.8, 0.7], [0.5, 0.6, 0.5]])) == [(1 + 2.5) / 2, (2 + 1) / 2, (3 + 2.5) / 2]


def test_scores_that_differ_by_rounding_alone_tie():
    assert list(mean_ranks([[0.1 + 0.2, 0.3, 0.1]])) == [1.5, 1.5, 3]


# ----------------------------------------------------------------------------- Friedman


@pytest.mark.parametrize(("tasks", "models"), [(4, 3), (6, 5), (12, 4)])
@pytest.mark.parametrize("ties", [False, True])
def test_friedman_agrees_with_scipy_and_with_an_analysis_of_variance_of_ranks(rng, tasks, models, ties):
    """Iman and Davenport's F is that of ranks by model and task."""
    scores = rng.normal(size=(tasks, models)) + np.arange(models)
    scores = np.round(scores, 0 if ties else 9)
    found = friedman(scores, rng=rng, draws=100)
    other = scipy.stats.friedmanchisquare(*scores.T)
    assert (found.chi2, found.chi2_p) == pytest.approx((other.statistic, other.pvalue))
    import statsmodels.api as sm
    from statsmodels.formula.api import ols

    rows = pd.DataFrame(
        [(t, m, r) for t, row in enumerate(scipy.stats.rankdata(-scores, axis=1)) for m, r in enumerate(row)],
        columns=["task", "model", "rank"],
    )
    table = sm.stats.anova_lm(ols("rank ~ C(model) + C(task)", rows).fit())
    if not ties:  # with ties tasks differ in their spread of ranks, not in their means
        assert table.loc["C(task)", "sum_sq"] == pytest.approx(0, abs=1e-9)
    assert (found.F, found.F_p) == pytest.approx(tuple(table.loc["C(model)", ["F", "PR(>F)"]]))


def test_the_permutation_p_is_the_share_of_all_orders(rng):
    scores = rng.normal(size=(3, 3))
    chi2 = friedman(scores, rng=rng).chi2
    orders = itertools.product(*(itertools.permutations(row) for row in scores))
    share = np.mean([scipy.stats.friedmanchisquare(*np.transpose(x)).statistic >= chi2 - 1e-9 for x in orders])
    assert friedman(scores, rng=rng).p == pytest.approx(share)


def test_tasks_that_all_agree_by_hand(rng):
    """Three models in the same order on four tasks: chi2 = 4 x 2, F infinite, p = 3! of (3!)^4 orders."""
    found = friedman(np.tile([3.0, 2.0, 1.0], (4, 1)), rng=rng)
    assert (list(found.ranks), found.chi2, found.F, found.F_p) == ([1, 2, 3], pytest.approx(8), math.inf, 0)
    assert found.p == pytest.approx(1 / 6**3)


def test_drawn_orders_are_near_to_all(rng):
    scores = rng.normal(size=(4, 4)) + 0.5 * np.arange(4)
    scores[3] = 1  # a task of ties alone
    exact, drawn = friedman(scores, rng=rng).p, friedman(scores, rng=rng, draws=10_000).p
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(0.25 / 10_000))
    assert friedman(np.tile([3.0, 2.0, 1.0], (20, 1)), rng=rng, draws=1000).p == 1 / 1000


def test_equal_models_are_all_alike(rng):
    found = friedman(np.ones((3, 4)), rng=rng)
    assert (found.chi2, found.chi2_p, found.F, found.F_p, found.p) == (0, 1, 0, 1, 1)


# ----------------------------------------------------------------------------- pairs


def test_wilcoxon_agrees_with_scipy_and_holm_with_scikit_posthocs(rng):
    posthocs = pytest.importorskip("scikit_posthocs")
    scores = rng.normal(size=(9, 4)) + 0.7 * np.arange(4)
    found = wilcoxon_pairs(scores)
    for i, j, statistic, p in zip(found.first, found.second, found.statistic, found.p, strict=True):
        other = scipy.stats.wilcoxon(scores[:, i], scores[:, j], method="exact")
        assert p == pytest.approx(other.pvalue)
        assert abs(statistic) == pytest.approx(1 - 2 * other.statistic / (9 * 10 / 2))
        assert (statistic > 0) == (np.median(scores[:, i] - scores[:, j]) > 0)
    long = pd.DataFrame(scores).melt(var_name="model", value_name="score")
    other = posthocs.posthoc_wilcoxon(long, "score", "model", p_adjust="holm").to_numpy()
    np.testing.assert_allclose(found.matrix, other)


def test_wilcoxon_is_exact_with_ties_and_without_a_difference():
    """Differences 1, 1, -1, 0, 2: ranks 2, 2, -2, 4 sum to 6; 16 patterns have 10, 6, 6, 6, 2 and so on, mirrored."""
    second = np.zeros(5)
    first = np.array([1.0, 1, -1, 0, 2])
    found = wilcoxon_pairs(np.stack([first, second], axis=1))
    sums = [abs(np.dot(signs, [2, 2, 2, 4])) for signs in itertools.product((1, -1), repeat=4)]
    assert found.p[0] == pytest.approx(np.mean(np.array(sums) >= 6))
    assert wilcoxon_pairs(np.ones((5, 2))).p[0] == 1


def test_wilcoxon_is_exact_for_many_tasks_and_ties_too(rng):
    """Thirty tasks: scipy's exact distribution; with ties a large sample of all signs."""
    scores = rng.normal(size=(30, 2)) + np.array([0.3, 0.0])
    other = scipy.stats.wilcoxon(scores[:, 0], scores[:, 1], method="exact")
    assert wilcoxon_pairs(scores).p[0] == pytest.approx(other.pvalue)
    d = rng.integers(1, 4, 24) * np.where(rng.random(24) < 0.7, 1.0, -1.0)
    ranks = scipy.stats.rankdata(np.abs(d)) * np.sign(d)
    sums = rng.choice([-1, 1], size=(200_000, 24)) @ np.abs(ranks)
    expected = np.mean(np.abs(sums) >= abs(ranks.sum()) - 1e-9)
    assert wilcoxon_pairs(np.stack([d, np.zeros(24)], axis=1)).p[0] == pytest.approx(expected, abs=0.005)


def test_the_signs_of_tasks_that_share_data_change_together(rng):
    """All sixteen patterns of four families that hold six tasks."""
    d, data = np.array([5.0, -3, 2, 6, -1, 4]), ["a", "a", "b", "b", "c", "d"]
    ranks = scipy.stats.rankdata(np.abs(d)) * np.sign(d)
    signs = np.array([[s[0], s[0], s[1], s[1], s[2], s[3]] for s in itertools.product((1, -1), repeat=4)])
    expected = np.mean(np.abs(signs @ ranks) >= abs(ranks.sum()) - 1e-9)
    scores = np.stack([d, np.zeros(6)], axis=1)
    assert wilcoxon_pairs(scores, data).p[0] == pytest.approx(expected)
    assert wilcoxon_pairs(scores).p[0] < expected


def test_the_critical_difference_is_demsars():
    """Demsar (2006), table 5a: q = 2.343, 2.728, 3.031, 3.164 of 3, 5, 8, 10 models. 8 models, 5 tasks: 4.70."""
    q = [critical_difference(6, k) / math.sqrt(k * (k + 1) / 36) for k in (3, 5, 8, 10)]
    assert q == pytest.approx([2.343, 2.728, 3.031, 3.164], abs=1.5e-3)
    assert critical_difference(5, 8) == pytest.approx(4.70, abs=5e-3)


# ----------------------------------------------------------------------------- groups


def test_groups_by_hand():
    """0 and 1 alike, 1 and 2 alike, 0 and 2 not; 3 differs from all."""
    p = np.full((4, 4), 0.01)
    np.fill_diagonal(p, 1)
    p[0, 1] = p[1, 0] = p[1, 2] = p[2, 1] = 0.3
    assert groups(p, 0.02) == [(0, 1), (1, 2)]
    assert groups(p, 0.02, alpha=0.005) is None
    assert groups(p, 0.005, alpha=0.005) == [(0, 1, 2, 3)]


def test_nothing_is_drawn_unless_friedman_rejects():
    assert groups(np.ones((3, 3)), 0.06) is None
    assert groups(np.ones((3, 3)), 0.05) == [(0, 1, 2)]


def test_groups_are_the_maximal_cliques_of_networkx(rng):
    networkx = pytest.importorskip("networkx")
    for _ in range(20):
        p = np.triu(rng.uniform(0, 0.12, (7, 7)), 1)
        p = p + p.T + np.eye(7)
        cliques = networkx.find_cliques(networkx.Graph(list(zip(*np.nonzero((p > 0.05) & (p < 1)), strict=True))))
        assert groups(p, 0.01) == sorted(tuple(sorted(map(int, clique))) for clique in cliques)


def test_the_groups_of_many_models_that_few_pairs_part_are_found_at_once():
    """Four pairs of 55 models are parted: a search that follows each of the other 47 alone would take 2^47 steps."""
    p = np.ones((55, 55))
    for i in range(0, 8, 2):
        p[i, i + 1] = p[i + 1, i] = 0.01
    found = groups(p, 0.01)
    assert len(found) == 2**4
    assert {len(group) for group in found} == {51}


@pytest.mark.parametrize("p", [[0.1, 0.2], [[1.0, 0.1], [0.2, 1.0]]])
def test_groups_need_a_symmetric_matrix(p):
    with pytest.raises(ValueError, match="symmetric array"):
        groups(p, 0.01)


@pytest.mark.parametrize("function", [partial(friedman, rng=np.random.default_rng(0)), wilcoxon_pairs])
def test_a_missing_score_is_refused(function):
    with pytest.raises(ValueError, match="missing or infinite"):
        function([[1.0, float("nan")]])
