"""When the runs of each task arrive at their targets, on three clocks: steps, samples and seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...compare.order import facts_of, ordered, title_of
from ...compare.selection import Results
from ...records.kinds import RunRecord, TaskFacts
from ...stats import survival
from ...stats.survival import Clock

Times = Mapping[str, Mapping[int, float]]  # model -> seed -> time
MACHINE = ("gpu", "cpu", "cores", "threads", "torch")  # what a second of training depends on


@dataclass(frozen=True, slots=True)
class Study:
    """All runs of one task, which has a target, under one budget. runs: model -> seed -> run, in the tables' order."""

    task: str
    facts: TaskFacts
    target: float
    runs: Mapping[str, Mapping[int, RunRecord]]
    horizon: int  # steps of the longest run

    def title(self, model: str) -> str:
        return title_of(self.runs[model].values(), model)

    def times(self, clock: Clock) -> Times:
        """When each run arrived at the target, NaN for never."""
        return {
            model: {seed: float(survival.arrivals(run, self.target, clock)[0]) for seed, run in runs.items()}
            for model, runs in self.runs.items()
        }


def studies(results: Results, order: Sequence[str]) -> list[Study]:
    """The tasks of one budget that have a target and a curve, without models fitted at once, which have no steps."""
    found = []
    for task in dict.fromkeys(task for task, _ in results):
        every = {model: results[task, model] for model in ordered((m for t, m in results if t == task), order)}
        mine = {model: runs for model, runs in every.items() if not any(run.is_fitted for run in runs.values())}
        runs = [run for seeds in mine.values() for run in seeds.values()]
        facts = facts_of(runs)
        horizon = max((run.curve[-1].step for run in runs if run.curve), default=0)
        if facts is not None and facts.target is not None and horizon:
            found.append(Study(task, facts, facts.target, mine, horizon))
    return found


def horizon(study: Study, clock: Clock, times: Times) -> float:
    """The latest time up to which it is known of every run whether it has arrived.

    That is where the first of the runs ended that never arrived. Under one budget of steps all end at the same step,
    but a fast model's in fewer seconds: what it would have done with those that a slow one had left is not known.
    Where every run arrived, or broke off and so never will, it is the longest run's end.
    """
    ends, open_ends = [], []
    for model, runs in study.runs.items():
        for seed, run in runs.items():
            if run.curve:
                ends.append(float(getattr(run.curve[-1], clock)))
                if run.status == "ok" and np.isnan(times[model][seed]):
                    open_ends.append(ends[-1])
    return min(open_ends, default=max(ends))


def why_no_seconds(study: Study) -> str:
    """Why this task's seconds cannot be compared; "" where they can."""
    runs = [run for seeds in study.runs.values() for run in seeds.values() if run.curve]
    machines = {tuple(run.machine.get(key) for key in MACHINE) for run in runs}
    if any(machine[:2] == (None, None) for machine in machines):
        return "it is not known on which machine some of the runs were made"
    if len(machines) > 1:
        return "the runs were made on several kinds of machine or with several versions of torch"
    if any(run.replicas != 1 for run in runs):
        return "seeds trained together, and the time is that of all of them"
    return "" if all(run.curve[-1].seconds > 0 for run in runs) else "of some runs no time was recorded"


def watched(run: RunRecord) -> float:
    """Until which step it is known that a run had not arrived; one that broke off never will."""
    if run.status != "ok":
        return float("inf")
    return float(run.curve[-1].step) if run.curve else 0.0
