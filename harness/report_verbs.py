"""The verbs that read records: `bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from .errors import BenchError
from .options import REPORTS, RESULTS


@click.command("report")
@RESULTS
@click.option("--protocol", "protocol_name", help="[default: every protocol with records]")
@click.option("--task", "tasks", multiple=True, help="[default: every task with records]")
@REPORTS
def report(results: Path, protocol_name: str | None, tasks: tuple[str, ...], reports: Path) -> int:
    """Write the tables and learning curves of all records."""
    from . import catalog
    from . import report as pages_of
    from .plan import split_words
    from .store import Store

    wanted = split_words(",".join(tasks)) or None
    store = Store(results)
    everything = store.load(protocol_name, wanted)
    for sentence in everything.corrupt:
        click.echo(f"left out: {sentence}", err=True)
    names = sorted({run.cell.protocol for run in everything.runs})
    measured: dict[str, int] = {}  # of protocols without a run: the newest version
    for one in everything.measurements:
        if one.protocol not in names:
            measured[one.protocol] = max(one.protocol_version, measured.get(one.protocol, 0))
    if not names and not measured:
        raise BenchError(f"there is no record to report on in {results}; `bench run` makes some")
    for name in names:
        pages = pages_of.write(store.load(name, wanted), catalog.model_names(), reports / name)
        for page in [*pages, *pages_of.write_papers(store.load(name), catalog.model_names(), reports / name)]:
            click.echo(str(page))
    for name, version in sorted(measured.items()):
        for page in pages_of.write_across(store.load(name, wanted), version, catalog.model_names(), reports / name):
            click.echo(str(page))
    return 0
