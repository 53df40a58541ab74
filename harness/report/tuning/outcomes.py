"""What the trials of one model on one task came to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...compare.order import places, title_of
from ...plan import Group
from ...records.kinds import RunRecord, TaskFacts
from ...stats import search
from ...tune.choices import Choice, Choices, Point
from ...tune.space import point_at, varied
from ...tune.trials import Key, Trials
from ...write.words import DASH

GOOD = 0.1  # of the way from chance to a perfect score: rates that lose no more to the best are good ones
LEARNED = 0.1  # of the way; what stays below has not learned, and which of its points is the best means nothing


@dataclass(frozen=True, slots=True)
class Outcome:
    """One model on one task, all of whose trials are there. scores: (points, seeds)."""

    key: Key
    title: str
    facts: TaskFacts
    choice: Choice
    scores: NDArray[np.float64]
    rates: NDArray[np.float64]  # of the points; NaN where no trial of one began, and of a model fitted at once

    @property
    def means(self) -> NDArray[np.float64]:
        """Of each point, over the seeds."""
        return np.asarray(self.scores.mean(axis=1))

    @property
    def known(self) -> bool:
        """Are the scores on the way from chance to a perfect score?"""
        return self.facts.chance is not None

    @property
    def learned(self) -> bool:
        return self.known and float(self.means.max()) >= LEARNED

    @property
    def searched(self) -> NDArray[np.float64]:
        """The means of these points."""
        return np.maximum(self.means[1:], 0.0)

    @property
    def search(self) -> search.BestOf:
        """The best of k of the points after the source's, which are those of a search; below chance is chance."""
        return search.best_of(self.searched)

    @property
    def fitted(self) -> bool:
        """Is the model fitted at once, without a learning rate?"""
        return bool(np.isnan(self.rates).all())

    def score(self, value: float) -> str:
        """A mean as tables show it: in % of the way where chance is known."""
        return f"{100 * value:.1f}" if self.known else f"{value:.4g}"

    def window(self) -> tuple[float, float] | None:
        """The least and the greatest good rate; None where nothing was learned."""
        there = ~np.isnan(self.rates)
        return search.window(self.rates[there], self.means[there], GOOD) if self.learned and there.any() else None

    def edges(self) -> list[str]:
        """Where the chosen point lies at the edge of what was tried, in words."""
        point, rate = self.choice.point, float(self.rates[self.choice.point.number])
        ends = {"least": np.fmin.reduce(self.rates), "greatest": np.fmax.reduce(self.rates)}
        found = [f"the {word} learning rate, {rate:.3g}" for word, end in ends.items() if rate == end]
        for option, values in varied(self.key[1]).items():
            ordered = all(isinstance(value, int | float) for value in values)
            if ordered and option in point.options and len(values) > 2:  # of two both are edges
                ends_of = {"least": min(values), "greatest": max(values)}
                found += [
                    f"the {word} {option}, {end}" for word, end in ends_of.items() if point.options[option] == end
                ]
        return found if self.learned else []


def outcomes(trials: Trials, choices: Choices, order: Sequence[str]) -> list[Outcome]:
    """Of all that is whole, task by task, the models in the order of every table."""
    place = places({model for _, model, _ in trials.runs}, order)
    found = []
    for key in sorted(trials.whole, key=lambda key: (key[0], key[2], place[key[1]])):
        task, model, budget = key
        choice = choices.find("tuned", Group(trials.protocol, task, model, budget))
        if choice is not None:
            runs = trials.runs[key]
            title, facts = title_of(runs.values(), model), trials.facts(key)
            found.append(Outcome(key, title, facts, choice, trials.scores(key), _rates(trials, key)))
    return found


def _rates(trials: Trials, key: Key) -> NDArray[np.float64]:
    rates = [point_at(trials.protocol, trials.points, point, key[1]).learning_rate for point in range(trials.points)]
    if any(run.is_fitted for run in trials.runs[key].values()):
        return np.full(trials.points, np.nan)
    begun = (run.settings.get("learning_rate") for (point, _), run in trials.runs[key].items() if point == 0)
    rates[0] = next((rate for rate in begun if rate is not None), math.nan)
    return np.array(rates, dtype=np.float64)


def seconds(runs: Mapping[tuple[int, int], RunRecord]) -> float:
    """What trials took, all together, whatever came of them."""
    return sum(run.seconds for run in runs.values())


def said(point: Point, fitted: bool = False) -> dict[str, str]:
    """A point as cells of a table. fitted: of a model without a learning rate."""
    rate = "the protocol's" if point.learning_rate is None else f"{point.learning_rate:.3g}"
    rate = DASH if fitted else rate
    options = ", ".join(f"{key}={value}" for key, value in point.options.items())
    return {
        "Point": str(point.number),
        "Learning rate": rate,
        "Options": "the source's" if point.number == 0 else options or DASH,
    }
