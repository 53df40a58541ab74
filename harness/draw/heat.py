"""All models on all tasks: a cell for each, the deeper the farther it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from .chart import Chart
from .look import INK, LINE, PAPER, QUIET

if TYPE_CHECKING:
    import altair as alt

DEEP = ("#eef3f8", "#0b4f8a")  # chance and a perfect score; in grey print they keep their order
STEP = (52, 22)  # pixels of a cell
LIGHT = 0.55  # from here on the number is light


def heat(frame: pd.DataFrame, models: Sequence[str], tasks: Sequence[str]) -> alt.TopLevelMixin:
    """frame: columns model, task, way (0 to 1, missing where nothing has run), text and hatched (bool)."""
    import altair as alt

    chart = Chart({})
    x = alt.X(
        "task:N",
        sort=list(tasks),
        axis=alt.Axis(title=None, orient="top", labelAngle=-40, labelOverlap=False, domain=False),
    )
    y = alt.Y("model:N", sort=list(models), axis=alt.Axis(title=None, domain=False, ticks=False))
    place = {"x": x, "y": y}
    tips = [alt.Tooltip("model:N"), alt.Tooltip("task:N"), alt.Tooltip("text:N", title="way from chance")]
    known, empty = frame[frame["way"].notna()], frame[frame["way"].isna()]
    colour = alt.Color("way:Q", scale=alt.Scale(domain=[0, 1], range=list(DEEP)), legend=None)
    layers = [
        chart.of(known, "known").mark_rect(stroke=PAPER, strokeWidth=1.5).encode(**place, color=colour, tooltip=tips),
        chart.of(empty, "empty").mark_rect(fill=PAPER, stroke=LINE, strokeWidth=1).encode(**place, tooltip=tips),
    ]
    stripes: dict[str, Any] = {"align": "center", "baseline": "middle", "fontSize": 13}
    layers.append(chart.of(empty, "empty").mark_text(**stripes, color=QUIET).encode(**place, text=alt.value("////")))
    for name, mine, ink in (
        ("dark", known[known["way"] < LIGHT], INK),
        ("light", known[known["way"] >= LIGHT], PAPER),
    ):
        words = chart.of(mine, name).mark_text(fontSize=11, color=ink)
        layers.append(words.encode(**place, text="text:N"))
        for shift in (-20, 20):  # stripes at the edges of what has a number
            stripe = chart.of(mine[mine["hatched"]], f"hatched-{name}").mark_text(**stripes, color=ink, dx=shift)
            layers.append(stripe.encode(**place, text=alt.value("/")))
    chart.view(layers, "", STEP[0] * len(tasks), STEP[1] * len(models), moves=False)
    return chart.together()
