"""The verbs that read records: `bench report` and `bench compare`."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BenchError
from ..write import tables
from .options import REPORTS, RESULTS

if TYPE_CHECKING:
    from ..records.store import Loaded


@click.command("report")
@RESULTS
@click.option("--protocol", "protocol_name", help="[default: every protocol with records]")
@click.option("--task", "tasks", multiple=True, help="[default: every task with records]")
@REPORTS
@click.option("--format", "words", default="md,html,csv,tex", show_default=True, help="Names, separated by commas.")
@click.option(
    "--verify", is_flag=True, help="Write nothing; compare with what is there, and exit with 1 if it differs."
)
def report(
    results: Path, protocol_name: str | None, tasks: tuple[str, ...], reports: Path, words: str, verify: bool
) -> int:
    """Write the tables and figures of all records: pages, and one HTML file of all of them."""
    gc.disable()  # it would walk thousands of records again and again, for a fifth of the time
    try:
        return _report(results, protocol_name, tasks, reports, words, verify)
    finally:
        gc.enable()


def _report(
    results: Path, protocol_name: str | None, tasks: tuple[str, ...], reports: Path, words: str, verify: bool
) -> int:
    from ..plan import split_words
    from ..records.store import Store
    from ..write import formats

    asked = formats.chosen(words)
    wanted = split_words(",".join(tasks)) or None
    store = Store(results)
    everything = store.load(protocol_name, wanted)
    for sentence in everything.corrupt:
        click.echo(f"left out: {sentence}", err=True)
    names = sorted({run.cell.protocol for run in everything.runs} | {m.protocol for m in everything.measurements})
    if not names:
        raise BenchError(f"there is no record to report on in {results}; `bench run` makes some")
    different = 0
    for name in names:
        folder = reports / name
        mine = [run.cell.task for run in everything.runs if run.cell.protocol == name]
        whole = everything if wanted is None and len(names) == 1 else store.load(name)
        made = _made(whole, mine, wanted, asked, folder)
        if not made:
            click.echo(f"{name}: nothing was run, and every measurement was skipped", err=True)
            continue
        if verify:
            found = formats.differences(made, folder)
            different += len(found)
            click.echo("\n".join(found) if found else f"{folder}: {len(made)} files are as the records give them")
            continue
        written = formats.save(made, folder)
        for path in written:
            if path.suffix in (".md", ".html"):
                click.echo(str(path))
        counts = Counter(path.suffix for path in written if path.suffix not in (".md", ".html"))
        if counts:
            click.echo(f"{folder}: {', '.join(f'{number} {kind}' for kind, number in counts.items())}")
    return int(different > 0)


def _made(
    whole: Loaded, tasks: Collection[str], wanted: list[str] | None, asked: Collection[str], folder: Path
) -> dict[str, str | bytes]:
    """The files of a protocol's report. The HTML file is of all its records; --task chooses the others."""
    from .. import catalog
    from ..report import pages as pages_of
    from ..write import formats

    order, some = catalog.model_names(), whole
    if wanted is not None and "html" not in asked:
        some = replace(
            whole,
            runs=[run for run in whole.runs if run.cell.task in tasks],
            measurements=[m for m in whole.measurements if m.task in tasks],
        )
    every = pages_of.task_pages(some, order, catalog.groups()) if some.runs else {}  # measurements may be all there is
    mine = {pages_of.task_page(task) for task in tasks}
    others = pages_of.other_pages(whole, order)
    if not others:  # whatever was measured was skipped
        return {}
    there = {path.name for path in folder.glob("*.md")} | mine
    beside = {page: sheet for page, sheet in every.items() if page in mine} | others
    beside["index.md"] = pages_of.index(whole, others, there)
    made = formats.contents(beside, [word for word in asked if word != "html"])
    if "html" in asked:
        everything = {"index.md": pages_of.index(whole, others, every)} | every | others
        made |= formats.contents(everything, ["html"])
    return made


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

    from ..compare import two as comparing
    from ..plan import split_words

    first, second, corrupt = comparing.sides(a, b, results, protocol, split_words(",".join(tasks)))
    for sentence in corrupt:
        click.echo(f"left out: {sentence}", err=True)
    found = comparing.compare(first, second, margin=margin / 100, rng=np.random.default_rng(0))
    drawn = tables.markdown if form == "md" else tables.plain
    click.echo(f"A: {a}\nB: {b}\n" if form == "plain" else f"A: `{a}`, B: `{b}`\n")
    click.echo(drawn(comparing.table(found)))
    for note in found.notes:
        click.echo(f"\n{note}")
    return comparing.EXIT[found.verdict]
