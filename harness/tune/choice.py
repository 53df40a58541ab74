"""What is chosen, by validation alone: the point of each model on each task, and one for all tasks of a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import BenchError
from ..protocol import find_protocol
from ..records.store import Store
from . import choices as kept
from .choices import Choice, Choices
from .space import POINTS, is_widened, point_at
from .trials import Key, Trials

SAME = 9  # digits; means that differ in later ones are tied


def best(scores: NDArray[np.float64]) -> int:
    """The point with the best mean over seeds of scores (points, seeds); of a tie the lower one."""
    return int(np.round(scores.mean(axis=1), SAME).argmax())


def portable(scores: NDArray[np.float64]) -> int:
    """The same over tasks of scores (tasks, points, seeds), from chance, 0, to a perfect score, 1.

    A run below chance has learned nothing and counts as chance: how far below it is has no bound on some tasks.
    """
    return best(np.maximum(scores, 0.0).mean(axis=0))


def chosen(trials: Trials) -> Choices:
    """All that these trials choose; nothing for a model on a task while one of its trials is missing, or where all
    failed. Where all diverged it is the source's own point, which has no better.

    A model's portable point needs the trials of all tasks that others with its budget have here and that it can run,
    and tasks with a known chance.
    """
    found, whole = [], trials.whole
    for key in whole:
        found.append(_choice(trials, "tuned", [key], best(trials.scores(key))))
    for model, budget in dict.fromkeys((model, budget) for _, model, budget in trials.runs):
        asked = _asked_of(trials, model, budget)
        keys = [key for key in asked if key in whole]
        if keys and not any(map(trials.missing, asked)):
            point = portable(np.array([trials.scores(key) for key in keys]))
            found.append(_choice(trials, "portable", keys, point))
    version = find_protocol(trials.protocol).version
    return Choices(trials.protocol, version, trials.points, trials.seeds, tuple(found))


def _asked_of(trials: Trials, model: str, budget: str) -> list[Key]:
    """A model on each task of its budget whose chance is known and that it can run."""
    keys = []
    for task in dict.fromkeys(task for task, _, size in trials.runs if size == budget):
        of_task = [run.task for key, runs in trials.runs.items() if key[0] == task for run in runs.values()]
        known = any(facts is not None and facts.chance is not None for facts in of_task)
        if known and trials.applies((task, model, budget)):
            keys.append((task, model, budget))
    return keys


def _choice(trials: Trials, track: str, keys: list[Key], point: int) -> Choice:
    _, model, budget = keys[0]
    at = point_at(trials.protocol, trials.points, point, model)
    source = next(run.source for run in trials.runs[keys[0]].values() if run.status in ("ok", "diverged"))
    return Choice(track, model, budget, tuple(task for task, _, _ in keys), at, source)


def check_points(store: Store, protocol: str, points: int) -> None:
    """Raise BenchError where the choices of a folder are of another number of points."""
    known = kept.load(store.root, protocol)
    before = POINTS if is_widened(protocol, points) else points
    if known is not None and known.points not in (before, points):
        raise BenchError(
            f"{kept.place(store.root, protocol)} is of {known.points} points and {points} are asked for; "
            f"use --points {known.points}, or another --results"
        )
