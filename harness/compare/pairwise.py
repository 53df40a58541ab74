"""The models of one task against each other over seeds, by the test that their plan alone has chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from ..errors import counted
from ..records.kinds import NOT_COUNTED, RunRecord, TaskFacts
from ..stats import across, power
from ..stats import over_seeds as stats
from ..stats.verdicts import ALPHA
from .order import title_of

NAMES: dict[stats.Test, str] = {
    "paired": "exact sign-flip test of the paired differences over common seeds",
    "unpaired": "exact permutation test of the runs' labels",
}
Scores = Mapping[str, Mapping[int, float]]  # model -> seed -> score, higher is better


@dataclass(frozen=True, slots=True)
class Against:
    """Every model against the one with the best mean.

    p: corrected for all pairs; shift: Hodges and Lehmann's, in the metric's own units and direction; tied: of the
    models with a result the best and what the test cannot tell from it; note: what was tested and what so few seeds
    can show.
    """

    best: str | None
    note: str
    p: Mapping[str, float] = field(default_factory=dict)
    shift: Mapping[str, float] = field(default_factory=dict)
    tied: frozenset[str] = frozenset()


def scored(by_model: Mapping[str, Sequence[RunRecord]], facts: TaskFacts) -> Scores:
    """Test metrics with the sign that makes higher better; models that did not run are left out.

    A run without a result counts as across.with_failures has it.
    """
    sign = 1.0 if facts.higher_is_better else -1.0
    found = {
        (name, run.cell.seed): math.nan if run.test_metric is None else sign * run.test_metric
        for name, runs in by_model.items()
        for run in runs
        if run.status not in NOT_COUNTED
    }
    if np.isnan(list(found.values())).all():
        return {}
    chance = math.nan if facts.chance is None else sign * facts.chance
    filled = across.with_failures([[list(found.values())]], [chance]).ravel()
    scores: dict[str, dict[int, float]] = {}
    for (name, seed), score in zip(found, filled, strict=True):
        scores.setdefault(name, {})[seed] = float(score)
    return scores


def against_best(by_model: Mapping[str, Sequence[RunRecord]], facts: TaskFacts, rng: np.random.Generator) -> Against:
    """Compare the runs of one task and budget; by_model in the order of the table."""
    scores = scored(by_model, facts)
    if not scores:
        return Against(None, "No run has a result yet.")
    best = max(scores, key=lambda name: float(np.mean(list(scores[name].values()))))
    if len(scores) == 1:
        return Against(best, "There is no other model to compare with.")
    seeds = max(len(runs) for runs in scores.values())
    test = power.chosen_test(seeds, len(scores), ALPHA)
    raw, shifts = {}, {}
    for first, second in combinations(scores, 2):
        if (sample := _sample(scores[first], scores[second], test)) is None:
            continue
        raw[first, second] = stats.difference_p(*sample, test, rng=rng)
        if best in (first, second):
            other, sign = (second, 1.0) if first == best else (first, -1.0)
            shifts[other] = -sign * stats.shift(*sample, test) * (1.0 if facts.higher_is_better else -1.0)
    if not raw:
        return Against(best, "No two models share a seed, so that nothing can be compared.", tied=frozenset(scores))
    adjusted = dict(zip(raw, map(float, stats.holm(list(raw.values()))), strict=True))
    p = {a if b == best else b: value for (a, b), value in adjusted.items() if best in (a, b)}
    near = [name for name in scores if name == best or p.get(name, 1.0) > ALPHA]
    has_result = {name: any(run.test_metric is not None for run in by_model[name]) for name in scores}
    tied = frozenset(name for name in near if has_result[name])
    shifts = {name: shift for name, shift in shifts.items() if has_result[name]}  # of the others it is made up
    return Against(best, _note(test, title_of(by_model[best], best), seeds, len(raw), len(scores)), p, shifts, tied)


def _sample(
    first: Mapping[int, float], second: Mapping[int, float], test: stats.Test
) -> tuple[list[float], list[float]] | None:
    """The results that a test compares; paired ones by seed. None where there are none."""
    if test == "unpaired":
        return list(first.values()), list(second.values())
    shared = sorted(set(first) & set(second))
    return ([first[s] for s in shared], [second[s] for s in shared]) if shared else None


def _note(test: stats.Test, title: str, seeds: int, pairs: int, models: int) -> str:
    alone = power.smallest_alone(seeds, test)
    corrected = min(1.0, pairs * alone)
    able = corrected <= ALPHA
    return (
        f"p: {NAMES[test]}, against {title}, the best mean, with Holm's correction for "
        f"{counted(pairs, 'pair')}; the test follows from {counted(seeds, 'seed')} and {counted(models, 'model')} "
        f"alone. {counted(seeds, 'seed')} cannot give a p below {alone:.3g} before the correction, nor below "
        f"{corrected:.3g} after it" + ("." if able else "; no difference here can be called significant.") + " "
        f"Bold: the best mean and all that this test cannot tell from it (p > {ALPHA:g})"
        + ("." if able else ", which so few seeds make of all.")
        + " Shift: Hodges and Lehmann's estimate of how far a model lies from the best."
    )
