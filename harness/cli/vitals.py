"""`bench vitals`: does each model learn where its own source says so?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BenchError
from .options import DATA, REPORTS, Folder
from .results import counts
from .run import carried_out

if TYPE_CHECKING:
    from ..catalog import Vital

CAMPAIGN = Path("results") / "vitals"


@click.command()
@click.option("--models", default="papers", show_default=True, help="Groups and names, separated by commas.")
@click.option("--results", type=Folder(), default=CAMPAIGN, show_default=True, help="Folder of the records.")
@REPORTS
@DATA
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes; 0: this one.")
@click.option("--run/--no-run", "running", default=True, show_default=True, help="Run what has no record, or not.")
def vitals(models: str, results: Path, reports: Path | None, data: Path | None, workers: int, running: bool) -> int:
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
    mine = [vital for word, vital in known.items() if word in asked]
    code = _run(mine, results, data, workers) if running else 0
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


def _run(vitals: Sequence[Vital], results: Path, data: Path | None, workers: int) -> int:
    from ..catalog import VITALS_SEEDS
    from .order import Order

    for vital in vitals:
        models = ",".join(filter(None, (vital.beside, vital.model)))
        seeds = f"0-{VITALS_SEEDS - 1}"
        words = (vital.protocol, vital.budget, seeds, "cpu", (), results, data, "auto")
        order = Order((vital.task,), models, *words)
        todo, done = order.todo()
        click.echo(f"{vital.model} on {vital.task}: {counts(done) if done else 'nothing'} recorded, {len(todo)} to run")
        if todo and not carried_out(order, todo, [], workers, "local"):
            click.echo("interrupted; the same command goes on from here")
            return 130
    return 0
