"""The models in the order of every table, their places in it, and what records call a model and a task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..records.kinds import Measurement, RunRecord, TaskFacts


def ordered(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Models in the order of every table: a variant `gru@key=value` beside `gru`, those that `order` lacks last."""
    known = {name: place for place, name in enumerate(order)}
    return sorted(names, key=lambda name: (known.get(name.partition("@")[0], len(known)), name))


def places(names: Iterable[str], order: Sequence[str]) -> dict[str, int]:
    """Every model's place among all: those of `order`, whether they are here or not, then the others of `names`."""
    others = ordered(set(names) - set(order), order)
    return {name: place for place, name in enumerate([*order, *others])}


def title_of(records: Iterable[RunRecord | Measurement], name: str) -> str:
    """What the records of a model call it, or else its name."""
    return next((record.title for record in records if record.title), name)


def facts_of(runs: Iterable[RunRecord]) -> TaskFacts | None:
    """What the runs on a task say of it, or None where none of them does."""
    return next((run.task for run in runs if run.task is not None), None)


def task_title(runs: Iterable[RunRecord], task: str) -> str:
    """What the runs on a task call it, or else its name."""
    facts = facts_of(runs)
    return task if facts is None else facts.title
