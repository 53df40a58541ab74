"""A picture of lines, areas, marks and words, written as SVG directly.

matplotlib would take 50 ms and more for such a picture, most of it for the layout of words, and a report of two
thousand records has a hundred pictures. Styles bear matplotlib's names and look as its own would.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

CYCLE = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")
DASHES = {"--": (3.7, 1.6), ":": (1.0, 1.65)}  # in widths of the line
ANCHORS = {"center": "middle", "right": "end"}
DROPS = {"top": 0.76, "center": 0.35, "bottom": -0.24}  # from a place to the line that letters stand on, in sizes
MARKS = {"s": "M-{r} -{r}H{r}V{r}H-{r}Z", "^": "M0 -{r}L{r} {r}H-{r}Z", "v": "M0 {r}L{r} -{r}H-{r}Z"}
MARKS |= {"D": "M0 -{d}L{d} 0L0 {d}L-{d} 0Z", "|": "M0 -{r}V{r}"}
Places = NDArray[np.float64]


class Sketch:
    """width, height: inches. Places are in inches from the lower left corner, sizes and widths in points."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.elements: list[str] = []
        self.named: dict[str, dict[str, Any]] = {}  # label -> style of the first line that bears it

    def line(self, x: Places, y: Places, **style: Any) -> None:
        """A line with gaps where a place is NaN, marks at its places, or both."""
        if label := style.get("label"):
            self.named.setdefault(str(label), style)
        if style.get("drawstyle") == "steps-post" and len(x) > 1:
            x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
        if dashes := style.get("linestyle", "-"):
            self._path(self._points(x, y), {"fill": "none", **_stroke(style, dashes)}, style)
        if style.get("marker"):
            self._marks(x, y, style)

    def areas(self, edges: Iterable[tuple[Places, Places]], **style: Any) -> None:
        """Closed areas, each inside its edge (places, places), as one."""
        colour = colour_of(style.get("facecolors", style.get("color", "black")))
        self._path("".join(f"{self._points(x, y)}Z" for x, y in edges), {"fill": colour}, style)

    def text(self, x: float, y: float, words: str, **style: Any) -> None:
        """Words at a place: `ha` left, center or right of it, `va` top, center or bottom, `rotation` in degrees."""
        if not words:
            return
        size, across, down = float(style.get("fontsize", 8)), 72 * x, 72 * (self.height - y)
        drop = DROPS.get(style.get("va", ""), 0.0) * size
        turn = style.get("rotation", 0)
        place = (
            {"transform": f"translate({_short(across)} {_short(down)}) rotate({-turn:g})", "y": _short(drop)}
            if turn
            else {"x": _short(across), "y": _short(down + drop)}
        )
        anchor = {"text-anchor": ANCHORS[style["ha"]]} if style.get("ha") in ANCHORS else {}
        look = {"fill": colour_of(style.get("color", "black"))}
        if family := style.get("family"):
            look["font-family"] = family
        words = escape(words, quote=False)
        self.elements.append(
            f"<text{_attributes({**place, 'font-size': _short(size), **anchor, **look})}>{words}</text>"
        )

    def svg(self) -> bytes:
        width, height = _short(72 * self.width), _short(72 * self.height)
        head = (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
            f'viewBox="0 0 {width} {height}" font-family="\'DejaVu Sans\', sans-serif" stroke-linejoin="round">\n'
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        )
        return (head + "\n".join(self.elements) + "\n</svg>\n").encode()

    def _points(self, x: Places, y: Places) -> str:
        parts, drawing = [], False
        for across, down in zip((72 * x).tolist(), (72 * (self.height - y)).tolist(), strict=True):
            if across != across or down != down:  # NaN
                drawing = False
                continue
            parts.append(f"{'L' if drawing else 'M'}{_short(across)} {_short(down)}")
            drawing = True
        return "".join(parts)

    def _path(self, d: str, words: dict[str, str], style: dict[str, Any]) -> None:
        if d:
            self.elements.append(f"<path{_attributes({'d': d, **words, **_opacity(style)})}/>")

    def _marks(self, x: Places, y: Places, style: dict[str, Any]) -> None:
        """A mark at each place; matplotlib draws their edges 1 point wide."""
        size, kind = float(style.get("markersize", 6)), style["marker"]
        colour = style.get("color", "C0")
        edge = {
            "fill": colour_of(style.get("markerfacecolor", colour)),
            "stroke": colour_of(style.get("markeredgecolor", colour)),
            "stroke-width": _short(float(style.get("markeredgewidth", 1.0))),
        }
        for across, down in zip((72 * x).tolist(), (72 * (self.height - y)).tolist(), strict=True):
            if across != across or down != down:
                continue
            if kind == "o":
                words = {"cx": _short(across), "cy": _short(down), "r": _short(size / 2)}
                self.elements.append(f"<circle{_attributes({**words, **edge, **_opacity(style)})}/>")
            else:
                d = MARKS[kind].format(r=_short(size / 2), d=_short(size / 2**0.5))
                place = f"translate({_short(across)} {_short(down)})"
                self.elements.append(f"<path{_attributes({'d': d, 'transform': place, **edge, **_opacity(style)})}/>")


def colour_of(colour: str) -> str:
    """'C3', a share of white such as '0.75', or a colour as SVG knows it."""
    if colour[:1] == "C" and colour[1:].isdigit():
        return CYCLE[int(colour[1:]) % len(CYCLE)]
    if colour[:1] in "01" and colour.replace(".", "", 1).isdigit():
        return f"#{round(255 * float(colour)):02x}" + f"{round(255 * float(colour)):02x}" * 2
    return {"black": "#000000", "grey": "#808080"}.get(colour, colour)


def _stroke(style: dict[str, Any], dashes: str) -> dict[str, str]:
    width = float(style.get("linewidth", 1.5))
    found = {"stroke": colour_of(style.get("color", "C0")), "stroke-width": _short(width)}
    if dashes in DASHES:
        found["stroke-dasharray"] = " ".join(_short(part * width) for part in DASHES[dashes])
    return found


def _opacity(style: dict[str, Any]) -> dict[str, str]:
    return {"opacity": f"{style['alpha']:g}"} if style.get("alpha", 1.0) != 1.0 else {}


def _attributes(words: dict[str, str]) -> str:
    return "".join(f' {key}="{value}"' for key, value in words.items())


def _short(value: float) -> str:
    """A tenth of a point is fine enough."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def rectangles(spans: Sequence[tuple[float, float]], low: float, high: float) -> list[tuple[Places, Places]]:
    """The edges of rectangles, each from one x to another, all from low to high."""
    return [(np.array([a, b, b, a]), np.array([low, low, high, high])) for a, b in spans]
