"""The verbs that read records: `bench report`."""

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
