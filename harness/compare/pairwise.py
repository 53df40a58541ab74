"""The models of one task against each other over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import counted
from ..records.kinds import NOT_COUNTED, RunRecord, TaskFacts
from ..stats import across, power
from ..stats import over_seeds as stats
from ..stats.verdicts import ALPHA
from .order import title_of

TEST = "exact permutation test of the runs' labels, whether runs of the two are alike"
Scores = Mapping[str, Mapping[int, float]]  # model -> seed -> score, higher is better


@dataclass(frozen=True, slots=True)
class Against:
    """Every model against the one with the best mean.

    p: corrected for all pairs; beats: how likely a run of the model is better than one of the best; shift: Hodges and
    Lehmann's, in the metric's own units and direction; note: what was tested and what so few seeds can show.
    """

    best: str | None
    note: str
    p: Mapping[str, float] = field(default_factory=dict)
    beats: Mapping[str, float] = field(default_factory=dict)
    shift: Mapping[str, float] = field(default_factory=dict)


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


def best_of(scores: Scores) -> str | None:
    """The model with the best mean, in which runs without a result count; None where there is no result."""
    return max(scores, key=lambda name: float(np.mean(list(scores[name].values()))), default=None)


def against_best(by_model: Mapping[str, Sequence[RunRecord]], facts: TaskFacts) -> Against:
    """Compare the runs of one task and budget; by_model in the order of the table."""
    scores = scored(by_model, facts)
    if (best := best_of(scores)) is None:
        return Against(None, "No run has a result yet.")
    if len(scores) == 1:
        return Against(best, "There is no other model to compare with.")
    runs = {name: list(mine.values()) for name, mine in scores.items()}
    sign = 1.0 if facts.higher_is_better else -1.0
    others = [name for name in runs if name != best and any(run.test_metric is not None for run in by_model[name])]
    return Against(  # without any result a shift is made up
        best,
        _note(title_of(by_model[best], best), max(map(len, runs.values())), power.comparisons(len(runs))),
        stats.against(best, runs),
        {name: stats.beats(runs[name], runs[best]) for name in others},
        {name: sign * stats.shift(runs[name], runs[best]) for name in others},
    )


def _note(title: str, seeds: int, pairs: int) -> str:
    alone = power.smallest_p(seeds)
    corrected = min(1.0, pairs * alone)
    return (
        f"p: {TEST} (exchangeable), against {title}, the best mean, with Holm's correction for "
        f"{counted(pairs, 'pair')}. {counted(seeds, 'seed')} cannot give a p below {alone:.3g} before the correction, "
        f"nor below {corrected:.3g} after it"
        + ("." if corrected <= ALPHA else "; no difference here can be called significant.")
        + " Beats the best: how likely a run of the model is better than one of the best. Shift: Hodges and Lehmann's "
        "estimate of how far a model lies from the best. Bold: the best mean, whatever p is."
    )
