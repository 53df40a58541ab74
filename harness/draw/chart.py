"""What charts are made of: axes, the key to the models, and lines in one panel or several."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from .look import COLOURS, INK, OTHERS, PAPER, QUIET, look
from .picture import rows

if TYPE_CHECKING:
    import altair as alt

Labels = Mapping[str, int]  # what the key calls a model -> its place
HELD = "event.shiftKey"  # zooms and moves a panel; without it the page scrolls
TICKS = 7  # of a logarithmic axis, at most
SHOWN = 12  # models in colour where there are more than colours
KINDS = ("band", "bar", "line", "mark", "tick")  # of rows, drawn in this order


class Axis(NamedTuple):
    """ticks: where they stand; none: where they look well. turned: the high end is on the left, or below.

    room: pixels beyond the outermost values where neither `low` nor `high` is given.
    """

    title: str = ""
    log: bool = False
    low: float | None = None
    high: float | None = None
    ticks: Sequence[float] | None = None
    turned: bool = False
    room: int = 0

    def ticked(self, values: pd.Series) -> Axis:
        """With few round ticks, if it is logarithmic: Vega would draw a line at every multiple of a power."""
        known = values[values > 0]
        if not self.log or self.ticks is not None or not len(known):
            return self
        low, high = self.low or float(known.min()), self.high or float(known.max())
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
            found = [step * 10.0**power for power in powers for step in steps]
            found = [tick for tick in found if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
            if len(found) <= TICKS:
                break
        return self._replace(ticks=found[:: -(-len(found) // TICKS) or 1])


class Panel(NamedTuple):
    """levels: horizontal lines with their names; note: what stands in the middle."""

    title: str
    x: Axis
    y: Axis
    levels: Mapping[str, float] = {}
    note: str = ""


class Chart:
    """Several views that become one chart, and the data of each."""

    def __init__(self, labels: Labels) -> None:
        import altair as alt

        self.labels = labels
        self.sets: dict[str, list[dict[str, Any]]] = {}
        self.views: list[Any] = []
        # a click on the key shows these models alone
        self.can_pick = False
        self.picked = alt.selection_point(name="pick", fields=["model"], bind="legend")

    def of(self, frame: pd.DataFrame, name: str) -> alt.Chart:
        """A layer with these data, which layers of equal data share. name: of the data; another for each layer."""
        import altair as alt

        mine = rows(frame)
        kept = next((other for other, known in self.sets.items() if known == mine), name)
        self.sets[kept] = mine
        return alt.Chart(alt.NamedData(kept))

    def view(
        self, layers: Sequence[Any], title: str = "", width: float = 480, height: float = 280, moves: bool = True
    ) -> None:
        """moves: can be zoomed, and shows the models alone that are picked in the key."""
        import altair as alt

        number, layers = len(self.views), list(layers)
        held = next((place for place, layer in enumerate(layers) if isinstance(layer.encoding.x, alt.X)), None)
        if moves and held is not None:  # a name of our own, since Altair's counts all charts of the process
            layers[held] = layers[held].properties(name=f"view{number}").add_params(*self._params(number))
        words = {"title": title} if title else {}
        self.views.append(alt.layer(*layers).properties(width=width, height=height, **words))

    def together(self, columns: int = 2, **changes: Any) -> alt.TopLevelMixin:
        import altair as alt

        whole = self.views[0] if len(self.views) == 1 else alt.concat(*self.views, columns=columns)
        return whole.properties(datasets=self.sets, **changes)

    def _params(self, number: int) -> list[Any]:
        import altair as alt

        moved = f"[pointerdown[{HELD}], window:pointerup] > window:pointermove!"
        zoom = alt.selection_interval(name=f"zoom{number}", bind="scales", zoom=f"wheel![{HELD}]", translate=moved)
        first, self.can_pick = not self.can_pick, True
        return [zoom, self.picked] if first else [zoom]

    def colour(self, **words: Any) -> Any:
        return self._key("Color", [look(place).colour for place in self.labels.values()], **words)

    def dash(self) -> Any:
        return self._key("StrokeDash", [list(look(place).dash) for place in self.labels.values()])

    def shape(self, **words: Any) -> Any:
        return self._key("Shape", [look(place).shape for place in self.labels.values()], **words)

    def _key(self, channel: str, looks: list[Any], **words: Any) -> Any:
        """One key of colours, dashes and shapes."""
        import altair as alt

        scale = alt.Scale(domain=list(self.labels), range=looks)
        return getattr(alt, channel)("model", type="nominal", scale=scale, sort=None, **words)

    def faded(self, full: float = 1.0) -> dict[str, Any]:
        """The opacity where a model was picked, and of the others."""
        import altair as alt

        return {"opacity": alt.condition(self.picked, alt.value(full), alt.value(full / 8))}


def labels_of(models: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Model -> what the key calls it: its title, with the name where two bear one. models: (name, title)."""
    known = dict(models)
    titles = Counter(known.values())
    return {name: title if titles[title] == 1 else f"{title} ({name})" for name, title in known.items()}


def few(frame: pd.DataFrame, labels: Labels, score: Mapping[str, float]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows for `lines` and its labels, in which with more models than colours all but the best few are grey.

    The grey ones share one label, keep their lines alone and stand behind the rest. score: of the labels, the greatest
    is the best; of what has none nobody knows how good it is.
    """
    if len(labels) <= len(COLOURS):
        return frame, dict(labels)
    best = set(sorted(labels, key=lambda name: -score.get(name, -math.inf))[:SHOWN])
    is_best = frame["model"].isin(best)
    name = f"{len(labels) - SHOWN} others"
    others = frame[~is_best & (frame["kind"] == "line")]
    whole = pd.concat([others.assign(of=others["model"], model=name), frame[is_best].assign(of=frame["model"])])
    kept = {label: place for label, place in labels.items() if label in best}
    return whole.reset_index(drop=True), {**kept, name: OTHERS}


def x_of(axis: Axis, field: str = "x", **words: Any) -> Any:
    return _channel("X", axis, field, **words)


def y_of(axis: Axis, field: str = "y", **words: Any) -> Any:
    return _channel("Y", axis, field, **words)


def _channel(channel: str, axis: Axis, field: str, **words: Any) -> Any:
    import altair as alt

    # marks at the edge are whole where nothing says where the axis ends
    room = 0 if axis.low is not None or axis.high is not None else axis.room
    limits: dict[str, Any] = {} if axis.low is None else {"domainMin": axis.low}
    limits |= {} if axis.high is None else {"domainMax": axis.high}
    kind: dict[str, Any] = {"type": "log"} if axis.log else {"zero": False}
    scale = alt.Scale(**kind, nice=False, padding=room, reverse=axis.turned, **limits)
    said = {"values": list(axis.ticks)} if axis.ticks is not None else {"tickCount": 5}
    drawn = alt.Axis(title=axis.title or None, format=",~g" if axis.log else ",~r", grid=True, **said)
    return getattr(alt, channel)(field, type="quantitative", scale=scale, axis=drawn, **words)


def lines(
    frame: pd.DataFrame,
    labels: Labels,
    panels: Sequence[Panel],
    *,
    columns: int = 2,
    size: tuple[float, float] = (480, 280),
    step: bool = False,
    points: bool = False,
    mark: str = "diamond",
) -> alt.TopLevelMixin:
    """Lines of models in panels.

    frame: columns panel (a number), model, kind (one of KINDS) and x, with y, or low and high of a band or a bar; where
    several lines bear the label of one model, `of` parts them.
    step: a line keeps its value up to the next point. points: each has a mark.
    """
    chart = Chart(labels)
    for number, panel in enumerate(panels):
        mine = frame[frame["panel"] == number]
        xs, ys = mine["x"], pd.concat([mine["y"], mine["low"], mine["high"], pd.Series(panel.levels.values())])
        around = 8 if points or (mine["kind"] == "mark").any() else 0
        x, y = (axis._replace(room=around).ticked(known) for axis, known in ((panel.x, xs), (panel.y, ys)))
        panel = panel._replace(x=x, y=y)
        layers = _levels(chart, panel, number)
        for kind in KINDS:
            if (mine["kind"] == kind).any():
                layers += _layers(chart, mine[mine["kind"] == kind], kind, number, panel, step, points, mark)
        layers += _names(chart, panel, number)
        if panel.note or not layers:
            layers += [_note(chart, panel, number, size)]
        chart.view(layers, panel.title, *size)
    return chart.together(columns)


def _layers(
    chart: Chart, mine: pd.DataFrame, kind: str, number: int, panel: Panel, step: bool, points: bool, mark: str
) -> list[Any]:
    """What shows the rows of one kind."""
    import altair as alt

    of = ["of"] if "of" in mine else []
    kept = ["model", *of, "x", *(["low", "high"] if kind in ("band", "bar") else ["y"])]
    base = chart.of(mine[kept], f"{kind}{number}")
    words: dict[str, Any] = {"x": x_of(panel.x), "color": chart.colour()}
    along: dict[str, Any] = {"clip": True, **({"interpolate": "step-after"} if step else {})}
    if kind in ("band", "bar"):
        words |= {"y": y_of(panel.y, "low"), "y2": "high"}
        drawn = base.mark_area(**along) if kind == "band" else base.mark_rule(strokeWidth=1.5, clip=True)
        return [drawn.encode(**words, **chart.faded(0.12 if kind == "band" else 1))]
    words["y"] = y_of(panel.y)
    if kind == "tick":
        ticks = base.mark_tick(orient="vertical", size=9, thickness=1.5, clip=True)
        return [ticks.encode(**words, **chart.faded())]
    tips = [alt.Tooltip("of:N", title="model") if of else alt.Tooltip("model:N")]
    tips += [alt.Tooltip("x:Q", title=panel.x.title or "x", format=",.5~g")]
    tips += [alt.Tooltip("y:Q", title=panel.y.title or "y", format=",.4~g")]
    if kind == "mark":
        marks = base.mark_point(shape=mark, size=70, filled=True, stroke=INK, strokeWidth=1, clip=True)
        return [marks.encode(**words, tooltip=tips, **chart.faded())]
    parted: dict[str, Any] = {"detail": "of:N"} if of else {}
    line = base.mark_line(strokeWidth=2, **along).encode(**words, strokeDash=chart.dash(), **parted, **chart.faded())
    dots = chart.of(mine[kept], f"dots{number}").mark_point(size=30, filled=True, clip=True)
    seen = chart.faded() if points else {"opacity": alt.value(0)}  # a pointer finds them all the same
    return [line, dots.encode(**words, tooltip=tips, **seen)]


def _levels(chart: Chart, panel: Panel, number: int) -> list[Any]:
    if not panel.levels:
        return []
    frame = pd.DataFrame({"level": list(panel.levels), "y": list(panel.levels.values())})
    rules = chart.of(frame, f"level{number}").mark_rule(strokeDash=[4, 4], strokeWidth=1)
    return [rules.encode(y=y_of(panel.y))]


def _names(chart: Chart, panel: Panel, number: int) -> list[Any]:
    """The names of the levels, on top of the lines and legible across them."""
    import altair as alt

    if not panel.levels:
        return []
    frame = pd.DataFrame({"level": list(panel.levels), "y": list(panel.levels.values())})
    words: dict[str, Any] = {"align": "right", "baseline": "bottom", "dx": -4, "dy": -2}
    looks: tuple[dict[str, Any], ...] = ({"stroke": PAPER, "strokeWidth": 4, "strokeJoin": "round"}, {"color": QUIET})
    named = [chart.of(frame, f"level{number}").mark_text(**words, **look) for look in looks]
    return [one.encode(y=y_of(panel.y), text="level:N", x=alt.value("width")) for one in named]


def _note(chart: Chart, panel: Panel, number: int, size: tuple[float, float]) -> Any:
    import altair as alt

    note = chart.of(pd.DataFrame({"note": [panel.note or "nothing to draw"]}), f"note{number}")
    return note.mark_text(fontSize=12).encode(text="note:N", x=alt.value(size[0] / 2), y=alt.value(size[1] / 2))
