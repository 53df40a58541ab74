"""What a plan of so many seeds, models and tasks can show, before anything runs.

Effects are in standard deviations: of the paired differences for the paired test, of one model's runs for the unpaired.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..errors import counted
from .over_seeds import Test
from .verdicts import ALPHA

LIKELY = 0.8
STUDIES = 2000  # simulated for a power
MOST = 2048  # sign patterns or labelings that are enumerated in each study; with more seeds the t-test stands in
SEEDS = 500  # more than these nobody runs


def smallest_paired_p(seeds: int) -> float:
    """The smallest two-sided p that an exact sign-flip test on so many paired seeds can give."""
    return math.ldexp(2.0, -seeds) if seeds else 1.0


def smallest_unpaired_p(first: int, second: int) -> float:
    """The smallest two-sided p that giving the labels of so many runs away anew can give."""
    return min(1.0, 2 / math.comb(first + second, first)) if min(first, second) > 1 else 1.0


def smallest_alone(seeds: int, test: Test) -> float:
    """The smallest p that either test of two models can give, without a correction."""
    return smallest_paired_p(seeds) if test == "paired" else smallest_unpaired_p(seeds, seeds)


def comparisons(models: int) -> int:
    """All pairs: which model will be the best one is not known before running."""
    return math.comb(models, 2)


def smallest_adjusted_p(seeds: int, models: int, test: Test) -> float:
    """The smallest p after Holm's correction for all pairs."""
    alone = smallest_alone(seeds, test)
    return min(1.0, max(1, comparisons(models)) * alone)


def chosen_test(seeds: int, models: int, alpha: float = ALPHA) -> Test:
    """The test of two models on one task, by the plan alone.

    Paired, since models share their seeds, unless so few seeds can reach alpha by the unpaired test only: then
    that one, which is conservative where sharing a seed makes results alike.
    """
    if smallest_adjusted_p(seeds, models, "paired") <= alpha:
        return "paired"
    return "unpaired" if smallest_adjusted_p(seeds, models, "unpaired") <= alpha else "paired"


def power(
    effect: float,
    seeds: int,
    test: Test = "paired",
    *,
    rng: np.random.Generator,
    alpha: float = ALPHA,
    studies: int = STUDIES,
) -> float:
    """How likely the exact test finds an effect of normal runs, p <= alpha, by simulation.

    With more seeds than 12, or 7 of each model unpaired, the power of the t-test, which is all but the same.
    """
    noise = _noise(seeds, test, studies, rng)
    return _t_power(effect, seeds, test, alpha) if noise is None else _simulated(effect, noise, test, alpha)


def smallest_effect(
    seeds: int,
    test: Test = "paired",
    *,
    rng: np.random.Generator,
    alpha: float = ALPHA,
    likely: float = LIKELY,
    studies: int = STUDIES,
) -> float | None:
    """The smallest effect that is found with probability `likely`; None if so few seeds find none at all."""
    if not 0 < likely < 1:
        raise ValueError(f"the probability is {likely:g}, but must be between 0 and 1")
    alone = smallest_alone(seeds, test)
    if alone > alpha * (1 + 1e-12):
        return None
    noise = _noise(seeds, test, studies, rng)  # the same for all effects, so that the power rises with the effect

    def found(effect: float) -> float:
        return _t_power(effect, seeds, test, alpha) if noise is None else _simulated(effect, noise, test, alpha)

    low, high = 0.0, 1.0
    while found(high) < likely:
        low, high = high, 2 * high
    while high - low > 0.005 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= likely else (middle, high)
    return high


def sentence(seeds: int, models: int, tasks: int, *, rng: np.random.Generator, alpha: float = ALPHA) -> str:
    """What so many seeds, models and tasks can show: test, smallest p and smallest effect, on one task and over all.

    Over all tasks it is across.stratified_pairs, which has the power of a paired test of as many blocks, nearly.
    """
    if models < 2:
        return "with one model there is nothing to compare"
    test, pairs = chosen_test(seeds, models, alpha), comparisons(models)
    name = {"paired": "paired sign-flip test", "unpaired": "unpaired permutation test"}[test]
    text = (
        f"on each task the exact {name} of {counted(pairs, 'pair')} with Holm's correction gives "
        f"{counted(seeds, 'seed')} a p of at least {smallest_adjusted_p(seeds, models, test):.2g}"
    )
    effect = smallest_effect(seeds, test, rng=rng, alpha=alpha / pairs)
    paired = "standard deviations of the paired differences"
    if effect is None:
        tests = ((n, chosen_test(n, models, alpha)) for n in range(seeds, SEEDS))
        enough = next(n for n, other in tests if smallest_adjusted_p(n, models, other) <= alpha)
        text += f", so that nothing can be significant with fewer than {enough} seeds"
    else:
        unit = paired if test == "paired" else "standard deviations of a model's runs"
        text += f", and finds {effect:.1f} {unit} with {LIKELY:.0%} probability"
    if tasks > 1 and seeds > 1:
        together = smallest_effect(tasks * seeds, rng=rng, alpha=alpha / pairs)
        text += f"; the permutation test over {tasks} tasks together "
        if together is None:
            text += "can hardly show more" if smallest_paired_p(tasks * seeds) <= alpha else "shows nothing either"
        else:
            text += f"finds {together:.1f} {paired} with {LIKELY:.0%}"
    return text


def _t_power(effect: float, seeds: int, test: Test, alpha: float) -> float:
    free = seeds - 1 if test == "paired" else 2 * (seeds - 1)
    centre = effect * math.sqrt(seeds if test == "paired" else seeds / 2)
    edge = float(stats.t.isf(alpha / 2, free))
    return float(stats.nct.sf(edge, free, centre) + stats.nct.cdf(-edge, free, centre))


def _noise(seeds: int, test: Test, studies: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Runs without an effect, (values, studies), or None where there are too many ways to enumerate."""
    if test == "paired":
        return rng.normal(size=(seeds, studies)) if 2 ** (seeds - 1) <= MOST else None
    return rng.normal(size=(2 * seeds, studies)) if math.comb(2 * seeds, seeds) // 2 <= MOST else None


def _simulated(effect: float, noise: NDArray[np.float64], test: Test, alpha: float) -> float:
    """noise: (values, studies). By symmetry half of all patterns stand for all; the first row is the identity."""
    values = len(noise)
    if test == "paired":
        signs = 1.0 - 2.0 * (np.arange(2 ** (values - 1))[:, None] >> np.arange(values) & 1)
        x = noise + effect
    else:
        half = values // 2
        chosen = [[0, *rest] for rest in combinations(range(1, values), half - 1)]
        signs = -np.ones((len(chosen), values))
        np.put_along_axis(signs, np.array(chosen), 1.0, axis=1)
        x = noise + effect * (np.arange(values) < half)[:, None]
    distance = np.abs(signs @ x)
    p = np.mean(distance >= distance[0] * (1 - 1e-12), axis=0)
    return float(np.mean(p <= alpha * (1 + 1e-12)))
