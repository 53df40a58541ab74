"""`bench data`, the data sets that come in, `bench merge`, records of elsewhere, and `bench export`, what goes out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BenchError, counted, nearest
from ..plan import split_words
from ..process import tidy
from ..records.kinds import RunRecord
from .options import DATA, RESULTS, Folder, saying

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


FORMATS = ("csv", "json", "parquet", "every-eval-ever", "croissant")


@click.command()
@RESULTS
@click.option("--format", "form", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("--protocol", "protocol_name", help="[default: every protocol with records; of croissant: paper]")
@click.option("--task", "tasks", multiple=True, help="Names, separated by commas. [default: every task with records]")
@click.option("--output", type=Folder(), help="A file, of croissant a folder. [default: the standard output, as text]")
@click.option("--columns", is_flag=True, help="Say what each column of csv, json and parquet is, and stop.")
def export(
    results: Path, form: str, protocol_name: str | None, tasks: tuple[str, ...], output: Path | None, columns: bool
) -> int:
    """Write all runs, one a row, or one an object of Every Eval Ever's schema; or a generated task's data."""
    from ..exchange import columns as flat
    from ..records.writing import write_whole

    if columns:
        click.echo(flat.documented())
        return 0
    wanted = split_words(",".join(tasks)) or None
    if output is None and form in ("parquet", "croissant"):
        what = "a file" if form == "parquet" else "a folder"
        raise BenchError(f"--format {form} is not for a terminal; name {what} with --output")
    if output is not None and output.is_dir() != (form == "croissant") and output.exists():
        raise BenchError(f"--output {output} is {'a folder' if output.is_dir() else 'a file'}; name another place")
    if form == "croissant":
        return _generated(protocol_name, wanted or [], output or Path())
    content: bytes | str
    if form == "parquet":
        flat.pyarrow()  # before thousands of records are read
    runs = _runs(results, protocol_name, wanted)
    if form == "every-eval-ever":
        content = _objects(runs)
    else:
        written: dict[str, Callable[[Sequence[Mapping[str, flat.Value]]], str | bytes]] = {
            "csv": flat.as_csv,
            "json": flat.as_json,
            "parquet": flat.as_parquet,
        }
        content = written[form](flat.rows(runs))
    if output is None:
        saying()(str(content).removesuffix("\n"))
        return 0
    write_whole(output, content if isinstance(content, bytes) else content.encode())
    click.echo(f"{output}: {counted(len(runs), 'run')}", err=True)
    return 0


def _runs(results: Path, protocol: str | None, tasks: list[str] | None) -> list[RunRecord]:
    from ..records.store import Store

    loaded = Store(results).load(protocol, tasks)
    for sentence in loaded.left_out:
        click.echo(f"left out: {sentence}", err=True)
    if not loaded.runs:
        raise BenchError(f"there is no such run to export in {results}; `bench status` counts what there is")
    return loaded.runs


def _objects(runs: Sequence[RunRecord]) -> str:
    """An object a line; runs without a test result are left out, and that is said."""
    from ..exchange.every_eval_ever import evaluation

    found = [one for run in runs if (one := evaluation(run)) is not None]
    if len(found) < len(runs):
        lost = counted(len(runs) - len(found), "run")
        click.echo(f"left out: {lost} without a test result, for which the schema has no place", err=True)
    return "".join(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in found)


def _generated(protocol: str | None, tasks: Sequence[str], folder: Path) -> int:
    from ..exchange import croissant
    from ..protocol import find_protocol
    from ..records.writing import write_whole

    if len(tasks) != 1:
        raise BenchError("--format croissant is of one task; name it with --task")
    for name, content in croissant.files(tasks[0], find_protocol(protocol or "paper")).items():
        write_whole(folder / name, content)
        click.echo(str(folder / name))
    return 0


@click.command()
@click.argument("others", nargs=-1, required=True, type=Folder())
@RESULTS
@click.option("--dry-run", is_flag=True, help="Say what would be added, and stop.")
def merge(others: tuple[Path, ...], results: Path, dry_run: bool) -> int:
    """Bring the records of other results folders into one.

    What lies there already is not written again; two records of one cell that differ are an error, and then nothing is
    written. Measurements of other machines stay apart; runs that were interrupted stay where they are.
    """
    from ..records import merge as merging
    from ..records.store import Store

    store = Store(results)
    found = merging.merged(store, others)
    if not dry_run:
        store.check_writable()
        merging.write(found, store)
    added = ", ".join(counted(number, kind) for kind, number in found.added.items()) or "nothing"
    said = [f"{results}: {'would add' if dry_run else 'added'} {added}"]
    if there := ", ".join(counted(number, kind) for kind, number in found.there.items()):
        said.append(f"there already: {there}")
    if found.unfinished:
        said.append(f"interrupted, and left where the same command goes on: {counted(found.unfinished, 'run')}")
    click.echo("\n".join(said))
    return 0
