"""Which tables and figures make which report: records in, pages out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ..compare.material import Material
from ..draw import curves as figures
from ..errors import BenchError, counted
from ..records.kinds import STATUSES, RunRecord
from ..records.store import Loaded
from ..write import formats, tables
from ..write import origin as provenance
from ..write.sheet import Sheet, slug
from .convergence import page as convergence
from .insight import gradients, scales
from .measured import latency as latency_page
from .measured import memory as memory_page
from .measured import tradeoffs
from .overall import page as overall
from .papers import agreement
from .papers import figures as paper_figures
from .papers import scales as scale_figures
from .papers import tables as paper_tables
from .papers.book import Page, book
from .task import table as task_table
from .task.table import Comparison

ACROSS: dict[str, tuple[str, Callable[[Material], Sheet | None]]] = {
    "overall.md": ("All tasks together", overall.sheet),
    "convergence.md": ("How fast the models learn", convergence.sheet),
    "tradeoffs.md": ("Accuracy against cost", tradeoffs.sheet),
    "latency.md": ("How long a step takes", latency_page.sheet),
    "memory.md": ("What a step holds and computes", memory_page.sheet),
    "gradients.md": (gradients.TITLE, gradients.sheet),
    "scales.md": (scales.TITLE, scales.sheet),
    "asrnn-figure-1.md": ("ASRNN, Figure 1", partial(scale_figures.sheet, "asrnn-figure-1")),
    "asrnn-figure-3.md": ("ASRNN, Figure 3", partial(scale_figures.sheet, "asrnn-figure-3")),
    "asrnn-figure-4.md": ("ASRNN, Figure 4", partial(scale_figures.sheet, "asrnn-figure-4")),
}  # pages on all tasks of a protocol: file -> title, and what makes it
HOW_TO_READ = """\
One row is one model, trained from several seeds under the same parameter budget. The metric is on the test set,
at the checkpoint that validation picked: mean ± half of the Student-t 95 % interval over seeds. *Seeds*: runs with
a result of runs planned. *Steps to target*: restricted mean of the steps until validation stays at the target for
two evaluations, with the number of seeds that got there; runs that never did count as the whole budget (≥), and
`>` says that none did. *Step*: median time of a training step; *Step / yardstick*: the median ratio to the
yardstick's step, timed in turn in one run; *Peak*: what a training step holds beyond weights and optimizer state."""


def comparisons(loaded: Loaded, order: Sequence[str]) -> list[Comparison]:
    """One comparison for each task and budget; the records must be of one protocol version."""
    grouped: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for run in loaded.runs:
        grouped[(run.cell.task, run.cell.budget)].append(run)
    result = []
    for (task, budget), runs in sorted(grouped.items()):
        versions = {run.protocol_version for run in runs}
        measured = [
            m for m in loaded.measurements if (m.task, m.budget) == (task, budget) and m.protocol_version in versions
        ]
        measured.sort(key=lambda m: m.finished)  # of several machines the latest counts
        result.append(task_table.compare(runs, measured, order, np.random.default_rng(0)))
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


def write(loaded: Loaded, order: Sequence[str], folder: Path) -> list[Path]:
    """Write the pages of the tasks to a folder, with pictures, CSV and LaTeX; return the Markdown files."""
    sheets = task_pages(loaded, order)
    formats.write(sheets, folder)
    return [folder / name for name in sheets]


def write_papers(loaded: Loaded, order: Sequence[str], folder: Path) -> list[Path]:
    """Write all other pages to the folder of the tasks' pages, and an index of it; return the Markdown files."""
    sheets = other_pages(loaded, order)
    sheets["index.md"] = index(loaded, sheets, {path.name for path in folder.glob("*.md")})
    formats.write(sheets, folder)
    return [folder / name for name in sheets]


def task_pages(loaded: Loaded, order: Sequence[str], groups: Mapping[str, Sequence[str]] = {}) -> dict[str, Sheet]:
    """<task>.md of every task with its learning curves, its numbers in full and its tables in LaTeX.

    groups: word -> the models that it stands for in a command.
    """
    if not loaded.runs:
        raise BenchError("there is no record to report on; `bench run` makes some")
    by_task: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in comparisons(loaded, order):
        by_task[comparison.task].append(comparison)
    sheets = {}
    for task, group in by_task.items():
        name = slug(task)
        runs = [run for run in loaded.runs if run.cell.task == task]
        pages, rows, latex, pictures = [f"# {group[0].facts.title} (`{task}`)\n"], [], [], {}
        for comparison in group:
            mine = [run for run in runs if run.cell.budget == comparison.budget]
            curves = f"{name}-{comparison.budget}-curves.svg"
            pictures[curves] = figures.learning_curves(mine, comparison.facts, order)
            table = task_table.shown(comparison)
            pages.append(_section(comparison, tables.markdown(table), mine, curves, provenance.command(mine, groups)))
            frame = comparison.frame.assign(task=task, budget=comparison.budget)
            if comparison.further is not None:
                frame = frame.join(comparison.further.drop(columns="model"))
            rows.append(frame)
            latex.append(tables.latex(table))
        if loaded.corrupt:
            pages.append(
                "Records that cannot be read and are left out:\n\n" + "\n".join(f"- {e}" for e in loaded.corrupt)
            )
        pages.append(HOW_TO_READ)
        import pandas as pd

        files = {f"{name}.csv": pd.concat(rows).to_csv(index=False, lineterminator="\n")}
        files[f"{name}.tex"] = "\n\n".join(latex) + "\n"
        sheets[f"{name}.md"] = Sheet("\n\n".join(pages) + "\n", pictures, files)
    return sheets


def other_pages(loaded: Loaded, order: Sequence[str]) -> dict[str, Sheet]:
    """All tasks together, the papers' tables with ours beside them, and agreement; without a run, what was measured.

    loaded: all records of one protocol, so that no page says `not run` of what was only not asked for.
    """
    if not loaded.runs:
        return _across(loaded, *_measured(loaded), order)
    here = paper_tables.recorded(loaded.runs)
    remake = f"bench report --protocol {here.protocol}"
    used = [run for runs in here.runs.values() for run in runs]
    sheets = {}
    for page in _offered(here):
        places = {place for number in page.numbers if (place := book().ours(number)) in here.runs}
        mine = [run for place in sorted(places) for run in here.runs[place]]
        sheet = paper_figures.sheet(page, here)
        sheets[f"{page.name}.md"] = replace(sheet, text=f"{sheet.text}\n{provenance.sentence(mine, remake)}\n")
    sheets["agreement.md"] = Sheet(f"{agreement.text(here)}\n{provenance.sentence(used, remake)}\n")
    return sheets | _across(loaded, here.protocol, here.version, order)


def _across(loaded: Loaded, protocol: str, version: int, order: Sequence[str]) -> dict[str, Sheet]:
    """The pages on all tasks, from the records of one version; those without anything to say are left out."""
    newest = [run for run in loaded.runs if run.protocol_version == version]
    material = Material(newest, [m for m in loaded.measurements if m.protocol_version == version], order)
    remake = f"bench report --protocol {protocol}"
    sheets = {}
    for name, (_, make) in ACROSS.items():
        if (made := make(material)) is not None:
            used = newest if made.records is None else made.records
            end = provenance.measured(made.measured, remake) if made.measured else provenance.sentence(used, remake)
            sheets[name] = replace(made, text=f"{made.text}\n{end}\n")
    return sheets


def _measured(loaded: Loaded) -> tuple[str, int]:
    """The protocol of the measurements and their newest version."""
    if not loaded.measurements:
        raise BenchError("there is no record to report on; `bench run` makes some")
    return loaded.measurements[0].protocol, max(m.protocol_version for m in loaded.measurements)


def task_page(task: str) -> str:
    """The file name of a task's page."""
    return f"{slug(task)}.md"


def _offered(here: paper_tables.Recorded) -> list[Page]:
    """The papers' pages that have anything to do with the tasks of this protocol's scale."""
    return [page for page in book().pages if any(here.offers(number) for number in page.numbers)]


def index(loaded: Loaded, others: Collection[str], there: Collection[str]) -> Sheet:
    """A line for each page of a protocol: what it is about, and how much of it was run.

    others: the names of the pages on all tasks; there: those of the tasks' pages that can be linked.
    """
    if not loaded.runs:
        return _index_of_measurements(loaded, others)
    here = paper_tables.recorded(loaded.runs)
    groups: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for run in sorted(loaded.runs, key=lambda run: run.cell):
        groups[run.cell.task, run.cell.budget].append(run)
    lines = []
    for (task, budget), runs in groups.items():
        title = next((run.task.title for run in runs if run.task), task)
        shown = f"[{title}]({task_page(task)})" if task_page(task) in there else title
        size = " x ".join(counted(len({getattr(run.cell, key) for run in runs}), key) for key in ("model", "seed"))
        ends = Counter(run.status for run in runs)
        said = ", ".join(f"{ends[status]} {status}" for status in STATUSES if ends[status])
        lines.append(f"- {shown} (`{task}`): {size} recorded ({said}), budget {budget}")
    tables_of = [
        f"- [{page.title}]({page.name}.md): {page.caption.rstrip('.')}; "
        + "{} of {} cells run, budget {}".format(*paper_tables.progress(page, here), here.budget)
        for page in _offered(here)
    ]
    drawn = {f"{figure.name}.md": figure for figure in book().figures.values()}
    tables_of += [
        f"- [{figure.title}]({name}): {figure.caption.rstrip('.')}" for name, figure in drawn.items() if name in others
    ]
    across = [f"- [{title}]({name})" for name, (title, _) in ACROSS.items() if name in others and name not in drawn]
    parts = [
        f"# Reports under protocol `{here.protocol}`, version {here.version}",
        *(
            []
            if here.comparable
            else ["Scale, budget or training are not the papers': no number is comparable as a value."]
        ),
        "## Tasks",
        "\n".join(lines),
        *(["## All tasks", "\n".join(across)] if across else []),
        "## The papers' tables, with ours beside them",
        "\n".join([*tables_of, f"- [{agreement.TITLE}](agreement.md): {agreement.counts(here)}"]),
    ]
    return Sheet("\n\n".join([*parts, *_left_out(loaded)]) + "\n")


def _index_of_measurements(loaded: Loaded, others: Collection[str]) -> Sheet:
    across = [f"- [{title}]({name})" for name, (title, _) in ACROSS.items() if name in others]
    protocol, version = _measured(loaded)
    parts = [f"# Reports under protocol `{protocol}`, version {version}", "Nothing was run; this was measured."]
    return Sheet("\n\n".join([*parts, "## All tasks", "\n".join(across), *_left_out(loaded)]) + "\n")


def _left_out(loaded: Loaded) -> list[str]:
    if not loaded.corrupt:
        return []
    lines = "\n".join(f"- {sentence}" for sentence in sorted(loaded.corrupt))
    return ["Records that cannot be read and are left out:", lines]


def _section(comparison: Comparison, table: str, runs: Sequence[RunRecord], curves: str, command: str) -> str:
    facts, first = comparison.facts, runs[0]
    settings = next((dict(run.settings) for run in runs if run.settings), {})
    budget = "each model at its paper's width" if comparison.budget == "paper" else f"{comparison.budget} parameters"
    chance = "" if facts.chance is None else f" Chance: {facts.chance:.4g}."
    target = "" if facts.target is None else f" Target: {facts.target:.4g}"
    target += f" ({facts.target_why})." if target and facts.target_why else "." if target else ""
    detail = f" ({facts.detail})" if facts.detail else ""
    further = task_table.shown_further(comparison)
    lines = [
        f"## Budget: {budget}",
        f"Protocol `{first.cell.protocol}`, version {first.protocol_version}: {facts.length} steps a sequence{detail}, "
        f"batch {settings.get('batch')}, {settings.get('optimizer')} {settings.get('learning_rate')}, "
        f"{_trained(runs)} training steps.{chance}{target}",
        table,
        *([] if further is None else ["On further test sets:", tables.markdown(further)]),
        *comparison.notes,
        f"![Validation {facts.metric.replace('_', '-')} over training steps: the mean of each model's seeds thick, "
        f"each seed thin.]({curves})",
        f"{provenance.sentence(runs, command)}",
    ]
    return "\n\n".join(lines)


def _trained(runs: Sequence[RunRecord]) -> str:
    lengths = sorted({run.curve[-1].step for run in runs if run.curve and run.status == "ok"})
    return ", ".join(f"{length:,}" for length in lengths) or "no"
