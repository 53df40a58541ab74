"""The picture of accuracy against cost: a panel for time and one for memory, each with its front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...draw.curves import COLOURS
from ...draw.panels import Panel, around, legend, panels
from ...write import words

if TYPE_CHECKING:
    from ...records.kinds import TaskFacts


SHAPES = "os^D"  # each for as many models as there are colours
COSTS = ("training step / yardstick's", "peak memory, MiB")


@dataclass(frozen=True, slots=True)
class Choice:
    """One model on one task; the score as recorded; NaN is unknown.

    place: of the model's colour; lost: runs that the score is not of.
    """

    title: str
    place: int
    score: float
    half: float  # of the interval
    seeds: int
    lost: int
    ratio: float
    peak_mib: float
    mflop: float = math.nan  # of a training step

    @property
    def measured(self) -> bool:
        return not (math.isnan(self.ratio) and math.isnan(self.peak_mib))


def drawn(choices: Sequence[Choice], fronts: Sequence[NDArray[np.bool_]], facts: TaskFacts) -> bytes:
    """Each model's score against both costs; better is above, whichever way the metric counts."""
    scores = [words.factor(facts.metric) * choice.score for choice in choices]
    lower = not facts.higher_is_better
    y = around(scores, log=lower and min(scores) > 0, turned=lower)
    heading = words.heading(facts.metric) + (" (lower is better)" if lower else "")
    figure, every = panels(len(COSTS), columns=len(COSTS), size=(3.2, 2.7))
    costs = [[choice.ratio for choice in choices], [choice.peak_mib for choice in choices]]
    for panel, cost, chosen, below in zip(every, costs, fronts, COSTS, strict=True):
        panel.x, panel.y = around(cost, log=True), y
        _front(panel, np.asarray(cost)[chosen], np.asarray(scores)[chosen])
        for choice, score, spent in zip(choices, scores, cost, strict=True):
            colour = f"C{choice.place % COLOURS}"
            panel.line(
                [spent],
                [score],
                marker=SHAPES[choice.place // COLOURS % len(SHAPES)],
                markersize=6.5,
                linestyle="",
                markerfacecolor="none" if choice.lost else colour,
                markeredgecolor=colour,
                label=choice.title,
            )
        panel.frame("", below, heading if panel is every[0] else "")
    legend(figure)
    return figure.svg()


def _front(panel: Panel, cost: ArrayLike, scores: ArrayLike) -> None:
    """Stairs from one model of the front to the next dearer one, and a ring around each."""
    x, y = np.asarray(cost, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if x.size:
        order = np.argsort(x, kind="stable")
        panel.line(x[order], y[order], drawstyle="steps-post", color="black", linewidth=0.9)
        ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgecolor": "black"}
        panel.line(x, y, linestyle="", label="on the front", **ring)
