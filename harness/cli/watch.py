"""The verbs that look on while cells run: `bench status` and `bench curves`."""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BenchError, counted
from ..plan import split_words
from ..write.words import DASH, clock
from .options import RESULTS, unread

if TYPE_CHECKING:
    from rich.table import Table

    from ..plan import Cell
    from ..records.running import Sign
    from ..records.store import Store

EVERY = 2.0  # seconds from look to look
HEADS = ("Protocol", "Task", "Model", "Budget", "Seed", "Step", "Validation", "ETA")


@click.command()
@RESULTS
@click.option("--protocol", "protocol_name")
@click.option("--watch", "watched", is_flag=True, help="Follow the cells that run, until Ctrl-C.")
def status(results: Path, protocol_name: str | None, watched: bool) -> int:
    """Count the records, say what did not end well and what runs."""
    from ..records.running import running
    from ..records.store import Store

    store = Store(results)
    if watched:
        return _watch(store, protocol_name)
    gc.disable()  # it would walk all records again and again
    loaded, alive = store.load(protocol_name), running(store)
    gc.enable()
    for sign in alive:
        click.echo(str(sign))
    if not loaded.runs and not loaded.left_out and not alive:
        click.echo(f"no records in {results}")
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for run in loaded.runs:
        found.setdefault((run.cell.protocol, run.cell.task, run.cell.budget), Counter())[run.status] += 1
    for key, counter in found.items():
        click.echo(f"{' '.join(key)}: {counts(counter)}")
    for run in loaded.runs:
        if run.status != "ok":
            click.echo(f"  {run.cell.protocol} {run.cell}: {run.status}: {run.reason}")
    for sentence in loaded.left_out:
        click.echo(f"  left out: {sentence}")
    return 0


def counts(counter: Counter[str]) -> str:
    """How many cells have which status: 3 ok, 1 failed."""
    return ", ".join(f"{count} {status}" for status, count in counter.most_common()) or "no cells"


def _watch(store: Store, protocol: str | None) -> int:
    """Show what runs, again and again, until Ctrl-C or until nobody reads it; nothing is written."""
    try:
        if sys.stdout is not None and sys.stdout.isatty():
            _watch_here(store, protocol)
        else:
            _watch_lines(store, protocol)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        unread()
    return 0


def _watch_here(store: Store, protocol: str | None) -> None:
    """A table that is drawn anew; a cell that has ended leaves a line above it."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    before: list[Cell] = []
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            signs = _signs(store, protocol)
            for line in _ended(store, before, signs):
                console.print(line, highlight=False, markup=False)
            before = [sign.cell for sign in signs]
            live.update(_table(signs, store.root), refresh=True)
            time.sleep(EVERY)


def _watch_lines(store: Store, protocol: str | None) -> None:
    """A line for each cell that came on since the last look, and for each that has ended."""
    before: dict[Cell, Sign] = {}
    first = True
    while True:
        signs = _signs(store, protocol)
        for line in _ended(store, list(before), signs):
            click.echo(line)
        for sign in signs:
            if before.get(sign.cell) != sign:
                click.echo(f"{sign}, ETA {clock(sign.seconds_left)}")
        if not signs and (before or first):
            click.echo(f"nothing runs in {store.root}")
        before, first = {sign.cell: sign for sign in signs}, False
        time.sleep(EVERY)


def _signs(store: Store, protocol: str | None) -> list[Sign]:
    from ..records.running import running

    return [sign for sign in running(store) if protocol in (None, sign.cell.protocol)]


def _ended(store: Store, before: Sequence[Cell], signs: Sequence[Sign]) -> list[str]:
    """What came of the cells that ran at the last look and run no more."""
    said = []
    for cell in before:
        if all(sign.cell != cell for sign in signs):
            record = store.find_run(cell)
            came = "no record yet" if record is None else f"{record.status}: {record.reason}".removesuffix(": ")
            if record is not None and record.valid_metric is not None:
                came += f", best validation {record.valid_metric:.4g}"
            said.append(f"{cell.protocol} {cell}: {came}")
    return said


def _table(signs: Sequence[Sign], root: Path) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(caption=f"{counted(len(signs), 'cell')} running in {root}; Ctrl-C ends the watching alone")
    for head in HEADS:
        table.add_column(head, justify="right" if head in HEADS[4:] else "left")
    for sign in signs:
        cell, far = sign.cell, f"{sign.step:,} of {sign.steps:,}" if sign.steps else DASH
        valid = f"{sign.curve[-1][1]:.4g}" if sign.curve else DASH
        row = (*cell.group, str(cell.seed), far, valid, clock(sign.seconds_left))
        table.add_row(*map(Text, row))
    return table


@click.command()
@RESULTS
@click.option("--protocol", "protocol_name", help="[default: every protocol with curves]")
@click.option("--task", "tasks", multiple=True, help="Names, separated by commas.")
@click.option("--models", help="Names, separated by commas.")
@click.option("--rows", type=click.IntRange(4, 200), default=16, show_default=True, help="Height of a chart.")
def curves(results: Path, protocol_name: str | None, tasks: tuple[str, ...], models: str | None, rows: int) -> int:
    """Draw learning curves here: validation over steps, of finished cells and of those that run.

    Without --task, those of the tasks that run now, else of the task that ran last.
    """
    from ..draw import terminal
    from ..records.store import Store

    wanted = split_words(",".join(tasks)) or None
    charts = _charts(Store(results), protocol_name, wanted, None if models is None else split_words(models))
    if not charts:
        raise BenchError(f"there is no such learning curve in {results}; `bench status` counts what there is")
    for (protocol, task, budget), (metric, found) in charts.items():
        click.echo(f"{protocol} {task} {budget}: validation{metric and f', {metric}'}")
        click.echo("\n".join(terminal.chart(found, rows=rows)))
        for name, mark in terminal.marks(list(found)).items():
            click.echo(f"  {mark} {name}: {found[name][-1][1]:.4g} at step {found[name][-1][0]:,}")
        click.echo()
    return 0


def _charts(
    store: Store, protocol: str | None, tasks: list[str] | None, models: list[str] | None
) -> dict[tuple[str, str, str], tuple[str, dict[str, list[tuple[int, float]]]]]:
    """(protocol, task, budget) -> the metric, an empty text where it is not known, and each cell's curve by name."""
    signs = [sign for sign in _signs(store, protocol) if sign.curve]
    runs = store.load(protocol, tasks).runs
    if tasks is None:
        last = max((run for run in runs if run.curve), key=lambda run: run.finished, default=None)
        recorded = [] if last is None else [last.cell]
        here = {(cell.protocol, cell.task) for cell in [sign.cell for sign in signs] or recorded}
        runs = [run for run in runs if (run.cell.protocol, run.cell.task) in here]
    else:
        signs = [sign for sign in signs if sign.cell.task in tasks]
    told = {sign.cell: (list(sign.curve), " (running)") for sign in signs}
    for run in runs:
        curve = [(point.step, point.valid_metric) for point in run.curve if point.valid_metric is not None]
        if curve:
            told.setdefault(run.cell, (curve, "" if run.status == "ok" else f" ({run.status})"))
    metrics = {run.cell.task: run.task.metric for run in runs if run.task is not None}
    charts: dict[tuple[str, str, str], tuple[str, dict[str, list[tuple[int, float]]]]] = {}
    for cell in sorted(told):
        if models is None or cell.model in models:
            key = (cell.protocol, cell.task, cell.budget)
            _, mine = charts.setdefault(key, (metrics.get(cell.task, "").replace("_", " "), {}))
            curve, how = told[cell]
            mine[f"{cell.model} seed {cell.seed}{how}"] = curve
    return charts
