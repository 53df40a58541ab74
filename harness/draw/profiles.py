"""Performance profiles: a panel for each model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .chart import Axis, Chart, Labels, x_of, y_of
from .look import QUIET

if TYPE_CHECKING:
    import altair as alt

COLUMNS, SIZE = 3, (140, 84)


def profiles(frame: pd.DataFrame, labels: Labels) -> alt.TopLevelMixin:
    """Step functions: a model's own in its colour and with its band, those of the others thin and grey.

    frame: columns model, x (times the fastest), y (share of tasks), low, high.
    """
    import altair as alt

    chart = Chart(labels)
    most = float(frame["x"].max())
    for number, model in enumerate(labels):
        mine = frame[frame["model"] == model]
        last, first = number + COLUMNS >= len(labels), number % COLUMNS == 0
        x = x_of(Axis("times the fastest" * last, low=1, high=most, ticks=(1, 2, 3, 4)))
        share = Axis("share of tasks" * first, low=0, high=1, ticks=(0, 0.5, 1))
        steps: dict[str, Any] = {"interpolate": "step-after", "clip": True}
        colour = chart.colour(legend=None)
        all_of_them = chart.of(frame[["model", "x", "y"]], f"all{number}")
        layers = [
            all_of_them.mark_line(strokeWidth=0.5, color=QUIET, opacity=0.5, **steps).encode(
                x=x, y=y_of(share), detail=alt.Detail("model", type="nominal")
            ),
            chart.of(mine[["model", "x", "low", "high"]], f"band{number}")
            .mark_area(opacity=0.25, **steps)
            .encode(x=x, y=y_of(share, "low"), y2="high", color=colour),
            chart.of(mine[["model", "x", "y"]], f"own{number}")
            .mark_line(strokeWidth=2, **steps)
            .encode(x=x, y=y_of(share), color=colour, tooltip=["model:N", "x:Q", "y:Q"]),
        ]
        chart.view(layers, model, *SIZE, moves=False)
    return chart.together(COLUMNS)
