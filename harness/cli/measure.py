"""`bench measure`: speed, memory, work and energy of every model. Prints, but does not exit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import BenchError, counted
from ..write import tables
from .options import group_options

if TYPE_CHECKING:
    from ..plan import Group
    from ..records.kinds import Measurement
    from .order import Order


@click.command("measure")
@group_options
@click.option("--seconds", type=click.FloatRange(min=0), help="Of timing for each latency. [default: the protocol's]")
@click.option("--lengths", help="Time steps of the growth, such as 50,100,200. [default: 1/8, 1/4, 1/2 and all]")
@click.option("--again", is_flag=True, help="Measure anew what has been measured on this machine.")
def measure(seconds: float | None, lengths: str | None, again: bool, **words: Any) -> int:
    """Measure every model on every task, one after the other in a process that does nothing else."""
    from .. import machine
    from ..execute.run import measure_group
    from ..measure.whole import Whole
    from ..process import prepare_process, start_as_worker
    from .order import Order
    from .progress import Countdown, Preparation, describe, terminal

    order = Order(**words, seeds="1")
    take = Whole(seconds, None if lengths is None else _lengths(lengths))
    groups = list(dict.fromkeys(cell.group for cell in order.cells))
    slug = machine.slug(order.device)
    todo = groups if again else [group for group in groups if not _is_known(order, group, slug)]
    order.store.check_writable()
    if todo:
        start_as_worker(order.device)
    click.echo(_headline(order, len(groups) - len(todo)))
    console = terminal()
    if todo:
        with Preparation(click.echo, console) as tell:
            for line in order.prepare_data({group.task for group in todo}, tell):
                click.echo(line)
        for line in order.prepare_backend():
            click.echo(line)
    prepare_process(order.device, 1)
    with Countdown([group.task for group in todo], click.echo, console) as told:
        for group in todo:
            told(group.task, str(group), "")
            found = describe(measure_group(group, order.where, take, whole=True))
            told(group.task, str(group), found.partition(": ")[2])
    return _conclude(order, groups, slug)


def _is_known(order: Order, group: Group, slug: str) -> bool:
    known = order.store.find_measurement(group, slug)
    return known is not None and known.whole and known.protocol_version == order.protocol.version


def _lengths(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isdecimal() and int(word) for word in words) or len(set(words)) < 2:
        raise BenchError(f"--lengths is '{text}', but must be at least two numbers of time steps, such as 50,100,200")
    return sorted({int(word) for word in words})


def _headline(order: Order, known: int) -> str:
    sizes = ", ".join((counted(len(order.tasks), "task"), counted(len(order.models), "model")))
    done = f"; {known} measured before, --again takes them anew" if known else ""
    return (
        f"protocol {order.protocol.name}, version {order.protocol.version}; budget {order.budget}; "
        f"device {order.device}; {sizes}{done}"
    )


def _conclude(order: Order, groups: list[Group], slug: str) -> int:
    """Print a table of each task; 1 if a measurement failed."""
    from ..report.measured import latency as latency_page
    from ..report.measured import memory as memory_page
    from ..report.measured.parts import arranged

    found = [known for group in groups if (known := order.store.find_measurement(group, slug)) is not None]
    for part in arranged(found, [], order.models):
        click.echo(f"\n{part.title} (`{part.task}`), budget {part.budget}\n")
        for table in (latency_page.table(part), memory_page.table(part)):
            click.echo(tables.plain(table) + "\n")
        click.echo(latency_page.false_alarm(part))
    for bad in filter(_is_fault, found):
        click.echo(f"{bad.task} {bad.model}: {bad.status}: {bad.reason}")
    return int(any(map(_is_fault, found)))


def _is_fault(measurement: Measurement) -> bool:
    return measurement.status not in ("ok", "skipped")
