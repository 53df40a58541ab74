"""The runs that all models share, which is what pages on several tasks compare."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..catalog import needs_memory, shared_data
from ..records.kinds import NOT_COUNTED, RunRecord, TaskFacts
from ..stats.across import with_failures
from .order import facts_of, ordered, title_of

Results = Mapping[tuple[str, str], Mapping[int, RunRecord]]  # (task, model) -> seed -> run


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks, models and seeds of which everything was run.

    left_out: tasks that lack some of these models, or any result; memoryless: those that need no memory, which do not
    count.
    """

    tasks: list[str]
    models: list[str]
    seeds: list[int]
    left_out: list[str]
    memoryless: list[str] = field(default_factory=list)

    @property
    def data(self) -> list[str]:
        """What each task's data are shared under."""
        return [shared_data(task) for task in self.tasks]


def has_run(run: RunRecord) -> bool:
    """Can anything be said of this run?"""
    return run.status not in NOT_COUNTED and run.task is not None


def main_budget(runs: Iterable[RunRecord]) -> str:
    """The budget that most of them have; "" without any."""
    return next((budget for budget, _ in Counter(run.cell.budget for run in runs).most_common(1)), "")


def by_place(runs: Iterable[RunRecord]) -> Results:
    """The runs of one budget by task and model, and by seed."""
    results: dict[tuple[str, str], dict[int, RunRecord]] = defaultdict(dict)
    for run in runs:
        results[run.cell.task, run.cell.model][run.cell.seed] = run
    return dict(results)


def by_budget(runs: Iterable[RunRecord]) -> dict[str, Results]:
    """What has run under each budget, in the order of the cells."""
    found: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.cell):
        if has_run(run):
            found[run.cell.budget].append(run)
    return {budget: by_place(group) for budget, group in found.items()}


def select(results: Results, order: Sequence[str]) -> Selection | None:
    """The largest number of models times tasks of which every pair was run with the same seeds, or None.

    A task on which none of them has a result is left out, and so is one that needs no memory.
    """
    every = {task for task, _ in results}
    tasks = set(filter(needs_memory, every))
    empty: set[str] = set()
    while (chosen := _largest(results, tasks - empty, order)) is not None:
        found = _without_result(results, chosen)
        if not found:
            return replace(chosen, left_out=sorted(tasks - set(chosen.tasks)), memoryless=sorted(every - tasks))
        empty |= found
    return None


def _largest(results: Results, tasks: Set[str], order: Sequence[str]) -> Selection | None:
    models_of: dict[str, set[str]] = defaultdict(set)
    for task, model in results:
        if task in tasks:
            models_of[task].add(model)

    def tasks_with(models: set[str]) -> list[str]:
        return [task for task in sorted(models_of) if models <= models_of[task]]

    best = max(models_of.values(), key=lambda m: (len(m) * len(tasks_with(m)), len(m), sorted(m)), default=set())
    shared = tasks_with(best)
    if len(best) < 2 or len(shared) < 2:
        return None
    seeds = sorted(set.intersection(*(set(results[task, model]) for task in shared for model in best)))
    return Selection(shared, ordered(best, order), seeds, []) if seeds else None


def _without_result(results: Results, chosen: Selection) -> set[str]:
    places = [(model, seed) for model in chosen.models for seed in chosen.seeds]
    return {
        task for task in chosen.tasks if all(results[task, model][seed].test_metric is None for model, seed in places)
    }


def all_facts(results: Results, chosen: Selection) -> list[TaskFacts]:
    """What is known of each of the tasks; of every run that says anything, something is."""
    known = [facts_of(run for model in chosen.models for run in results[task, model].values()) for task in chosen.tasks]
    return [facts for facts in known if facts is not None]


def titles_of(results: Results, chosen: Selection) -> list[str]:
    """The models' titles."""
    return [
        title_of((run for task in chosen.tasks for run in results[task, model].values()), model)
        for model in chosen.models
    ]


def scores_of(results: Results, chosen: Selection, facts: Sequence[TaskFacts]) -> NDArray[np.float64]:
    """(tasks, models, seeds), higher is better, the worst in the place of what has no result."""
    signs = [1.0 if fact.higher_is_better else -1.0 for fact in facts]
    found = [
        [
            [sign * (np.nan if (m := results[task, model][seed].test_metric) is None else m) for seed in chosen.seeds]
            for model in chosen.models
        ]
        for task, sign in zip(chosen.tasks, signs, strict=True)
    ]
    chance = [np.nan if f.chance is None else sign * f.chance for f, sign in zip(facts, signs, strict=True)]
    return with_failures(found, chance)
