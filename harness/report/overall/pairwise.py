"""Every model against every other over the tasks that all of them share."""

from __future__ import annotations

import pandas as pd

from ...compare.material import Material
from ...compare.selection import by_budget
from ...compare.way import way_of
from ...draw.chart import labels_of
from ...draw.pairs import matrix, scatter
from ...draw.picture import Picture
from ...errors import counted
from ...stats.verdicts import ALPHA
from ...write import tables
from ...write.sheet import Sheet
from ...write.words import literal, rounded
from .tested import Tested, tested

TITLE = "Every pair of models"
HOW_TO_READ = f"""\
A cell is the model of its row against that of its column, over the tasks on which all of them ran: on top how many per
cent of the way from chance to a perfect score it comes farther, mean over tasks of the means over seeds; in the middle
on how many tasks it wins, ties and loses by these means; below p, the same as on the page of all tasks together:
permutation within blocks over tasks and seeds, corrected for all pairs (max-T). Bold: p at most {ALPHA:g}. Blue: the
row is better, orange: the column is."""
DESCRIPTION = "A mean difference over tasks of different kinds is description; a verdict has only what was declared{}."
TIE = 1e-9  # of the way: the same score


def sheet(material: Material) -> Sheet | None:
    """A section on each budget, or None where no two tasks share two models."""
    pictures: dict[str, Picture] = {}
    told = DESCRIPTION.format(": [claims](claims.md)" if material.declared.claims else "")
    parts = [
        _section(budget, found, pictures)
        for budget in by_budget(material.runs)
        if (found := tested(material, budget)) is not None and _known(found)
    ]
    return Sheet("\n\n".join([f"# {TITLE}", HOW_TO_READ, told, *parts]) + "\n", pictures) if parts else None


def _known(found: Tested) -> list[str]:
    """The tasks of which chance is known."""
    return [task for task, facts in zip(found.chosen.tasks, found.facts, strict=True) if facts.chance is not None]


def _section(budget: str, found: Tested, pictures: dict[str, Picture]) -> str:
    tasks = _known(found)
    means = 100 * way_of(found.scores, found.facts).mean(axis=2)  # (tasks, models)
    labels = list(labels_of(zip(found.chosen.models, found.titles, strict=True)).values())
    order = sorted(range(len(labels)), key=lambda place: -float(means[:, place].mean()))
    p, rows = found.pairs.matrix, []
    for one in order:
        for other in (place for place in order if place != one):
            apart = means[:, one] - means[:, other]
            won, lost = int((apart > 100 * TIE).sum()), int((apart < -100 * TIE).sum())
            rows.append(
                {
                    "model": labels[one],
                    "other": labels[other],
                    "difference": float(apart.mean()),
                    "record": f"{won}–{len(tasks) - won - lost}–{lost}",
                    "p": f"{p[one, other]:.2g}",
                    "told": bool(p[one, other] <= ALPHA),
                }
            )
    frame, turned = pd.DataFrame(rows), [labels[place] for place in order]
    names = {kind: f"pairwise-{budget}-{kind}.svg" for kind in ("matrix", "scatter")}
    pictures[names["matrix"]] = Picture(matrix, frame, turned)
    ways = {task: {labels[place]: float(means[row, place]) for place in order} for row, task in enumerate(tasks)}
    pictures[names["scatter"]] = Picture(scatter, ways, turned)
    first, second = order[:2]
    higher = [task for row, task in enumerate(tasks) if means[row, first] > means[row, second]]
    return "\n\n".join(
        [
            f"## Budget: {budget}",
            f"{counted(len(tasks), 'task')} ({', '.join(tasks)}), {counted(len(found.chosen.seeds), 'seed')}.",
            f"![{literal(_said(frame, turned))}]({names['matrix']})",
            "Two models over these tasks, in % of the way from chance to a perfect score; above the diagonal the one "
            "upwards is better. In `report.html` both can be chosen.",
            f"![{literal(turned[0])} across and {literal(turned[1])} upwards over {counted(len(tasks), 'task')}: "
            f"{literal(turned[0])} comes farther on {', '.join(higher) or 'none'}.]({names['scatter']})",
            tables.markdown(_table(frame)),
        ]
    )


def _said(frame: pd.DataFrame, models: list[str]) -> str:
    """The finding: the widest mean difference, and how many pairs can be told apart."""
    widest = frame.iloc[int(frame["difference"].argmax())]
    told = int(frame["told"].sum()) // 2
    return (
        f"{counted(len(models), 'model')} against each other: {told} of {len(frame) // 2} pairs can be told "
        f"apart; the widest mean difference is that of {widest['model']} before {widest['other']}, "
        f"{widest['difference']:.1f} % of the way."
    )


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    """Each pair once, the better on average first."""
    rows, seen = [], set()
    for row in frame.to_dict("records"):
        pair = frozenset((row["model"], row["other"]))
        if pair not in seen and row["difference"] >= 0:
            seen.add(pair)
            rows.append(
                {
                    "Model": row["model"],
                    "Other": row["other"],
                    "Farther, % of the way": rounded(row["difference"], "+.1f"),
                    "Wins, ties, losses": row["record"],
                    "p, tasks and seeds": row["p"],
                }
            )
    return pd.DataFrame(rows)
