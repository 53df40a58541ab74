"""Accuracy against cost: a panel for each cost, with its front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from .chart import Axis, Chart, Labels, x_of, y_of
from .look import INK

if TYPE_CHECKING:
    import altair as alt

SIZE = (222, 230)


def against(frame: pd.DataFrame, labels: Labels, costs: Sequence[str], score: Axis) -> alt.TopLevelMixin:
    """A mark for each model; stairs from one of the front to the next dearer one, and a ring around each.

    frame: columns panel (the number of a cost), model, cost, score, front and lost (bool: drawn hollow).
    """
    import altair as alt

    chart = Chart(labels)
    for number, title in enumerate(costs):
        mine = frame[(frame["panel"] == number) & frame["cost"].notna() & frame["score"].notna()]
        x = x_of(Axis(title, log=True, room=16).ticked(mine["cost"]), "cost")
        y = y_of(score._replace(title="" if number else score.title, room=16).ticked(mine["score"]), "score")
        front = mine[mine["front"]].sort_values("cost", kind="stable")
        stairs = chart.of(front[["cost", "score"]], f"stairs{number}").mark_line(
            interpolate="step-after", color=INK, strokeWidth=1
        )
        ring = chart.of(front[["model", "cost", "score"]], f"ring{number}").mark_point(
            shape="circle", size=230, color=INK, strokeWidth=1.2, opacity=1
        )
        tips = [
            alt.Tooltip("model:N"),
            alt.Tooltip("cost:Q", title=title, format=",.3~g"),
            alt.Tooltip("score:Q", title=score.title, format=",.4~g"),
        ]
        looks = {
            "color": chart.colour(legend=alt.Legend(symbolSize=90)),
            "shape": chart.shape(legend=alt.Legend(symbolSize=90)),
            "tooltip": tips,
            **chart.faded(),
        }
        marks = [
            chart.of(mine[mine["lost"] == lost][["model", "cost", "score"]], f"{'lost' if lost else 'kept'}{number}")
            .mark_point(filled=not lost, size=80, strokeWidth=1.8)
            .encode(x=x, y=y, **looks)
            for lost in (False, True)
            if (mine["lost"] == lost).any()
        ]
        chart.view([stairs.encode(x=x, y=y), *marks, ring.encode(x=x, y=y)], "", *SIZE)
    return chart.together(len(costs))
