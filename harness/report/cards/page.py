"""The card of each model: what it is, whether it lives, where it wins and loses, and what it costs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...catalog import MODELS, docstrings, find_model
from ...compare.alive import Sign
from ...compare.claims import NOT_PLANNED, Judged, judge_declared
from ...compare.contrasts import OPEN, A
from ...compare.material import Material
from ...compare.order import facts_of, ordered, title_of
from ...compare.parted import counted_runs
from ...compare.selection import has_run, main_budget
from ...compare.way import ways
from ...errors import counted
from ...plan import split_options
from ...records.kinds import Measurement, RunRecord
from ...records.names import page
from ...stats.verdicts import EQUIVALENT, NOT_RUN
from ...write import tables
from ...write.settings import point_in_words, tuned
from ...write.sheet import Sheet
from ...write.words import DASH, count, literal, mib, number
from ..insight import gradients, seen
from ..task import table as task_table
from . import frames

HOW_TO_READ = """\
*Place*: by the mean way from chance to a perfect score, of the models that ran there; a run without a result counts as
chance. *Metric*, *Steps to target*, *Step / yardstick*, *Peak*: as on the tasks' pages. *Gradient, first / last tenth*:
how much of it reaches the first tenth of the steps of what the last tenth gets, trained, of the first seed. In the
picture a grey dot is the mean of another model, the diamond this model's, and the line goes from its worst run to its
best."""


def cards(material: Material, vitals: Sequence[Sign] | None) -> dict[str, Sheet]:
    """model-<name>.md of each model that has run under the budget of most runs, with its picture."""
    runs = [run for run in material.runs if has_run(run)]
    budget = main_budget(runs)
    here = [run for run in runs if run.cell.budget == budget]
    measured = {(one.task, one.model): one for one in material.measurements if one.budget == budget}
    judged = judge_declared(material.declared, material.runs, vitals)
    looked = {
        (group.task, one.run.cell.model): one
        for group in seen.groups(material)[0]
        if group.budget == budget
        for one in group.seen
    }
    reach = {place: gradients.ratio(one.trained) for place, one in looked.items()}
    horizon: dict[str, int] = {}
    for run in here:
        horizon[run.cell.task] = max([horizon.get(run.cell.task, 0), *(point.step for point in run.curve[-1:])])
    far, places, told = ways(here), material.places(), docstrings(MODELS, "models")
    names = ordered({run.cell.model for run in here}, material.order)
    titles = {name: title_of([run for run in here if run.cell.model == name], name) for name in names}
    found = {}
    for name in names:
        mine = [run for run in here if run.cell.model == name]
        table = _table(mine, measured, far, reach, horizon)
        parts = [f"# {literal(titles[name])}", _what(name, mine), _life(name, vitals)]
        pictures = {}
        if name in far:
            pictures[f"model-{page(name)}.svg"] = frames.among(name, far, titles, places[name])
            stands = _standing(name, far, titles)
            parts += [stands, f"![{literal(stands)}](model-{page(name)}.svg)"]
        parts += [_contrasts(name, judged), tables.markdown(table), HOW_TO_READ, _scales(name, looked)]
        if (base := split_options(name)[0]) in told:
            parts.append(f"## In its own words\n\n{_escaped(told[base])}")
        found[card_of(name)] = Sheet("\n\n".join(filter(None, parts)) + "\n", pictures, records=mine)
    return found


def card_of(model: str) -> str:
    """The file name of its card."""
    return f"model-{page(model)}.md"


def _what(name: str, runs: Sequence[RunRecord]) -> str:
    """What it is, where it was published, and how it starts; of a stranger's model no more than its name."""
    sizes = sorted({run.params for run in runs if run.params is not None})
    size = DASH if not sizes else f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
    said = f"{size} parameters; {counted(len(runs), 'run')} on {counted(len({r.cell.task for r in runs}), 'task')}."
    if (base := split_options(name)[0]) not in MODELS:
        return f"`{literal(name)}`. {said}"
    spec = find_model(base)
    code = f"; [code]({spec.source})" if spec.source else ""
    begun = f"{said} Starts {literal(spec.start)}.{_tuned(runs)}"
    return f"`{literal(name)}`: {literal(spec.what)}. {literal(spec.cite)}{code}. {begun}"


def _tuned(runs: Sequence[RunRecord]) -> str:
    """At which points it trained, where its protocol is of a track of tuning."""
    points: dict[str, dict[str, None]] = {}
    for run in filter(tuned, runs):
        points.setdefault(point_in_words(run), {})[run.cell.task] = None
    where = "; ".join(f"{point} on {', '.join(tasks)}" if len(points) > 1 else point for point, tasks in points.items())
    return f" Trained, as `bench tune` chose, at {literal(where)}." if where else ""


def _life(name: str, vitals: Sequence[Sign] | None) -> str:
    """What its vital signs say."""
    found = [sign for sign in vitals or () if sign.vital.model == name]
    if not found:
        return "" if split_options(name)[0] not in MODELS else "It has no vital sign of its own."
    return " ".join(
        f"**{'Alive' if sign.alive else 'Not shown alive'}**: {sign.count} of {counted(len(sign.runs), 'seed')} come "
        f"to its level on `{sign.vital.task}` ({literal(sign.vital.why)})."
        for sign in found
    )


def _standing(name: str, far: frames.Ways, titles: dict[str, str]) -> str:
    """Where it wins, and where it lies farthest behind the best."""
    mean = {
        task: {model: float(np.mean(found[task])) for model, found in far.items() if task in found}
        for task in far[name]
    }
    first = [task for task, all_of_them in mean.items() if all_of_them[name] >= max(all_of_them.values())]
    said = f"{titles[name]} comes {np.mean([known[name] for known in mean.values()]):.0%} of the way on average"
    said += f", farthest of all on {', '.join(first)}" if first else ", and nowhere farthest of all"
    behind = max(mean, key=lambda task: max(mean[task].values()) - mean[task][name])
    gap = max(mean[behind].values()) - mean[behind][name]
    if gap > 0:
        best = max(mean[behind], key=lambda model: mean[behind][model])
        said += f"; most behind on {behind}, {100 * gap:.0f} % of the way behind {titles[best]}"
    return f"{said}."


def _contrasts(name: str, judged: Sequence[Judged]) -> str:
    """How the declared contrasts with it ended."""
    ends: dict[str, list[str]] = {"won": [], "lost": [], "equivalent": [], "open": []}
    for one in judged:
        for found in one.contrasts if one.verdict not in (NOT_RUN, NOT_PLANNED) else ():
            if name in (found.a, found.b):
                other = found.b if found.a == name else found.a
                end = {EQUIVALENT: "equivalent", OPEN: "open"}.get(
                    found.end, "won" if (found.end == A) == (found.a == name) else "lost"
                )
                ends[end].append(f"{other} on {found.task}")
    if not any(ends.values()):
        return ""
    known = [f"{word}: {', '.join(dict.fromkeys(mine))}" for word, mine in ends.items() if mine]
    return f"Contrasts that were [declared beforehand](claims.md), {literal('; '.join(known))}."


def _scales(name: str, looked: dict[tuple[str, str], seen.Seen]) -> str:
    """What its scales, layers or levels did on each task, where it tells that."""
    told = {task: one.scales for (task, model), one in looked.items() if model == name and one.scales is not None}
    lines = [
        f"- `{literal(task)}`: "
        + ", ".join(f"{literal(label)} {value:.3g}" for label, value in zip(found.labels, found.overall, strict=True))
        for task, found in told.items()
    ]
    meanings = "; ".join(dict.fromkeys(literal(found.meaning) for found in told.values()))
    if not lines:
        return ""
    head = f"## What its scales do\n\nMean over sequences and steps, of the first seed ({meanings}); "
    return "\n\n".join([f"{head}[over time](scales.md).", "\n".join(lines)])


def _table(
    runs: Sequence[RunRecord],
    measured: dict[tuple[str, str], Measurement],
    far: frames.Ways,
    reach: dict[tuple[str, str], float],
    horizon: dict[str, int],
) -> pd.DataFrame:
    by_task: dict[str, list[RunRecord]] = {}
    for run in sorted(runs, key=lambda run: run.cell):
        by_task.setdefault(run.cell.task, []).append(run)
    rows = []
    for task, mine in by_task.items():
        name, facts, one = mine[0].cell.model, facts_of(mine), measured.get((task, mine[0].cell.model))
        assert facts is not None  # has_run
        row = task_table.row_of(mine, one, facts, horizon[task])
        rows.append(
            {
                "Task": task,
                "Place": frames.rank(name, task, far) if task in far.get(name, {}) else DASH,
                "Metric": f"{facts.metric.replace('_', '-')} {task_table.score_of(row, facts.metric)}",
                "Runs": str(len(counted_runs(mine))),
                "Steps to target": task_table.steps_of(row),
                "Parameters": count(row["params"]),
                "Step / yardstick": number(row["ratio"], ".2f"),
                "Peak, MiB": number(mib(one.peak_bytes) if one else None, ".1f"),
                "Gradient, first / last tenth": number(reach.get((task, name)), ".3g"),
            }
        )
    return pd.DataFrame(rows)


def _escaped(text: str) -> str:
    """A docstring as Markdown: its indented paragraphs are equations or tables, and stay as they are."""
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(part if part.startswith("    ") else re.sub(r"([*<|])", r"\\\1", part) for part in paragraphs)
