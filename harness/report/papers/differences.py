"""Where a campaign's result is another than a paper's: what may explain it, the runs that try that, what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ...compare import follow_up
from ...compare.material import Material
from ...compare.order import facts_of, task_title, title_of
from ...compare.parted import counted_runs, percent, share
from ...records.campaign import Difference
from ...records.kinds import RunRecord, TaskFacts
from ...write import tables
from ...write.sheet import Sheet
from ...write.words import DASH, literal, score
from . import book as papers

TITLE = "Where results differ from the papers', and why"
INTRODUCTION = """\
Each section has what was supposed and what follows from the runs that try it, in this project's words; its table is
made from the records. *Learned*: runs that come at least halfway from chance to the task's target, with Wilson's 95 %
interval of their share."""


def sheet(material: Material) -> Sheet | None:
    """The page; None where nothing was looked into, or none of that has run."""
    parts: list[str] = []
    used: dict[object, RunRecord] = {}
    for one in material.declared.differences:
        mine = [run for run in material.runs if run.cell.task == one.task and run.cell.model in one.models]
        facts = facts_of(mine) if mine else None
        if facts is not None:
            parts += _section(one, mine, facts, material.declared.folder)
            used |= {run.cell: run for run in mine}
    return (
        Sheet("\n\n".join([f"# {TITLE}", INTRODUCTION, *parts]) + "\n", records=list(used.values())) if parts else None
    )


def _section(one: Difference, runs: Sequence[RunRecord], facts: TaskFacts, folder: str) -> list[str]:
    by_model = {model: [run for run in runs if run.cell.model == model] for model in one.models}
    rows = []
    for model, mine in by_model.items():
        known = [score(run.test_metric, facts.metric) for run in mine if run.test_metric is not None]
        learned = percent(*share(mine, facts)) if counted_runs(mine) else "not run"
        rows.append(
            {
                "Model": title_of(mine, model),
                "Published": _published(one.task, model),
                "Learned": learned,
                "Every seed": ", ".join(known) or DASH,
            }
        )
    return [
        f"## {literal(title_of(by_model[one.model], one.model))} on {task_title(runs, one.task)}",
        f"**Supposed.** {literal(one.supposed)}",
        f"**Tried.** {literal(one.tried)}",
        tables.markdown(pd.DataFrame(rows)),
        f"Those that ran: {follow_up.commands(sorted(run.cell for run in runs), folder)}.",
        f"**Found.** {literal(one.found)}",
    ]


def _published(task: str, model: str) -> str:
    book = papers.book()
    found = [number for number in book.results if book.ours(number) == (task, model)]
    return "; ".join(dict.fromkeys(f"{book.shown(number)} ({number.paper} {number.table})" for number in found)) or DASH
