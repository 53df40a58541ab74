"""Figures of what models do with time, one function each, as SVG: small multiples in one picture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import COLOURS, beside, svg
from .seen import ClassUse, Example, Scales

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


def signals(rows: Sequence[Row]) -> bytes:
    """For each model the signal of its example, coloured by the chosen scale, and that scale over time."""
    figure, places = panels([1.6, 0.9] * len(rows), 1, width=10.0, legend=1.2)
    for number, (title, told) in enumerate(rows):
        (above,), (below,) = places[2 * number : 2 * number + 2]
        _bands(above, told.example, told.labels)
        above.set_title(f"{title}: signal, coloured by the chosen scale", fontsize="medium")
        beside(above)
        steps = 1 + np.arange(len(told.example.chosen))
        below.plot(steps, told.example.chosen, drawstyle="steps-mid", color="black", linewidth=0.9)
        below.set_ylim(-0.4, len(told.labels) - 0.6)
        below.set_yticks(range(len(told.labels)), told.labels, fontsize="small")
        below.set_xlim(0.5, len(steps) + 0.5)
    places[-1][0].set_xlabel("time step")
    return svg(figure)


def classes(rows: Sequence[Row]) -> bytes:
    """For each model how often each class picks each scale: a group of bars a scale, a bar a class."""
    figure, places = panels([2.4] * len(rows), 1, width=10.0, legend=2.0)
    for (title, told), (axes,) in zip(rows, places, strict=True):
        width = 0.8 / len(told.classes)
        for place, one in enumerate(told.classes):
            x = np.arange(len(told.labels)) + (place - (len(told.classes) - 1) / 2) * width
            hatch = ("", "///")[place // COLOURS % 2]
            colour = f"C{place % COLOURS}"
            axes.bar(x, 100 * np.nan_to_num(one.use), width, label=_of(one), color=colour, hatch=hatch)
        axes.set_xticks(range(len(told.labels)), told.labels)
        axes.set_ylabel("share of steps, %")
        axes.set_title(title, fontsize="medium")
        beside(axes)
    return svg(figure)


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


def _bands(axes: Axes, example: Example, labels: Sequence[str]) -> None:
    """The chosen scale of each step as the colour behind the signal, or alone where there is no signal."""
    signal = example.signal
    known = np.array([0.0, 1.0]) if signal is None or np.isnan(signal).all() else signal
    low, high = float(np.nanmin(known)), float(np.nanmax(known))
    margin = 0.05 * (high - low) or 1.0
    for j, label in enumerate(labels):
        spans = _spans(example.chosen == j)
        place = (low - margin, high - low + 2 * margin)
        axes.broken_barh(spans, place, label=label, facecolors=f"C{j % COLOURS}", alpha=0.4, linewidth=0)
    if signal is None:
        axes.set_yticks([])
    else:
        axes.plot(1 + np.arange(len(signal)), signal, color="black", linewidth=0.8)
    axes.set_xlim(0.5, len(example.chosen) + 0.5)
    axes.set_ylim(low - margin, high + margin)


def _spans(where: np.ndarray) -> list[tuple[float, float]]:
    """(start, width) of each run of true values, a step being 1 wide around its number."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(int), [0]])))
    return [(float(a) + 0.5, float(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _light(place: int) -> tuple[float, float, float]:
    """A light tint of the colour number `place`, on which dark words can be read in every theme."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - 0.45 * (1 - part) for part in to_rgb(f"C{place % COLOURS}"))
    return red, green, blue


def _of(one: ClassUse) -> str:
    return f"{one.name} ({one.sequences})"
