"""The papers' figures on what a trained model does with its scales, drawn from what was seen of ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...compare.material import Material
from ...compare.order import title_of
from ...draw.picture import Picture
from ...errors import BenchError
from ...protocol import find_protocol
from ...records.kinds import FIRST_SEED, NO_INSIGHT
from ...write import origin as provenance
from ...write import tables
from ...write.sheet import Sheet
from ...write.words import DASH, literal, number
from ..insight import frames, seen
from ..insight.frames import Row
from ..insight.seen import Example, Group, Scales, Seen
from . import book as papers
from .book import Figure

ONE_SEED = "Seen of one seed alone, the first, at the checkpoint that validation picked."


@dataclass(frozen=True, slots=True)
class Kind:
    """How a figure is made. shown: what of the scales there must be; alt: with {title} of the task, {names} of the
    models and what they {mostly} do; said: a sentence."""

    shown: Callable[[Scales], object]
    draw: Callable[[Sequence[Row]], Picture]
    alt: str
    said: Callable[[Sequence[Row], int], str]
    table: Callable[[Sequence[Row]], list[str]]

    def fits(self, one: Seen) -> bool:
        """Has an insight what the figure shows?"""
        return one.scales is not None and one.scales.exclusive and bool(self.shown(one.scales))


def sheet(name: str, material: Material) -> Sheet | None:
    """The page on a figure of a paper; None without a run, or where its tasks do not come at this protocol's scale."""
    figure = papers.book().figures[name]
    task, kind = papers.book().tasks[figure.task], KINDS[figure.shows]
    if not material.runs or (_scale(material) == "robust" and not task.robust):
        return None
    models = [model for word in figure.models if (model := papers.book().models[figure.paper, word]) is not None]
    everything, faults = seen.groups(material)
    own: list[Group] = []
    others: list[Group] = []
    for group in everything:
        mine = tuple(one for one in group.seen if _base(one.run.cell.model) in models and kind.fits(one))
        if mine and _base(group.task) in (task.name, *figure.stand_ins):
            (own if _base(group.task) == task.name else others).append(Group(group.task, group.budget, mine))
    others.sort(key=lambda group: figure.stand_ins.index(_base(group.task)))
    parts = [
        f"# {figure.title}: {figure.caption}",
        f'Of it the paper says: "{figure.said}".',
        *([] if own else [_not_run(task.name, models, material)]),
        *(_section(figure, kind, group, stand_in="") for group in own),
        *(_section(figure, kind, group, stand_in=task.name) for group in others),
        *(said for place, said in faults if _base(place) in (task.name, *figure.stand_ins)),
    ]
    pictures = {group.file(figure.name): kind.draw(_rows(group)) for group in (*own, *others)}
    return Sheet("\n\n".join(parts) + "\n", pictures, records=seen.records([*own, *others]))


def _section(figure: Figure, kind: Kind, group: Group, stand_in: str) -> str:
    rows = _rows(group)
    alt = kind.alt.format(title=group.title, names=" and ".join(title for title, _ in rows), mostly=frames.mostly(rows))
    instead = f"This is a stand-in: other data than the paper's, which is `{stand_in}` here. " if stand_in else ""
    return "\n\n".join(
        [
            f"## {group.heading}",
            f"{instead}{kind.said(rows, group.seen[0].steps)} {ONE_SEED}",
            f"![{literal(alt)}]({group.file(figure.name)})",
            *kind.table(rows),
        ]
    )


def _not_run(task: str, models: Sequence[str], material: Material) -> str:
    """What is missing, why, and the command that makes it."""
    protocol = material.runs[0].cell.protocol if material.runs else "paper"
    command = provenance.command("run", [task], models, protocol)
    there = [
        run
        for run in sorted(material.runs, key=lambda run: run.cell)
        if (_base(run.cell.task), run.cell.seed) == (task, FIRST_SEED) and _base(run.cell.model) in models
    ]
    parts = [f"Nothing of `{task}` that this figure needs is recorded under this protocol. `{command}` makes it."]
    old = []
    for run in there:
        why = [line for line in run.notes.splitlines() if line.startswith(NO_INSIGHT)]
        if run.status != "ok":
            reason = f" ({run.reason})" if run.reason else ""
            parts.append(literal(f"{title_of([run], run.cell.model)}: {run.status}{reason}."))
        elif why:
            parts.append(literal(f"{why[0][:1].upper()}{why[0][1:]}."))
        elif run.insight is None:
            old.append(run.cell)
    if old:
        parts.append(
            f"The records `{provenance.records(old)}` are from before it was recorded; a cell that has a record is run "
            "again once that is deleted."
        )
    return " ".join(parts)


def _rows(group: Group) -> list[Row]:
    return [(one.title, one.scales) for one in group.seen if one.scales is not None]


def _scale(material: Material) -> str:
    try:
        return find_protocol(material.runs[0].cell.protocol).scale if material.runs else ""
    except BenchError:  # a protocol of another version of this harness
        return ""


def _base(name: str) -> str:
    return name.partition("@")[0]


def _signal_said(rows: Sequence[Row], steps: int) -> str:
    example = rows[0][1].example
    shown, label = len(example.chosen), example.label
    part = f"the first {shown:,} of its {steps:,} steps" if shown < steps else f"its {steps:,} steps"
    return f"The first test sequence{f', of the class {literal(label)},' if label else ''} by {part}."


def _signal_table(rows: Sequence[Row]) -> list[str]:
    found = []
    for title, told in rows:
        counts = np.bincount(told.example.chosen, minlength=len(told.labels))
        shares = {label: number(100 * n / counts.sum(), ".1f") for label, n in zip(told.labels, counts, strict=True)}
        found.append({"Model": title} | shares)
    return ["Share of these steps, %:", tables.markdown(pd.DataFrame(found).fillna(DASH))]


def _classes_said(rows: Sequence[Row], steps: int) -> str:
    numbers = sorted({sum(one.sequences for one in told.classes) for _, told in rows})
    return f"Of {' or '.join(map(str, numbers))} test sequences, spread over the whole test set."


def _classes_table(rows: Sequence[Row]) -> list[str]:
    found = []
    for title, told in rows:
        lines = [
            {"Class": frames.named(one)}
            | {label: number(100 * value, ".1f") for label, value in zip(told.labels, one.use, strict=True)}
            for one in told.classes
        ]
        found += [f"{literal(title)}, share of steps, %; sequences in brackets:", tables.markdown(pd.DataFrame(lines))]
    return found


def _words_said(rows: Sequence[Row], steps: int) -> str:
    changes = "".join(f" {literal(title)}: {_changes(told.example)}." for title, told in rows)
    return (
        "The first words of the test text. The scale is another than at the word before it, at words and at what is "
        f"none, as punctuation and `<eos>`:{changes}"
    )


def _changes(example: Example) -> str:
    """'at 3 of 40 words and 2 of 19 others', the first of all not counted."""
    changed = np.diff(example.chosen) != 0
    is_word = np.array([word[:1] + word[-1:] != "<>" and any(map(str.isalnum, word)) for word in example.words[1:]])
    parts = [f"{int(changed[kind].sum())} of {int(kind.sum())}" for kind in (is_word, ~is_word)]
    return "at {} words and {} others".format(*parts)


def _words_table(rows: Sequence[Row]) -> list[str]:
    """A line a word; all models read the same text, but a record may be older than the others."""
    words = max((told.example.words for _, told in rows), key=len)
    columns: dict[str, list[str]] = {"Word": list(words)}
    for title, told in rows:
        scales = [told.labels[j] for j in told.example.chosen] if told.example.words == words else []
        columns[title] = [*scales, *[DASH] * (len(words) - len(scales))]
    return [tables.markdown(pd.DataFrame(columns))]


KINDS = {
    "signal": Kind(
        lambda scales: scales.example.signal is not None,
        frames.signals,
        "Plots show one signal of {title}, each step on the colour of the scale that {names} chose there: {mostly}.",
        _signal_said,
        _signal_table,
    ),
    "classes": Kind(
        lambda scales: scales.classes,
        frames.classes,
        "Bars show how often {names} chose each scale for sequences of each class of {title}: {mostly}.",
        _classes_said,
        _classes_table,
    ),
    "words": Kind(
        lambda scales: scales.example.words,
        frames.words,
        "The first words of the test text of {title} stand on the colour of the scale that {names} chose there: "
        "{mostly}.",
        _words_said,
        _words_table,
    ),
}
