"""What a plan of so many seeds, models and tasks can show, before anything runs.

Two tests: "runs" gives the labels of two models' runs on a task away anew (over_seeds), "blocks" turns the signs of
whole blocks over all tasks (across). Effects are in standard deviations: of a model's runs for the first, of the
blocks' differences for the second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from ..errors import counted
from .contrasts import brunner_munzel, brunner_munzel_p, log_rank_p
from .equivalence import mean_difference
from .over_seeds import ENUMERATED, LABELINGS
from .verdicts import ALPHA, PATTERNS

LIKELY = 0.8
STUDIES = 2000  # simulated for a power
GRAIN = 10  # a test whose smallest p is so many times smaller than alpha is all but the t-test
SEEDS = 500  # more than these nobody runs
CHUNK, LARGEST = 2**23, 200_000  # numbers at a time, and labelings that are enumerated in each study

DECLARED_STUDIES = 400  # with a claim's own test, one after the other
FAR = 10.0  # standard deviations: runs of two models that never mix

Test = Literal["runs", "blocks"]


def smallest_p(n: int, test: Test = "runs") -> float:
    """The smallest p that n seeds of each of two models, or n blocks, can give without a correction."""
    if test == "blocks":
        return max(math.ldexp(2.0, -n), 1 / PATTERNS) if n else 1.0
    ways = math.comb(2 * n, n) if 2 * n <= ENUMERATED else LABELINGS + 1
    return 2 / ways if n > 1 else 1.0


def comparisons(models: int) -> int:
    """All pairs: which model will be the best one is not known before running."""
    return math.comb(models, 2)


def smallest_adjusted_p(seeds: int, models: int) -> float:
    """The smallest p on a task after Holm's correction for all pairs."""
    return min(1.0, max(1, comparisons(models)) * smallest_p(seeds))


def power(
    effect: float,
    n: int,
    test: Test = "runs",
    *,
    rng: np.random.Generator,
    alpha: float = ALPHA,
    studies: int = STUDIES,
) -> float:
    """How likely n seeds of each model, or n blocks, find an effect of normal runs on its true side, p <= alpha.

    By simulation where p is coarse beside alpha; elsewhere it is the power of the t-test, which is all but the same.
    """
    edges = _edges(n, test, alpha, studies, rng)
    return _t_power(effect, n, test, alpha) if edges is None else float(np.mean(edges <= effect))


def smallest_effect(
    n: int,
    test: Test = "runs",
    *,
    rng: np.random.Generator,
    alpha: float = ALPHA,
    likely: float = LIKELY,
    studies: int = STUDIES,
) -> float | None:
    """The smallest effect that is found with probability `likely`; None if so few seeds or blocks find none at all."""
    if not 0 < likely < 1:
        raise ValueError(f"the probability is {likely:g}, but must be between 0 and 1")
    edges = _edges(n, test, alpha, studies, rng)
    if edges is None:
        return float(optimize.brentq(lambda effect: _t_power(effect, n, test, alpha) - likely, 0.0, 100.0))
    found = float(np.quantile(edges, likely, method="inverted_cdf"))
    return found if math.isfinite(found) else None


def declared_effect(n: int, test: str, alpha: float = ALPHA, likely: float = LIKELY) -> float | None:
    """The smallest difference, in standard deviations of normal runs, that a claim's own test finds on its true side
    with probability `likely`, n runs of each; None where none is found. test: metric, or steps, where every run
    arrives."""
    found = float(np.quantile(_declared_edges(n, test, alpha), likely, method="inverted_cdf"))
    return found if math.isfinite(found) else None


@cache
def _declared_edges(n: int, test: str, alpha: float) -> NDArray[np.float64]:
    """From which difference on the test finds it, in each of the simulated studies, to a hundredth."""
    edges = []
    for x, y in np.random.default_rng(0).normal(size=(DECLARED_STUDIES, 2, n)):
        low, high = 0.0, FAR
        if _seen(test, x + high, y) > alpha:
            return np.full(DECLARED_STUDIES, math.inf)
        while high - low > 0.01:
            middle = (low + high) / 2
            low, high = (low, middle) if _seen(test, x + middle, y) <= alpha else (middle, high)
        edges.append(high)
    return np.array(edges)


def _seen(test: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """p that the first is better; 1 where it looks worse."""
    if test == "metric":
        return brunner_munzel_p(x, y) if brunner_munzel(x, y) > 0 else 1.0
    sooner, p = log_rank_p(-x, -y, (np.inf, np.inf))
    return p if sooner > 0 else 1.0


@cache
def widest_spread(n: int, sides: int, likely: float = LIKELY) -> float:
    """How far runs of two models with one mean may spread, in standard deviations a margin, so that n of each show
    with probability `likely` that they lie within it (sides 2), or that one is not above the other by more (1)."""
    runs = np.random.default_rng(0).normal(size=(DECLARED_STUDIES, 2, n))
    intervals = [mean_difference(x, y) for x, y in runs]
    reach = [max(one.high, -one.low) if sides == 2 else one.high for one in intervals]
    return float(1 / np.quantile(reach, likely))


def seeds_needed(
    effect: float, *, rng: np.random.Generator, alpha: float = ALPHA, likely: float = LIKELY, studies: int = STUDIES
) -> int | None:
    """How many seeds of each model find an effect on a task with probability `likely`; None if more than SEEDS."""
    enough = (n for n in range(2, SEEDS) if power(effect, n, rng=rng, alpha=alpha, studies=studies) >= likely)
    return next(enough, None)


def sentence(seeds: int, models: int, data: Sequence[str], *, rng: np.random.Generator, alpha: float = ALPHA) -> str:
    """What so many seeds, models and tasks can show: smallest p and smallest effect, on one task and over all.

    data: what each task's data are shared under. Over all tasks it is across.stratified_pairs, of nearly this power.
    """
    if models < 2:
        return "with one model there is nothing to compare"
    pairs = comparisons(models)
    text = (
        f"on each task the exact permutation test of {counted(pairs, 'pair')} with Holm's correction gives "
        f"{counted(seeds, 'seed')} a p of at least {smallest_adjusted_p(seeds, models):.2g}"
    )
    effect = smallest_effect(seeds, rng=rng, alpha=alpha / pairs)
    if effect is None:
        enough = next((n for n in range(seeds, SEEDS) if smallest_adjusted_p(n, models) <= alpha), SEEDS)
        text += f", so that nothing can be significant with fewer than {enough} seeds"
    else:
        text += f", and finds {effect:.1f} standard deviations of a model's runs with {LIKELY:.0%} probability"
    if effect is None or effect > 1:
        needed = seeds_needed(1.0, rng=rng, alpha=alpha / pairs, studies=STUDIES // 4)
        text += f"; a difference of 1 standard deviation takes {needed or f'more than {SEEDS}'} seeds"
    if len(data) > 1 and seeds > 1:
        blocks = len(set(data)) * seeds
        together = smallest_effect(blocks, "blocks", rng=rng, alpha=alpha / pairs)
        text += f"; the permutation test over {len(data)} tasks together, in {blocks} blocks of their own data, "
        if together is None:
            text += "can hardly show more" if smallest_p(blocks, "blocks") <= alpha else "shows nothing either"
        else:
            text += f"finds about {together:.1f} standard deviations of the blocks' differences with {LIKELY:.0%}"
    return text


def _t_power(effect: float, n: int, test: Test, alpha: float) -> float:
    free = n - 1 if test == "blocks" else 2 * (n - 1)
    centre = effect * math.sqrt(n if test == "blocks" else n / 2)
    return float(stats.nct.sf(stats.t.isf(alpha / 2, free), free, centre))  # scipy's lower tail may be NaN


def _edges(n: int, test: Test, alpha: float, studies: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """From which effect on the exact test finds it, in each of the simulated studies; None: the t-test stands in.

    A labelling that moves m runs, or turns m signs, lies less far out than the true one from some effect on, which is
    the mean of what it moves. An effect is found where no more labellings lie as far out as alpha allows.
    """
    alone, ways = smallest_p(n, test), 2**n if test == "blocks" else math.comb(2 * n, n)
    if alone > alpha * (1 + 1e-12):
        return np.full(studies, np.inf)
    if alone <= alpha / GRAIN or ways > (PATTERNS if test == "blocks" else LARGEST):
        return None
    if test == "blocks":
        moved = np.arange(1, 2**n)[:, None] >> np.arange(n) & 1
        weights = -moved / moved.sum(axis=1, keepdims=True)
    else:
        chosen = np.array(list(combinations(range(2 * n), n)))[1:]
        weights = np.zeros((len(chosen), 2 * n))
        np.put_along_axis(weights, chosen, 1.0, axis=1)
        weights[:, :n] -= 1
        weights /= np.sum(chosen >= n, axis=1, keepdims=True)
    allowed = int(alpha * ways / 2 * (1 + 1e-12))  # labellings that may lie as far out, the true one included
    noise, step = rng.normal(size=(studies, weights.shape[1])), max(1, CHUNK // len(weights))
    parts = [weights @ noise[begin : begin + step].T for begin in range(0, studies, step)]
    return np.concatenate([np.partition(part, -allowed, axis=0)[-allowed] for part in parts])
