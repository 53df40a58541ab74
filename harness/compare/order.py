"""The models in the order of every table, and their places, which are their colours on every page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def ordered(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Models in the order of every table: a variant `gru@key=value` beside `gru`, those that `order` lacks last."""
    known = {name: place for place, name in enumerate(order)}
    return sorted(names, key=lambda name: (known.get(name.partition("@")[0], len(known)), name))


def places(names: Iterable[str], order: Sequence[str]) -> dict[str, int]:
    """Every model's place among all: those of `order`, whether they are here or not, then the others of `names`."""
    others = ordered(set(names) - set(order), order)
    return {name: place for place, name in enumerate([*order, *others])}
