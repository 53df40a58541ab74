"""The trials of a tuning: every point with seeds that nothing else uses, and what came of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..compare.way import learned
from ..errors import BenchError
from ..records.kinds import NOT_COUNTED, RunRecord, TaskFacts
from ..records.store import Store
from .space import point_at, seeds_of, trial_of, untracked

Key = tuple[str, str, str]  # task, model, budget


@dataclass(frozen=True, slots=True)
class Trials:
    """Those of one protocol at so many points; runs: of each (task, model, budget), by (point, seed)."""

    protocol: str
    points: int
    runs: Mapping[Key, Mapping[tuple[int, int], RunRecord]]
    left_out: list[str] = field(default_factory=list)

    @property
    def seeds(self) -> tuple[int, ...]:
        return seeds_of(self.protocol)

    @property
    def places(self) -> list[tuple[int, int]]:
        """(point, seed) of every trial that a model on a task must have."""
        return [(point, seed) for point in range(self.points) for seed in self.seeds]

    def applies(self, key: Key) -> bool:
        """Can the model run on the task?"""
        return not any(run.status == "skipped" for run in self.runs.get(key, {}).values())

    def missing(self, key: Key) -> int:
        """How many trials have not ended."""
        runs = self.runs.get(key, {})
        return sum(place not in runs or runs[place].status in NOT_COUNTED for place in self.places)

    @property
    def whole(self) -> list[Key]:
        """What can be chosen for: all trials are there, and one at least came to something, if to divergence."""
        return [
            key
            for key, runs in self.runs.items()
            if self.applies(key) and not self.missing(key) and any(map(_says, runs.values()))
        ]

    def facts(self, key: Key) -> TaskFacts:
        """Of the task of a key that is whole."""
        return next(run.task for run in self.runs[key].values() if run.task is not None)

    def scores(self, key: Key) -> NDArray[np.float64]:
        """The validation score of each trial, (points, seeds), all there: higher is better.

        How far from chance, 0, to a perfect score, 1; the metric itself where chance is not known. A trial that
        diverged, failed or ran out of time counts as the model's worst trial there, or as chance where that is worse.
        """
        facts = self.facts(key)
        found = np.full((self.points, len(self.seeds)), np.nan)
        for (point, seed), run in self.runs[key].items():
            if (metric := ended(run)) is not None:
                found[point, self.seeds.index(seed)] = _score(metric, facts)
        worst = float(np.nanmin(found)) if (~np.isnan(found)).any() else 0.0
        return np.where(np.isnan(found), worst if facts.chance is None else min(worst, 0.0), found)


def ended(run: RunRecord) -> float | None:
    """The best validation metric of a trial that came to its end, None of any other."""
    return run.valid_metric if run.status == "ok" else None


def _says(run: RunRecord) -> bool:
    """Is what came of a trial a result? Divergence is one where it is known what it counts as."""
    chance = run.task is not None and run.task.chance is not None
    return ended(run) is not None or (run.status == "diverged" and chance)


def _score(metric: float, facts: TaskFacts) -> float:
    if facts.chance is None:
        return metric if facts.higher_is_better else -metric
    return learned(metric, facts)


def read(store: Store, protocol: str, points: int) -> Trials:
    """The trials of a protocol in a folder.

    Raises BenchError where one was made at another point than its number stands for here.
    """
    name = untracked(protocol)
    runs: dict[Key, dict[tuple[int, int], RunRecord]] = defaultdict(dict)
    left_out: list[str] = []
    for point in range(points):
        loaded = store.load(trial_of(name, point, points).name)
        left_out += [sentence for sentence in loaded.left_out if sentence not in left_out]
        for run in loaded.runs:
            cell = run.cell
            # one that died before it began keeps none
            if run.point and run.point != point_at(name, points, point, cell.model).facts():
                raise BenchError(
                    f"{store.run_path(cell)} is a trial of other points than these {points}; move the trials of that "
                    "time away, or use another --results"
                )
            if cell.seed in seeds_of(name):
                runs[cell.task, cell.model, cell.budget][point, cell.seed] = run
    return Trials(name, points, dict(sorted(runs.items())), left_out)
