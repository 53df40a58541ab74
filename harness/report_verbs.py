"""The verbs that read records: `bench report` and `bench compare`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from .errors import BenchError
from .options import REPORTS, RESULTS


@click.command("report")
@RESULTS
@click.option("--protocol", "protocol_name", help="[default: every protocol with records]")
@click.option("--task", "tasks", multiple=True, help="[default: every task with records]")
@REPORTS
@click.option("--format", "words", default="md,html,csv,tex", show_default=True, help="Names, separated by commas.")
def report(results: Path, protocol_name: str | None, tasks: tuple[str, ...], reports: Path, words: str) -> int:
    """Write the tables and learning curves of all records: pages, and one HTML file of all of them."""
    from . import catalog, formats
    from . import report as pages_of
    from .plan import split_words
    from .store import Store

    asked = formats.chosen(words)
    wanted = split_words(",".join(tasks)) or None
    store, order = Store(results), catalog.model_names()
    everything = store.load(protocol_name, wanted)
    for sentence in everything.corrupt:
        click.echo(f"left out: {sentence}", err=True)
    names = sorted({run.cell.protocol for run in everything.runs})
    if not names:
        raise BenchError(f"there is no record to report on in {results}; `bench run` makes some")
    for name in names:
        whole, folder = store.load(name), reports / name
        # the HTML file is always whole: --task says which files beside it are written
        every = pages_of.task_pages(whole if "html" in asked else store.load(name, wanted), order)
        mine = {pages_of.task_page(run.cell.task) for run in everything.runs if run.cell.protocol == name}
        others = pages_of.other_pages(whole, order)
        beside = {page: sheet for page, sheet in every.items() if page in mine} | others
        there = {path.name for path in folder.glob("*.md")} | mine
        beside["index.md"] = pages_of.index(whole, others, there)
        written = formats.write(beside, folder, [word for word in asked if word != "html"])
        if "html" in asked:
            written += formats.write(
                {"index.md": pages_of.index(whole, others, every)} | every | others, folder, ["html"]
            )
        for path in written:
            if path.suffix in (".md", ".html"):
                click.echo(str(path))
        counts = Counter(path.suffix for path in written if path.suffix not in (".md", ".html"))
        if counts:
            click.echo(f"{folder}: {', '.join(f'{number} {kind}' for kind, number in counts.items())}")
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
