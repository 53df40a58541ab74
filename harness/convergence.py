"""How fast models learn, as survival data: a run arrives at a target, or was watched to the end without it.

Steps, not seconds: every run is watched for the same number of steps, whatever machine it ran on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from . import stats, survival, tables
from .errors import counted
from .record import RunRecord, TaskFacts
from .remarks import learned, level
from .selection import by_place, has_run, select
from .sheet import Material, Sheet

SHARES = (0.25, 0.5, 0.75)  # of the way from chance to a perfect score
DRAWS = 500
HOW_TO_READ = """\
A run arrives at a target where its validation reaches it and stays there for two evaluations. *Arrived*: how many
runs did, with Wilson's 95 % interval of the share. *Steps to target*: the restricted mean, in which a run that
never arrived, diverged or failed counts as the whole budget of steps; `≥` says that some did not arrive, `>` that
none did. *To 25, 50, 75 %*: the same for targets so far on the way from chance to a perfect score. *Area*: the mean
height of the validation curve on that way, 0 for chance from start to end, 100 for a perfect score from the first
evaluation on; mean ± half of the Student-t 95 % interval over seeds. *p*: permutation of the restricted means
against the fastest model, paired by seed, with Holm's correction; with few seeds it cannot be small, and then says
nothing."""


def sheet(material: Material) -> Sheet | None:
    """A page on all tasks, or None where there is too little to say."""
    found = text(material.runs, material.order, material.rng())
    return None if found is None else Sheet(found)


def text(runs: Sequence[RunRecord], order: Sequence[str], rng: np.random.Generator) -> str | None:
    """A page on all tasks of the runs of one protocol version, or None where no curve is known."""
    grouped: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.cell):
        if has_run(run):
            grouped[run.cell.budget, run.cell.task].append(run)
    sections = [_section(budget, task, group, order, rng) for (budget, task), group in grouped.items()]
    together = [_together(budget, runs, order, rng) for budget in dict.fromkeys(budget for budget, _ in grouped)]
    known = [section for section in [*sections, *together] if section]
    return "\n\n".join(["# How fast the models learn", HOW_TO_READ, *known]) + "\n" if known else None


def _section(budget: str, task: str, runs: Sequence[RunRecord], order: Sequence[str], rng: np.random.Generator) -> str:
    facts = next(run.task for run in runs if run.task is not None)
    horizon = max((run.curve[-1].step for run in runs if run.curve), default=0)
    if facts.target is None or not horizon:
        return ""
    by_model: dict[str, dict[int, RunRecord]] = defaultdict(dict)
    for run in runs:
        by_model[run.cell.model][run.cell.seed] = run
    places = {name: place for place, name in enumerate(order)}
    names = sorted(by_model, key=lambda name: (places.get(name, len(places)), name))
    times = {name: {seed: arrivals(run, [facts.target])[0] for seed, run in by_model[name].items()} for name in names}
    means = {name: float(survival.capped(list(times[name].values()), horizon).mean()) for name in names}
    fastest = min(names, key=lambda name: means[name])
    p = _against(fastest, times, horizon, rng)
    rows = []
    for name in names:
        mine = list(by_model[name].values())
        row = {"Model": next((run.title for run in mine if run.title), name)}
        row["Arrived"] = _arrived(list(times[name].values()))
        row["Steps to target"] = _steps(list(times[name].values()), horizon)
        row |= {f"To {share:.0%}": "–" for share in SHARES}
        row["Area, %"] = "–"
        if facts.chance is not None:
            levels = np.array([arrivals(run, [level(share, facts) for share in SHARES]) for run in mine])
            row |= {f"To {share:.0%}": _steps(list(levels[:, i]), horizon) for i, share in enumerate(SHARES)}
            area = stats.mean_interval([100 * _area(run, facts, horizon) for run in mine])
            row["Area, %"] = tables.rounded(area.mean, ".1f")
            row["Area, %"] += f" ± {tables.rounded(area.half, '.1f')}" if len(mine) > 1 else ""
        row["p"] = f"{p[name]:.3g}" if name in p else "–"
        rows.append(row)
    heading = f"## {facts.title} (`{task}`), budget {budget}\n\nTarget: {facts.target:.4g}; {horizon:,} steps."
    return f"{heading}\n\n{tables.markdown(pd.DataFrame(rows))}"


def arrivals(run: RunRecord, targets: Sequence[float]) -> np.ndarray:
    """The steps after which a run stays at each of the targets, NaN for never; one that broke off never arrived."""
    if run.status != "ok" or run.task is None:
        return np.full(len(targets), np.nan)
    return survival.times_to(run.curve, targets, "step", higher_is_better=run.task.higher_is_better)


def _area(run: RunRecord, facts: TaskFacts, horizon: int) -> float:
    steps = [point.step for point in run.curve]
    heights = [np.nan if p.valid_metric is None else learned(p.valid_metric, facts) for p in run.curve]
    return survival.curve_area(steps, heights, horizon, chance=0.0, reference=1.0, failed=run.status != "ok")


def _arrived(times: Sequence[float]) -> str:
    count = int(np.sum(~np.isnan(times)))
    share = stats.success_interval(count, len(times))
    return f"{count}/{len(times)} ({share.low:.0%} to {share.high:.0%})"


def _steps(times: Sequence[float], horizon: int) -> str:
    """'1,200', '≥ 1,500' where some never arrived, '> 1,600' where none did."""
    count = int(np.sum(~np.isnan(times)))
    sign = "" if count == len(times) else "≥ " if count else "> "
    return f"{sign}{round(float(survival.capped(times, horizon).mean())):,}"


def _against(
    fastest: str, times: dict[str, dict[int, float]], horizon: int, rng: np.random.Generator
) -> dict[str, float]:
    """Holm-adjusted p of each other model against the fastest, over common seeds."""
    raw = {}
    for name, mine in times.items():
        shared = sorted(set(mine) & set(times[fastest]))
        if name != fastest and shared:
            ours, theirs = ([own[seed] for seed in shared] for own in (mine, times[fastest]))
            raw[name] = survival.restricted_mean_p(ours, theirs, horizon, "paired", rng=rng)
    return dict(zip(raw, map(float, stats.holm(list(raw.values()))), strict=True)) if raw else {}


def _together(budget: str, runs: Sequence[RunRecord], order: Sequence[str], rng: np.random.Generator) -> str:
    """Performance profiles over the tasks that `overall` compares and on which any run arrived."""
    results = by_place(run for run in runs if run.cell.budget == budget and has_run(run))
    chosen = select(results, order)
    if chosen is None:
        return ""
    times, horizons, tasks = [], [], []
    for task in chosen.tasks:
        group = [[results[task, model][seed] for seed in chosen.seeds] for model in chosen.models]
        target = next(run.task.target for row in group for run in row if run.task is not None)
        found = [[arrivals(run, [np.nan if target is None else target])[0] for run in row] for row in group]
        if not np.isnan(found).all():
            times.append(found)
            horizons.append(max(run.curve[-1].step for row in group for run in row if run.curve))
            tasks.append(task)
    if len(tasks) < 2:
        return ""
    profile = survival.profile(times, horizons, rng=rng, draws=DRAWS)
    titles = [next((r.title for r in results[tasks[0], model].values() if r.title), model) for model in chosen.models]
    rows = [
        {
            "Model": title,
            "Fastest": f"{profile.share[place, 0]:.2f}",
            "Within twice": f"{profile.share[place, np.searchsorted(profile.ratios, 2.0)]:.2f}",
            "Area": f"{profile.area[place].mean:.2f} ({profile.area[place].low:.2f} to {profile.area[place].high:.2f})",
        }
        for place, title in enumerate(titles)
    ]
    size = f"{counted(len(tasks), 'task')} on which any run arrived ({', '.join(tasks)})"
    size += f", {counted(len(chosen.seeds), 'seed')}"
    said = (
        f"Performance profiles (Dolan and More, 2002) over {size}: the share of tasks on which a model is the fastest "
        "by restricted mean, or takes at most twice as long; and the mean share over ratios from 1 to 4, 1 at best, "
        "with a 95 % bootstrap band that redraws seeds within tasks."
    )
    return f"## Over tasks, budget {budget}\n\n{tables.markdown(pd.DataFrame(rows))}\n\n{said}"
