"""A model among the others as a tidy frame, and the picture of it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ...draw.chart import Axis
from ...draw.dots import dots
from ...draw.look import THEIRS
from ...draw.picture import Picture

OTHERS = "other models"
Ways = Mapping[str, Mapping[str, list[float]]]  # model -> task -> how far each run came


def among(model: str, ways: Ways, titles: Mapping[str, str], place: int) -> Picture:
    """A row for each of its tasks, the one on which it comes farthest on top: the other models' means, and its own.

    The line goes from its worst to its best run.
    """
    mine = {task: 100 * np.array(runs) for task, runs in ways[model].items()}
    tasks = sorted(mine, key=lambda task: -float(mine[task].mean()))
    others = pd.DataFrame(
        [
            {"row": task, "model": OTHERS, "of": titles[other], "x": 100 * float(np.mean(found[task]))}
            for task in tasks
            for other, found in ways.items()
            if other != model and task in found
        ],
        columns=["row", "model", "of", "x"],
    )
    means = pd.DataFrame({"row": tasks, "model": titles[model], "said": [rank(model, task, ways) for task in tasks]})
    for key, value in (("x", np.mean), ("low", np.min), ("high", np.max)):
        means[key] = [float(value(mine[task])) for task in tasks]
    axis = Axis("way from chance to a perfect score, %", low=-1.5, high=101.5, ticks=range(0, 101, 20))
    return Picture(dots, others, means, {OTHERS: THEIRS, titles[model]: place}, axis, {})


def rank(model: str, task: str, ways: Ways) -> str:
    """'2 of 12': its place by the mean of its runs, those as good sharing the best of their places."""
    means = [float(np.mean(found[task])) for found in ways.values() if task in found]
    mine = float(np.mean(ways[model][task]))
    return f"{1 + sum(mean > mine for mean in means)} of {len(means)}"
