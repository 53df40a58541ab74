"""The critical-difference diagram: models at their mean ranks, and bars over those that cannot be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from .chart import Axis, Chart, Labels, x_of
from .look import INK

if TYPE_CHECKING:
    import altair as alt

ROW = 20  # pixels


def diagram(
    ranks: Sequence[float], labels: Labels, groups: Sequence[Sequence[int]], distance: float
) -> alt.TopLevelMixin:
    """A row for each model, the best mean rank on top, and beside them a bar for each of `groups` (Demsar, 2006).

    A bar has a dot at each of its models: the groups come from tests of pairs, so that a bar may pass over a model
    that is not in it. ranks: (models,) in the order of `labels`; distance: Nemenyi's, drawn below as a reference.
    """
    import altair as alt

    titles = list(labels)
    order = sorted(range(len(titles)), key=lambda place: (ranks[place], place))
    said = [f"{titles[place]} ({ranks[place]:.1f})" for place in order]
    nemenyi = f"Nemenyi's critical distance ({distance:.2f})"
    scale = alt.Scale(domain=[*said, nemenyi], padding=0.5)

    def row(axis: Any) -> alt.Y:
        return alt.Y("row", type="nominal", sort=None, scale=scale, axis=axis)

    chart, height = Chart(labels), ROW * (len(said) + 1)
    points = pd.DataFrame({"model": [titles[i] for i in order], "row": said, "rank": [ranks[i] for i in order]})
    bar = pd.DataFrame({"row": [nemenyi], "low": [1.0], "high": [1.0 + distance]})
    names = alt.Axis(title=None, labelLimit=330, grid=True, ticks=False, labelColor=INK)
    x = x_of(Axis("mean rank, 1 is best", low=1, high=len(titles), ticks=range(1, len(titles) + 1)), "rank")
    tips = [alt.Tooltip("model:N"), alt.Tooltip("rank:Q", format=".2f")]
    dots = chart.of(points, "points").mark_point(filled=True, size=90, opacity=1)
    reach = chart.of(bar, "distance").mark_rule(strokeWidth=2, clip=True)
    layers = [
        dots.encode(x=x, y=row(names), color=chart.colour(legend=None), tooltip=tips),
        reach.encode(x=alt.X("low", type="quantitative"), x2="high", y=row(names)),
    ]
    chart.view(layers, width=260, height=height, moves=False)
    if groups:
        sets = sorted(sorted(order.index(place) for place in group) for group in groups)
        spans = pd.DataFrame([{"bar": n, "row": said[mine[0]], "last": said[mine[-1]]} for n, mine in enumerate(sets)])
        members = pd.DataFrame(
            [{"bar": n, "row": said[at], "model": titles[order[at]]} for n, mine in enumerate(sets) for at in mine]
        )
        across = alt.X("bar", type="ordinal", axis=None)
        joined = chart.of(spans, "spans").mark_rule(strokeWidth=3, color=INK)
        held = chart.of(members, "members").mark_point(filled=True, size=60, color=INK, opacity=1)
        layers = [
            joined.encode(x=across, y=row(None), y2="last"),
            held.encode(x=across, y=row(None), tooltip="model:N"),
        ]
        chart.view(layers, "not told apart", width=max(90, 16 * len(groups)), height=height, moves=False)
    return chart.together(usermeta={"beside": True})  # also where there is little room
