"""`bench submit`: cells go into Slurm's queue, and what it has of them. Prints, but does not exit."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BenchError, counted
from ..execute import slurm
from ..records.store import Store
from ..write.words import clock
from .options import CELL_LIMIT, REPLICAS, cell_options
from .watch import counts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..plan import Cell
    from .order import Order

SHOWN = 20  # missing cells that are named
OURS = {"array", "a", "job-name", "J"}  # options of sbatch by which the queue is read


@click.command(context_settings={"ignore_unknown_options": True})
@cell_options
@REPLICAS
@CELL_LIMIT
@click.option("-p", "--partition", help="Of Slurm, as are the next ones.")
@click.option("-t", "--time", help="After which an element goes on in another turn, such as 1:00:00.")
@click.option("-A", "--account")
@click.option("--gres", help="Such as gpu:1; say --device cuda, too.")
@click.option("-c", "--cpus-per-task", type=click.IntRange(1, 1000), help="Cells of an element side by side.")
@click.option("--at-most", type=click.IntRange(min=1), metavar="M", help="Elements that run at once.")
@click.option("--dry-run", is_flag=True, help="Print the script, and stop.")
@click.option("--status", is_flag=True, help="Count what was sent: done, running, waiting, missing.")
@click.argument("further", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF SBATCH]")
def submit(
    partition: str | None,
    time: str | None,
    account: str | None,
    gres: str | None,
    cpus_per_task: int | None,
    at_most: int | None,
    dry_run: bool,
    status: bool,
    further: tuple[str, ...],
    **words: Any,
) -> int:
    """Send cells to Slurm, as one array job of elements of 10 to 60 minutes by the forecast.

    What has a record or is in the queue is not sent. Any option that is not named here is passed on to sbatch.
    """
    from .order import Order

    if status:
        return _status(words["results"])
    known = {
        "partition": partition,
        "time": time,
        "account": account,
        "gres": gres,
        "cpus-per-task": cpus_per_task,
    }
    given = [f"--{name}={value}" for name, value in known.items() if value is not None]
    options = options_of([*given, *further])
    if not dry_run:
        slurm.check_here()
    device, here = words["device"], _on_this_machine(words)
    order = Order(**{**words, **here})
    click.echo(order.headline(cpus_per_task or 1), err=dry_run)
    todo, done = order.todo()
    if done:
        click.echo("already recorded: " + counts(done), err=dry_run)
    waiting = _in_the_queue(order, dry_run)
    if both := [cell for cell in todo if cell in waiting]:
        click.echo(f"already in the queue: {counted(len(both), 'cell')}", err=dry_run)
    todo = [cell for cell in todo if cell not in waiting]
    if not todo:
        click.echo("nothing is left to send", err=dry_run)
        return 0
    if not dry_run:
        order.store.check_writable(todo)
    seconds = {} if here else _seconds(order, todo, dry_run)
    made = slurm.elements(todo, seconds, cpus_per_task or 1)
    folder = slurm.new_folder(order.where.results)
    command = slurm.command(order.where, device if here else order.device, words["replicas"])
    text = slurm.script(folder, len(made), command, options, at_most)
    if dry_run:
        click.echo(text, nl=False)
        return 0
    job = slurm.submit(folder, made, text)
    took = f", about {clock(sum(seconds.values()))} of one core" if seconds else ""
    click.echo(
        f"job {job}: {counted(len(todo), 'cell')} in {counted(len(made), 'element')}{took}; its logs lie in {folder}"
    )
    click.echo(f"`bench submit --status --results {shlex.quote(str(words['results']))}` says how far it is")
    return 0


def options_of(words: Sequence[str]) -> list[str]:
    """The options of sbatch among these words, each with its value, as lines of a script have them.

    Raises BenchError for a word that belongs to none, and for an option that is not to be had.
    """
    options: list[str] = []
    for word in words:
        name = re.match(r"--?([a-zA-Z][\w-]*)", word)
        if name is None and (not options or " " in options[-1] or "=" in options[-1]):
            raise BenchError(f"'{word[:40]}' belongs to no option; `bench submit --help` and `man sbatch` have them")
        if name is not None and name[1] in OURS:
            raise BenchError(
                f"{name[0]} is set by `bench submit` itself; --at-most N says how many elements run at once"
            )
        if not word.isprintable():
            raise BenchError(f"{word[:40]!a} cannot stand in a line of a script")
        if name is None:
            options[-1] += f" {shlex.quote(word)}"
        else:
            options.append(shlex.quote(word))
    return options


def _on_this_machine(words: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be said otherwise here than on a node, as only that has a GPU."""
    from ..machine import find_device

    if words["device"] != "cuda":
        return {}
    try:
        find_device("cuda")
    except BenchError:
        return {"device": "cpu", "protocol_name": words["protocol_name"] or "paper"}
    return {}


def _in_the_queue(order: Order, dry_run: bool) -> set[Cell]:
    try:
        return {cell for cell, state in slurm.whereabouts(order.store).items() if state != "missing"}
    except BenchError:
        if dry_run:  # anywhere
            return set()
        raise


def _seconds(order: Order, todo: Sequence[Cell], dry_run: bool) -> dict[Cell, float]:
    """The forecast; what elements would all do first, as to compute features of data, is done once before."""
    from ..execute.planning import seconds_left
    from .progress import Preparation, terminal

    def say(line: str) -> None:
        click.echo(line, err=dry_run)

    with Preparation(say, None if dry_run else terminal()) as tell, order.guarded():
        for line in list(order.prepare_data({cell.task for cell in todo}, tell)):
            say(line)
    for line in order.prepare_backend():
        say(line)
    return seconds_left(todo, order.where)


def _status(results: Path) -> int:
    store = Store(results)
    found = slurm.whereabouts(store)
    if not found:
        click.echo(f"nothing was submitted with {results}")
        return 0
    for cell in found:
        record = store.find_run(cell)
        if record is not None and record.is_final:
            found[cell] = record.status
    unfinished = ("running", "waiting", "missing")
    done = Counter(state for state in found.values() if state not in unfinished)
    states = Counter(found.values())
    click.echo(
        f"{counted(len(found), 'cell')}: {sum(done.values())} done{f' ({counts(done)})' if done else ''}, ", nl=False
    )
    click.echo(", ".join(f"{states[state]} {state}" for state in unfinished))
    missing = [cell for cell, state in found.items() if state == "missing"]
    for cell in missing[:SHOWN]:
        click.echo(f"  missing: {cell.protocol} {cell}")
    if missing:
        click.echo(f"`bench submit` with the same words sends them again; the logs lie in {store.root / 'slurm'}")
    return 0
