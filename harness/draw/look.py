"""How a model looks on every page, and how every chart does."""

from __future__ import annotations

from typing import Any, NamedTuple

# On white and on dark; the sixteen differ for colour-blind readers, and those of one dash differ in grey print as well:
# found by a search over OKLab under Machado's (2009) matrices of protanopia and deuteranopia.
COLOURS = (
    ("#e56798", "#ffb0ca"),
    ("#7b61a9", "#bc9df6"),
    ("#265391", "#659deb"),
    ("#8460fb", "#b9b1fd"),
    ("#536811", "#94b050"),
    ("#f76317", "#feb79c"),
    ("#92685c", "#d8a394"),
    ("#a11268", "#fd5ab1"),
    ("#073440", "#578999"),
    ("#48076d", "#a05fd4"),
    ("#509cca", "#88d1ff"),
    ("#061cb1", "#5283fe"),
    ("#5d26d6", "#9b8efe"),
    ("#5f4426", "#b08d68"),
    ("#57121d", "#bb6269"),
    ("#47a443", "#72e06c"),
)
DASHES = ((1, 0), (6, 3), (2, 2), (9, 3, 2, 3))
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right", "triangle-left")
RAMP = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d2e21b")  # viridis: scales have an order
INK, QUIET, LINE, PAPER = "#1d1f22", "#5a5f66", "#dcdcd8", "#ffffff"  # as page.css has them in its light theme
FAINT = "#bcbfbd"  # for what stands behind
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first is part of vl-convert (SIL OFL 1.1), all as wide
THEMED = {INK: "var(--ink)", QUIET: "var(--quiet)", LINE: "var(--line)", PAPER: "var(--paper)", FAINT: "var(--faint)"}
THEMED |= {light: f"var(--m{place})" for place, (light, _) in enumerate(COLOURS)}


class Look(NamedTuple):
    """Of a model's place; those of the first 64 differ."""

    colour: str
    dash: tuple[int, ...]
    shape: str


# places of what is no model: our numbers, published ones, and all models that a chart does not tell apart
OURS, THEIRS, OTHERS = -1, -2, -3


def look(place: int) -> Look:
    if place < 0:
        of = {
            OURS: (INK, DASHES[0], "circle"),
            THEIRS: (QUIET, DASHES[1], "diamond"),
            OTHERS: (FAINT, DASHES[0], "circle"),
        }
        return Look(*of[place])
    turn = place + place // len(COLOURS)
    return Look(COLOURS[place % len(COLOURS)][0], DASHES[turn % len(DASHES)], SHAPES[turn % len(SHAPES)])


def ramp(count: int) -> list[str]:
    """So many colours for what has an order, from dark to light."""
    ends = [(len(RAMP) - 1) * place / max(count - 1, 1) for place in range(count)]
    return [_between(RAMP[int(end)], RAMP[min(int(end) + 1, len(RAMP) - 1)], end % 1) for end in ends]


def _between(low: str, high: str, share: float) -> str:
    parts = [(int(low[at : at + 2], 16), int(high[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in parts)


def style() -> str:
    """The models' colours for a page that has a light and a dark theme."""
    pairs = "".join(f"--m{place}:light-dark({light},{dark});" for place, (light, dark) in enumerate(COLOURS))
    return f":root{{{pairs}}}\n"


def config() -> dict[str, Any]:
    """Vega-Lite's, of every chart."""
    words = {
        "labelColor": QUIET,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    return {
        "font": FONT,
        "background": PAPER,
        "padding": 10,
        "aria": False,  # a chart has one sentence instead of a name for every point
        "axis": {**words, "gridColor": LINE, "domainColor": QUIET, "tickColor": QUIET, "labelOverlap": True},
        "legend": {
            **words,
            "orient": "bottom",
            "direction": "horizontal",
            "columns": 3,
            "symbolType": "stroke",
            "symbolSize": 400,
            "symbolStrokeWidth": 2,
            "symbolOpacity": 1,
            "labelColor": INK,
            "labelLimit": 190,
            "symbolLimit": 0,
            "title": None,
            "rowPadding": 3,
        },
        "title": {"color": INK, "fontSize": 12, "fontWeight": "bold", "anchor": "start", "offset": 6},
        "view": {"stroke": LINE},
        "concat": {"spacing": 14},
        "text": {"color": QUIET, "fontSize": 11},
        "rule": {"color": QUIET},
        "line": {"invalid": "break-paths-show-domains"},
    }
