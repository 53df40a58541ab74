"""The papers' figures with ours: validation curves, and results over a number such as that of layers."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from ...compare.parted import shown_runs
from ...draw import look
from ...draw.chart import Axis, Panel, lines
from ...draw.curves import ends, last_of, logarithmic, table, validation
from ...draw.picture import Picture
from ...errors import counted
from ...records.kinds import RunRecord, TaskFacts
from ...stats.over_seeds import mean_interval
from ...write import words
from ...write.sheet import Sheet
from . import book as papers
from . import tables as paper_tables
from .book import Page, Published
from .recorded import Recorded

OURS, READ_OFF = "ours", "published, read off"


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, what it shows in a sentence, and what a reader must know."""

    drawn: Picture
    shows: str
    notes: str


@dataclass(slots=True)
class Column:
    """A column of numbers on one task. runs: (the paper's name of a model, its row on the page, ours)."""

    heading: str
    facts: TaskFacts | None = None
    runs: list[tuple[str, int, list[RunRecord]]] = field(default_factory=list)
    published: list[tuple[int, Published]] = field(default_factory=list)


def sheet(page: Page, here: Recorded, places: Mapping[str, int]) -> Sheet:
    """The page, with its picture below the table where anything of it was run. places: of the models' colours."""
    made = DRAWN[page.picture](page, here, places) if page.picture else None
    if made is None:
        return Sheet(paper_tables.text(page, here))
    name = f"{page.name}.svg"
    shown = [f"![{page.title}: {words.literal(made.shows)}]({name})", made.notes]
    return Sheet(paper_tables.text(page, here, shown), {name: made.drawn})


def _curves(page: Page, here: Recorded, places: Mapping[str, int]) -> Shown | None:
    """Validation over training steps, a panel for each column of which anything was run."""
    known = _columns(page, here, lambda _, run: any(point.valid_metric is not None for point in run.curve))
    columns = [column for column in known if column.runs]
    if not columns:
        return None
    parts, panels, labels, marked = [], [], dict[str, int](), False
    for number, column in enumerate(columns):
        facts = column.facts
        assert facts is not None
        factor = words.factor(facts.metric)
        mine = [validation(runs, name, factor) for name, _, runs in column.runs]
        labels |= {name: places[runs[0].cell.model] for name, _, runs in column.runs}
        levels = {} if facts.chance is None else {page.baseline: factor * facts.chance}
        log = logarithmic(pd.concat(mine), facts)
        if here.comparable and facts.target is not None:
            marks = _marks(column, factor * facts.target, labels, places)
            marked |= len(marks) > 0
            mine.append(marks)
        parts += [part.assign(panel=number) for part in mine]
        scale = "" if here.comparable else f", here {facts.length:,} steps a sequence"
        axis = Axis(f"{_metric(facts)} (validation)", log=log)
        panels.append(Panel(f"{column.heading}{scale}", Axis("training steps", low=0), axis, levels))
    absent = [column.heading for column in known if not column.runs]
    frame = table(parts)
    shown = {name: place for name, place in labels.items() if name in set(frame["model"])}
    metrics = " and ".join(dict.fromkeys(c.facts.metric.replace("_", "-") for c in columns if c.facts))
    notes = (
        "Ours are curves of the validation set, since the test set is looked at only once: the mean of the "
        "seeds up to where the first of them ends, in a band from the worst to the best seed."
    )
    if marked:
        notes += " A triangle: where the paper's curve comes down, read off by eye, drawn at our target."
    elif any(number.metric == papers.STEPS and _value(number) is not None for number in page.numbers):
        notes += " The published steps are not drawn: they were counted at another scale or in other training."
    notes += f" No curve of ours: {', '.join(absent)}." if absent else ""
    means = frame[(frame["kind"] == "line") & (frame["panel"] == 0)].dropna(subset="y")
    at_end = ends(last_of(means.groupby("model", sort=False)["y"]))
    shows = (
        f"validation {metrics} over training steps for {', '.join(column.heading for column in columns)}, a line for "
        f"each of {counted(len({name for c in columns for name, _, _ in c.runs}), 'model')} of ours; at the end of "
        f"{columns[0].heading} {at_end}."
    )
    size = (480, 260) if len(panels) == 1 else (205, 180)
    return Shown(Picture(lines, frame, shown, panels, size=size, mark="triangle-down"), shows, notes)


def _marks(column: Column, target: float, labels: dict[str, int], places: Mapping[str, int]) -> pd.DataFrame:
    """Published steps, at our target, in the colour of the model here that answers the number; it joins the labels."""
    rows = []
    for _, number in column.published:
        if number.metric == papers.STEPS and (steps := _value(number)) is not None:
            _, model = papers.book().ours(number) or ("", "")
            labels.setdefault(number.model, places.get(model, len(places)))
            rows.append({"model": number.model, "kind": "mark", "x": steps, "y": target})
    return table([pd.DataFrame(rows)])


def _lines(page: Page, here: Recorded, places: Mapping[str, int]) -> Shown | None:
    """Results over the numbers of the page's first column of numbers, beside the published ones."""
    over = next(i for i in range(len(page.headings)) if all(_number(row[i]) is not None for row in page.rows))
    xs = [float(str(row[over])) for row in page.rows]
    known = _columns(page, here, lambda number, run: bool(paper_tables.scores(number, [run])))
    columns = [column for column in known if column.runs]
    if not columns:
        return None
    parts, panels, means = [], [], dict[str, float]()
    for panel, column in enumerate(columns):
        number = column.published[0][1]
        most = 100.0 if number.metric in papers.PERCENT else math.inf
        ours = pd.DataFrame({"model": OURS, "kind": "line", "x": xs, "y": math.nan})  # what was not run breaks the line
        bars = []
        for _, row, runs in column.runs:
            shown = shown_runs(runs, column.facts) if column.facts else runs
            found = mean_interval(paper_tables.scores(number, shown))
            ours.loc[row, "y"] = means[f"{column.heading}, {page.headings[over]} {xs[row]:g}"] = found.mean
            bars.append({"x": xs[row], "low": max(found.low, 0.0), "high": min(found.high, most)})
        said = READ_OFF if number.status == "digitised" else "published"
        theirs = [(xs[row], value) for row, n in column.published if (value := _value(n)) is not None]
        published = pd.DataFrame(theirs, columns=["x", "y"]).assign(model=said, kind="line")
        known_bars = pd.DataFrame(bars).dropna().assign(model=OURS, kind="bar")
        parts += [part.assign(panel=panel) for part in (known_bars, ours, published)]
        panels.append(Panel(column.heading, Axis(page.headings[over], ticks=xs), Axis(_metric(column.facts))))
    headings = ", ".join(column.heading for column in columns)
    shows = f"{headings} over {page.headings[over]}, ours and the paper's as lines; ours {ends(means)}."
    notes = "Ours: the mean that the table has, with its 95 % interval."
    notes += "" if here.comparable else " Shapes may be compared, not heights: see the first lines of this page."
    frame = table(parts)
    labels = {name: look.OURS if name == OURS else look.THEIRS for name in dict.fromkeys(frame["model"])}
    size = (480, 260) if len(panels) == 1 else (205, 180)
    return Shown(Picture(lines, frame, labels, panels, size=size, points=True), shows, notes)


DRAWN: dict[str, Callable[[Page, Recorded, Mapping[str, int]], Shown | None]] = {"curves": _curves, "lines": _lines}


def _columns(page: Page, here: Recorded, drawable: Callable[[Published, RunRecord], bool]) -> list[Column]:
    """The page's columns of numbers, with those runs of ours that can be drawn."""
    found = []
    for i, heading in enumerate(page.headings):
        cells = [(row, cell[0]) for row in range(len(page.rows)) if not isinstance(cell := page.rows[row][i], str)]
        if not cells:
            continue
        column = Column(heading, published=cells)
        for row, number in cells:
            runs = [run for run in here.of(number) if run.task is not None and drawable(number, run)]
            if runs:
                column.runs.append((number.model, row, runs))
                column.facts = column.facts or runs[0].task
        found.append(column)
    return found


def _metric(facts: TaskFacts | None) -> str:
    return "" if facts is None else words.heading(facts.metric)


def _value(number: Published) -> float | None:
    """A published number that is one; texts such as 'div' and 'ca. 98' are not drawn."""
    return None if number.value is None or isinstance(number.value, str) else float(number.value)


def _number(cell: object) -> float | None:
    try:
        return float(cell) if isinstance(cell, str) else None
    except ValueError:
        return None
