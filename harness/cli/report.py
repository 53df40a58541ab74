"""The verbs that compare: `bench report` and `bench compare`."""

from __future__ import annotations

import gc
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import BenchError
from ..stats.verdicts import EXIT, MARGIN
from ..write import tables
from . import claims
from .claims import claims_option
from .options import REPORTS, RESULTS, Finite

if TYPE_CHECKING:
    from ..records.store import Loaded, Store
    from ..write.sheet import Sheet


@dataclass(slots=True)
class _Told:
    """What a report has said and written so far. whole: nothing was left out."""

    lines: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    html: str = ""
    whole: bool = True

    def say(self, line: str) -> None:
        click.echo(line)
        self.lines.append(line)

    def lacks(self, why: str) -> None:
        click.echo(why, err=True)
        self.whole = False


@click.command("report")
@RESULTS
@click.option("--protocol", "protocol_name", help="[default: every protocol with records]")
@click.option("--task", "tasks", multiple=True, help="[default: every task with records]")
@REPORTS
@click.option("--format", "words", default="md,html,csv,tex", show_default=True, help="Names, separated by commas.")
@claims_option("Judge the claims of this file. [default: claims.toml in --results]")
@click.option(
    "--verify", is_flag=True, help="Write nothing; compare with what is there, and exit with 1 if it differs."
)
@click.option("--open", "opened", is_flag=True, help="Open the HTML file in the browser.")
def report(
    results: Path,
    protocol_name: str | None,
    tasks: tuple[str, ...],
    reports: Path | None,
    words: str,
    claimed: Path | None,
    verify: bool,
    opened: bool,
) -> int:
    """Write the tables and figures of all records: pages, and one HTML file of all of them.

    At the end stand the page to read first, of the protocol that ran last, the HTML file, and what that says first.
    """
    from ..records.store import Store
    from ..write import formats, unchanged

    asked = formats.chosen(words)
    if opened and (verify or "html" not in asked):
        raise BenchError(f"--open needs the HTML file; leave {'--verify' if verify else '--format'} out")
    if claimed is not None:
        claims.read(claimed)
    question = unchanged.Question(
        ("report", results, protocol_name, tasks, reports, asked, claimed),
        [results] if claimed is None else [results, claimed],
    )
    if not verify and (stands := question.standing()):
        for line in stands.lines:
            click.echo(line)
        if opened and stands.html:
            _open(Path(stands.html))
        return 0
    told = _Told()
    gc.disable()  # it would walk thousands of records again and again, for a fifth of the time
    try:
        different = _report(
            Store(results, claimed), claimed is not None, protocol_name, tasks, reports, asked, verify, told
        )
    finally:
        gc.enable()
    if not verify and told.whole:
        question.keep(unchanged.Standing(told.lines, told.html), told.written)
    if opened and told.html:
        _open(Path(told.html))
    return different


def _report(
    store: Store,
    claimed: bool,
    protocol_name: str | None,
    tasks: tuple[str, ...],
    reports: Path | None,
    asked: Collection[str],
    verify: bool,
    told: _Told,
) -> int:
    from ..compare.alive import as_committed
    from ..draw import picture
    from ..plan import split_words
    from ..records.campaign import campaign_of
    from ..records.names import page
    from ..report.measured import speed as speed_page
    from ..report.task.page import first_page
    from ..write import formats, markdown

    if why := picture.missing():
        if verify:
            raise BenchError(f"{why}; without it --verify cannot compare them")
        told.lacks(why)
    if verify:  # nobody keeps report.html
        asked = tuple(word for word in asked if word != "html") or formats.chosen("md")
    wanted = split_words(",".join(tasks)) or None
    everything = as_committed(store.load(protocol_name, wanted))
    for sentence in everything.left_out:
        told.lacks(f"left out: {sentence}")
    finished: dict[str, str] = {}
    for name, when in [
        *((run.cell.protocol, run.finished) for run in everything.runs),
        *((m.protocol, m.finished) for m in everything.measurements),
    ]:
        finished[name] = max(when, finished.get(name, ""))
    if wanted is None:  # what was claimed has a page before anything has run
        finished = {claim.protocol: "" for claim in everything.declared.claims} | finished
    speed, unread = store.load_speed() if protocol_name is None and wanted is None else ([], [])
    for sentence in unread:
        told.lacks(f"left out: {sentence}")
    if claimed and not any(one.is_served_by(run.cell) for one in everything.declared.claims for run in everything.runs):
        raise BenchError(
            f"no run in {store.root} is of a claim in {store.claims}; `bench run --claims {store.claims}` makes some"
        )
    if not finished and not speed:
        raise BenchError(f"there is no record to report on in {store.root}; `bench run` makes some")
    reports = campaign_of(store.root).reports if reports is None else reports
    different, front = 0, ""
    if made := formats.files(speed_page.sheets(speed), asked):
        different += _deliver(made, reports, [], verify, told)
    for name in sorted(finished, key=lambda name: (finished[name], name)):
        folder = reports / page(name)
        mine = [run.cell.task for run in everything.runs if run.cell.protocol == name]
        whole = everything if wanted is None and len(finished) == 1 else as_committed(store.load(name))
        made, front = _made(whole, mine, wanted, asked, folder, store.root)
        if not made:
            told.lacks(f"{name}: nothing was run, and every measurement was skipped")
            continue
        different += _deliver(made, folder, [first_page(mine), formats.HTML], verify, told)
        told.html = str(folder / formats.HTML) if formats.HTML in made else ""
    if told.html and not verify:
        for line in markdown.first_lines(front):
            told.say(f"  {line}")
    return int(different > 0)


def _open(path: Path) -> None:
    import webbrowser

    try:
        found = webbrowser.open(path.resolve().as_uri())
    except webbrowser.Error:
        found = False
    if not found:
        raise BenchError(f"there is no browser that can be started here; open {path} in one yourself")


def _deliver(made: Mapping[str, str | bytes], folder: Path, last: Sequence[str], verify: bool, told: _Told) -> int:
    """Write the files and name each page, those of `last` at the end; or say which differ, and give their number."""
    from ..write import formats

    if verify:
        if others := formats.other_makers(made, folder):
            click.echo(others)
        found = formats.differences(made, folder)
        click.echo("\n".join(found) if found else f"{folder}: {len(made)} files are as the records give them")
        return len(found)
    told.written += formats.save(made, folder)
    pages = [name for name in made if Path(name).suffix in (".md", ".html")]
    if counts := Counter(Path(name).suffix for name in made if name not in pages):
        told.say(f"{folder}: {', '.join(f'{number} {kind}' for kind, number in counts.items())}")
    for name in (*(name for name in pages if name not in last), *(name for name in last if name in pages)):
        told.say(str(folder / name))
    return 0


def next_step(results: Path, protocol: str, tasks: Collection[str]) -> str:
    """After a run: the command that makes its page, and where that will lie."""
    from ..records.campaign import campaign_of
    from ..report.task.page import first_page

    option = "" if results == Path("results") else f" --results {shlex.quote(str(results))}"
    return f"`bench report{option}` makes the page {campaign_of(results).reports / protocol / first_page(tasks)}"


def _made(
    whole: Loaded, tasks: Collection[str], wanted: list[str] | None, asked: Collection[str], folder: Path, root: Path
) -> tuple[dict[str, str | bytes], str]:
    """The files of a protocol's report, and the text of its first page. The HTML file is of all its records; --task
    chooses the others. root: the folder of the records."""
    from .. import catalog
    from ..compare.alive import explained
    from ..exchange import references
    from ..report.index import index
    from ..report.pages import other_pages
    from ..report.task.page import task_page, task_pages
    from ..report.tuning.page import on_tasks
    from ..write import formats

    order, some = catalog.model_names(), whole
    if wanted is not None and "html" not in asked:
        some = replace(
            whole,
            runs=[run for run in whole.runs if run.cell.task in tasks],
            measurements=[m for m in whole.measurements if m.task in tasks],
        )
    every: dict[str, Sheet] = {}
    if some.runs:  # measurements may be all there is
        rates = on_tasks(some.runs[0].cell.protocol, root, order)
        every = task_pages(some, order, catalog.groups(), rates)
    mine = {task_page(task) for task in tasks}
    others = other_pages(whole, order)
    if not others:  # whatever was measured was skipped
        return {}, ""
    there = {path.name for path in folder.glob("*.md")} | mine
    beside = {page: sheet for page, sheet in every.items() if page in mine} | others
    beside["index.md"] = index(whole, order, others, there)
    made = formats.contents(explained(beside), [word for word in asked if word != "html"])
    used = references.of(whole, (sheet.text for sheet in others.values()))
    if "md" in asked and used:
        made[references.FILE] = used
    if "html" in asked:
        everything = {"index.md": index(whole, order, others, every)} | every | others
        made |= formats.contents(explained(everything), ["html"])
    return made, beside["index.md"].text


@click.command()
@click.argument("a")
@click.argument("b")
@RESULTS
@click.option("--protocol", help="[default: every protocol with records of both]")
@click.option("--task", "tasks", multiple=True, help="Names, separated by commas. [default: every task with both]")
@click.option(
    "--margin",
    type=Finite(max=1000),
    default=100 * MARGIN,
    show_default=True,
    help="A difference that does not matter, in % of the way.",
)
@click.option("--format", "form", type=click.Choice(["plain", "md"]), default="plain", show_default=True)
def compare(
    a: str, b: str, results: Path, protocol: str | None, tasks: tuple[str, ...], margin: float, form: str
) -> int:
    """Is B better than A, worse, or as good? A and B: two models, or two folders of records.

    Exit code 0: better, equivalent or the same; 3: worse; 4: nobody can tell; 2: nothing could be compared.
    """
    import numpy as np

    from ..compare import two as comparing
    from ..compare.alive import not_shown
    from ..compare.sides import sides
    from ..plan import split_words

    first, second, corrupt = sides(a, b, results, protocol, split_words(",".join(tasks)))
    for sentence in corrupt:
        click.echo(f"left out: {sentence}", err=True)
    found = comparing.compare(first, second, margin=margin / 100, rng=np.random.default_rng(0))
    drawn = tables.markdown if form == "md" else tables.plain
    click.echo(f"A: {a}\nB: {b}\n" if form == "plain" else f"A: `{a}`, B: `{b}`\n")
    click.echo(drawn(comparing.table(found)))
    for note in (*found.notes, *(f"{name} is not shown alive here: reports/vitals.md" for name in not_shown((a, b)))):
        click.echo(f"\n{note}")
    return EXIT[found.verdict]
