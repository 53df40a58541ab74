"""`bench run`, `bench plan` and `bench params`: what will run, and running it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BenchError, counted
from ..execute.executors import executor
from ..protocol import CHOICES
from ..write import tables
from ..write.words import DASH, clock
from . import claims
from .claims import claims_option
from .options import (
    AGAIN,
    CELL_LIMIT,
    DATA,
    IDLE,
    LIMIT,
    REPLICAS,
    WIDTH,
    WORKERS,
    cell_options,
    executor_options,
    saying,
)
from .report import next_step
from .watch import counts

if TYPE_CHECKING:
    from ..plan import Cell, Group
    from ..prepare.modules import Where
    from .order import Order


@click.command()
@cell_options
@WORKERS
@REPLICAS
@executor_options
@click.option(
    "--measure/--no-measure",
    default=None,
    help="Time each model before training. [default: where nobody else uses the machine, so not on Ray or Slurm]",
)
@AGAIN
@CELL_LIMIT
@click.option(
    "--plan",
    "planned",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run what a file says instead of --task and --models, its first block first; the records go beside it.",
)
@claims_option("Run what the claims of a file need; the records go beside it.")
@IDLE
@LIMIT
@click.option("--log", type=click.Choice(["tensorboard"]), help="Write event files below --results, too.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and stop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
def run(
    workers: int | None,
    executed: str,
    measure: bool | None,
    planned: Path | None,
    claimed: Path | None,
    idle: bool,
    most: float | None,
    log: str | None,
    dry_run: bool,
    as_json: bool,
    **words: Any,
) -> int:
    """Train every model on every task; what has a record is not run again."""
    from .. import machine
    from ..execute.events import writer_class
    from ..records.running import sweep
    from .order import Order, words_of

    executor(executed)  # an unknown one is named before anything else
    if log is not None:
        writer_class()  # and so is a package that is missing
    say = saying(err=as_json)
    if planned is not None and claimed is not None:
        raise BenchError("give either --plan or --claims")
    blocks = {"": dict[str, Any]()} if planned is None else words_of(planned)
    if claimed is not None:
        planned, blocks = claimed, claims.blocks(claimed)
    orders = {name: Order(**{**words, **block}) for name, block in blocks.items()}
    first = next(iter(orders.values()))
    if workers is None:
        workers = 1 if idle or first.device != "cpu" else machine.cores()
    where = replace(first.where, idle=idle, until=None if most is None else time.time() + most)
    todo: dict[Cell, None] = {}
    for name, order in orders.items():
        say("".join([name and f"{name}: ", order.headline(workers)]))
        mine, done = order.todo()
        todo |= dict.fromkeys(mine)
        if done:
            say("already recorded: " + counts(done))
        if dry_run and planned is not None:
            say(_forecast(mine, where))
    if dry_run:
        say("\n".join(map(str, todo)) if planned is None else "".join([f"next: {cell}" for cell in todo][:1]))
        return 0
    for order in orders.values():
        order.store.check_writable(order.cells)
    sweep(first.store)
    if count := sum(order.put_aside(todo) for order in orders.values()):
        say(f"run again: {counted(count, 'cell')}; the records of before lie in {first.store.root / 'aside'}")
    shared = executed in ("ray", "slurm") and measure is None  # nodes that others use give false times
    timed = orders.values() if measure is not False and not idle and not shared else ()
    groups = list(dict.fromkeys(group for order in timed for group in order.to_measure(todo)))
    if not carried_out(list(orders.values()), list(todo), groups, where, workers, executed, as_json=as_json, log=log):
        say("interrupted; the same command goes on from here")
        return 130
    if left := [cell for cell in todo if (record := first.store.find_run(cell)) is None or not record.is_final]:
        say(f"the time is over; {counted(len(left), 'cell')} left, the same command goes on")
    if planned is None:
        return _conclude(first, say)
    ended = [record for cell in todo if (record := first.store.find_run(cell)) is not None]
    say(counts(Counter(record.status for record in ended)))
    return int(any(record.is_fault for record in ended))


def _forecast(cells: Sequence[Cell], where: Where) -> str:
    """What is next of a block, and how long all of it will take, in a sentence."""
    from ..execute.planning import seconds_left

    if not cells:
        return "nothing is left to run"
    left = seconds_left(cells, where)
    said = f"{counted(len(cells), 'cell')} to run, about {clock(sum(left.values()))} of one core"
    unknown = len(cells) - len(left)
    return said if not unknown else f"{said} without {unknown} of which no time can be told; `bench plan` tries them"


def carried_out(
    orders: Sequence[Order],
    todo: Sequence[Cell],
    groups: Sequence[Group],
    where: Where,
    workers: int,
    executed: str = "local",
    *,
    as_json: bool = False,
    log: str | None = None,
) -> bool:
    """Measure these groups and train these cells, what they need prepared before; False if it was interrupted.

    They are of these orders, which have one results folder.
    """
    from ..execute.events import Events
    from .progress import Bars, Lines, Preparation, terminal

    execute = executor(executed)
    say = saying(err=as_json)
    console = None if as_json else terminal()
    jobs: list[tuple[str, Any]] = [("measure", group) for group in groups]
    jobs += [("cell", cell) for cell in todo]
    facts: dict[str, Any] = {"steps": {}, "replicas": where.replicas}
    for order in orders:
        needed = {what.task for _, what in jobs}
        with Preparation(say, console) as tell, order.guarded():
            known = list(order.prepare_data(needed, tell))
        for line in known:
            say(line)
        facts["steps"] |= order.steps()
    for line in orders[0].prepare_backend():
        say(line)
    with (
        (
            Bars(jobs, workers, console, **facts)
            if console is not None
            else Lines(jobs, workers, saying(), as_json=as_json, **facts)
        ) as listen,
        nullcontext(listen) if log is None else Events(orders[0].store, listen) as heard,
    ):
        finished = execute(jobs, where, workers, heard)
    lacking = [str(cell) for cell in todo if orders[0].store.find_run(cell) is None]
    if finished and lacking and where.until is None:
        raise BenchError(f"the executor {executed} left no record of {counted(len(lacking), 'cell')}: {lacking[0]}")
    return finished


def _conclude(order: Order, say: Callable[[str], None]) -> int:
    """Print the tables of what a command asked for, and the counts; 1 if a cell failed or none is ok."""
    from ..compare.alive import LEGEND, MARK, as_committed
    from ..report.claims.page import lines as verdicts
    from ..report.task.page import summary

    loaded = as_committed(order.store.load(order.protocol.name, order.tasks))
    told = verdicts(loaded.declared, loaded.runs)
    wanted = {(cell.task, cell.model, cell.budget) for cell in order.cells}
    loaded.runs = [run for run in loaded.runs if (run.cell.task, run.cell.model, run.cell.budget) in wanted]
    said = summary(loaded, order.models)
    for paragraph in said:
        say(paragraph)
    if any(MARK in paragraph for paragraph in said):
        say(LEGEND)
    if told:
        say("\n" + "\n".join(told))
    found = Counter(run.status for run in loaded.runs)
    say("\n" + counts(found) + ("; nothing could run" if found.keys() <= {"skipped"} else ""))
    for sentence in loaded.left_out:
        say(f"left out: {sentence}")
    say(next_step(order.store.root, order.protocol.name, order.tasks))
    return int(not found["ok"] or any(run.is_fault for run in loaded.runs))


def _budget(budget: str | None, width: float | None) -> str | None:
    if budget is not None and width is not None:
        raise BenchError("give either --budget or --width")
    return budget if width is None else f"width-{width:g}"


@click.command()
@cell_options
@click.option(
    "--time/--no-time", "timing", default=True, show_default=True, help="Try two steps of each model to estimate."
)
@claims_option("Say of each claim of a file what it can show, and how long the runs it lacks take.")
@WIDTH
def plan(timing: bool, claimed: Path | None, width: float | None, **words: Any) -> int:
    """Show the cells, their parameters and the time they will take."""
    from .. import machine
    from ..execute import planning
    from .order import Order

    if claimed is not None:
        claims.forecast(claimed, words, timing=timing)
        return 0
    order = Order(**{**words, "budget": _budget(words["budget"], width)})
    workers = machine.cores() if order.device == "cpu" else 1
    click.echo(order.headline(workers))
    todo, done = order.todo()
    if done:
        click.echo("already recorded: " + counts(done))
    if timing:
        with order.guarded():
            known = list(order.prepare_data({cell.task for cell in todo}, lambda task, done, total: None))
        for line in known:
            click.echo(line)
    rows = planning.rows(todo, order.where, timing=timing)
    if rows:
        click.echo(tables.plain(planning.shown(rows)))
    if timing:
        click.echo(planning.total(rows, workers))
    click.echo(planning.promise(len(order.seeds), len(order.models), order.tasks))
    return 0


@click.command()
@click.option("--task", help="A task whose shape to use.")
@click.option("--shape", help="LENGTHxINPUTSxOUTPUTS, such as 784x1x10 for pixel-by-pixel MNIST.")
@click.option("--models", default="all", show_default=True)
@click.option("--budget", help="10k, 42k, any number, or paper. [default: paper]")
@WIDTH
@click.option(
    "--scale",
    type=click.Choice(CHOICES["scale"]),
    default="paper",
    show_default=True,
    help="A protocol's scale of the task.",
)
@DATA
def params(
    task: str | None,
    shape: str | None,
    models: str,
    budget: str | None,
    width: float | None,
    scale: str,
    data: Path | None,
) -> int:
    """Count the parameters of models, or solve their widths for a budget."""
    from .. import catalog
    from ..execute import planning
    from ..plan import find_budget

    if (task is None) == (shape is None):
        raise BenchError("give either --task NAME or --shape LENGTHxINPUTSxOUTPUTS")
    sizes = planning.shape_of(task.strip(), scale, data) if task else planning.parse_shape(shape or "")
    found = planning.parameter_table(catalog.chosen(models), sizes, find_budget(_budget(budget, width) or "paper"))
    if (found["Parameters"] == DASH).all():
        raise BenchError(f"no parameters can be counted; {found['Model'][0]}: {found['Note'][0]}")
    click.echo(tables.plain(found))
    return 0
