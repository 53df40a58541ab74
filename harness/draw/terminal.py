"""Lines in a terminal: a letter for each curve, and nothing that a pipe or a file could not take."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from itertools import pairwise

MARKS = string.ascii_uppercase + string.ascii_lowercase + string.digits


def marks(names: Sequence[str]) -> dict[str, str]:
    """The letter of each curve; beyond 62 they begin anew."""
    return {name: MARKS[place % len(MARKS)] for place, name in enumerate(names)}


def chart(curves: Mapping[str, Sequence[tuple[int, float]]], columns: int = 72, rows: int = 16) -> list[str]:
    """Lines of text: the curves over a common axis of steps. curves: name -> (step, value), at least one of each.

    Between two evaluations a curve is a straight line; where curves meet, the last one is seen.
    """
    points = [point for curve in curves.values() for point in curve]
    last, low, high = max(step for step, _ in points), min(v for _, v in points), max(v for _, v in points)
    span = (high - low) or 1.0
    grid = [[" "] * columns for _ in range(rows)]

    def column(step: int) -> int:
        return round(step / max(1, last) * (columns - 1))

    def put(place: int, value: float, mark: str) -> None:
        grid[round((high - value) / span * (rows - 1))][place] = mark

    for name, mark in marks(list(curves)).items():
        curve = curves[name]
        put(column(curve[0][0]), curve[0][1], mark)
        for (step, value), (later, then) in pairwise(curve):
            start, end = column(step), column(later)
            for place in range(start, end + 1):
                put(place, value + (then - value) * (place - start) / max(1, end - start), mark)
    labels = [f"{high:.4g}", *[""] * (rows - 2), f"{low:.4g}"]
    wide = max(map(len, labels))
    lines = [f"{label:>{wide}} |{''.join(row).rstrip()}" for label, row in zip(labels, grid, strict=True)]
    return [*lines, f"{'':{wide}} +{'-' * columns}", f"{'':{wide}}  0{f'step {last:,}':>{columns - 1}}"]
