"""A tuning as tidy frames: a panel for each task, all models in it."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from ...draw.chart import Axis, Panel, labels_of, lines
from ...draw.curves import table
from ...draw.picture import Picture
from .outcomes import Outcome

COLUMNS = 2
SIZE = (215, 190)  # pixels


def best_of(found: Sequence[Outcome], places: Mapping[str, int]) -> Picture:
    """The expected best of k points over k, with the middle four fifths of such searches."""

    def of(one: Outcome) -> list[pd.DataFrame]:
        k = np.arange(1, len(one.means))
        ends = {"low": 100 * one.search.low, "high": 100 * one.search.high}
        return [
            pd.DataFrame({"kind": "band", "x": k, **ends}),
            pd.DataFrame({"kind": "line", "x": k, "y": 100 * one.search.mean}),
        ]

    return _panels(found, places, of, Axis("points tried"), points=False)


def over_rates(found: Sequence[Outcome], places: Mapping[str, int]) -> Picture:
    """The score of each point over its learning rate, below chance as chance; a diamond is the source's own."""

    def of(one: Outcome) -> list[pd.DataFrame]:
        turn, way = np.argsort(one.rates), 100 * np.maximum(one.means, 0.0)
        return [
            pd.DataFrame({"kind": "line", "x": one.rates[turn], "y": way[turn]}),
            pd.DataFrame({"kind": "mark", "x": one.rates[:1], "y": way[:1]}),
        ]

    return _panels(found, places, of, Axis("learning rate", log=True), points=True)


def _panels(
    found: Sequence[Outcome],
    places: Mapping[str, int],
    of: Callable[[Outcome], list[pd.DataFrame]],
    x: Axis,
    points: bool,
) -> Picture:
    tasks = list(dict.fromkeys((one.key[0], one.key[2]) for one in found))
    names = labels_of((one.key[1], one.title) for one in found)
    parts = [
        part.dropna(subset="x").assign(panel=tasks.index((one.key[0], one.key[2])), model=names[one.key[1]])
        for one in found
        for part in of(one)
    ]
    panels = []
    for place, (task, budget) in enumerate(tasks):
        below = x if place + COLUMNS >= len(tasks) else x._replace(title="")
        panels.append(Panel(f"{task}, {budget}", below, Axis("" if place % COLUMNS else "way from chance, %")))
    labels = {name: places[model] for model, name in names.items()}
    return Picture(lines, table(parts), labels, panels, columns=COLUMNS, size=SIZE, points=points)
