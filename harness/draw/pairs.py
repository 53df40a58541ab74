"""Every model against every other: all pairs at once, and two of them over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from .chart import Axis, Chart, x_of, y_of
from .look import INK, PAPER, QUIET

if TYPE_CHECKING:
    import altair as alt

WORSE, EVEN, BETTER = "#c96a3d", "#f7f7f5", "#3f7fbf"  # apart for colour-blind readers
BLACK = "#1c1e21"  # on cells that are light in a dark page too
CELL, SIDE = (46, 38), 360  # pixels
TINTED = 50.0  # from this difference on a colour is full


def matrix(frame: pd.DataFrame, models: Sequence[str]) -> alt.TopLevelMixin:
    """A cell for each pair: the difference, wins, ties and losses, and p; what is bold has p <= 0.05.

    frame: columns model (the row), other (the column), difference, record, p (text) and told (bool); models: in order.
    """
    import altair as alt

    chart = Chart({})
    x = alt.X(
        "other:N",
        sort=list(models),
        axis=alt.Axis(title=None, orient="top", labelAngle=-40, labelOverlap=False, domain=False, ticks=False),
    )
    y = alt.Y("model:N", sort=list(models), axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=230))
    scale = alt.Scale(domain=[-TINTED, 0, TINTED], range=[WORSE, EVEN, BETTER], clamp=True, interpolate="rgb")
    tips = [alt.Tooltip(name) for name in ("model:N", "other:N", "difference:Q", "record:N", "p:N")]
    cells = chart.of(frame, "pairs").mark_rect(stroke=PAPER, strokeWidth=1.5)
    layers = [cells.encode(x=x, y=y, color=alt.Color("difference:Q", scale=scale, legend=None), tooltip=tips)]
    for told in (True, False):
        mine = chart.of(frame[frame["told"] == told], f"told-{told}")
        for field, shift in (("difference", -11), ("record", 0), ("p", 11)):
            words = mine.mark_text(fontSize=9, fontWeight="bold" if told else "normal", dy=shift, color=BLACK)
            shown = alt.Text(field, type="quantitative", format="+.1f") if field == "difference" else f"{field}:N"
            layers.append(words.encode(x=x, y=y, text=shown))
    chart.view(layers, "", CELL[0] * len(models), CELL[1] * len(models), moves=False)
    return chart.together(usermeta={"wide": True})


def scatter(ways: Mapping[str, Mapping[str, float]], models: Sequence[str]) -> alt.TopLevelMixin:
    """Two of the models over tasks, the first two at first; a live chart lets both be chosen.

    ways: task -> model -> the mean way from chance, in %.
    """
    import altair as alt

    chart = Chart({})
    chosen = [
        alt.param(name=name, value=model, bind=alt.binding_select(options=list(models), name=f"{said} "))
        for name, model, said in (("across", models[0], "Across"), ("upwards", models[1], "Upwards"))
    ]
    frame = pd.DataFrame([{"task": task, **mine} for task, mine in ways.items()])
    place = {"x": Axis(low=-2, high=102), "y": Axis(low=-2, high=102)}
    known = chart.of(frame, "tasks").transform_calculate(x="datum[across]", y="datum[upwards]")
    known = known.transform_filter("isValid(datum.x) && isValid(datum.y)")
    tips = [alt.Tooltip("task:N"), alt.Tooltip("x:Q", format=".1f"), alt.Tooltip("y:Q", format=".1f")]
    even = pd.DataFrame({"x": [0, 100], "y": [0, 100]})
    at = {"x": x_of(place["x"]), "y": y_of(place["y"])}
    layers = [
        chart.of(even, "even").mark_line(strokeDash=[4, 4], strokeWidth=1, color=QUIET).encode(**at),
        known.mark_point(filled=True, size=60, color=BETTER, opacity=1).encode(**at, tooltip=tips),
        known.mark_text(align="left", dx=7, dy=-5, color=QUIET).encode(**at, text="task:N"),
    ]
    ends = chart.of(pd.DataFrame({"end": [0]}), "ends")
    across = ends.mark_text(
        text=alt.ExprRef("across + ' →'"), align="right", dx=-6, dy=-10, fontWeight="bold", color=INK
    )
    upwards = ends.mark_text(
        text=alt.ExprRef("upwards + ' ↑'"), align="left", dx=6, dy=10, fontWeight="bold", color=INK
    )
    layers.append(across.encode(x=alt.value(SIDE), y=alt.value(SIDE)))
    layers.append(upwards.encode(x=alt.value(0), y=alt.value(0)))
    layers[0] = layers[0].add_params(*chosen)
    chart.view(layers, "", SIDE, SIDE, moves=False)
    return chart.together()
