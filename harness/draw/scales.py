"""What the scales of models do: over time, for classes, at words. Scales have an order, and so have their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from .chart import Axis, Chart, x_of, y_of
from .look import INK, ramp

if TYPE_CHECKING:
    import altair as alt

Labels = Mapping[str, Sequence[str]]  # a model's title -> its scales, in order
HALF, WIDE = (200, 92), (440, 92)
CHARACTERS, LETTER, LINE = 66, 7.2, 36  # of a line of words, and pixels; a letter is that wide in every monospaced font
TIME = "time step"


class Scales(Chart):
    """A chart whose colours are those of scales, which each view names beside it."""

    def __init__(self) -> None:
        super().__init__({})

    def of_scale(self, labels: Sequence[str], **words: Any) -> alt.Color:
        import altair as alt

        scale = alt.Scale(domain=list(labels), range=ramp(len(labels)))
        key = {"orient": "right", "columns": 1, "direction": "vertical", "symbolType": "square", "labelLimit": 170}
        legend = alt.Legend(**{**key, "symbolSize": 90, **words})
        return alt.Color("scale", type="nominal", scale=scale, sort=None, legend=legend)

    def apart(self, columns: int) -> alt.TopLevelMixin:
        """One chart, each view of which has a key of its own."""
        whole: Any = self.together(columns)
        apart: alt.TopLevelMixin = whole.resolve_scale(color="independent")
        return apart

    def spans(self, frame: pd.DataFrame, name: str, colour: alt.Color, steps: float) -> Any:
        """The scale that is in use, as a colour behind whatever is drawn there."""
        spans = self.of(frame, name).mark_rect(opacity=0.45, tooltip={"content": "data"})
        return spans.encode(x=x_of(Axis(TIME, low=0.5, high=steps + 0.5), "start"), x2="end", color=colour)


def over_time(
    means: pd.DataFrame, spans: pd.DataFrame, ridges: pd.DataFrame, signals: pd.DataFrame, labels: Labels, said: str
) -> alt.TopLevelMixin:
    """A row for each model: on the left the mean over sequences, on the right one sequence.

    means: model, scale, x, low, high where one scale is in use at a time, else a line, high alone. spans: model, scale,
    start, end. ridges: model, scale, x, low, high. signals: model, x, y.
    """
    chart = Scales()
    for row, (title, names) in enumerate(labels.items()):
        mean, span, ridge, signal = (part[part["model"] == title] for part in (means, spans, ridges, signals))
        last = row == len(labels) - 1
        steps = float(max(span["end"].max() - 0.5 if len(span) else 0, ridge["x"].max() if len(ridge) else 0, 1))
        x, y = x_of(Axis(TIME * last, low=0.5, high=steps + 0.5)), Axis(low=0)
        colour, bare = chart.of_scale(names), chart.of_scale(names)
        bare["legend"] = None
        left = chart.of(mean[["scale", "x", "low", "high"]].dropna(axis=1, how="all"), f"mean{row}")
        stacked = bool(mean["low"].notna().any())
        words: dict[str, Any] = {"x": x, "y": y_of(y, "high"), "color": bare}
        if stacked:
            words |= {"y": y_of(y, "low"), "y2": "high"}
            drawn = left.mark_area(opacity=0.6).encode(**words)
        else:
            drawn = left.mark_line(strokeWidth=1.5).encode(**words)
        chart.view([drawn], f"{title}: {said}", *HALF, moves=False)
        if stacked:
            layers = [chart.spans(span[["scale", "start", "end"]], f"span{row}", colour, steps)]
            if len(signal):
                layers.append(_signal(chart, signal, row))
        else:
            flat = Axis(low=0, high=len(names), ticks=())
            areas = chart.of(ridge[["scale", "x", "low", "high"]], f"ridge{row}").mark_area(interpolate="step-after")
            layers = [areas.encode(x=x, y=y_of(flat, "low"), y2="high", color=colour)]
        chart.view(layers, "" if row else "the first of them", *HALF, moves=False)
    return chart.apart(2)


def _signal(chart: Scales, signal: pd.DataFrame, row: int) -> Any:
    line = chart.of(signal[["x", "y"]], f"signal{row}").mark_line(color=INK, strokeWidth=1)
    return line.encode(x=x_of(Axis(TIME)), y=y_of(Axis()))


def signals(spans: pd.DataFrame, signals: pd.DataFrame, labels: Labels) -> alt.TopLevelMixin:
    """For each model its signal on the colour of the chosen scale, and that scale over time. Columns as `over_time`."""
    chart = Scales()
    for row, (title, names) in enumerate(labels.items()):
        span, signal = spans[spans["model"] == title], signals[signals["model"] == title]
        steps = float(span["end"].max() - 0.5)
        behind = chart.spans(span[["scale", "start", "end"]], f"span{row}", chart.of_scale(names), steps)
        above = [behind, _signal(chart, signal, row)] if len(signal) else [behind]
        chart.view(above, f"{title}: signal, on the colour of the chosen scale", *WIDE, moves=False)
        bars = chart.of(span[["scale", "start", "end"]], f"chosen{row}").mark_bar(height={"band": 0.7}, cornerRadius=0)
        rows = _of_scale("Y", names)
        x = x_of(Axis(TIME, low=0.5, high=steps + 0.5), "start")
        bare = chart.of_scale(names)
        bare["legend"] = None
        chart.view([bars.encode(x=x, x2="end", y=rows, color=bare)], "", WIDE[0], 22 * len(names), moves=False)
    return chart.apart(1)


def _of_scale(channel: str, names: Sequence[str]) -> Any:
    import altair as alt

    scale = alt.Scale(domain=list(reversed(names)))
    return getattr(alt, channel)("scale", type="nominal", sort=None, scale=scale, title=None)


def classes(frame: pd.DataFrame, labels: Labels) -> alt.TopLevelMixin:
    """For each model a bar for each class: the share of steps of each scale.

    frame: columns model, class, scale, share (of 100).
    """
    import altair as alt

    chart = Scales()
    for row, (title, names) in enumerate(labels.items()):
        mine = frame[frame["model"] == title]
        across = alt.X("class", type="nominal", sort=None, title=None, axis=alt.Axis(labelAngle=-40, labelLimit=130))
        order = {name: place for place, name in enumerate(names)}
        bars = chart.of(mine.assign(order=mine["scale"].map(order))[["class", "scale", "share", "order"]], f"bars{row}")
        up = alt.Y(
            "share", type="quantitative", stack="zero", title="share of steps, %", scale=alt.Scale(domainMax=100)
        )
        tips = ["class:N", "scale:N", alt.Tooltip("share:Q", format=".1f")]
        drawn = bars.mark_bar(opacity=0.85).encode(
            x=across, y=up, color=chart.of_scale(names), order=alt.Order("order", type="quantitative"), tooltip=tips
        )
        chart.view([drawn], title, WIDE[0], 150, moves=False)
    return chart.apart(1)


def words(frame: pd.DataFrame, labels: Labels) -> alt.TopLevelMixin:
    """For each model the words of its example in their order, each on the colour and with the number of its scale.

    frame: columns model, word, scale, number.
    """
    import altair as alt

    chart = Scales()
    for row, (title, names) in enumerate(labels.items()):
        mine = frame[frame["model"] == title]
        places = wrapped(mine["word"].tolist())
        put = mine.assign(line=[line for line, _ in places], start=[at - 0.5 for _, at in places])
        put["end"] = put["start"] + put["word"].str.len() + 1
        put["middle"] = (put["start"] + put["end"]) / 2
        count = int(put["line"].max()) + 1
        scale = alt.Scale(domain=[0, CHARACTERS], nice=False, zero=False)
        x: dict[str, Any] = {"type": "quantitative", "scale": scale, "axis": None}
        y = alt.Y("line", type="ordinal", axis=None)
        base = chart.of(put[["word", "scale", "number", "line", "start", "end", "middle"]], f"words{row}")
        ground = base.mark_bar(height=18, opacity=0.45, cornerRadius=2)
        word = base.mark_text(font="Liberation Mono, Courier New, monospace", fontSize=12, color=INK)
        number = base.mark_text(fontSize=9, dy=15)
        layers = [
            ground.encode(x=alt.X("start", **x), x2="end", y=y, color=chart.of_scale(names)),
            word.encode(x=alt.X("middle", **x), y=y, text="word:N"),
            number.encode(x=alt.X("middle", **x), y=y, text="number:Q"),
        ]
        chart.view(layers, title, CHARACTERS * LETTER, LINE * count, moves=False)
    return chart.apart(1)


def wrapped(words: Sequence[str]) -> list[tuple[int, int]]:
    """The line of each word, and the letter of the line at which it begins."""
    found: list[tuple[int, int]] = []
    line, x = 0, 1
    for word in words:
        if x > 1 and x + len(word) > CHARACTERS:
            line, x = line + 1, 1
        found.append((line, x))
        x += len(word) + 2
    return found
