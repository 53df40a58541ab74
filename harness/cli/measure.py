"""`bench measure`: speed, memory, work and energy of every model; `bench speed`: a step of each beside nn.LSTM;
`bench baselines`: what can be had of a task without a memory; `bench gate`: is a commit worse than another?
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import BenchError, counted
from ..plan import whole
from ..stats.verdicts import EXIT, TIMES_MARGIN
from ..write import tables
from .options import DATA, RESULTS, Finite, group_options, speed_options

if TYPE_CHECKING:
    from ..plan import Group
    from .order import Order


@click.command("measure")
@group_options
@click.option("--seconds", type=Finite(0, 86_400), help="Of timing for each latency. [default: the protocol's]")
@click.option("--lengths", help="Time steps of the growth, such as 50,100,200. [default: 1/8, 1/4, 1/2 and all]")
@click.option("--again", is_flag=True, help="Measure anew what has been measured on this machine.")
def measure(seconds: float | None, lengths: str | None, again: bool, **words: Any) -> int:
    """Measure every model on every task, one after the other in a process that does nothing else."""
    from .. import machine
    from ..execute.run import measure_group
    from ..execute.worker import nothing_left
    from ..measure.whole import Whole
    from ..process import prepare_process, start_as_worker
    from .order import Order
    from .progress import Countdown, Preparation, describe, terminal

    order = Order(**words, seeds="1")
    take = Whole(seconds, None if lengths is None else _lengths(lengths))
    groups = list(dict.fromkeys(cell.group for cell in order.cells))
    slug = machine.slug(order.device)
    todo = groups if again else [group for group in groups if not _is_known(order, group)]
    order.store.check_writable(order.cells)
    if todo:
        start_as_worker(order.device)
    click.echo(_headline(order, len(groups) - len(todo)))
    console = terminal()
    if todo:
        with Preparation(click.echo, console) as tell, order.guarded():
            known = list(order.prepare_data({group.task for group in todo}, tell))
        for line in known:
            click.echo(line)
        for line in order.prepare_backend():
            click.echo(line)
    prepare_process(order.device, 1)
    with nothing_left(todo), Countdown([group.task for group in todo], click.echo, console) as told:
        for group in todo:
            told(group.task, str(group), "")
            found = describe(measure_group(group, order.where, take, whole=True))
            told(group.task, str(group), found.partition(": ")[2])
    return _conclude(order, groups, slug)


def _is_known(order: Order, group: Group) -> bool:
    known = order.measured(group)
    return known is not None and known.whole and known.protocol_version == order.protocol.version


def _lengths(text: str) -> list[int]:
    lengths = {whole(word.strip()) or 0 for word in text.split(",") if word.strip()}
    if 0 in lengths or len(lengths) < 2:
        raise BenchError(
            f"--lengths is '{text[:40]}', but must be at least two numbers of time steps up to a million, "
            "such as 50,100,200"
        )
    return sorted(lengths)


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
    faults = [one for one in found if one.is_fault]
    for bad in faults:
        click.echo(f"{bad.task} {bad.model}: {bad.status}: {bad.reason}")
    return int(bool(faults))


@click.command()
@speed_options
def speed(results: Path, reports: Path | None, **words: Any) -> int:
    """Time a training step of every model beside torch's nn.LSTM: a record, and its page speed.md."""
    from .. import machine
    from ..measure import speed as timing
    from ..process import start_as_worker
    from ..records.campaign import campaign_of
    from ..records.findings import SpeedRecord
    from ..records.store import Store
    from ..report.measured import speed as speed_page
    from ..write import formats
    from .progress import Countdown, terminal

    bench, store = timing.Bench(**words), Store(results)
    folder = campaign_of(results).reports if reports is None else reports
    store.check_writable()
    start_as_worker(bench.device)
    for line in bench.prepare():
        click.echo(line)
    code = 0
    with Countdown([kind for kind, _, _ in bench.jobs()], click.echo, terminal()) as tell:
        try:
            bench.measure(tell)
        except KeyboardInterrupt:
            code = 130
    command, facts = " ".join(["bench", *sys.argv[1:]]), machine.provenance(bench.device)
    record = SpeedRecord(bench.sizes, tuple(bench.backends), bench.findings, command, facts, machine.now())
    click.echo(store.save_speed(record, machine.slug(bench.device)))
    page, *_ = formats.save(formats.files(speed_page.sheets([record]), ("md", "csv", "tex")), folder)
    click.echo(f"{page}{': interrupted, it says what is missing' if code else ''}")
    return code


@click.command()
@click.option("--task", "tasks", required=True, multiple=True, help="Names, separated by commas.")
@click.option("--protocol", "protocol_name", default="quick", show_default=True, help="Whose scale and data seed.")
@RESULTS
@DATA
def baselines(tasks: tuple[str, ...], protocol_name: str, results: Path, data: Path | None) -> int:
    """How far one comes on tasks without a memory: their order thrown away, or the last step alone.

    `bench report` shows it on the tasks' pages.
    """
    from ..execute.apart import look_at
    from ..measure.baselines import found
    from ..plan import split_words
    from ..process import prepare_process
    from ..protocol import find_protocol
    from ..records.store import Store
    from ..write import words

    protocol, store, names = find_protocol(protocol_name), Store(results), split_words(",".join(tasks))
    if not names:
        raise BenchError("--task names nothing; `bench list` shows what there is")
    store.check_writable()
    look_at((), names)
    prepare_process("cpu", 1)
    for name in names:
        record = found(name, protocol, data)
        store.save_baselines(record)
        said = [f"{what} {words.score(value, record.metric)}" for what, value in record.values.items()]
        click.echo(f"{name}, {words.heading(record.metric)}: {', '.join(said)}")
    return 0


@click.command()
@click.argument("base")
@click.argument("head", default=".")
@click.option("--models", help="Groups and names, separated by commas. [default: one for each kind of recurrence]")
@click.option("--seconds", type=Finite(0, 86_400), default=10.0, show_default=True, help="Of timing a model, at most.")
@click.option(
    "--margin",
    type=Finite(max=1000),
    default=100 * TIMES_MARGIN,
    show_default=True,
    help="A slowdown that does not matter, in %.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--format", "form", type=click.Choice(["plain", "md"]), default="plain", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="A file for the table as well, always Markdown.")
def gate(
    base: str,
    head: str,
    models: str | None,
    seconds: float,
    margin: float,
    device: str,
    form: str,
    output: Path | None,
) -> int:
    """Is commit HEAD worse than commit BASE? `.` is the working tree.

    Exit code 0: the same or better; 3: worse; 4: nobody can tell; 2: a commit is broken, or the words mean nothing.
    """
    try:
        from .. import machine
        from ..catalog import GATED, chosen
        from ..gate import gate as comparing
        from ..gate import page as gate_page
        from ..machine import find_device
        from ..process import tidy
        from .progress import Countdown, terminal
    except Exception as error:  # the commit that is checked out here may be the broken one
        raise BenchError(f"this tree's own code cannot be imported: {type(error).__name__}: {error}") from None

    names = GATED if models is None else tuple(chosen(models))
    wanted = comparing.Wanted(names, seconds, margin / 100, find_device(device))
    comparing.check(wanted)
    if output is not None and not output.resolve().parent.is_dir():
        raise BenchError(f"there is no folder {output.resolve().parent} to write {output.name} to")
    with tidy(), Countdown(wanted.jobs, lambda text: click.echo(text, err=True), terminal()) as tell:
        found = comparing.gate(base, head, wanted, tell)  # which removes its worktrees at the end
    facts = (shlex.join(["bench", *sys.argv[1:]]), machine.words(wanted.device))
    if output is not None:
        output.write_text(gate_page.page(found, *facts, "md"), encoding="utf-8")
    click.echo(gate_page.page(found, *facts, form), nl=False)
    return EXIT[found.verdict]
