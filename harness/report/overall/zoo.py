"""All models of a task from the best on, where models of other papers ran beside those of the two: a description."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from ...catalog import GROUPS, MODELS, find_model, groups
from ...compare.material import Material
from ...compare.order import facts_of
from ...compare.selection import has_run
from ...compare.way import learned
from ...errors import counted
from ...plan import split_options
from ...records.kinds import RunRecord, TaskFacts
from ...write import tables
from ...write.settings import trained_at
from ...write.sheet import Sheet
from ...write.words import DASH, count, heading, literal, missing, number
from ..task.table import compare, score_of, steps_of

SAME = 9  # digits; means that differ in later ones share a place
TITLE = "All models, from the best on"
KINDS = {
    "zoo": "another paper",
    "modern": "since 2019",
    "yardsticks": "no recurrence",
    "papers": "the two papers",
    "variants": "the two papers",
}  # the words of groups -> what their models are; of two that fit the later counts
INTRODUCTION = """\
The models of TP-RNN's and ASRNN's tables among those of other papers, sorted by the means of all their runs. **This
describes and judges nothing**: few seeds part few of so many models, so neighbours may well be equal, and the first of
many is flattered. What was asked beforehand, with seeds enough, stands on the page of claims where there are any."""
READ = """\
*Place* and *Way*, from chance, 0, to a perfect score, 1: of the mean of all runs, in which one that diverged or failed
counts as the worst of the task, or as chance where that is worse. Where seeds part in two the metric is of those that
learned, and says of how many. *At the target*: steps until validation stays there, as on
the tasks' pages, and how many seeds got there. *Trained at*: the learning rate, and what tuning chose of the model's
start and options; where nothing else stands, they are its source's."""


def sheet(material: Material) -> Sheet | None:
    """A table for each task and budget on which a model of another paper ran; None without one."""
    runs = [run for run in material.runs if has_run(run)]
    by_task: dict[tuple[str, str], list[RunRecord]] = {}
    for run in sorted(runs, key=lambda run: run.cell):
        by_task.setdefault((run.cell.task, run.cell.budget), []).append(run)
    shown = {where: mine for where, mine in by_task.items() if any(_base(run) in GROUPS["zoo"] for run in mine)}
    parts = [_section(task, budget, mine, material.order) for (task, budget), mine in shown.items()]
    if not any(parts):
        return None
    used = [run for mine in shown.values() for run in mine]
    return Sheet("\n\n".join([f"# {TITLE}", INTRODUCTION, *filter(None, parts), READ]) + "\n", records=used)


def _section(task: str, budget: str, runs: Sequence[RunRecord], order: Sequence[str]) -> str:
    facts = facts_of(runs)
    if facts is None:
        return ""
    found = compare(runs, [], order).frame
    rows = [{str(key): value for key, value in row.items()} for row in found.to_dict("records")]
    rows.sort(key=_from_the_best)
    table = pd.DataFrame(_row(1 + sum(map(_better_than(row), rows)), row, runs, facts) for row in rows)
    seeds = sorted({int(row["planned"]) for row in rows})
    least = "" if len(seeds) == 1 else f"{seeds[0]} to "
    said = f"{counted(len(rows), 'model')}, {least}{counted(seeds[-1], 'seed')} each."
    return f"## {literal(facts.title)} (`{task}`), budget {budget}\n\n{said}\n\n{tables.markdown(table)}"


def _from_the_best(row: dict[str, object]) -> tuple[bool, float]:
    if missing(row["metric"]):
        return True, 0.0
    return False, -round(float(row["mean_of_all"]), SAME)  # type: ignore[arg-type]


def _better_than(row: dict[str, object]) -> Callable[[dict[str, object]], bool]:
    return lambda other: _from_the_best(other) < _from_the_best(row)


def _row(place: int, row: dict[str, object], runs: Sequence[RunRecord], facts: TaskFacts) -> dict[str, str]:
    name = str(row["name"])
    base, _ = split_options(name)
    known = not missing(row["metric"])
    mean = abs(float(row["mean_of_all"])) if known else None  # type: ignore[arg-type]
    way = learned(mean, facts) if mean is not None and facts.chance is not None else None
    return {
        "Model": str(row["model"]),
        "Place": str(place) if known else DASH,
        "Of": next((kind for word, kind in reversed(KINDS.items()) if base in groups()[word]), DASH),
        heading(facts.metric): score_of(row, facts.metric),
        "Way": number(way, ".2f"),
        "At the target": steps_of(row),
        "Trained at": trained_at(next(run for run in runs if run.cell.model == name)),
        "Parameters": count(row["params"]),
        "What sets it apart": find_model(base).what if base in MODELS else DASH,  # a report runs no stranger's code
    }


def _base(run: RunRecord) -> str:
    return split_options(run.cell.model)[0]
