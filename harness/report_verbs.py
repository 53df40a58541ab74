"""The verbs that read records: `bench report` and `bench compare`."""

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
    if not names:
        raise BenchError(f"there is no record to report on in {results}; `bench run` makes some")
    for name in names:
        pages = pages_of.write(store.load(name, wanted), catalog.model_names(), reports / name)
        for page in [*pages, *pages_of.write_papers(store.load(name), catalog.model_names(), reports / name)]:
            click.echo(str(page))
    return 0


@click.command()
@click.argument("a")
@click.argument("b")
@RESULTS
@click.option("--protocol", help="[default: every protocol with records of both]")
@click.option("--task", "tasks", multiple=True, help="Names, separated by commas. [default: every task with both]")
@click.option(
    "--margin", type=float, default=1.0, show_default=True, help="A difference that does not matter, in % of the way."
)
@click.option("--format", "form", type=click.Choice(["plain", "md"]), default="plain", show_default=True)
def compare(
    a: str, b: str, results: Path, protocol: str | None, tasks: tuple[str, ...], margin: float, form: str
) -> int:
    """Is B better than A, worse, or as good? A and B: two models, or two folders of records.

    Exit code 0: better or equivalent; 3: worse; 4: nobody can tell; 2: nothing could be compared.
    """
    import numpy as np

    from . import compare as comparing
    from . import tables
    from .plan import split_words

    sides = comparing.sides(a, b, results, protocol, split_words(",".join(tasks)))
    found = comparing.compare(*sides, margin=margin / 100, rng=np.random.default_rng(0))
    drawn = tables.markdown if form == "md" else tables.plain
    click.echo(f"A: {a}\nB: {b}\n" if form == "plain" else f"A: `{a}`, B: `{b}`\n")
    click.echo(drawn(comparing.table(found)))
    for note in found.notes:
        click.echo(f"\n{note}")
    return comparing.EXIT[found.verdict]
