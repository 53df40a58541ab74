"""Figures of what models do with time, one function each, as SVG: small multiples in one picture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...draw.curves import COLOURS, beside, svg
from .seen import Scales

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHARACTERS = 92  # in a line of words
SIZE = 8  # points, of a word
ON_COLOUR = "#111111"  # words on a ground of their own; pure black is the ink of the reader's theme
Row = tuple[str, Scales]  # the model's title and what its scales do


def panels(heights: Sequence[float], columns: int, *, width: float, legend: float) -> tuple[Figure, list[list[Axes]]]:
    """Axes in rows of these heights in inches, `legend` inches kept free on the right; the layout is fixed."""
    from matplotlib.figure import Figure

    left, right, gap, below, above, foot = 0.75, 0.15, 0.65, 0.3, 0.3, 0.25
    total = sum(heights) + len(heights) * (below + above) + foot
    figure = Figure(figsize=(width, total))
    each = (width - left - right - legend - gap * (columns - 1)) / columns
    rows, top = [], total
    for height in heights:
        bottom = top - above - height
        places = [left + column * (each + gap) for column in range(columns)]
        rows.append([figure.add_axes((x / width, bottom / total, each / width, height / total)) for x in places])
        top = bottom - below
    return figure, rows


def sentence(rows: Sequence[Row]) -> bytes:
    """For each model the words of its example in their order, each on the colour and with the number of its scale."""
    lines = [wrapped(told.example.words) for _, told in rows]
    line, letter = 0.36, 0.6 * SIZE / 72  # inches; a letter is that wide in every monospaced font
    figure, places = panels([line * len(one) for one in lines], 1, width=CHARACTERS * letter + 1.9, legend=1.0)
    for (title, told), (axes,), broken in zip(rows, places, lines, strict=True):
        axes.set_title(title, fontsize="medium", loc="left")
        axes.set_axis_off()
        axes.set_xlim(0, CHARACTERS)
        axes.set_ylim(len(broken), 0)
        for j, label in enumerate(told.labels):
            axes.broken_barh([], (0, 0), facecolors=_light(j), label=label)
        for row, words in enumerate(broken):
            for place, x in words:
                word, j = told.example.words[place], int(told.example.chosen[place])
                axes.broken_barh([(x - 0.5, len(word) + 1)], (row, 0.55), facecolors=_light(j))
                style: dict[str, Any] = {"fontsize": SIZE, "family": "monospace", "parse_math": False}
                axes.text(x, row + 0.42, word, color=ON_COLOUR, **style)
                axes.text(x + len(word) / 2, row + 0.9, str(j), ha="center", color=f"C{j % COLOURS}", **style)
        beside(axes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a word's letters stay text; the reader's font draws them
        return svg(figure)


def wrapped(words: Sequence[str]) -> list[list[tuple[int, int]]]:
    """The words in lines: the number of each and the letter at which it begins."""
    lines: list[list[tuple[int, int]]] = [[]]
    x = 1
    for place, word in enumerate(words):
        if lines[-1] and x + len(word) > CHARACTERS:
            lines.append([])
            x = 1
        lines[-1].append((place, x))
        x += len(word) + 2
    return lines


def _light(place: int) -> tuple[float, float, float]:
    """A light tint of the colour number `place`, on which dark words can be read in every theme."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - 0.45 * (1 - part) for part in to_rgb(f"C{place % COLOURS}"))
    return red, green, blue
