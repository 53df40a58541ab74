"""Models over tasks by ranks, one score for each task: Friedman, pairwise Wilcoxon, sets of equals (Demsar, 2006).

Scores are (tasks, models), a model's mean over seeds, and higher is better. Seeds of one task are no
further tasks. What is found holds for tasks like these, so there must be many: with two models
and T tasks no p is below 2 / 2^T.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .across import ROUNDING, Pairs, complete, families
from .over_seeds import holm
from .verdicts import ALPHA, PATTERNS


@dataclass(frozen=True, slots=True)
class Friedman:
    """chi2 and its p; F of Iman and Davenport (1980) and its p; `p`: by permuting ranks within tasks, right for few."""

    ranks: NDArray[np.float64]  # (models,), the means over tasks, 1 is best
    chi2: float
    chi2_p: float
    F: float
    F_p: float
    p: float


def mean_ranks(scores: ArrayLike) -> NDArray[np.float64]:
    """The mean over tasks of each model's rank, 1 for the best; models that tie share the mean of their ranks."""
    return np.asarray(_ranks(complete(scores, 2)).mean(axis=0), dtype=np.float64)


def friedman(
    scores: ArrayLike, data: Sequence[str] | None = None, *, rng: np.random.Generator, draws: int = PATTERNS
) -> Friedman:
    """Are all models alike? scores: (tasks, models).

    F and chi2 suppose many independent tasks. `p` is the share of all orders of models whose ranks differ as much, the
    same order for all tasks that share data (`data`, a word for each task; by default none share any); all are
    tried where they are at most `draws`, otherwise so many are drawn.
    """
    x = complete(scores, 2)
    tasks, models = x.shape
    ranks = _ranks(x)
    spread = float(((ranks - (models + 1) / 2) ** 2).sum())  # tasks k (k^2 - 1) / 12 without ties
    if spread == 0:
        return Friedman(ranks.mean(axis=0), 0.0, 1.0, 0.0, 1.0, 1.0)
    between = float(((ranks.sum(axis=0) - tasks * (models + 1) / 2) ** 2).sum())
    chi2 = (models - 1) * between / spread
    rest = tasks * (models - 1) - chi2
    F = (tasks - 1) * chi2 / rest if rest > ROUNDING else math.inf
    return Friedman(
        ranks.mean(axis=0),
        chi2,
        float(stats.chi2.sf(chi2, models - 1)),
        F,
        float(stats.f.sf(F, models - 1, (models - 1) * (tasks - 1))) if tasks > 1 else 1.0,
        _friedman_p(families(ranks - (models + 1) / 2, data), between, rng, draws),
    )


def _friedman_p(ranks: NDArray[np.float64], between: float, rng: np.random.Generator, draws: int) -> float:
    """ranks: (families, models), of mean 0. The first one's order stays: permuting all alike changes nothing."""
    models = ranks.shape[1]
    if (len(ranks) - 1) * math.lgamma(models + 1) <= math.log(draws) + ROUNDING:
        from itertools import permutations

        sums = ranks[:1]
        for row in ranks[1:]:
            sums = (sums[:, None] + np.array(list(permutations(row)))).reshape(-1, models)
    else:
        drawn = [rng.permuted(np.tile(row, (draws - 1, 1)), axis=1) for row in ranks[1:]]
        sums = np.concatenate([ranks.sum(axis=0, keepdims=True), np.sum(drawn, axis=0) + ranks[0]])
    return float(np.mean((sums**2).sum(axis=1) >= between - ROUNDING))


def wilcoxon_pairs(scores: ArrayLike, data: Sequence[str] | None = None) -> Pairs:
    """Wilcoxon's signed-rank test of every pair over tasks, with Holm's correction. scores: (tasks, models).

    data: what each task's data are shared under, by default all their own; the signs of tasks that share them change
    together. Exact, with ties too; tasks without a difference are left out (Wilcoxon, 1945). Unlike mean
    ranks, a pair's p does not depend on the other models (Benavoli, Corani and Mangili, 2016).
    `statistic` is the rank-biserial correlation, between -1 and 1.
    """
    x = complete(scores, 2)
    first, second = np.triu_indices(x.shape[1], 1)
    statistic, p = np.zeros(first.size), np.ones(first.size)
    near = ROUNDING * np.abs(x).max(axis=1)
    for pair, d in enumerate((x[:, first] - x[:, second]).T):
        told = np.abs(d) > near
        if told.any():
            ranks = np.zeros_like(d)
            ranks[told] = stats.rankdata(np.round(np.abs(d[told]) / np.abs(d).max(), 9)) * np.sign(d[told])
            statistic[pair] = ranks.sum() / np.abs(ranks).sum()
            p[pair] = _signed_rank_p(families(ranks, data))
    return Pairs(first, second, statistic, p, holm(p))


def smallest_wilcoxon_p(tasks: int, models: int) -> float:
    """The smallest corrected p that `wilcoxon_pairs` can give, where all tasks, or families of them, agree."""
    return min(1.0, math.comb(models, 2) * math.ldexp(2.0, -tasks))


def _signed_rank_p(ranks: NDArray[np.float64]) -> float:
    """Two-sided p of signed ranks, or sums of them, whose halves are whole: all patterns of signs, counted by sums."""
    doubled = np.rint(2 * np.abs(ranks)).astype(int)
    share = np.ones(1)  # of the sign patterns, by the sum of the ranks that are positive
    for rank in doubled:
        share = (np.append(share, np.zeros(rank)) + np.append(np.zeros(rank), share)) / 2
    positive = int(doubled[ranks > 0].sum())
    return min(1.0, 2 * float(min(share[: positive + 1].sum(), share[positive:].sum())))


def critical_difference(tasks: int, models: int, alpha: float = ALPHA) -> float:
    """Mean ranks that are further apart differ by Nemenyi's test; it belongs to that test only."""
    q = float(stats.studentized_range.ppf(1 - alpha, models, np.inf)) / math.sqrt(2)
    return q * math.sqrt(models * (models + 1) / (6 * tasks))


def groups(adjusted: ArrayLike, all_alike_p: float, alpha: float = ALPHA) -> list[tuple[int, ...]] | None:
    """Largest sets of models of which no two differ, for the bars of a critical-difference diagram.

    adjusted: (models, models), a corrected p for each pair, as Pairs.matrix. all_alike_p: that of Friedman; None where
    it is above alpha, since then there is nothing to draw. A model that differs from all others is in no set.
    """
    p = np.asarray(adjusted, dtype=np.float64)
    if p.ndim != 2 or p.shape[0] != p.shape[1] or not np.array_equal(p, p.T):
        raise ValueError(f"adjusted p are {p.shape}, but must be a symmetric array (models, models)")
    if all_alike_p > alpha:
        return None
    near = [{j for j in range(len(p)) if j != i and p[i, j] > alpha} for i in range(len(p))]
    found: list[tuple[int, ...]] = []

    def extend(chosen: set[int], open_: set[int], closed: set[int]) -> None:  # Bron and Kerbosch (1973)
        if not open_ and not closed:
            found.extend([tuple(sorted(chosen))] if len(chosen) > 1 else [])
            return
        # without a pivot (Tomita et al., 2006) sets that few pairs part take time exponential in their size
        pivot = max(open_ | closed, key=lambda i: len(open_ & near[i]))
        for i in sorted(open_ - near[pivot]):
            extend(chosen | {i}, open_ & near[i], closed & near[i])
            open_, closed = open_ - {i}, closed | {i}

    extend(set(), set(range(len(p))), set())
    return sorted(found)


def _ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(tasks, models) -> ranks within tasks, 1 is best. Scores that differ by rounding alone tie."""
    size = np.abs(x).max(axis=1, keepdims=True)
    rounded = np.round(np.divide(x, size, out=np.zeros_like(x), where=size > 0), 9)
    return np.asarray(stats.rankdata(-rounded, axis=1), dtype=np.float64)
