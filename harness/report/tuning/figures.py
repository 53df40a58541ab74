"""Pictures of a tuning: a panel for each task, all models in it."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...draw.curves import line_of
from ...draw.panels import Panel, around, legend, panels
from .outcomes import Outcome

COLUMNS = 2
SIZE = (3.4, 2.6)  # inches


def best_of(found: Sequence[Outcome], places: Mapping[str, int]) -> bytes:
    """The expected best of k points over k, with the middle four fifths of such searches."""

    def draw(panel: Panel, mine: Sequence[Outcome]) -> None:
        panel.x = around([1, len(mine[0].means) - 1], margin=0.04)
        panel.y = around(np.concatenate([[*one.search.low, *one.search.high] for one in mine]) * 100)
        for one in mine:
            style, k = line_of(places[one.key[1]]), np.arange(1, len(one.means))
            panel.band(k, 100 * one.search.low, 100 * one.search.high, color=style["color"], alpha=0.1, linewidth=0)
        for one in mine:
            k = np.arange(1, len(one.means))
            panel.line(k, 100 * one.search.mean, linewidth=1.5, label=one.title, **line_of(places[one.key[1]]))

    return _panels(found, draw, "points tried")


def over_rates(found: Sequence[Outcome], places: Mapping[str, int]) -> bytes:
    """The score of each point over its learning rate, below chance as chance; a diamond is the source's own."""

    def draw(panel: Panel, mine: Sequence[Outcome]) -> None:
        panel.x = around(np.concatenate([one.rates for one in mine]), log=True)
        panel.y = around(np.concatenate([100 * np.maximum(one.means, 0.0) for one in mine]))
        for one in mine:
            style, turn, way = line_of(places[one.key[1]]), np.argsort(one.rates), 100 * np.maximum(one.means, 0.0)
            panel.line(one.rates[turn], way[turn], linewidth=1.2, label=one.title, **style)
            own = {"color": style["color"], "linestyle": "", "marker": "D", "markersize": 4}
            panel.line(one.rates[:1], way[:1], **own)

    return _panels(found, draw, "learning rate")


def _panels(found: Sequence[Outcome], draw: Callable[[Panel, Sequence[Outcome]], None], below: str) -> bytes:
    tasks = list(dict.fromkeys((one.key[0], one.key[2]) for one in found))
    figure, every = panels(len(tasks), columns=COLUMNS, size=SIZE)
    for place, (panel, (task, budget)) in enumerate(zip(every, tasks, strict=True)):
        draw(panel, [one for one in found if (one.key[0], one.key[2]) == (task, budget)])
        last = place + COLUMNS >= len(tasks)
        panel.frame(f"{task}, {budget}", below if last else "", "" if place % COLUMNS else "way from chance, %")
    legend(figure)
    return figure.svg()
