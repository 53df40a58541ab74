"""What models do over time steps, as small multiples: how much gradient reaches them, what the scales do."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...draw.curves import COLOURS, line_of
from ...draw.panels import SMALL, Panel, Scale, around, beside, legend, panels
from .seen import Array, ClassUse, Example, Scales, Seen

SMALLEST = 1e-15  # of the largest gradient; a picture goes no deeper
KEY = 2.2  # inches on the right
CHARACTERS = 92  # in a line of words
LETTER, LINE = 0.6 * SMALL / 72, 0.36  # inches; a letter is that wide in every monospaced font
Row = tuple[str, Scales]  # the model's title and what its scales do


def gradients(seen: Sequence[Seen], places: Mapping[str, int]) -> bytes:
    """Gradient over time steps, a line a model: at initialisation, and trained. places: of the models' colours."""
    figure, every = panels(2, columns=2, size=(3.7, 3.3), legend=KEY)
    known = np.concatenate([np.r_[one.initial, one.trained] for one in seen])
    known = known[np.isfinite(known) & (known > 0)]
    most, least = float(known.max(initial=0.0)), float(known.min(initial=np.inf))
    for panel, name, title in zip(every, ("initial", "trained"), ("before training", "after training"), strict=True):
        panel.x = _steps(max(one.steps for one in seen))
        panel.y = Scale(max(least, most * SMALLEST) / 2, min(2 * most, 1e308), log=True) if most else Scale(0, 1)
        for one in seen:
            values: Array = getattr(one, name)
            # a logarithm has no zero, and what is below the picture runs along its edge
            shown = np.where(values > 0, np.maximum(values, panel.y.low), np.nan)
            panel.line(one.time, shown, linewidth=1.2, label=one.title, **line_of(places[one.run.cell.model]))
        ticks: list[float] | None = None if most else []
        left = "" if panel is not every[0] else "gradient of the last answer's loss"
        panel.frame(title, "time step", left, ys=ticks)
    legend(figure, KEY)
    return figure.svg()


def scales(rows: Sequence[Row], time: Array, sequences: int) -> bytes:
    """What the scales of each model do over time: the mean over sequences, and the first sequence alone."""
    figure, every = panels(2 * len(rows), columns=2, size=(3.7, 1.25), legend=KEY)
    for place, (title, told) in enumerate(rows):
        left, right = every[2 * place : 2 * place + 2]
        left.x, right.x = _steps(told.example.use.shape[1], time), _steps(told.example.use.shape[1])
        means = np.nan_to_num(told.mean)
        left.y = Scale(0, 1.05 * max(1.0, float(means.max(initial=0.0))))
        if told.exclusive:
            edges = np.cumsum(np.vstack([np.zeros_like(means[:1]), means]), axis=0)
            for j, (low, high) in enumerate(pairwise(edges)):
                left.band(*_widened(time, low, high), color=f"C{j % COLOURS}", alpha=0.4, linewidth=0)
            _bands(right, told.example, len(told.labels))
        else:
            for j, series in enumerate(told.mean):
                left.line(time, series, linewidth=1.2, **line_of(j))
            _ridges(right, told.example, len(told.labels))
        last = place == len(rows) - 1  # all rows have its ticks
        below = "time step" if last else ""
        ticks: list[float] | None = None if last else []
        left.frame(f"{title}: mean of {sequences} sequences", below, xs=ticks, ys=[0, 0.5, 1])
        signal = told.exclusive and told.example.signal is not None
        right.frame("" if place else "the first of them", below, xs=ticks, ys=None if signal else [])
        beside(right, told.labels, alpha=0.4 if told.exclusive else 1.0)
    return figure.svg()


def signals(rows: Sequence[Row]) -> bytes:
    """For each model the signal of its example, coloured by the chosen scale, and that scale over time."""
    figure, every = panels(2 * len(rows), columns=1, size=(7.4, 1.3), legend=1.2)
    for place, (title, told) in enumerate(rows):
        above, below = every[2 * place : 2 * place + 2]
        chosen = told.example.chosen
        above.x = below.x = _steps(len(chosen))
        _bands(above, told.example, len(told.labels))
        above.frame(
            f"{title}: signal, coloured by the chosen scale", ys=None if told.example.signal is not None else []
        )
        beside(above, told.labels, alpha=0.4)
        below.y = Scale(-0.4, len(told.labels) - 0.6)
        edges = np.append(np.arange(len(chosen)) + 0.5, len(chosen) + 0.5)
        below.line(edges, np.append(chosen, chosen[-1:]), drawstyle="steps-post", color="black", linewidth=0.9)
        below.frame("", "time step" if place == len(rows) - 1 else "", "scale", ys=list(range(len(told.labels))))
    return figure.svg()


def classes(rows: Sequence[Row]) -> bytes:
    """For each model how often each class picks each scale: a group of bars a scale, a bar a class."""
    figure, every = panels(len(rows), columns=1, size=(6.6, 2.1), legend=2.0)
    for panel, (title, told) in zip(every, rows, strict=True):
        count, width = len(told.labels), 0.8 / len(told.classes)
        panel.x = Scale(-0.5, count - 0.5)
        panel.y = around([0.0, *(100 * np.nan_to_num(np.concatenate([one.use for one in told.classes])))], margin=0.0)
        for place, one in enumerate(told.classes):
            for j, height in enumerate(100 * np.nan_to_num(one.use)):
                left = j + (place - len(told.classes) / 2) * width
                edges = np.array([left, left + width])
                panel.band(edges, np.zeros(2), np.full(2, height), color=f"C{place % COLOURS}")
        panel.frame(title, "", "share of steps, %", xs=[])
        for j, label in enumerate(told.labels):
            panel.text((j + 0.5) / count, -0.12 / panel.height, label, ha="center", va="top")
        beside(panel, [named(one) for one in told.classes])
    return figure.svg()


def words(rows: Sequence[Row]) -> bytes:
    """For each model the words of its example in their order, each on the colour and with the number of its scale."""
    lines = [wrapped(told.example.words) for _, told in rows]
    most = max(map(len, lines))
    figure, every = panels(len(rows), columns=1, size=(CHARACTERS * LETTER, LINE * most), legend=1.0)
    for panel, (title, told), broken in zip(every, rows, lines, strict=True):
        panel.x, panel.y = Scale(0, CHARACTERS), Scale(0, most, turned=True)
        panel.text(0, 1 + 0.05 / panel.height, title, va="bottom", fontsize=9)
        for row, places in enumerate(broken):
            for place, x in places:
                word, scale = told.example.words[place], int(told.example.chosen[place])
                colour, middle = f"C{scale % COLOURS}", x + len(word) / 2
                ground = np.array([x - 0.5, x + len(word) + 0.5])
                panel.band(ground, np.full(2, row), np.full(2, row + 0.55), color=colour, alpha=0.4)
                panel.text(x / CHARACTERS, 1 - (row + 0.42) / most, word, family="monospace")
                panel.text(middle / CHARACTERS, 1 - (row + 0.9) / most, str(scale), ha="center", color=colour)
        beside(panel, told.labels, alpha=0.4)
    return figure.svg()


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


def named(one: ClassUse) -> str:
    """A class and of how many sequences its bars are."""
    return f"{one.name} ({one.sequences})"


def _steps(steps: int, time: Array | None = None) -> Scale:
    return Scale(0.5, max(steps, float(time[-1]) if time is not None and len(time) else 0.0) + 0.5)


def _widened(time: Array, low: Array, high: Array) -> tuple[Array, Array, Array]:
    """A band of one time step gets a width."""
    if len(time) > 1:
        return time, low, high
    return np.array([time[0] - 0.5, time[0] + 0.5]), np.repeat(low, 2), np.repeat(high, 2)


def _bands(panel: Panel, example: Example, labels: int) -> None:
    """The chosen scale of each step as the colour behind the signal, or alone where there is no signal."""
    signal = example.signal
    panel.y = around(np.array([0.0, 1.0]) if signal is None or np.isnan(signal).all() else signal)
    for j in range(labels):
        panel.blocks(_spans(example.chosen == j), facecolors=f"C{j % COLOURS}", alpha=0.4, linewidths=0)
    if signal is not None:
        panel.line(1 + np.arange(len(signal)), signal, color="black", linewidth=0.8)


def _ridges(panel: Panel, example: Example, labels: int) -> None:
    """The use of each label above a line of its own, the first at the bottom."""
    steps = example.use.shape[1]
    most = max(1.0, float(np.nanmax(example.use, initial=0.0)))
    panel.y = Scale(-0.1, labels)
    for j, series in enumerate(np.nan_to_num(example.use)):
        starts = np.flatnonzero(np.diff(series, prepend=np.nan) != 0)  # what stays the same is drawn once
        edges = np.repeat(np.append(starts, steps) + 0.5, 2)[1:-1]
        heights = np.repeat(j + 0.85 * series[starts] / most, 2)
        panel.band(edges, np.full_like(heights, j), heights, color=f"C{j % COLOURS}", linewidth=0)


def _spans(where: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """(start, end) of each run of true values, a step being 1 wide around its number."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(int), [0]])))
    return [(float(a) + 0.5, float(b) + 0.5) for a, b in zip(edges[::2], edges[1::2], strict=True)]
