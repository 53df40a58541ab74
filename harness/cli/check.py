"""`bench check` and `bench vitals`: are models and tasks as any must be, and does each model learn?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BenchError
from .options import DATA, REPORTS, Folder, executor_options
from .run import carried_out
from .watch import counts

if TYPE_CHECKING:
    from ..catalog import Vital
    from ..plan import Cell
    from .order import Order

CAMPAIGN = Path("results") / "vitals"
CHECK_SECONDS = 900.0  # of a stranger's model, which may hang


@click.command()
@click.option("--models", help="Groups and names, separated by commas. [default: all, unless --task is given]")
@click.option("--task", "tasks", help="all, or names separated by commas.")
@DATA
def check(models: str | None, tasks: str | None, data: Path | None) -> int:
    """Check that models do what any model must: shapes, gradients, causality, determinism and so on; or that tasks do.

    Tasks are loaded at the scale of the smoke protocol; one whose data are not there is not checked.
    """
    failed = 0
    if models is not None or tasks is None:
        failed += _check_models("all" if models is None else models)
    if tasks is not None:
        failed += _check_tasks(tasks, data)
    return int(failed > 0)


def _check_models(words: str) -> int:
    from .. import catalog
    from ..execute.apart import Lost, ask, look_at

    failed = 0
    names = catalog.chosen(words)
    look_at(names)
    for name in names:
        try:
            away, problems = ask(_verdict, name, CHECK_SECONDS) if catalog.strange_model(name) else _verdict(name)
        except Lost as why:
            away, problems = [], [f"{name}: {why}"]
        for line in away:
            click.echo(line)
        failed += _told(name, problems)
    return failed


def _verdict(name: str) -> tuple[list[str], list[str]]:
    """To which examples a model does not apply, and what is wrong with it on the others."""
    from .. import catalog
    from ..checks import models as checks

    spec = catalog.find_model(name)
    away, problems = [], []
    for shape in checks.EXAMPLES:
        if reason := spec.why_not(shape):
            away.append(f"{name}: does not apply to {shape}: {reason}")
        else:
            problems += checks.problems(spec, shape)
    return away, problems


def _check_tasks(words: str, data: Path | None) -> int:
    from .. import catalog
    from ..checks import tasks as checks
    from ..execute.apart import asked_apart, look_at
    from ..plan import split_words
    from ..prepare.data import check_data, prepare_data

    failed = 0
    names = catalog.task_names() if words == "all" else split_words(words)
    if not names:
        raise BenchError("--task names nothing; `bench list` shows what there is")
    look_at((), names)
    for name in names:
        with asked_apart((name,)):
            spec = catalog.find_task(name, "smoke", data)
            try:
                check_data(spec, data)
                prepare_data(spec, data, lambda done, total: None)
                lacking, problems = "", checks.problems(spec, data)
            except BenchError as error:
                lacking = str(error)
        if lacking:
            click.echo(f"not checked: {lacking}")
        else:
            failed += _told(name, problems)
    return failed


def _told(name: str, problems: Sequence[str]) -> bool:
    """Say how a check ended; True where it found something."""
    click.echo(f"{name}: {'FAILED' if problems else 'ok'}")
    for problem in dict.fromkeys(problems):
        click.echo(f"  {problem}")
    return bool(problems)


@click.command()
@click.option("--models", default="papers", show_default=True, help="Groups and names, separated by commas.")
@click.option("--results", type=Folder(), default=CAMPAIGN, show_default=True, help="Folder of the records.")
@REPORTS
@DATA
@click.option("--workers", type=click.IntRange(0, 1000), default=1, show_default=True, help="Processes; 0: this one.")
@executor_options
@click.option("--run/--no-run", "running", default=True, show_default=True, help="Run what has no record, or not.")
def vitals(
    models: str, results: Path, reports: Path | None, data: Path | None, workers: int, executed: str, running: bool
) -> int:
    """Run each model's vital signs, what has a record aside, and write their page."""
    from .. import catalog
    from ..compare import alive
    from ..records.campaign import campaign_of
    from ..records.store import Store
    from ..report import vitals as page
    from ..write import formats

    asked = catalog.chosen(models)
    known = {vital.model: vital for vital in catalog.VITALS}
    for word in asked:
        if word not in known:
            catalog.find_model(word)
            raise BenchError(f"{word} has no vital signs; there are those of {', '.join(known)}")
    mine = [known[word] for word in asked]
    code = _run(mine, results, data, workers, executed) if running else 0
    loaded = Store(results).load()
    for sentence in loaded.left_out:
        click.echo(f"left out: {sentence}", err=True)
    found = alive.signs(loaded.runs, catalog.VITALS)
    made = formats.files({page.NAME: page.sheet(found, loaded.runs, catalog.VITALS_SEEDS)}, ("md", "csv", "tex"))
    for sign in found:
        if sign.vital in mine:
            said = "alive" if sign.alive else "not shown alive"
            click.echo(f"{sign.vital.model}: {said}, {sign.count} of {len(sign.runs)} seeds")
    click.echo(formats.save(made, campaign_of(results).reports if reports is None else reports)[0])
    return code


def _run(vitals: Sequence[Vital], results: Path, data: Path | None, workers: int, executed: str) -> int:
    from ..catalog import VITALS_SEEDS
    from .order import Order

    orders: list[Order] = []
    wanted: dict[Cell, None] = {}
    for vital in vitals:
        models = ",".join(filter(None, (vital.beside, vital.model)))
        seeds = f"0-{VITALS_SEEDS - 1}"
        words = (vital.protocol, vital.budget, seeds, "cpu", (), results, data, "auto")
        order = Order((vital.task,), models, *words)
        todo, done = order.todo()
        click.echo(f"{vital.model} on {vital.task}: {counts(done) if done else 'nothing'} recorded, {len(todo)} to run")
        if todo:
            order.store.check_writable(todo)
            orders.append(order)
            wanted |= dict.fromkeys(todo)
    if wanted and not carried_out(orders, list(wanted), [], orders[0].where, workers, executed):
        click.echo("interrupted; the same command goes on from here")
        return 130
    return 0
