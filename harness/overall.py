"""All tasks together: which models can be told apart, and how far each comes from chance to a perfect score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import aggregates, ranks, tables
from .across import Pairs, stratified_pairs, with_failures
from .errors import counted
from .pairwise import PENDING
from .record import RunRecord, TaskFacts
from .remarks import learned
from .sheet import Material, Sheet

ALPHA = 0.05
PATTERNS = 2**14  # a report should not take long
Results = dict[tuple[str, str], dict[int, RunRecord]]  # (task, model) -> seed -> run
HOW_TO_READ = """\
*Mean rank*: over tasks, of the means over seeds; 1 is best. *Way from chance*: interquartile mean over tasks and
seeds of how far a run comes from chance (0) to a perfect score (100), a perplexity counted in nats, with a
bootstrap interval. *Better than the best*: the probability that a run of the model beats one of the model with the
best mean rank on a task, with a bootstrap interval. *p, tasks and seeds*: against the best mean rank, permutation
of the two models' labels within each pair of task and seed, corrected for all pairs of models by step-down max-T
(Westfall and Young, 1993); it speaks of these tasks. *p, tasks*: the same by Wilcoxon's signed-rank test over tasks
with Holm's correction for all pairs; it would speak of tasks like these. Runs that diverged or failed count as the
worst result of their task, or as chance where that is worse."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks, models and seeds of which everything was run. left_out: tasks that lack some of these models."""

    tasks: list[str]
    models: list[str]
    seeds: list[int]
    left_out: list[str]


def sheet(material: Material) -> Sheet | None:
    """A page on all tasks, or None where there is too little to say."""
    found = text(material.runs, material.order, material.rng())
    return None if found is None else Sheet(found)


def text(runs: Sequence[RunRecord], order: Sequence[str], rng: np.random.Generator) -> str | None:
    """A page on each budget of the runs of one protocol version, or None where no two tasks share two models."""
    by_budget: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.cell):
        if has_run(run):
            by_budget[run.cell.budget].append(run)
    sections = [_section(budget, group, order, rng) for budget, group in by_budget.items()]
    known = [section for section in sections if section]
    return "\n\n".join(["# All tasks together", *known, HOW_TO_READ]) + "\n" if known else None


def has_run(run: RunRecord) -> bool:
    """Can anything be said of this run?"""
    return run.status not in PENDING and run.task is not None


def by_place(runs: Iterable[RunRecord]) -> Results:
    """The runs of one budget by task and model, and by seed."""
    results: Results = defaultdict(dict)
    for run in runs:
        results[run.cell.task, run.cell.model][run.cell.seed] = run
    return results


def select(results: Results, order: Sequence[str]) -> Selection | None:
    """The largest number of models times tasks of which every pair was run with the same seeds, or None."""
    models_of: dict[str, set[str]] = defaultdict(set)
    for task, model in results:
        models_of[task].add(model)

    def tasks_with(models: set[str]) -> list[str]:
        return [task for task in sorted(models_of) if models <= models_of[task]]

    best = max(models_of.values(), key=lambda m: (len(m) * len(tasks_with(m)), len(m), sorted(m)), default=set())
    tasks = tasks_with(best)
    if len(best) < 2 or len(tasks) < 2:
        return None
    seeds = sorted(set.intersection(*(set(results[task, model]) for task in tasks for model in best)))
    places = {name: place for place, name in enumerate(order)}
    models = sorted(best, key=lambda name: (places.get(name, len(places)), name))
    return Selection(tasks, models, seeds, sorted(set(models_of) - set(tasks))) if seeds else None


def _section(budget: str, runs: Sequence[RunRecord], order: Sequence[str], rng: np.random.Generator) -> str:
    results = by_place(runs)
    chosen = select(results, order)
    if chosen is None:
        return ""
    facts = [_facts(results, task, chosen) for task in chosen.tasks]
    scores = _scores(results, chosen, facts)
    titles = [_title(results, model, chosen) for model in chosen.models]
    means = scores.mean(axis=2)
    friedman = ranks.friedman(means, rng=rng, draws=PATTERNS)
    pairs = stratified_pairs(scores, rng=rng, patterns=PATTERNS)
    wilcoxon = ranks.wilcoxon_pairs(means, rng=rng)
    way = _way(scores, facts)
    best = int(friedman.ranks.argmin())
    rows = []
    for place, title in enumerate(titles):
        row = {"Model": title, "Mean rank": f"{friedman.ranks[place]:.1f}"}
        row |= dict.fromkeys(("Way from chance, %", "Better than the best", "p, tasks and seeds", "p, tasks"), "–")
        if len(way):
            aggregate = aggregates.bootstrap(100 * way[:, place], rng=rng)
            row["Way from chance, %"] = f"{aggregate.mean:.1f} ({aggregate.low:.1f} to {aggregate.high:.1f})"
        if place != best:
            better = aggregates.probability_of_improvement(scores[:, place], scores[:, best], rng=rng)
            row["Better than the best"] = f"{better.mean:.2f} ({better.low:.2f} to {better.high:.2f})"
            row["p, tasks and seeds"] = f"{pairs.matrix[place, best]:.3g}"
            row["p, tasks"] = f"{wilcoxon.matrix[place, best]:.3g}"
        rows.append(row)
    lines = [
        f"## Budget: {budget}",
        f"{counted(len(chosen.tasks), 'task')} ({', '.join(chosen.tasks)}) x {counted(len(chosen.models), 'model')} x "
        f"{counted(len(chosen.seeds), 'seed')}." + _left_out(chosen),
        tables.markdown(pd.DataFrame(rows)),
        _said(friedman, pairs, titles, chosen),
        f"The intervals are of a bootstrap that redraws seeds within tasks. {_coverage(chosen)}",
    ]
    return "\n\n".join(lines)


def _facts(results: Results, task: str, chosen: Selection) -> TaskFacts:
    return next(run.task for model in chosen.models for run in results[task, model].values() if run.task is not None)


def _title(results: Results, model: str, chosen: Selection) -> str:
    return next((run.title for task in chosen.tasks for run in results[task, model].values() if run.title), model)


def _scores(results: Results, chosen: Selection, facts: Sequence[TaskFacts]) -> NDArray[np.float64]:
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


def _way(scores: NDArray[np.float64], facts: Sequence[TaskFacts]) -> NDArray[np.float64]:
    """(tasks with a known chance, models, seeds): 0 at chance, 1 at a perfect score."""
    known = [
        [[learned(abs(score), fact) for score in seeds] for seeds in task]
        for task, fact in zip(scores, facts, strict=True)
        if fact.chance is not None
    ]
    return np.array(known) if known else scores[:0]


def _left_out(chosen: Selection) -> str:
    if not chosen.left_out:
        return ""
    return f" Left out, as not all of these models were run there: {', '.join(chosen.left_out)}."


def _said(friedman: ranks.Friedman, pairs: Pairs, titles: Sequence[str], chosen: Selection) -> str:
    """What the tests allow to say, in words."""
    blocks = len(chosen.tasks) * len(chosen.seeds)
    smallest = max(2.0 ** (1 - blocks), 1 / PATTERNS)  # beyond so many, patterns are drawn
    told = [
        f"{titles[i]} above {titles[j]}" if s > 0 else f"{titles[j]} above {titles[i]}"
        for i, j, s, p in zip(pairs.first, pairs.second, pairs.statistic, pairs.adjusted, strict=True)
        if p <= ALPHA
    ]
    apart = (
        f"{len(told)} of {len(pairs.first)} pairs can be told apart on these tasks (corrected p <= {ALPHA:g})"
        + (f": {'; '.join(told)}" if 0 < len(told) <= 12 else "")
        if told
        else f"No pair of models can be told apart on these tasks (corrected p <= {ALPHA:g})"
    )
    alike = ranks.groups(pairs.matrix, friedman.p, ALPHA)
    ranked = "reject" if alike is not None else "do not reject"
    text = (
        f"{apart}. {counted(blocks, 'block')} of task and seed cannot give a p below {smallest:.2g} before "
        f"the correction. Friedman's test over tasks: the ranks {ranked} that all models are alike (permutation "
        f"p = {friedman.p:.2g}; Iman and Davenport's F = {friedman.F:.3g}, p = {friedman.F_p:.2g})."
    )
    if alike:
        text += " Sets of models that cannot be told apart: " + "; ".join(
            " / ".join(titles[i] for i in group) for group in alike
        )
        text += "."
    return text


def _coverage(chosen: Selection) -> str:
    """What a 95 % interval of this kind truly covers."""
    known = aggregates.COVERAGE["interquartile mean"]
    fitting = [key for key in known if key[0] <= len(chosen.tasks) and key[1] <= len(chosen.seeds)]
    if not fitting:
        return "With so few seeds it is not known what they cover."
    return (
        f"They are called 95 % intervals, and cover about {100 * known[max(fitting)]:.0f} % at so many tasks and seeds."
    )
