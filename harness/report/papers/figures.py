"""The papers' figures with ours: validation curves, and results over a number such as that of layers."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...compare.parted import shown_runs
from ...draw.curves import line_of, validation
from ...draw.panels import Panel, around, legend, panels
from ...errors import counted
from ...records.kinds import RunRecord, TaskFacts
from ...stats.over_seeds import Interval, mean_interval
from ...write import words
from ...write.sheet import Sheet
from . import book as papers
from . import tables as paper_tables
from .book import Page, Published
from .recorded import Recorded

SIZE = (3.0, 2.3)
OURS, READ_OFF = "ours", "published, read off"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, what it shows in a sentence, and what a reader must know."""

    drawn: bytes
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
    shown = [f"![{page.title}: {made.shows}]({name})", made.notes]
    return Sheet(paper_tables.text(page, here, shown), {name: made.drawn})


def _curves(page: Page, here: Recorded, places: Mapping[str, int]) -> Picture | None:
    """Validation over training steps, a panel for each column of which anything was run."""
    known = _columns(page, here, lambda _, run: any(point.valid_metric is not None for point in run.curve))
    columns = [column for column in known if column.runs]
    if not columns:
        return None
    figure, every = panels(len(columns), size=SIZE)
    marked = False
    for panel, column in zip(every, columns, strict=True):
        marked |= _curve(panel, column, page, here, places)
    if marked:
        every[0].line([math.nan], [math.nan], label=READ_OFF, **_mark("none"))  # for the key
    legend(figure)
    absent = [column.heading for column in known if not column.runs]
    models = {name for column in columns for name, _, _ in column.runs}
    metrics = " and ".join(dict.fromkeys(c.facts.metric.replace("_", "-") for c in columns if c.facts))
    notes = (
        "Ours are curves of the validation set, since the test set is looked at only once: each seed thin, the mean "
        "thick, up to where the first seed ends."
    )
    if marked:
        notes += " A triangle: where the paper's curve comes down, read off by eye, drawn at our target."
    elif any(number.metric == papers.STEPS and _value(number) is not None for number in page.numbers):
        notes += " The published steps are not drawn: they were counted at another scale or in other training."
    notes += f" No curve of ours: {', '.join(absent)}." if absent else ""
    shows = (
        f"validation {metrics} over training steps for {', '.join(column.heading for column in columns)}, a line for "
    )
    return Picture(figure.svg(), f"{shows}each of {counted(len(models), 'model')} of ours.", notes)


def _curve(panel: Panel, column: Column, page: Page, here: Recorded, places: Mapping[str, int]) -> bool:
    """Draw one column; whether published steps are marked there."""
    facts = column.facts
    assert facts is not None
    factor = words.factor(facts.metric)
    found = [(name, line_of(places[runs[0].cell.model]), *validation(runs, factor)) for name, _, runs in column.runs]
    marks = [
        (_colour(n, places), steps) for _, n in column.published if n.metric == papers.STEPS and (steps := _value(n))
    ]
    marks = marks if here.comparable and facts.target is not None else []
    lines = [line for _, _, curves, _ in found for line in curves]
    levels = [factor * level for level in (facts.chance, facts.target if marks else None) if level is not None]
    values = np.concatenate([*(values for _, values in lines), levels])
    panel.x = around([0.0, *np.concatenate([steps for steps, _ in lines]), *(steps for _, steps in marks)], margin=0.03)
    panel.y = around(values, log=not facts.higher_is_better and bool((values > 0).all()))
    ends = [panel.x.low, panel.x.high]
    if facts.chance is not None:
        panel.line(ends, [factor * facts.chance] * 2, color="black", linewidth=1, linestyle=":", label=page.baseline)
    for name, style, curves, mean in found:
        for line in curves:
            panel.line(*line, linewidth=0.5, alpha=0.5, **style)
        if mean is not None:
            panel.line(*mean, linewidth=1.8, label=name, **style)
    for colour, at in marks:
        panel.line([at], [factor * (facts.target or 0.0)], **_mark(colour))
    scale = "" if here.comparable else f", here {facts.length:,} steps a sequence"
    panel.frame(f"{column.heading}{scale}", "training steps", f"{_metric(facts)} (validation)")
    return bool(marks)


def _lines(page: Page, here: Recorded, places: Mapping[str, int]) -> Picture | None:
    """Results over the numbers of the page's first column of numbers, beside the published ones."""
    over = next(i for i in range(len(page.headings)) if all(_number(row[i]) is not None for row in page.rows))
    xs = [float(str(row[over])) for row in page.rows]
    known = _columns(page, here, lambda number, run: bool(paper_tables.scores(number, [run])))
    columns = [column for column in known if column.runs]
    if not columns:
        return None
    figure, every = panels(len(columns), size=(3.6, 2.5))
    for panel, column in zip(every, columns, strict=True):
        number = column.published[0][1]
        ours: list[Interval | None] = [None] * len(xs)
        most = 100.0 if number.metric in papers.PERCENT else math.inf
        for _, row, runs in column.runs:
            shown = shown_runs(runs, column.facts) if column.facts else runs
            ours[row] = mean_interval(paper_tables.scores(number, shown))
        theirs = [(xs[row], value) for row, n in column.published if (value := _value(n)) is not None]
        ours = [found and Interval(found.mean, max(found.low, 0.0), min(found.high, most)) for found in ours]
        ends = [end for found in ours if found for end in (found.mean, found.low, found.high)]
        panel.x, panel.y = around(xs), around([*ends, *(value for _, value in theirs)])
        for x, found in zip(xs, ours, strict=True):
            if found:
                panel.line([x, x], [found.low, found.high], color="C0", linewidth=1.2)
        means = [found.mean if found else math.nan for found in ours]  # what was not run breaks the line
        panel.line(xs, means, color="C0", marker="o", markersize=5, label=OURS)
        said = READ_OFF if number.status == "digitised" else "published"
        panel.line([x for x, _ in theirs], [value for _, value in theirs], label=said, **_mark("none"))
        panel.frame(column.heading, page.headings[over], _metric(column.facts), xs=xs)
    legend(figure)
    headings = ", ".join(column.heading for column in columns)
    shows = f"{headings} over {page.headings[over]}, ours as a line, the paper's as marks."
    notes = "Ours: the mean that the table has, with its 95 % interval."
    notes += "" if here.comparable else " Shapes may be compared, not heights: see the first lines of this page."
    return Picture(figure.svg(), shows, notes)


DRAWN: dict[str, Callable[[Page, Recorded, Mapping[str, int]], Picture | None]] = {"curves": _curves, "lines": _lines}


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


def _colour(number: Published, places: Mapping[str, int]) -> str:
    """That of the model here that answers the number; none where there is no such model among these."""
    _, model = papers.book().ours(number) or ("", "")
    return str(line_of(places[model])["color"]) if model in places else "none"


def _mark(colour: str) -> dict[str, Any]:
    return {
        "linestyle": "",
        "marker": "v",
        "markersize": 7,
        "markerfacecolor": colour,
        "markeredgecolor": "black",
        "markeredgewidth": 0.8,
    }


def _value(number: Published) -> float | None:
    """A published number that is one; texts such as 'div' and 'ca. 98' are not drawn."""
    return None if number.value is None or isinstance(number.value, str) else float(number.value)


def _number(cell: object) -> float | None:
    try:
        return float(cell) if isinstance(cell, str) else None
    except ValueError:
        return None
