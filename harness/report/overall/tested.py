"""What is tested once and shown on several pages: the ranks, and every pair of models over tasks and seeds."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...compare.material import Material
from ...compare.selection import Results, Selection, all_facts, by_budget, scores_of, select, titles_of
from ...records.kinds import TaskFacts
from ...stats import ranks
from ...stats.across import Pairs, stratified_pairs


@dataclass(frozen=True, slots=True)
class Tested:
    """One budget. scores: (tasks, models, seeds), higher is better."""

    results: Results
    chosen: Selection
    facts: list[TaskFacts]
    scores: NDArray[np.float64]
    titles: list[str]
    friedman: ranks.Friedman
    pairs: Pairs
    after: np.random.Generator

    def rng(self) -> np.random.Generator:
        """Where the draws of these tests ended."""
        return deepcopy(self.after)


@lru_cache(maxsize=8)
def tested(material: Material, budget: str) -> Tested | None:
    """The tests under this budget, or None where no two tasks share two models."""
    results = by_budget(material.runs)[budget]
    chosen = select(results, material.order)
    if chosen is None:
        return None
    rng, facts = material.rng(), all_facts(results, chosen)
    scores = scores_of(results, chosen, facts)
    friedman = ranks.friedman(scores.mean(axis=2), chosen.data, rng=rng)
    pairs = stratified_pairs(scores, chosen.data, rng=rng)
    return Tested(results, chosen, facts, scores, titles_of(results, chosen), friedman, pairs, rng)
