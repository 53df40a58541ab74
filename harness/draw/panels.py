"""Small multiples: panels side by side in one picture, each with its axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .sketch import Sketch, rectangles

LEFT, RIGHT, BELOW, ABOVE = 0.6, 0.12, 0.5, 0.3  # inches around each panel
TICK = 0.05  # inches
SMALL = 8  # points
NEAR = 0.14  # of the axis, between two labels
LETTER = 0.075  # inches that a letter of 9 points takes, at most


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from low to high. turned: the high end is on the left, or below."""

    low: float
    high: float
    log: bool = False
    turned: bool = False

    def place(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values lie: 0 at the beginning of the axis, 1 at its end."""
        x, ends = np.asarray(values, dtype=np.float64), np.array([self.low, self.high])
        if self.log:
            x, ends = np.log(x), np.log(ends)
        share = (x - ends[0]) / (ends[1] - ends[0])
        return np.asarray(1 - share if self.turned else share)

    def ticks(self) -> list[float]:
        """Round numbers on the axis, far enough apart for their labels."""
        if not self.log or self.high < 4 * self.low:
            step = 10.0 ** math.floor(math.log10((self.high - self.low) / 2))
            step = next(s for s in (step / 2, step, 2 * step, 5 * step) if (self.high - self.low) / s <= 5)
            first = math.ceil(self.low / step - 1e-9)
            return [round(k * step, 12) for k in range(first, math.floor(self.high / step + 1e-9) + 1)]
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            found = [step * 10.0**power for power in powers for step in steps]
            found = [tick for tick in found if self.low <= tick * (1 + 1e-9) and tick <= self.high * (1 + 1e-9)]
            if np.abs(np.diff(self.place(found))).min(initial=1.0) > NEAR:
                break
        return found[:: -(-len(found) // 7)]


def around(values: ArrayLike, *, log: bool = False, turned: bool = False, margin: float = 0.06) -> Scale:
    """A scale that holds all values that are finite, with a margin."""
    x = np.asarray(values, dtype=np.float64).ravel()
    x = x[np.isfinite(x) & (x > 0)] if log else x[np.isfinite(x)]
    if not x.size:
        return Scale(1.0, 10.0, log, turned) if log else Scale(0.0, 1.0, log, turned)
    low, high = float(x.min()), float(x.max())
    if log:
        more = max((high / low) ** margin, 1.1)
        return Scale(low / more, high * more, log, turned)
    more = margin * (high - low) or margin * abs(high) or 1.0
    return Scale(low - more, high + more, log, turned)


@dataclass(slots=True)
class Panel:
    """One of the panels; left, bottom, width, height in inches of the picture."""

    figure: Sketch
    left: float
    bottom: float
    width: float
    height: float
    x: Scale = Scale(0.0, 1.0)
    y: Scale = Scale(0.0, 1.0)

    def at(self, xs: ArrayLike, ys: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values as inches of the picture."""
        return self.left + self.width * self.x.place(xs), self.bottom + self.height * self.y.place(ys)

    def line(self, xs: ArrayLike, ys: ArrayLike, **style: Any) -> None:
        """Styles as matplotlib calls them; see sketch.py."""
        self.figure.line(*(self.at(xs, ys) if style.get("marker") else _corners(*self.at(xs, ys))), **style)

    def band(self, xs: ArrayLike, low: ArrayLike, high: ArrayLike, **style: Any) -> None:
        (x, below), (_, above) = self.at(xs, low), self.at(xs, high)
        x, below, above = _corners(x, below, above)
        self.figure.areas([(np.r_[x, x[::-1]], np.r_[below, above[::-1]])], **style)

    def blocks(self, spans: Sequence[tuple[float, float]], **style: Any) -> None:
        """Rectangles over the whole height, each from one x to another."""
        ends = self.at(np.array(spans, dtype=np.float64).reshape(-1, 2), 0.0)[0]
        self.figure.areas(rectangles(ends.tolist(), self.bottom, self.bottom + self.height), **style)

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """x, y: from 0 to 1 inside the panel."""
        place = self.left + self.width * x, self.bottom + self.height * y
        self.figure.text(*place, text, **({"fontsize": SMALL} | style))

    def frame(
        self,
        title: str,
        below: str = "",
        left: str = "",
        *,
        xs: Sequence[float] | None = None,
        ys: Sequence[float] | None = None,
    ) -> None:
        """The edges, with ticks at xs and ys, round numbers by default, a title and what the axes are."""
        xs, ys = self.x.ticks() if xs is None else xs, self.y.ticks() if ys is None else ys
        edges: list[tuple[float, float]] = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
        for tick, share in zip(xs, self.x.place(xs), strict=True):
            edges += [(math.nan, 0), (share, 0), (share, -TICK / self.height)]
            self.text(share, -1.5 * TICK / self.height, f"{tick:,.6g}", ha="center", va="top")
        for tick, share in zip(ys, self.y.place(ys), strict=True):
            edges += [(math.nan, 0), (0, share), (-TICK / self.width, share)]
            self.text(-1.5 * TICK / self.width, share, f"{tick:,.6g}", ha="right", va="center")
        whole = Panel(self.figure, self.left, self.bottom, self.width, self.height)
        whole.line(*zip(*edges, strict=True), color="black", linewidth=0.8)
        room = (self.width + LEFT) / LETTER  # a long title must not run into the next panel's
        size = min(9.0, 9.0 * room / max(1, len(title)))
        self.text(0.5, 1 + TICK / self.height, title, ha="center", va="bottom", fontsize=size)
        if below:
            self.text(0.5, -0.24 / self.height, below, ha="center", va="top")
        if left:
            self.text(-0.48 / self.width, 0.5, left, ha="center", va="center", rotation=90)


def _corners(x: NDArray[np.float64], *ys: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """The points of lines over one x without those on a level stretch, which take room in a file and show nothing."""
    if len(x) < 3:
        return (x, *ys)
    moves = np.any([np.diff(y) != 0 for y in ys], axis=0)  # NaN, a gap, is different from everything
    kept = np.concatenate([[True], moves[:-1] | moves[1:], [True]])
    return (x[kept], *(y[kept] for y in ys))


def panels(
    count: int, *, columns: int = 3, size: tuple[float, float] = (2.7, 2.1), legend: float = 2.2
) -> tuple[Sketch, list[Panel]]:
    """So many panels of this size in inches, row by row, with `legend` inches kept free on the right."""
    columns = min(columns, count)
    across, down = LEFT + size[0] + RIGHT, BELOW + size[1] + ABOVE
    width, height = columns * across + legend, -(-count // columns) * down
    figure = Sketch(width, height)
    corners = [((i % columns) * across + LEFT, height - (i // columns + 1) * down + BELOW) for i in range(count)]
    return figure, [Panel(figure, x, y, *size) for x, y in corners]


def legend(figure: Sketch, inches: float = 2.2) -> None:
    """A key to all lines with a label, once each, in the free inches on the right."""
    named = dict(figure.named)
    left, row = figure.width - inches + 0.1, min(0.17, figure.height / (len(named) + 1))
    top = (figure.height + row * (len(named) - 1)) / 2
    for place, (label, style) in enumerate(named.items()):
        y = top - row * place
        marked = bool(style.get("marker"))
        x = np.array([left + 0.12] if marked else [left, left + 0.24])
        figure.line(x, np.full(len(x), y), **{**style, "label": "", "drawstyle": ""})
        figure.text(left + 0.32, y, label, fontsize=SMALL, va="center")


def beside(panel: Panel, labels: Sequence[str], **style: Any) -> None:
    """A key to colours C0, C1, ... on the right of a panel."""
    row = min(0.17, panel.height / max(1, len(labels)))
    top = panel.bottom + (panel.height + row * (len(labels) - 1)) / 2
    left = panel.left + panel.width + RIGHT
    for place, label in enumerate(labels):
        key = Panel(panel.figure, left, top - row * (place + 0.3), 0.24, 0.6 * row)
        key.blocks([(0.0, 1.0)], facecolors=f"C{place % 10}", linewidths=0, **style)
        key.text(1.35, 0.5, label, va="center", fontsize=min(SMALL, 72 * row))
