"""The verbs; more are in *_verb and *_verbs. The only module that exits, and with those that prints."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__, foreign_package
from ..errors import BenchError
from ..write import tables
from .data import data
from .gate import gate
from .measure import measure
from .options import RESULTS, cell_options, speed_options
from .report import compare, next_step, report

if TYPE_CHECKING:
    from .order import Order


def main() -> None:
    """Run the command line; a BenchError becomes one line and exit code 2."""
    if message := foreign_package():
        click.echo(f"error: {message}", err=True)
        sys.exit(2)
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except ModuleNotFoundError as error:  # from a bare checkout what is not needed to run may be missing
        click.echo(f"error: the package '{error.name}' is missing; `pip install {error.name}` adds it", err=True)
    except (BenchError, click.ClickException) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else error
        click.echo(f"error: {text}", err=True)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on from here", err=True)
        sys.exit(130)
    sys.exit(2)


@click.group()
@click.version_option(__version__)
def cli() -> None:
    """Train multiscale recurrent networks side by side and compare them."""


cli.add_command(data)
cli.add_command(measure)
cli.add_command(report)
cli.add_command(compare)
cli.add_command(gate)


@cli.command()
@cell_options
@click.option(
    "--workers", type=click.IntRange(min=0), help="Processes. [default: one a core, one for a GPU; 0: this process]"
)
@click.option("--replicas", default="auto", help="Seeds that train together. [default: auto, all on a GPU, 1 on a CPU]")
@click.option("--measure/--no-measure", default=True, show_default=True, help="Time each model before training.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and stop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
def run(workers: int | None, measure: bool, dry_run: bool, as_json: bool, **words: Any) -> int:
    """Train every model on every task; what has a record is not run again."""
    from .. import machine
    from ..execute.local import execute
    from .order import Order
    from .progress import Bars, Lines, Preparation, terminal

    order = Order(**words)
    if workers is None:
        workers = machine.cores() if order.device == "cpu" else 1
    say: Callable[[str], None] = (lambda text: click.echo(text, err=True)) if as_json else click.echo
    say(order.headline(workers))
    todo, done = order.todo()
    if done:
        say("already recorded: " + _counts(done))
    if dry_run:
        say("\n".join(map(str, todo)))
        return 0
    order.store.check_writable()
    console = None if as_json else terminal()
    groups = order.to_measure(todo) if measure else []
    with Preparation(say, console) as tell:
        known = list(order.prepare_data({*(cell.task for cell in todo), *(group.task for group in groups)}, tell))
    for line in known:
        say(line)
    for line in order.prepare_backend():
        say(line)
    jobs: list[tuple[str, Any]] = [("measure", group) for group in groups]
    jobs += [("cell", cell) for cell in todo]
    facts: dict[str, Any] = {"steps": order.steps(), "replicas": order.where.replicas}
    with (
        Bars(jobs, workers, console, **facts)
        if console is not None
        else Lines(jobs, workers, click.echo, as_json=as_json, **facts)
    ) as listen:
        finished = execute(jobs, order.where, workers, listen)
    if not finished:
        say("interrupted; the same command goes on from here")
        return 130
    return _conclude(order, say)


def _conclude(order: Order, say: Callable[[str], None]) -> int:
    """Print the tables of what a command asked for, and the counts; 1 if a cell failed."""
    from ..report.task.page import summary

    loaded = order.store.load(order.protocol.name, order.tasks)
    wanted = {(cell.task, cell.model, cell.budget) for cell in order.cells}
    loaded.runs = [run for run in loaded.runs if (run.cell.task, run.cell.model, run.cell.budget) in wanted]
    for paragraph in summary(loaded, order.models):
        say(paragraph)
    counts = Counter(run.status for run in loaded.runs)
    say("\n" + _counts(counts))
    for sentence in loaded.corrupt:
        say(f"left out: {sentence}")
    say(next_step(order.store.root, order.protocol.name, order.tasks))
    return int(any(run.is_fault for run in loaded.runs))


@cli.command()
@cell_options
@click.option(
    "--time/--no-time", "timing", default=True, show_default=True, help="Try two steps of each model to estimate."
)
def plan(timing: bool, **words: Any) -> int:
    """Show the cells, their parameters and the time they will take."""
    from .. import machine
    from ..execute import planning
    from .order import Order

    order = Order(**words)
    workers = machine.cores() if order.device == "cpu" else 1
    click.echo(order.headline(workers))
    todo, done = order.todo()
    if done:
        click.echo("already recorded: " + _counts(done))
    if timing:
        for line in order.prepare_data({cell.task for cell in todo}, lambda task, done, total: None):
            click.echo(line)
    rows = planning.rows(todo, order.where, timing=timing)
    if rows:
        click.echo(tables.plain(planning.shown(rows)))
    if timing:
        click.echo(planning.total(rows, workers))
    click.echo(planning.promise(len(order.seeds), len(order.models), len(order.tasks)))
    return 0


@cli.command()
@click.option("--task", help="A task whose shape to use.")
@click.option("--shape", help="LENGTHxINPUTSxOUTPUTS, such as 784x1x10 for pixel-by-pixel MNIST.")
@click.option("--models", default="all", show_default=True)
@click.option("--budget", default="paper", show_default=True)
@click.option("--scale", default="paper", show_default=True, help="A protocol's scale of the task.")
def params(task: str | None, shape: str | None, models: str, budget: str, scale: str) -> int:
    """Count the parameters of models, or solve their widths for a budget."""
    from .. import catalog
    from ..execute import planning
    from ..protocol import find_budget

    if (task is None) == (shape is None):
        raise BenchError("give either --task NAME or --shape LENGTHxINPUTSxOUTPUTS")
    sizes = catalog.find_task(task, scale).shape if task else planning.parse_shape(shape or "")
    click.echo(tables.plain(planning.parameter_table(catalog.chosen(models), sizes, find_budget(budget))))
    return 0


@cli.command("list")
@click.argument("name", required=False)
def list_(name: str | None) -> int:
    """List models, tasks, protocols and budgets; or the options of one of them."""
    from .. import catalog
    from ..protocol import PROTOCOLS

    if name is not None:
        return _options_of(name)
    for kind, names, package in (("Models", catalog.model_names(), "models"), ("Tasks", catalog.task_names(), "tasks")):
        lines = catalog.describe(getattr(catalog, kind.upper()), package)
        click.echo(f"{kind}:")
        for word in names:
            click.echo(f"  {word:24} {lines.get(word, 'plugged in')}")
    click.echo(f"  any other length: {', '.join(f'{family}-N' for family in catalog.FAMILIES)}")
    click.echo("Protocols:")
    for word, protocol in PROTOCOLS.items():
        click.echo(
            f"  {word:24} version {protocol.version}, scale {protocol.scale}, budget {protocol.budget}, "
            f"{protocol.seeds} seeds"
        )
    click.echo("Budgets: paper, or any number of parameters, such as 10k, 42k, 234k")
    return 0


def _options_of(name: str) -> int:
    from ..protocol import PROTOCOLS
    from .order import options_of

    options = options_of(name)
    how = "--set key=value" if name in PROTOCOLS else f"{name}@key=value"
    click.echo(f"{name}: change with {how}" if options else f"{name} has no options")
    for key, value in options.items():
        click.echo(f"  {key} = {value}")
    return 0


@cli.command()
@RESULTS
@click.option("--protocol", "protocol_name")
def status(results: Path, protocol_name: str | None) -> int:
    """Count the records, and say what did not end well."""
    from ..records.store import Store

    loaded = Store(results).load(protocol_name)
    if not loaded.runs and not loaded.corrupt:
        click.echo(f"no records in {results}")
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for run in loaded.runs:
        counts.setdefault((run.cell.protocol, run.cell.task, run.cell.budget), Counter())[run.status] += 1
    for key, counter in counts.items():
        click.echo(f"{' '.join(key)}: {_counts(counter)}")
    for run in loaded.runs:
        if run.status != "ok":
            click.echo(f"  {run.cell.protocol} {run.cell}: {run.status}: {run.reason}")
    for sentence in loaded.corrupt:
        click.echo(f"  corrupt: {sentence}")
    return 0


@cli.command()
@click.option("--models", default="all", show_default=True)
def check(models: str) -> int:
    """Check that models do what any model must: shapes, gradients, causality, determinism and so on."""
    from .. import catalog
    from ..checks import models as checks

    failed = 0
    for name in catalog.chosen(models):
        spec = catalog.find_model(name)
        problems = []
        for shape in checks.EXAMPLES:
            if reason := spec.why_not(shape):
                click.echo(f"{name}: does not apply to {shape}: {reason}")
            else:
                problems += checks.problems(spec, shape)
        failed += bool(problems)
        click.echo(f"{name}: {'ok' if not problems else 'FAILED'}")
        for problem in dict.fromkeys(problems):
            click.echo(f"  {problem}")
    return int(failed > 0)


@cli.command()
@speed_options
def speed(results: Path, reports: Path | None, **words: Any) -> int:
    """Time a training step of every model beside torch's nn.LSTM: a record, and its page speed.md."""
    from datetime import UTC, datetime

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
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    record = SpeedRecord(bench.sizes, tuple(bench.backends), bench.findings, command, facts, finished)
    click.echo(store.save_speed(record, machine.slug(bench.device)))
    page, *_ = formats.save(formats.files(speed_page.sheets([record]), ("md", "csv", "tex")), folder)
    click.echo(f"{page}{': interrupted, it says what is missing' if code else ''}")
    return code


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counter.most_common()) or "no cells"
