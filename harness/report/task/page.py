"""A page for each task: all models, under every budget."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from ...compare.alive import committed
from ...compare.claims import judge_declared, planned
from ...compare.material import Material
from ...compare.parted import counted_runs
from ...draw import curves as charts
from ...draw.picture import Picture
from ...errors import BenchError
from ...records.kinds import RunRecord
from ...records.names import page
from ...records.store import Loaded
from ...write import origin as provenance
from ...write import tables, words
from ...write.settings import point_in_words, said_of, tuned
from ...write.sheet import Sheet
from ...write.words import cell, literal
from . import frames
from . import table as task_table
from .table import Comparison

HOW_TO_READ = """\
One row is one model, trained from several seeds under the same parameter budget. The metric is on the test set, at the
checkpoint that validation picked: mean ± half of the Student-t 95 % interval over seeds, or the ends of that interval
where it would leave the scale; `(2 of 3)` says that it is not of all runs. *Seeds*: runs with a result of runs
planned. *Steps to target*: restricted mean of the steps until validation stays at the target for two evaluations, with
the number of seeds that got there; runs that never did count as the whole budget (≥), and `>` says that none did.
*Step*: median time of a training step; *Step / yardstick*: the median ratio to the yardstick's step, timed in turn in
one run; *Peak*: what a training step holds beyond weights and optimizer state."""


def comparisons(loaded: Loaded, order: Sequence[str]) -> list[Comparison]:
    """One comparison for each task and budget; the records must be of one protocol version."""
    grouped: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for run in loaded.runs:
        grouped[(run.cell.task, run.cell.budget)].append(run)
    judged = judge_declared(loaded.declared, loaded.runs, committed())
    wanted = Counter(cell.group for cell in planned(loaded.declared.blocks))
    result = []
    for (task, budget), runs in sorted(grouped.items()):
        versions = {run.protocol_version for run in runs}
        measured = [
            m for m in loaded.measurements if (m.task, m.budget) == (task, budget) and m.protocol_version in versions
        ]
        measured.sort(key=lambda m: m.finished)  # of several machines the latest counts
        result.append(task_table.compare(runs, measured, order, loaded.baselines, judged, wanted))
    return result


def summary(loaded: Loaded, order: Sequence[str]) -> list[str]:
    """The tables and their notes for a terminal, a paragraph each."""
    paragraphs = []
    for comparison in comparisons(loaded, order):
        detail = f": {comparison.facts.detail}" if comparison.facts.detail else ""
        paragraphs.append(f"\n{comparison.facts.title} ({comparison.task}), budget {comparison.budget}{detail}\n")
        paragraphs.append(tables.plain(task_table.shown(comparison)) + "\n")
        if (further := task_table.shown_further(comparison)) is not None:
            paragraphs.append(tables.plain(further) + "\n")
        paragraphs.append("\n".join(comparison.notes))
    return paragraphs


def task_pages(
    loaded: Loaded,
    order: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    rates: Mapping[tuple[str, str], tuple[Picture, str]] | None = None,
) -> dict[str, Sheet]:
    """<task>.md of every task with its runs and learning curves, and its numbers in full.

    groups: word -> the models that it stands for in a command; rates: (task, budget) -> how the learning rate mattered
    where the models were tuned, in words too.
    """
    if not loaded.runs:
        raise BenchError("there is no record to report on; `bench run` makes some")
    by_task: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in comparisons(loaded, order):
        by_task[comparison.task].append(comparison)
    places = Material(loaded.runs, loaded.measurements, order).places()
    sheets = {}
    for task, group in by_task.items():
        name = page(task)
        runs = [run for run in loaded.runs if run.cell.task == task]
        pages, rows, pictures = [f"# {literal(group[0].facts.title)} (`{task}`)\n"], [], {}
        for comparison in group:
            mine = [run for run in runs if run.cell.budget == comparison.budget]
            curves = f"{name}-{comparison.budget}-curves.svg"
            pictures[curves], shows = _drawn(comparison, mine, places)
            dots = f"{name}-{comparison.budget}-results.svg"
            pictures[dots], found = frames.results(comparison, mine, places)
            shown = {"dots": f"![{literal(found)}]({dots})", "curves": f"![{literal(shows)}]({curves})"}
            pages.append(_section(comparison, mine, provenance.command_of(mine, groups), **shown))
            if drawn := (rates or {}).get((task, comparison.budget)):
                pictures[sensitivity := f"{name}-{comparison.budget}-rates.svg"] = drawn[0]
                pages.append(f"### How much the learning rate matters here\n\n![{literal(drawn[1])}]({sensitivity})")
            frame = comparison.frame.assign(task=task, budget=comparison.budget)
            if comparison.further is not None:
                frame = frame.join(comparison.further.drop(columns="model"))
            rows.append(frame)
        if loaded.left_out:
            left_out = "\n".join(f"- {literal(sentence)}" for sentence in loaded.left_out)
            pages.append(f"Records that are left out:\n\n{left_out}")
        pages.append(HOW_TO_READ)
        files = {f"{name}.csv": _no_formulas(pd.concat(rows)).to_csv(index=False, lineterminator="\n")}
        sheets[f"{name}.md"] = Sheet("\n\n".join(pages) + "\n", pictures, files)
    return sheets


def _no_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda entry: cell(entry) if isinstance(entry, str) else entry).rename(columns=cell)


def task_page(task: str) -> str:
    return f"{page(task)}.md"


def first_page(tasks: Collection[str]) -> str:
    """The file name of the page to read first: that of the only task, or else the index."""
    names = {task_page(task) for task in tasks}
    return names.pop() if len(names) == 1 else "index.md"


def _budget_in_words(budget: str) -> str:
    if budget == "paper":
        return "each model at its paper's width"
    kind, _, number = budget.partition("-")
    return f"each model {number} units wide" if kind == "width" else f"{budget} parameters"


def _section(comparison: Comparison, runs: Sequence[RunRecord], command: str, dots: str, curves: str) -> str:
    facts, first = comparison.facts, runs[0]
    budget = _budget_in_words(comparison.budget)
    chance = "" if facts.chance is None else f" Chance: {facts.chance:.4g}."
    target = "" if facts.target is None else f" Target: {facts.target:.4g}"
    target += f" ({literal(facts.target_why)})." if target and facts.target_why else "." if target else ""
    detail = f" ({literal(facts.detail)})" if facts.detail else ""
    further = task_table.shown_further(comparison)
    ended = "runs with a result, of those planned" if facts.target is None else frames.REACHED
    lines = [
        f"## Budget: {budget}",
        f"Protocol `{first.cell.protocol}`, version {first.protocol_version}: {facts.length} steps a sequence{detail}, "
        f"batch {said_of(runs, 'batch')}, {literal(said_of(runs, 'optimizer'))} {said_of(runs, 'learning_rate')}, "
        f"{_trained(runs)} training steps.{chance}{target}",
        dots,
        f"At the end of each row: {ended}.",
        tables.markdown(task_table.shown(comparison)),
        *([] if further is None else ["On further test sets:", tables.markdown(further)]),
        *_tuned(comparison, runs),
        *map(literal, comparison.notes),
        curves,
        f"{provenance.sentence(runs, command)}",
    ]
    return "\n\n".join(lines)


def _drawn(comparison: Comparison, runs: Sequence[RunRecord], places: Mapping[str, int]) -> tuple[Picture, str]:
    models = [
        (name, title, [run for run in runs if run.cell.model == name])
        for title, name in zip(comparison.frame["model"], comparison.frame["name"], strict=True)
    ]
    return charts.learning(models, places, comparison.facts, words.factor(comparison.facts.metric))


def _tuned(comparison: Comparison, runs: Sequence[RunRecord]) -> list[str]:
    """At which point each model trained, where the protocol is of a track."""
    firsts = {run.cell.model: run for run in reversed(counted_runs(runs)) if tuned(run)}
    told = [
        f"{literal(title)} {literal(point_in_words(firsts[name]))}"
        for title, name in zip(comparison.frame["model"], comparison.frame["name"], strict=True)
        if name in firsts
    ]
    if not told:
        return []
    tracks = {run.settings["track"] for run in firsts.values()}
    which = "one for all its tasks" if tracks == {"portable"} else "on this task"
    return [
        f"Each model trains at the point that `bench tune` chose for it, {which}; learning rates: {'; '.join(told)}."
    ]


def _trained(runs: Sequence[RunRecord]) -> str:
    lengths = sorted({run.curve[-1].step for run in runs if run.curve and run.status == "ok" and not run.is_fitted})
    return ", ".join(f"{length:,}" for length in lengths) or "no"
