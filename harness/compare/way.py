"""The way from chance, 0, to a perfect score, 1: the scale on which tasks can be compared and averaged."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..records.kinds import RunRecord, TaskFacts
from .order import facts_of


def learned(metric: float, facts: TaskFacts) -> float:
    """How far a metric is on the way from chance, 0, to a perfect score, 1; of a perplexity, in nats."""
    chance, perfect = _ends(facts)
    if facts.metric == "perplexity":
        metric = math.log(metric)
    return (metric - chance) / (perfect - chance) if perfect != chance else 1.0


def way_of_run(run: RunRecord, facts: TaskFacts) -> float:
    """How far a run came, NaN without a result; without a known chance the metric itself, higher being better."""
    if run.test_metric is None:
        return math.nan
    if facts.chance is None:
        return run.test_metric if facts.higher_is_better else -run.test_metric
    return learned(run.test_metric, facts)


def level(share: float, facts: TaskFacts) -> float:
    """The metric that is so far on the way, the inverse of `learned`."""
    chance, perfect = _ends(facts)
    metric = chance + share * (perfect - chance)
    return math.exp(metric) if facts.metric == "perplexity" else metric


def _ends(facts: TaskFacts) -> tuple[float, float]:
    """Chance and a perfect score; of a perplexity their logarithms."""
    chance = facts.chance or 0.0
    if facts.metric == "perplexity":
        return math.log(chance), 0.0
    return chance, 1.0 if facts.metric == "accuracy" else 0.0


def ways(runs: Iterable[RunRecord]) -> dict[str, dict[str, list[float]]]:
    """Model -> task -> how far each run came, at least 0; a run without a result counts as chance.

    Tasks of unknown chance are left out.
    """
    by_task: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.cell):
        by_task[run.cell.task].append(run)
    found: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for task, mine in by_task.items():
        facts = facts_of(mine)
        if facts is not None and facts.chance is not None:
            for run in mine:
                found[run.cell.model].setdefault(task, []).append(max(0.0, np.nan_to_num(way_of_run(run, facts))))
    return dict(found)


def way_of(scores: NDArray[np.float64], facts: Sequence[TaskFacts]) -> NDArray[np.float64]:
    """(tasks with a known chance, models, seeds): 0 at chance, 1 at a perfect score."""
    known = [
        [[learned(abs(score), fact) for score in seeds] for seeds in task]
        for task, fact in zip(scores, facts, strict=True)
        if fact.chance is not None
    ]
    return np.array(known) if known else scores[:0]
