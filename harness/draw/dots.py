"""Dots in rows, with a mean and its interval in each: the runs of every model, or a model among others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from .chart import Axis, Chart, Labels, x_of
from .look import INK, PAPER, QUIET

if TYPE_CHECKING:
    import altair as alt

ROW, WIDTH = 22, 430  # pixels
ENDS = {"x": "mean", "low": "from", "high": "to"}


def dots(
    runs: pd.DataFrame, means: pd.DataFrame, labels: Labels, axis: Axis, levels: Mapping[str, float]
) -> alt.TopLevelMixin:
    """A dot for each of `runs`, the mean of a row as a diamond on its interval, and vertical lines with their names.

    runs: columns row, model, of (what the dot is of) and x; means: the rows from top to bottom, with row, model, x,
    low and high, all three missing without a result, and `said`, which stands at the end of the row.
    """
    import altair as alt

    chart, height = Chart(labels), ROW * len(means)
    axis = axis._replace(room=8).ticked(pd.concat([runs["x"], means["low"], means["high"], pd.Series(levels)]))
    names = alt.Axis(title=None, labelLimit=230, grid=True, ticks=False, labelColor=INK)
    y = alt.Y("row", type="nominal", sort=None, scale=alt.Scale(domain=list(means["row"]), padding=0.5), axis=names)
    known = means.dropna(subset="x")
    tips = [
        alt.Tooltip("row:N", title=" "),
        alt.Tooltip("of:N", title=" "),
        alt.Tooltip("x:Q", title=axis.title, format=",.4~g"),
    ]
    whole = [alt.Tooltip(f"{key}:Q", title=title, format=",.4~g") for key, title in ENDS.items()]
    lines = pd.DataFrame({"level": list(levels), "x": list(levels.values())})
    drawn: dict[str, Any] = {"color": chart.colour(legend=None)}
    layers = [
        chart.of(runs, "runs")
        .mark_point(filled=True, size=38, opacity=0.45)
        .encode(x=x_of(axis), y=y, tooltip=tips, **drawn),
        chart.of(lines, "levels").mark_rule(strokeDash=[4, 4], strokeWidth=1).encode(x=x_of(axis)),
        chart.of(lines, "levels")
        .mark_text(baseline="bottom", dy=-3, color=QUIET)
        .encode(x=x_of(axis), y=alt.value(0), text="level:N"),
        chart.of(known, "means").mark_rule(strokeWidth=2).encode(x=x_of(axis, "low"), x2="high", y=y, **drawn),
        chart.of(known, "means")
        .mark_point(shape="diamond", filled=True, size=90, stroke=PAPER, strokeWidth=1, opacity=1)
        .encode(x=x_of(axis), y=y, tooltip=["row:N", *whole, "said:N"], **drawn),
        chart.of(means, "ends")
        .mark_text(align="left", dx=8, color=QUIET)
        .encode(x=alt.value("width"), y=y, text="said:N"),
    ]
    chart.view(layers, width=WIDTH, height=height, moves=False)
    return chart.together()
