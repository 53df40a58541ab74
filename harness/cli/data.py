"""`bench data`: the data sets on disk. Prints, but does not exit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BenchError, nearest
from ..process import tidy
from .options import DATA

if TYPE_CHECKING:
    from tasks.data.fetch import DataSet, Verdict

EVERY = 30.0  # seconds between two lines of progress where there is no terminal


@click.group()
def data() -> None:
    """List, fetch and verify the data sets that tasks read from disk."""


@data.command("list")
@DATA
def list_(data: Path | None) -> int:
    """List the data sets: size of the download, licence, and where each lies."""
    from tabulate import tabulate

    from tasks.data import fetch

    rows = [
        (
            source.name,
            source.title,
            fetch.megabytes(source.size),
            source.licence,
            fetch.whereabouts(source, data),
        )
        for source in fetch.SOURCES.values()
    ]
    click.echo(tabulate(rows, headers=("Name", "What", "Download", "Licence", "Where"), disable_numparse=True))
    click.echo(f"\nfolder: {fetch.data_folder(data)} (--data or BENCH_DATA names another)")
    return 0


@data.command("fetch")
@click.argument("names", nargs=-1, required=True)
@DATA
def fetch_(names: tuple[str, ...], data: Path | None) -> int:
    """Download data sets, check and unpack them; an interrupted download goes on where it stopped."""
    from tasks.data import fetch

    for source in _found(names):
        with tidy(), _progress() as tell:
            try:
                fetch.fetch(source, data, tell, click.echo)
            except fetch.DataError as error:
                raise BenchError(str(error)) from None
    return 0


@data.command()
@click.argument("names", nargs=-1)
@DATA
def verify(names: tuple[str, ...], data: Path | None) -> int:
    """Read data sets and compare all files with their checksums; without a name all that are there."""
    from tasks.data import fetch

    bad = False
    for source in _found(names or tuple(fetch.SOURCES)):
        with _progress() as tell:
            verdict = fetch.verify(
                source,
                fetch.data_folder(data) / source.name,
                lambda done, total, name=source.name: tell(f"verifying {name}", done, total),  # type: ignore[misc]
            )
        _show(verdict)
        bad |= verdict.state in ("damaged", "incomplete") or (verdict.state == "missing" and bool(names))
    return 2 if bad else 0


def _show(verdict: Verdict) -> None:
    notes = f" ({'; '.join(verdict.notes)})" if verdict.notes else ""
    click.echo(f"{verdict.name}: {verdict.state}{notes}, {'not ' * (verdict.state == 'missing')}in {verdict.place}")
    for problem in verdict.problems:
        click.echo(f"  {problem}")


def _found(names: tuple[str, ...]) -> list[DataSet]:
    """The data sets of these names. Raises BenchError, with the nearest name, before anything is done."""
    from tasks.data import fetch

    for name in names:
        if name not in fetch.SOURCES:
            raise nearest("data set", name, list(fetch.SOURCES), "`bench data list`")
    return [fetch.SOURCES[name] for name in dict.fromkeys(names)]


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, else a line now and then; takes what is done, how far, and how far it goes."""
    if not sys.stdout.isatty():
        last = time.monotonic()

        def line(what: str, done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > EVERY:
                last = time.monotonic()
                click.echo(f"{what}: {done / max(total, 1):.0%}")

        yield line
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, transient=True) as drawn:
        bars: dict[str, progress.TaskID] = {}

        def bar(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = drawn.add_task(what)
            drawn.update(bars[what], completed=done, total=total)

        yield bar
