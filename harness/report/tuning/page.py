"""The page of a tuning: what was chosen, what a search comes to, how much the rate matters, and what it cost."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ...compare.order import ordered, places, title_of
from ...draw.curves import ends
from ...draw.picture import Picture
from ...errors import BenchError, counted
from ...protocol import find_protocol
from ...records.kinds import RunRecord
from ...records.names import page
from ...records.store import Store
from ...stats import search
from ...tune.choices import Choices
from ...tune.space import WIDER, grid_of, is_widened, trial_of
from ...tune.tracks import HERE, tunings
from ...tune.trials import Trials, read
from ...write import origin, tables
from ...write.sheet import Sheet
from ...write.words import DASH, literal
from . import frames
from .outcomes import GOOD, LEARNED, Outcome, outcomes, said, seconds

CUBE = """\
Point 0 is its source's own start and options at the protocol's rate; the others are a Latin hypercube over the learning
rate (log-uniform), the classifier's start, how the cell starts and one option more where the model's spec has them."""
WIDENED = """\
As winners lay at the end of these rates, all models then had {further} more at rates from {low:g} to {high:g}."""
GRID = """\
They are a grid: each of the learning rates {rates} with each start of the classifier, {heads}. Point 0 is its source's
own start and options at the protocol's rate."""
INTRODUCTION = """\
Every model had the same budget: the same {points} points of one space on each task, each run to its end with the
{seeds}, which no other run uses. {space} What is chosen is the best mean of the best validation metrics, of a tie the
lower point. No trial read a test set. Numbers are % of the way from chance to a perfect score on validation (of a
perplexity in nats; where chance is not known the metric itself), means over the seeds; a trial that diverged, failed or
ran out of time counts as the model's worst trial on its task, or as chance where that is worse."""
FLATTERED = (
    "The number of what was chosen is the best of several and so flatters it: fresh seeds and the test set say what "
    "it is worth (`--set track=tuned`, `--set track=portable`)."
)


def sheet(trials: Trials, choices: Choices, order: Sequence[str], root: Path = HERE) -> Sheet:
    """The page. order: of the models in every table; root: the folder of the trials."""
    found = outcomes(trials, choices, order)
    place = places({model for _, model, _ in trials.runs}, order)
    drawn = [one for one in found if one.known]
    intro = INTRODUCTION.format(
        points=trials.points, seeds=_seeds(choices.seeds), space=_space(trials.protocol, trials.points)
    )
    parts = [f"# Tuning under protocol `{trials.protocol}`, version {choices.version}", intro]
    name = page(trials.protocol)
    pictures: dict[str, Picture] = {}
    if found:
        parts += ["## What was chosen", tables.markdown(tuned(found)), FLATTERED]
    if (one_each := portable(choices, found)) is not None:
        parts += [
            "One point for all tasks of a model, by the best mean over the tasks that it can run:",
            tables.markdown(one_each),
            "In these means, and in what follows, a run or a point below chance counts as chance.",
        ]
    if drawn:
        pictures = {
            f"{name}-best-of.svg": frames.best_of(drawn, place),
            f"{name}-rates.svg": frames.over_rates(drawn, place),
        }
        parts += ["## What a search of k points comes to", *_search(drawn, name)]
        parts += [
            "## How much the learning rate matters",
            *_rates(drawn, name, is_widened(trials.protocol, trials.points)),
        ]
    parts += ["## Cost and failed trials", tables.markdown(_cost(trials, order)), *_failures(trials)]
    runs = [run for mine in trials.runs.values() for run in mine.values()]
    tasks, names = dict.fromkeys(task for task, _, _ in trials.runs), {model for _, model, _ in trials.runs}
    command = origin.command("tune", tasks, ordered(names, order), trials.protocol) + _points(trials) + _place(root)
    parts.append(
        f"`{command}`: protocol `{trials.protocol}` version {choices.version}; {origin.origin(runs)}. Records: "
        f"`runs/{trial_of(trials.protocol, 0, 1).name.partition('point=')[0]}point=*`, a folder for each point."
    )
    return Sheet("\n\n".join(parts) + "\n", pictures, records=runs)


def _points(trials: Trials) -> str:
    return "" if grid_of(trials.protocol) else f" --points {trials.points}"


def _place(root: Path) -> str:
    """The folder of the trials as a command takes it, where it is another one of this checkout."""
    checkout, root = HERE.parents[1], root.resolve()
    if root == HERE or not root.is_relative_to(checkout):
        return ""
    return f" --results {shlex.quote(str(root.relative_to(checkout)))}"


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {' and '.join(map(str, seeds))}"


def _space(protocol: str, points: int) -> str:
    if is_widened(protocol, points):
        low, high, further = WIDER[protocol.partition("@")[0]]
        return f"{CUBE} {WIDENED.format(further=counted(further, 'point'), low=low, high=high)}"
    if (grid := grid_of(protocol)) is None:
        return CUBE
    rates, heads = (dict.fromkeys(values) for values in zip(*grid, strict=True))
    return GRID.format(rates=", ".join(f"{rate:g}" for rate in rates), heads=" or ".join(f"`{head}`" for head in heads))


def on_tasks(protocol: str, results: Path, order: Sequence[str]) -> dict[tuple[str, str], tuple[Picture, str]]:
    """(task, budget) -> how the rate mattered there, from the trials that a protocol's choices come from, in words too.

    results: the folder of the runs. Raises BenchError where trials are of other points than their choices.
    """
    shown: dict[tuple[str, str], tuple[Picture, str]] = {}
    try:
        find_protocol(protocol)
    except BenchError:  # records may be of one that nobody here knows
        return shown
    for root, choices in tunings(protocol, results):
        trials = read(Store(root), choices.protocol, choices.points)
        place = places({model for _, model, _ in trials.runs}, order)
        by_task: dict[tuple[str, str], list[Outcome]] = {}
        for one in outcomes(trials, choices, order):
            if one.known:
                by_task.setdefault((one.key[0], one.key[2]), []).append(one)
        for key, found in by_task.items():
            words = (
                f"The mean validation score of each of {trials.points} points of the tuning over its learning rate, a "
                "line for each model, a diamond the source's own point; the best point is "
                f"{_spread(found, lambda one: 100 * float(one.means.max()))}."
            )
            shown.setdefault(key, (frames.over_rates(found, place), words))
    return shown


def tuned(found: Sequence[Outcome]) -> pd.DataFrame:
    """The point of each model on each task, beside the source's own."""
    return pd.DataFrame(
        {
            "Task": one.key[0],
            "Model": one.title,
            **said(one.choice.point, one.fitted),
            "Source's own": one.score(one.means[0]),
            "Chosen": one.score(one.means[one.choice.point.number]),
        }
        for one in found
    )


def portable(choices: Choices, found: Sequence[Outcome]) -> pd.DataFrame | None:
    """The point of each model for all its tasks, in the order of `found`; None where there is none."""
    chosen = {(one.model, one.budget): one for one in choices.chosen if one.track == "portable"}
    rows = []
    for model, budget in dict.fromkeys((one.key[1], one.key[2]) for one in found):
        if (choice := chosen.get((model, budget))) is None:
            continue
        mine = [one for one in found if one.key[1:] == (model, budget) and one.key[0] in choice.tasks]
        means = np.mean([np.maximum(one.scores, 0.0).mean(axis=1) for one in mine], axis=0)
        rows.append(
            {
                "Model": mine[0].title,
                "Tasks": ", ".join(choice.tasks),
                **said(choice.point, mine[0].fitted),
                "Source's own": mine[0].score(means[0]),
                "Chosen": mine[0].score(means[choice.point.number]),
            }
        )
    return pd.DataFrame(rows) if rows else None


def _search(found: Sequence[Outcome], name: str) -> list[str]:
    n = len(found[0].means) - 1
    shown = sorted({1, (n + 1) // 2, n})
    rows = []
    for one in found:
        row = {"Task": one.key[0], "Model": one.title, "Source's own": one.score(one.means[0])}
        for k in shown:
            mean, low, high = (part[k - 1] for part in one.search)
            row[f"Best of {k}"] = f"{one.score(mean)} ({one.score(low)} to {one.score(high)})"
        rows.append(row)
    off = -min(float(search.plug_in_bias(one.searched).min()) for one in found)
    return [
        f"![The expected best of k points over k, from 1 to {n}, a panel for each of "
        f"{counted(len({one.key[0] for one in found}), 'task')} and a line for each model, with a band; the best of "
        f"{n} is {_spread(found, lambda one: 100 * float(one.search.mean[-1]))}.]"
        f"({name}-best-of.svg)",
        tables.markdown(pd.DataFrame(rows)),
        f"The expected best of k of the {n} points after the source's (Dodge et al., EMNLP 2019), by the estimator "
        "that is unbiased for points drawn independently (Tang et al., ACL 2020), and from the tenth to the ninetieth "
        f"percentile of such searches. These points are stratified, so a search of k others would do a little worse. "
        f"The first authors' own estimator, which tries points twice, is lower, here by up to {100 * off:.1f}. At k = "
        f"{n} there is one subset alone: that the band closes there says nothing about other points.",
    ]


def _spread(found: Sequence[Outcome], of: Callable[[Outcome], float]) -> str:
    """'from 3.1 % (GRU on sfc) to 99 % (LSTM-S on sti)', safe in a picture's alternative text."""
    return literal(ends({f"{one.title} on {one.key[0]}": of(one) for one in found}, "%"))


def _rates(found: Sequence[Outcome], name: str, widened: bool) -> list[str]:
    rows = []
    for one in found:
        row = {"Task": one.key[0], "Model": one.title, "Good rates": DASH, "Decades": DASH}
        if (window := one.window()) is not None:
            row["Good rates"] = f"{window[0]:.3g} to {window[1]:.3g}"
            row["Decades"] = f"{np.log10(window[1] / window[0]):.1f}"
        rows.append(row)
    edges = [
        f"- {literal(one.title)} on `{one.key[0]}` at point {one.choice.point.number}: {', '.join(words)}"
        for one in found
        if (words := one.edges())
    ]
    at_edge = ["No winner that learned lies at the edge of what was tried."]
    if edges:
        more = "; where it is that of the rates, more of them are then tried by all" if widened else ""
        heading = f"Winners at the edge of what was tried{more}:"
        at_edge = [heading, "\n".join(edges)]
    return [
        "![The mean validation score of each point over its learning rate, a panel for each task and a line for each "
        "model; a diamond is the source's own point; the best point is "
        f"{_spread(found, lambda one: 100 * float(one.means.max()))}.]"
        f"({name}-rates.svg)",
        tables.markdown(pd.DataFrame(rows)),
        f"Good are rates whose point loses at most {100 * GOOD:g} % of the way to the model's best; points differ in "
        f"their starts and options too. A dash: no point came {100 * LEARNED:g} % of the way.",
        *at_edge,
    ]


def _cost(trials: Trials, order: Sequence[str]) -> pd.DataFrame:
    rows = []
    for model in ordered({model for _, model, _ in trials.runs}, order):
        mine = [runs for (_, name, _), runs in trials.runs.items() if name == model]
        every = [run for runs in mine for run in runs.values()]
        ends = Counter(run.status for run in every)
        bad = {status: number for status, number in ends.items() if status not in ("ok", "skipped", "interrupted")}
        rows.append(
            {
                "Model": title_of(every, model),
                "Trials": f"{len(every) - ends['skipped']:,}",
                "Core-hours": f"{sum(map(seconds, mine)) / 3600:.2f}",
                "Failed": ", ".join(f"{number} {status}" for status, number in sorted(bad.items())) or "0",
            }
        )
    return pd.DataFrame(rows)


def _failures(trials: Trials) -> list[str]:
    """Each reason once, and of which trials."""
    found: dict[str, list[RunRecord]] = {}
    for runs in trials.runs.values():
        for (_, _), run in runs.items():
            if run.status not in ("ok", "skipped", "interrupted"):
                found.setdefault(f"{run.status}: {run.reason}", []).append(run)
    lines = [
        f"- {counted(len(runs), 'trial')} of {', '.join(sorted({run.cell.model for run in runs}))}: {literal(reason)}"
        for reason, runs in sorted(found.items())
    ]
    missing = [f"{model} on {task}, {number}" for (task, model, _), number in _missing(trials).items()]
    lines += [f"- not run yet, so that nothing is chosen: {', '.join(missing)}"] if missing else []
    return ["\n".join(lines)] if lines else []


def _missing(trials: Trials) -> dict[tuple[str, str, str], int]:
    return {key: number for key in trials.runs if trials.applies(key) and (number := trials.missing(key))}
