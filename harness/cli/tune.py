"""`bench tune`: every model at the same points, and what is chosen."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BenchError, counted
from ..machine import find_device
from ..plan import Cell
from ..protocol import PAPER, find_protocol
from ..write.words import clock
from .options import (
    AGAIN,
    CELL_LIMIT,
    IDLE,
    LIMIT,
    REPLICAS,
    REPORTS,
    WORKERS,
    Folder,
    executor_options,
    group_options,
    saying,
)
from .run import carried_out
from .watch import counts

if TYPE_CHECKING:
    from ..prepare.modules import Where
    from ..tune.choices import Choices
    from ..tune.trials import Key, Trials
    from .order import Order

CAMPAIGN = Path("results") / "tuning"
RESULTS = click.option(
    "--results", type=Folder(), default=CAMPAIGN, show_default=True, help="Folder of the trials and choices."
)


@click.command()
@partial(group_options, results=RESULTS)
@click.option(
    "--points",
    type=click.IntRange(2, 1000),
    help=f"Points for each model on each task. [default: all of its space, {PAPER.points} in most]",
)
@WORKERS
@REPLICAS
@executor_options
@AGAIN
@CELL_LIMIT
@IDLE
@LIMIT
@click.option("--dry-run", is_flag=True, help="Say what would run and how long it takes, and stop.")
@REPORTS
def tune(
    points: int | None,
    workers: int | None,
    executed: str,
    idle: bool,
    most: float | None,
    dry_run: bool,
    reports: Path | None,
    **words: Any,
) -> int:
    """Train every model at the same points, choose by validation alone, and write the page.

    What has a record is not run again. `bench run --set track=tuned` then trains each model on each task at the point
    chosen for both, `--set track=portable` at the one for all its tasks.
    """
    from .. import machine
    from ..execute.executors import executor
    from ..records.running import sweep
    from ..tune import choices as kept
    from ..tune.choice import check_points, chosen
    from ..tune.space import NOT_TUNED, among, grid_of, points_of, seeds_of, untracked
    from ..tune.trials import read
    from .order import Order, find_replicas, usual_protocol

    asked = words["protocol_name"] or usual_protocol(find_device(words["device"]))
    own = {key for text in (asked, *words["changes"]) for key in NOT_TUNED if f"{key}=" in text}
    if own:
        raise BenchError(f"tuning sets {', '.join(sorted(own))} itself; leave it out, --points says how many there are")
    executor(executed)  # an unknown one is named before anything else
    say = saying()
    seeds, number = seeds_of(asked), points_of(asked)
    if points not in (None, number) and grid_of(asked) is not None:
        raise BenchError(f"{asked} is tuned on a grid of {number} points; leave --points out")
    points = points or number
    given = dict(words, seeds="".join(f"{seed}," for seed in seeds))
    orders = [
        Order(**{**given, "changes": (*words["changes"], f"points={among(asked, place, points)}+point={place}")})
        for place in range(points)
    ]
    first = orders[0]
    name, store = untracked(first.protocol.name), first.store
    check_points(store, name, points)
    read(store, name, points)
    todo: dict[Cell, None] = {}
    done: Counter[str] = Counter()
    for order in orders:
        mine, ended = order.todo()
        todo |= dict.fromkeys(mine)
        done += ended
    if workers is None:
        workers = 1 if idle or first.device != "cpu" else machine.cores()
    together = find_replicas(words["replicas"], first.device, len(seeds) * len(orders))
    where = replace(first.where, replicas=together, idle=idle, until=None if most is None else time.time() + most)
    parts = ((first.tasks, "task"), (first.models, "model"), (orders, "point"), (seeds, "seed"))
    say(
        f"protocol {name}, version {find_protocol(name).version}; budget {first.budget}; device {first.device}, "
        f"{counted(workers, 'worker')}; {' x '.join(counted(len(some), word) for some, word in parts)} = "
        f"{counted(sum(len(order.cells) for order in orders), 'trial')}, {len(todo)} to run"
    )
    if done:
        say("already recorded: " + counts(done))
    if dry_run:
        say(_forecast(list(todo), first, where))
        return 0
    if todo:
        store.check_writable(todo)
        sweep(store)
        if count := first.put_aside(todo):
            say(f"run again: {counted(count, 'trial')}; the records of before lie in {store.root / 'aside'}")
        if not carried_out([first], list(todo), [], where, workers, executed):
            say("interrupted; the same command goes on from here")
            return 130
    trials = read(store, name, points)
    for sentence in trials.left_out:
        say(f"left out: {sentence}")
    found = chosen(trials)
    kept.save(found, store.root)
    keys = [(task, model, first.budget) for task in first.tasks for model in first.models]
    return _conclude(trials, found, keys, store.root, reports)


def _forecast(cells: Sequence[Cell], order: Order, where: Where) -> str:
    """How long these trials take, as one of each model on each task says; its order has the first point."""
    from ..execute.planning import seconds_left

    if not cells:
        return "nothing is left to run"
    group = order.cells[0].group
    left = Counter((cell.task, cell.model) for cell in cells)
    one_each = [Cell(group.protocol, task, model, group.budget, order.seeds[0]) for task, model in left]
    took = {(cell.task, cell.model): seconds for cell, seconds in seconds_left(one_each, where).items()}
    unknown = [f"{model} on {task}" for task, model in left if (task, model) not in took]
    said = f"about {clock(sum(left[key] * seconds for key, seconds in took.items()))} of one core"
    return said + (f", and nobody knows how long for {', '.join(unknown)}" if unknown else "")


def _conclude(trials: Trials, found: Choices, asked: Sequence[Key], results: Path, reports: Path | None) -> int:
    """Print what was chosen for what was asked, write the page; 1 where all trials of something failed."""
    from .. import catalog
    from ..records.campaign import campaign_of
    from ..records.names import page
    from ..report.tuning import page as pages
    from ..report.tuning.outcomes import outcomes
    from ..write import formats, tables

    order = catalog.model_names()
    every = outcomes(trials, found, order)
    mine = [one for one in every if one.key in asked]
    if mine:
        click.echo(tables.plain(pages.tuned(mine)))
    if (
        portable := pages.portable(found, [one for one in every if one.key[1] in {model for _, model, _ in asked}])
    ) is not None:
        click.echo(f"\nfor all tasks of a model:\n{tables.plain(portable)}")
    nothing = []
    for key in asked:
        task, model, _ = key
        if not trials.applies(key):
            click.echo(f"{model} does not apply to {task}")
        elif missing := trials.missing(key):
            click.echo(f"{model} on {task}: {counted(missing, 'trial')} to run, so nothing is chosen yet")
        elif key not in trials.whole:
            nothing.append(key)
            click.echo(f"{model} on {task}: all trials failed, so nothing is chosen")
    name = f"{page(trials.protocol)}.md"
    sheet = pages.sheet(trials, found, order, results)
    folder = (campaign_of(results).reports if reports is None else reports) / "tuning"
    click.echo(formats.save(formats.files({name: sheet}, ("md", "csv", "tex")), folder)[0])
    return int(bool(nothing))
