"""How fast models learn, as survival data: a run arrives at a target, or was watched to the end without it.

Tests and profiles count steps, not seconds: every run is watched for as many, whatever machine it ran on.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ...compare.material import Material
from ...compare.order import facts_of, ordered
from ...compare.parted import percent
from ...compare.selection import Results, by_budget, select, titles_of
from ...compare.way import learned, level
from ...draw.curves import ends
from ...draw.picture import Picture
from ...errors import counted
from ...records.kinds import RunRecord, TaskFacts
from ...stats import over_seeds as stats
from ...stats import survival
from ...stats.survival import Clock
from ...write import tables, words
from ...write.sheet import Sheet
from ...write.words import DASH, literal, number, spread
from . import frames
from .arrivals import Study, horizon, studies, why_no_seconds

SHARES = (0.25, 0.5, 0.75)  # of the way from chance to a perfect score
PANELS = 12  # tasks in one picture
HOW_TO_READ = """\
A run arrives at a target where its validation reaches it and stays there for two evaluations. *Arrived*: how many
runs did, with Wilson's 95 % interval of the share. *Steps to target*: the restricted mean, in which a run that
never arrived, diverged or failed counts as the whole budget of steps; `≥` says that some did not arrive, `>` that
none did. *Samples*, *Seconds*: the same on these clocks; seconds are of training alone, without evaluation, and are
restricted to the end of the first run that never arrived, beyond which not all is known of every run, and are no
better than the machine was idle. *To 25, 50,
75 %*: steps for targets so far on the way from chance to a perfect score. *Area*: the mean
height of the validation curve on that way, 0 for chance from start to end, 100 for a perfect score from the first
evaluation on; mean ± half of the Student-t 95 % interval over seeds. *p*: exact permutation test of the
runs' labels, whether a model's runs arrive as those of the fastest model do, with Holm's correction for all pairs,
since which model is the fastest is not known before; with few seeds it cannot be small, and then says nothing.
Bold: the fastest model, whatever p is."""


def sheet(material: Material) -> Sheet | None:
    """A section on each task and budget, or None where no curve is known."""
    parts: list[str] = []
    together: list[str] = []
    pictures: dict[str, Picture] = {}
    for budget, results in by_budget(material.runs).items():
        found = studies(results, material.order)
        parts += _arrivals(budget, found, material, pictures)
        parts += [_section(budget, study) for study in found]
        together += _together(budget, results, material, pictures)
    if not parts:
        return None
    return Sheet("\n\n".join(["# How fast the models learn", HOW_TO_READ, *parts, *together]) + "\n", pictures)


def _arrivals(budget: str, found: Sequence[Study], material: Material, pictures: dict[str, Picture]) -> list[str]:
    """The tasks' Kaplan-Meier curves, some tasks a picture."""
    models = ordered({model for study in found for model in study.runs}, material.order)
    shown = []
    for begin in range(0, len(found), PANELS):
        some, name = found[begin : begin + PANELS], f"convergence-{budget}-{begin // PANELS + 1}.svg"
        pictures[name] = frames.arrived(some, models, material.places())
        tasks = ", ".join(study.task for study in some)
        shown.append(
            f"![Kaplan-Meier curves under budget {budget}: the share of runs at the target over training steps, a line "
            f"for each of {counted(len(models), 'model')}, a panel for each of {counted(len(some), 'task')}: {tasks}; "
            f"{frames.arrivals_said(some)}.]"
            f"({name})"
        )
    if not shown:
        return []
    read = (
        "The share of runs that stand at the target (Kaplan and Meier, 1958), over training steps on a logarithmic "
        "axis. A tick: there a run's budget ended before it arrived. A run that diverged or failed never does. Lines "
        "are moved up or down by at most 3 % so that they do not hide each other."
    )
    return [f"## Runs at their targets, budget {budget}", *shown, read]


def _section(budget: str, study: Study) -> str:
    facts, steps = study.facts, study.horizon
    times = study.times("step")
    means = {name: survival.restricted_mean(list(mine.values()), steps).mean for name, mine in times.items()}
    fastest = min(means, key=lambda name: means[name])
    p = stats.against(fastest, {name: survival.capped(list(mine.values()), steps) for name, mine in times.items()})
    unshown = why_no_seconds(study)
    clocks: list[Clock] = ["samples"] if unshown else ["samples", "seconds"]
    clocked = {clock: study.times(clock) for clock in clocks}
    limits = {clock: horizon(study, clock, clocked[clock]) for clock in clocks}
    rows = []
    for name, seeds in study.runs.items():
        mine = list(seeds.values())
        row = {"Model": study.title(name)}
        row["Arrived"] = _arrived(list(times[name].values()))
        best = name == fastest and means[fastest] < steps
        row["Steps to target"] = tables.bold(_restricted(list(times[name].values()), steps), best)
        for clock in clocks:
            row[clock.capitalize()] = _restricted(list(clocked[clock][name].values()), limits[clock], clock)
        row |= {f"To {share:.0%}": DASH for share in SHARES}
        row["Area, %"] = DASH
        if facts.chance is not None:
            levels = np.array([survival.arrivals(run, [level(share, facts) for share in SHARES]) for run in mine])
            row |= {f"To {share:.0%}": _restricted(levels[:, i], steps) for i, share in enumerate(SHARES)}
            area = stats.mean_interval([100 * _area(run, facts, steps) for run in mine])
            row["Area, %"] = spread(area.mean, area.half, ".1f", (-math.inf, 100))
        row["p"] = number(p.get(name), ".3g")
        rows.append(row)
    ends = [f"{steps:,} steps", *(f"{words.time_on(limits[clock], clock)} {clock}" for clock in clocks)]
    said = f"Target: {study.target:.4g}. Restricted to {', '.join(ends[:-1])} and {ends[-1]}."
    said += f" Seconds are not shown: {unshown}." if unshown else ""
    heading = f"## {literal(facts.title)} (`{study.task}`), budget {budget}"
    return f"{heading}\n\n{said}\n\n{tables.markdown(pd.DataFrame(rows))}"


def _area(run: RunRecord, facts: TaskFacts, horizon: int) -> float:
    steps = [point.step for point in run.curve]
    heights = [np.nan if p.valid_metric is None else learned(p.valid_metric, facts) for p in run.curve]
    return survival.curve_area(steps, heights, horizon, chance=0.0, reference=1.0, failed=run.status != "ok")


def _arrived(times: Sequence[float]) -> str:
    return percent(int(np.sum(~np.isnan(times))), len(times))


def _restricted(times: ArrayLike, horizon: float, clock: Clock = "step") -> str:
    found = survival.restricted_mean(times, horizon)
    return words.restricted(found.mean, found.arrived, found.runs, clock)


def _together(budget: str, results: Results, material: Material, pictures: dict[str, Picture]) -> list[str]:
    """Performance profiles over the tasks that `overall` compares and on which any run arrived."""
    chosen = select(results, material.order)
    if chosen is None:
        return []
    times, horizons, tasks, data = [], [], [], []
    for task, shared in zip(chosen.tasks, chosen.data, strict=True):
        group = [[results[task, model][seed] for seed in chosen.seeds] for model in chosen.models]
        facts = facts_of(run for row in group for run in row)
        target = np.nan if facts is None or facts.target is None else facts.target
        found = [[survival.arrivals(run, target)[0] for run in row] for row in group]
        if not np.isnan(found).all():
            times.append(found)
            horizons.append(max(run.curve[-1].step for row in group for run in row if run.curve))
            tasks.append(task)
            data.append(shared)
    if len(tasks) < 2:
        return []
    profile = survival.profile(times, horizons, data)
    titles = titles_of(results, chosen)
    rows = [
        {
            "Model": title,
            "Fastest": f"{profile.share[place, 0]:.2f}",
            "Within twice": f"{profile.share[place, np.searchsorted(profile.ratios, 2.0)]:.2f}",
            "Area": words.share(profile.area[place].mean, profile.area[place].low, profile.area[place].high),
        }
        for place, title in enumerate(titles)
    ]
    size = f"{counted(len(tasks), 'task')} on which any run arrived ({', '.join(tasks)})"
    size += f", {counted(len(chosen.seeds), 'seed')}"
    name = f"convergence-{budget}-profiles.svg"
    pictures[name] = frames.profiles(profile, titles, [material.places()[model] for model in chosen.models])
    return [
        f"## Over tasks, budget {budget}",
        tables.markdown(pd.DataFrame(rows)),
        f"Performance profiles (Dolan and More, 2002) over {size}: the share of tasks on which a model is the fastest "
        "by restricted mean, or takes at most twice as long; and the mean share over ratios from 1 to 4, 1 at best, "
        "with Student's 95 % interval over these tasks, and none where all of them agree. Tasks that share data count "
        "as one, by their mean.",
        f"![Performance profiles under budget {budget}: for each of {len(titles)} models the share of tasks on which "
        f"it takes at most so many times the fastest model's steps, with Wilson's interval of that share; the mean "
        f"share is {ends(dict(zip(titles, (area.mean for area in profile.area), strict=True)))}.]({name})",
        "The whole profiles, a panel for each model: its own with the band, those of the others thin.",
    ]
