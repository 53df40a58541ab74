"""The critical-difference diagram: mean ranks on an axis, and bars over models that cannot be told apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .sketch import Sketch

AXIS = 4.6  # inches
ROW = 0.21  # inches from one line of the picture to the next
LETTER = 0.075  # inches a letter of a label takes, at most


class Axes:
    """Places on the picture: x from 0 at the best rank to 1 at the worst, y in rows, 0 at the axis."""

    def __init__(self, figure: Sketch, left: float, row: float) -> None:
        self.figure, self.left, self.row = figure, left, row

    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[Any, Any]:
        across = self.left + AXIS * (np.asarray(x, dtype=np.float64) + 0.02) / 1.04
        return across, self.figure.height + self.row * (np.asarray(y, dtype=np.float64) - 3)

    def line(self, x: ArrayLike, y: ArrayLike, **style: Any) -> None:
        self.figure.line(*self.at(x, y), **style)

    def text(self, x: float, y: float, words: str, **style: Any) -> None:
        across, up = self.at(x, y)
        self.figure.text(float(across), float(up), words, **style)


def diagram(ranks: ArrayLike, titles: Sequence[str], groups: Sequence[Sequence[int]], distance: float) -> bytes:
    """Models at their mean ranks (models,), best on the left, with a bar for each of `groups` (Demsar, 2006).

    A bar has a dot at each of its models: the groups come from tests of pairs, so that a bar may pass over a model
    that is not in it. distance: Nemenyi's critical distance, drawn above the axis as a reference.
    """
    means = np.asarray(ranks, dtype=np.float64)
    count = len(means)
    order = [int(place) for place in np.argsort(means, kind="stable")]
    near = order[: (count + 1) // 2]  # these are named on the left, the others on the right
    sides = [(near, 0.0, -1), (order[: len(near) - 1 : -1], 1.0, 1)]
    label = LETTER * max(len(title) + 6 for title in titles)  # a rank stands beside each title
    rows = 2 + len(groups) + len(near)
    width, height = AXIS + 2 * label, ROW * (rows + 3)
    figure = Sketch(width, height)
    axes = Axes(figure, label, ROW)

    def at(rank: float) -> float:
        return (rank - 1) / (count - 1)

    axes.line([0, 1], [0, 0], color="black", linewidth=1)
    for rank in range(1, count + 1):
        axes.line([at(rank)] * 2, [0, 0.25], color="black", linewidth=1)
        axes.text(at(rank), 0.4, str(rank), ha="center", va="bottom", fontsize=8)
    _distance(axes, at(1 + distance), distance)
    for names, edge, side in sides:
        for row, place in enumerate(names):
            x, y = at(means[place]), -(len(groups) + 1.5 + row)
            axes.line([x, x, edge + 0.02 * side], [0, y, y], color="0.55", linewidth=0.8)
            text = f"{titles[place]} ({means[place]:.1f})"
            axes.text(edge + 0.03 * side, y, text, ha="left" if side > 0 else "right", va="center", fontsize=9)
    for row, xs in enumerate(sorted(sorted(at(means[place]) for place in group) for group in groups)):
        axes.line([xs[0], xs[-1]], [-(row + 1)] * 2, color="black", linewidth=2)
        axes.line(xs, [-(row + 1)] * len(xs), color="black", linestyle="", marker="o", markersize=5)
    return figure.svg()


def _distance(axes: Axes, end: float, distance: float) -> None:
    """Nemenyi's critical distance as a bar from the best rank on, where the axis is long enough for it."""
    said = f"Nemenyi's critical distance, {distance:.2f}: for the picture only"
    if end > 1:
        axes.text(0, 2, f"{said}, and longer than the axis", va="center", fontsize=8)
        return
    axes.line([0, 0, 0, end, end, end], [1.7, 2.1, 1.9, 1.9, 1.7, 2.1], color="black", linewidth=1)
    right = end < 0.45
    axes.text(end + 0.015 if right else 0, 1.9 if right else 2.3, said, va="center" if right else "bottom", fontsize=8)
