"""What a chart's specification says."""

from collections.abc import Iterator
from typing import Any

from harness.draw.chart import Axis, Panel, lines
from harness.draw.curves import table
from harness.draw.picture import Picture


def words(picture: Picture) -> set[str]:
    """Every text in it: titles, names of models, words in its data."""
    return set(_words(picture.spec))


def rows(picture: Picture, *sets: str) -> list[tuple[Any, ...]]:
    """The values of the rows of these sets of data, in the order of their columns."""
    return [tuple(row.values()) for name in sets for row in picture.spec["datasets"][name]]


def of(picture: Picture, name: str, model: str) -> list[tuple[Any, ...]]:
    """The (x, y) of one model in a set of data."""
    return [(row["x"], row["y"]) for row in picture.spec["datasets"][name] if row["model"] == model]


def domain(part: Any) -> list[str]:
    """The models in a chart's key, in order; [] without one."""
    return next((list(scale["domain"]) for channel, scale in scales(part) if channel == "color"), [])


def scales(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(channel, scale) of every encoding."""
    if isinstance(part, dict):
        for name, inner in part.get("encoding", {}).items():
            if isinstance(inner, dict) and "scale" in inner:
                yield name, inner["scale"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from scales(inner)


def drawn() -> Picture:
    import pandas as pd

    frame = pd.DataFrame({"model": "a & b <c>", "kind": "line", "x": [0, 1], "y": [0, 1]})
    return Picture(lines, table([frame]), {"a & b <c>": 1}, [Panel("one", Axis("x"), Axis("y"))])


def _words(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for inner in part.values():
            yield from _words(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _words(inner)
