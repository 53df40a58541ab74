"""The first screen of a report: what was asked and what came out, how far every model came everywhere, what it cost,
and what these records cannot show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..catalog import groups, task_names
from ..compare.alive import MARK, Sign, proven
from ..compare.claims import REFUTED, SUPPORTED, Judged, judge_declared
from ..compare.material import Material
from ..compare.order import ordered, title_of
from ..compare.selection import has_run, main_budget
from ..compare.way import ways
from ..draw.heat import heat
from ..draw.picture import Picture
from ..errors import counted
from ..plan import find_budget
from ..protocol import DESK, PAPER
from ..records.campaign import PLAN
from ..records.kinds import RunRecord
from ..stats import power
from ..stats.verdicts import CANNOT_TELL, NOT_RUN
from ..write import origin, tables
from ..write.sheet import Sheet
from ..write.words import DASH, clock, literal
from .claims.page import decisive, effect
from .measured import tradeoffs

TITLE = "Which recurrent network learns multi-scale dependencies?"
SIGNS = {SUPPORTED: "✔", REFUTED: "✘", CANNOT_TELL: "?", NOT_RUN: "–"}
MOST = 8  # verdicts on the first screen
HEAT = "heat-{}.svg"


def first(material: Material, vitals: Sequence[Sign] | None) -> Sheet:
    """The sections of the first screen, with their pictures; what there is nothing of is left out."""
    runs = sorted((run for run in material.runs if has_run(run)), key=lambda run: run.cell)
    budget = main_budget(runs)
    here = [run for run in runs if run.cell.budget == budget]
    pictures: dict[str, Picture] = {}
    parts = [
        f"# {TITLE}",
        _scope(material, here, budget),
        _verdicts(material, vitals),
        _heat(material, here, budget, pictures),
        _cost(material, here, budget, pictures),
        _limits(here, vitals),
        f"## The command\n\n```sh\n{_command(material, here)}\n```\n\n{_took(here)}" if here else "",
    ]
    return Sheet("\n\n".join(filter(None, parts)), pictures)


def _command(material: Material, runs: Sequence[RunRecord]) -> str:
    """What makes these records: a plan where there is one, else the words of `bench run`."""
    if material.declared.blocks and material.declared.folder:
        return f"bench run --plan {material.declared.folder}/{PLAN}"
    return origin.command_of(runs, groups())


def _took(runs: Sequence[RunRecord]) -> str:
    """What the records cost, by the clock, whatever else the machine did."""
    took = clock(sum(run.seconds for run in runs))
    return f"These {counted(len(runs), 'run')} took {took} (h:min:s) by the clock, one after the other."


def _scope(material: Material, runs: Sequence[RunRecord], budget: str) -> str:
    """'12 models · 12 tasks · 6,000 parameters · 5 to 8 seeds · protocol quick, version 5'."""
    if not runs:
        return ""
    cells = Counter(run.cell.group for run in runs)
    seeds = sorted({min(cells.values()), max(cells.values())})
    size = find_budget(budget).params
    words = [
        counted(len({run.cell.model for run in runs}), "model"),
        counted(len({run.cell.task for run in runs}), "task"),
        f"{size:,} parameters" if size else "each model at its paper's width",
        " to ".join(map(str, seeds)) + (" seed" if seeds == [1] else " seeds"),
        f"protocol `{runs[0].cell.protocol}`, version {runs[0].protocol_version}",
    ]
    others = {run.cell.budget for run in material.runs} - {budget}
    words += [f"also of {', '.join(sorted(others))}, on the tasks' pages"] if others else []
    return " · ".join(words)


def _verdicts(material: Material, vitals: Sequence[Sign] | None) -> str:
    declared = material.declared
    if not declared.claims:
        return ""
    found = judge_declared(declared, material.runs, vitals)
    order = {SUPPORTED: 0, REFUTED: 0, CANNOT_TELL: 1, NOT_RUN: 2}
    shown = sorted(found, key=lambda one: order.get(one.verdict, 3))[:MOST]  # else as they were declared
    rows = [
        {
            "Claim": one.claim.says,
            "Verdict": f"{SIGNS.get(one.verdict, DASH)} {one.verdict}",
            "Effect, 95 %": _effect(one),
            "Seeds": f"{one.seeds} of {one.claim.seeds}",
        }
        for one in shown
    ]
    counts = Counter(one.verdict for one in found)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in dict.fromkeys([*SIGNS, *counts]) if counts[verdict])
    return (
        f"## What was asked, and what came out\n\n{tables.markdown(pd.DataFrame(rows))}\n\n"
        f"Of {counted(len(found), 'claim')} {said}: [all of them](claims.md), declared before their runs, with each "
        "contrast and what is missing."
    )


def _effect(one: Judged) -> str:
    if (contrast := decisive(one)) is None:
        return DASH
    return f"{effect(contrast)}, {contrast.a} less {contrast.b}"


def _heat(material: Material, runs: Sequence[RunRecord], budget: str, pictures: dict[str, Picture]) -> str:
    """How far the mean of each model's runs came on each task; a run without a result counts as chance."""
    found = ways(runs)
    means = {model: {task: float(np.mean(far)) for task, far in mine.items()} for model, mine in found.items()}
    models = ordered(means, material.order)
    tasks = sorted({task for mine in means.values() for task in mine})
    if not tasks:
        return ""
    over = _block(means)
    models.sort(key=lambda model: (model not in over, -over.get(model, float(np.mean(list(means[model].values()))))))
    tasks.sort(key=lambda task: -float(np.mean([means[model][task] for model in models if task in means[model]])))
    titles = {model: title_of([run for run in runs if run.cell.model == model], model) for model in models}
    frame = pd.DataFrame(
        {
            "model": titles[model],
            "task": task,
            "way": min(1.0, means[model][task]) if task in means[model] else float("nan"),
            "text": f"{means[model][task]:.2f}" if task in means[model] else "not run",
            "hatched": task in means[model] and MARK in titles[model],
        }
        for model in models
        for task in tasks
    )
    name = HEAT.format(budget)
    pictures[name] = Picture(heat, frame, list(titles.values()), tasks)
    return (
        "## All models, all tasks: the way from chance (0) to a perfect score (1)\n\n"
        f"![{_heat_in_words(means, titles, tasks)}]({name})"
    )


def _heat_in_words(ways: Mapping[str, Mapping[str, float]], titles: Mapping[str, str], tasks: Sequence[str]) -> str:
    """The finding: which model comes farthest over the tasks of all, and which on how many tasks."""
    means = _block(ways)
    best = max(means, key=lambda model: means[model])
    shared = sum(all(task in ways[model] for model in means) for task in tasks)
    whose = "all" if len(means) == len(ways) else f"{len(means):,}"
    which = "all tasks" if shared == len(tasks) else f"the {counted(shared, 'task')} that {whose} of them ran"
    wins = Counter(
        max((model for model in ways if task in ways[model]), key=lambda model: ways[model][task]) for task in tasks
    )
    most = ", ".join(f"{literal(titles[model])} on {count}" for model, count in wins.most_common(3))
    return (
        f"Mean way from chance of {counted(len(ways), 'model')} on {counted(len(tasks), 'task')}: over {which} "
        f"{literal(titles[best])} comes farthest, {means[best]:.2f}; the best are {most} of the tasks. Hatched: not "
        "shown alive, or not run."
    )


def _block(ways: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """How far models come on average over tasks that all of them ran: the most models times tasks that there are."""
    blocks = [
        (tasks, [model for model, mine in ways.items() if tasks <= set(mine)]) for tasks in map(set, ways.values())
    ]
    tasks, models = max(blocks, key=lambda block: (len(block[0]) * len(block[1]), len(block[1]), sorted(block[0])))
    return {model: float(np.mean([ways[model][task] for task in tasks])) for model in models}


def _cost(material: Material, runs: Sequence[RunRecord], budget: str, pictures: dict[str, Picture]) -> str:
    """Accuracy against cost on the task of which most models were measured."""
    counts = Counter(one.task for one in material.measurements if one.budget == budget and one.status == "ok")
    tasks = [task for task in task_names() if any(run.cell.task == task for run in runs)]
    known = sorted((task for task in tasks if counts[task]), key=lambda task: -counts[task])
    if not known:
        return ""
    shown = tradeoffs.shown(budget, known[0], material, pictures)
    said = "Of all tasks: [accuracy against cost](tradeoffs.md)."
    return shown and f"## What it costs: `{known[0]}`\n\n{shown}\n\n{said}"


def _power(seeds: int) -> str:
    smallest = power.declared_effect(seeds, "metric")
    found = "no difference of two models" if smallest is None else "nothing"
    than = "" if smallest is None else f" smaller than {smallest:.1f} standard deviations of a run"
    return f"With {counted(seeds, 'seed')} {found}{than} is found with 80 %."


def _limits(runs: Sequence[RunRecord], vitals: Sequence[Sign] | None) -> str:
    """What these records cannot show."""
    if not runs:
        return ""
    cell = runs[0].cell
    seeds = Counter(run.cell.group for run in runs).values()
    said = [_power(number) for number in dict.fromkeys((min(seeds), max(seeds)))]
    if (cell.protocol, cell.budget) == (DESK.name, DESK.budget):
        said.insert(0, "The papers' length: models train for a part of its time, and what sleeps here may wake in it.")
    elif (cell.protocol, cell.budget) != (PAPER.name, PAPER.budget):
        said.insert(0, "The papers' scale: here data, lengths, widths or training are shorter, so no number is theirs.")
    marked = (run for run in runs if MARK in run.title)
    sleeping = dict.fromkeys(run.title for run in marked if vitals is None or not proven(vitals, [run]))
    if sleeping:
        said.append(f"Not shown alive here, so never called beaten: {literal(', '.join(sleeping))}.")
    said.append("Times are of one machine.")
    return "## What this cannot show\n\n" + "\n".join(f"- {sentence}" for sentence in said)
