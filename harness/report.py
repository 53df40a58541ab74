"""Which tables and figures make which report: records in, files in reports/ out."""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from . import agreement, convergence, figures, latency_page, memory_page, overall, paper_tables, tables
from .errors import BenchError, counted
from .papers import Page, book
from .record import STATUSES, RunRecord
from .sheet import Material, Sheet
from .store import Loaded

ACROSS: dict[str, tuple[str, Callable[[Material], Sheet | None]]] = {
    "overall.md": ("All tasks together", overall.sheet),
    "convergence.md": ("How fast the models learn", convergence.sheet),
    "latency.md": ("How long a step takes", latency_page.sheet),
    "memory.md": ("What a step holds and computes", memory_page.sheet),
}  # pages on all tasks of a protocol: file -> title, and what makes it
HOW_TO_READ = """\
One row is one model, trained from several seeds under the same parameter budget. The metric is on the test set,
at the checkpoint that validation picked: mean ± half of the Student-t 95 % interval over seeds. *Seeds*: runs with
a result of runs planned. *Steps to target*: restricted mean of the steps until validation stays at the target for
two evaluations, with the number of seeds that got there; runs that never did count as the whole budget (≥), and
`>` says that none did. *Step*: median time of a training step; *Step / yardstick*: the median ratio to the
yardstick's step, timed in turn in one run; *Peak*: what a training step holds beyond weights and optimizer state."""


def comparisons(loaded: Loaded, order: Sequence[str]) -> list[tables.Comparison]:
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
        result.append(tables.compare(runs, measured, order, np.random.default_rng(0)))
    return result


def summary(loaded: Loaded, order: Sequence[str]) -> list[str]:
    """The tables and their notes for a terminal, a paragraph each."""
    paragraphs = []
    for comparison in comparisons(loaded, order):
        detail = f": {comparison.facts.detail}" if comparison.facts.detail else ""
        paragraphs.append(f"\n{comparison.facts.title} ({comparison.task}), budget {comparison.budget}{detail}\n")
        paragraphs.append(tables.plain(tables.shown(comparison)) + "\n")
        if (further := tables.shown_further(comparison)) is not None:
            paragraphs.append(tables.plain(further) + "\n")
        paragraphs.append("\n".join(comparison.notes))
    return paragraphs


def write(loaded: Loaded, order: Sequence[str], folder: Path) -> list[Path]:
    """Write <task>.md, .csv, .tex and the learning curves of every task; return the Markdown files."""
    if not loaded.runs:
        raise BenchError("there is no record to report on; `bench run` makes some")
    by_task: dict[str, list[tables.Comparison]] = defaultdict(list)
    for comparison in comparisons(loaded, order):
        by_task[comparison.task].append(comparison)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for task, group in by_task.items():
        name = _slug(task)
        runs = [run for run in loaded.runs if run.cell.task == task]
        pages, rows, latex = [f"# {group[0].facts.title} (`{task}`)\n"], [], []
        for comparison in group:
            mine = [run for run in runs if run.cell.budget == comparison.budget]
            curves = folder / f"{name}-{comparison.budget}-curves.svg"
            curves.write_bytes(figures.learning_curves(mine, comparison.facts, order))
            table = tables.shown(comparison)
            pages.append(_section(comparison, tables.markdown(table), mine, curves.name, _command(mine, order)))
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
        page = folder / f"{name}.md"
        page.write_text("\n\n".join(pages) + "\n", encoding="utf-8")
        import pandas as pd

        pd.concat(rows).to_csv(folder / f"{name}.csv", index=False)
        (folder / f"{name}.tex").write_text("\n\n".join(latex) + "\n", encoding="utf-8")
        written.append(page)
    return written


def write_papers(loaded: Loaded, order: Sequence[str], folder: Path) -> list[Path]:
    """All tasks together, the papers' tables with ours beside them, agreement, and an index of the folder.

    loaded: all records of one protocol, so that no page says `not run` of what was only not asked for.
    """
    if not loaded.runs:
        raise BenchError("there is no record to report on; `bench run` makes some")
    here = paper_tables.recorded(loaded.runs)
    folder.mkdir(parents=True, exist_ok=True)
    pages = [page for page in book().pages if any(here.offers(number) for number in page.numbers)]
    contents = {f"{page.name}.md": paper_tables.text(page, here) for page in pages}
    contents["agreement.md"] = agreement.text(here)
    across = write_across(loaded, here.version, order, folder)
    contents["index.md"] = _index(loaded, here, pages, folder, {path.name: ACROSS[path.name][0] for path in across})
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [*across, *(folder / name for name in contents)]


def write_across(loaded: Loaded, version: int, order: Sequence[str], folder: Path) -> list[Path]:
    """The pages on all tasks, from the records of one version; those without anything to say are left out."""
    newest = [run for run in loaded.runs if run.protocol_version == version]
    material = Material(newest, [m for m in loaded.measurements if m.protocol_version == version], order)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (_, make) in ACROSS.items():
        if (sheet := make(material)) is not None:
            (folder / name).write_text(sheet.text, encoding="utf-8")
            for picture, drawn in sheet.pictures.items():
                (folder / picture).write_bytes(drawn)
            written.append(folder / name)
    return written


def _index(
    loaded: Loaded, here: paper_tables.Recorded, pages: Sequence[Page], folder: Path, across: Mapping[str, str]
) -> str:
    """A line for each page of a protocol: what it is about, and how much of it was run."""
    groups: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for run in sorted(loaded.runs, key=lambda run: run.cell):
        groups[run.cell.task, run.cell.budget].append(run)
    lines = []
    for (task, budget), runs in groups.items():
        title = next((run.task.title for run in runs if run.task), task)
        name = f"{_slug(task)}.md"
        shown = f"[{title}]({name})" if (folder / name).exists() else title
        size = " x ".join(counted(len({getattr(run.cell, key) for run in runs}), key) for key in ("model", "seed"))
        ends = Counter(run.status for run in runs)
        said = ", ".join(f"{ends[status]} {status}" for status in STATUSES if ends[status])
        lines.append(f"- {shown} (`{task}`): {size} recorded ({said}), budget {budget}")
    tables_of = [
        f"- [{page.title}]({page.name}.md): {page.caption.rstrip('.')}; "
        + "{} of {} cells run, budget {}".format(*paper_tables.progress(page, here), here.budget)
        for page in pages
    ]
    parts = [
        f"# Reports under protocol `{here.protocol}`, version {here.version}",
        *(
            []
            if here.comparable
            else ["Scale, budget or training are not the papers': no number is comparable as a value."]
        ),
        "## Tasks",
        "\n".join(lines),
        *([links] if (links := ", ".join(f"[{title}]({name})" for name, title in across.items())) else []),
        "## The papers' tables, with ours beside them",
        "\n".join([*tables_of, f"- [{agreement.TITLE}](agreement.md): {agreement.counts(here)}"]),
    ]
    if loaded.corrupt:
        parts.append("Records that cannot be read and are left out:")
        parts.append("\n".join(f"- {sentence}" for sentence in sorted(loaded.corrupt)))
    return "\n\n".join(parts) + "\n"


def _slug(task: str) -> str:
    return re.sub(r"[^\w.@=+-]", "_", task)


def _command(runs: Sequence[RunRecord], order: Sequence[str]) -> str:
    """The command that makes these records, the place of the data aside."""
    cell, models = runs[0].cell, list(dict.fromkeys(run.cell.model for run in runs))
    named = "all" if set(models) >= set(order) and len(models) == len(order) else ",".join(models)
    words = ["bench", "run", "--task", cell.task, "--models", named, "--protocol", cell.protocol]
    settings = next((run.settings for run in runs if run.settings), {})
    if cell.budget != settings.get("budget"):
        words += ["--budget", cell.budget]
    seeds = sorted({run.cell.seed for run in runs})
    if seeds != list(range(int(settings.get("seeds", 0)))):
        words += ["--seeds", f"{seeds[0]}-{seeds[-1]}" if len(seeds) == 1 else ",".join(map(str, seeds))]
    return shlex.join(words)


def _section(comparison: tables.Comparison, table: str, runs: Sequence[RunRecord], curves: str, command: str) -> str:
    facts, first = comparison.facts, runs[0]
    settings = next((dict(run.settings) for run in runs if run.settings), {})
    budget = "each model at its paper's width" if comparison.budget == "paper" else f"{comparison.budget} parameters"
    chance = "" if facts.chance is None else f" Chance: {facts.chance:.4g}."
    target = "" if facts.target is None else f" Target: {facts.target:.4g}"
    target += f" ({facts.target_why})." if target and facts.target_why else "." if target else ""
    detail = f" ({facts.detail})" if facts.detail else ""
    further = tables.shown_further(comparison)
    lines = [
        f"## Budget: {budget}",
        f"Protocol `{first.cell.protocol}`, version {first.protocol_version}: {facts.length} steps a sequence{detail}, "
        f"batch {settings.get('batch')}, {settings.get('optimizer')} {settings.get('learning_rate')}, "
        f"{_trained(runs)} training steps.{chance}{target}",
        table,
        *([] if further is None else ["On further test sets:", tables.markdown(further)]),
        *comparison.notes,
        f"![learning curves]({curves})",
        f"`{command}`: {_provenance(runs)}",
    ]
    return "\n\n".join(lines)


def _trained(runs: Sequence[RunRecord]) -> str:
    lengths = sorted({run.curve[-1].step for run in runs if run.curve and run.status == "ok"})
    return ", ".join(f"{length:,}" for length in lengths) or "no"


def _provenance(runs: Sequence[RunRecord]) -> str:
    machines = sorted(
        {
            str(run.machine.get("gpu") or f"{run.machine.get('cores')} cores of {run.machine.get('cpu')}")
            for run in runs
            if run.machine
        }
    )
    commits = sorted(
        {
            str(run.machine.get("commit") or "unknown")[:10] + ("*" if run.machine.get("dirty") else "")
            for run in runs
            if run.machine
        }
    )
    dates = sorted(run.finished[:10] for run in runs if run.finished)
    torches = sorted({str(run.machine.get("torch")) for run in runs if run.machine})
    when = dates[0] if dates and dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}" if dates else "?"
    return (
        f"{len(runs)} runs on {'; '.join(machines) or 'an unknown machine'}, torch {', '.join(torches)}, {when}, "
        f"commit {', '.join(commits)}{' (* with uncommitted changes)' if '*' in ''.join(commits) else ''}."
    )
