"""Accuracy against cost: which models no other beats in both score and time, or in both score and memory."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ...compare.material import Material
from ...compare.order import facts_of, ordered, title_of
from ...compare.parted import counted_runs, shown_runs
from ...draw.chart import Axis
from ...draw.picture import Picture
from ...draw.tradeoffs import against
from ...errors import counted
from ...records.kinds import Measurement, RunRecord, TaskFacts
from ...records.names import page
from ...stats.over_seeds import Interval, mean_interval
from ...write import origin, tables, words
from ...write.sheet import Sheet
from ...write.words import DASH, heading, literal, number, score

FRONTS = ("latency", "memory")
COSTS = ("training step / yardstick's", "peak memory, MiB")
HOW_TO_READ = """\
The score is the mean over seeds on the test set, as in the task's own table. *Step / yardstick*: the median ratio of a
training step to the yardstick's, timed in turn in one run; *Peak*: what a training step holds beyond weights and
optimizer state. A model is on the front of latency, or of memory, if no other scores at least as well at no more cost
and is better in one of the two. The fronts are of means: two models next to each other may not differ beyond chance,
which the task's own table and the page on all tasks test. A model of which a run diverged or failed, or did not learn
where others did, is on no front, since the mean over the others hides that; it is drawn hollow. *MFLOP a step*:
millions of floating-point operations of the matrix products of a training step, where the record of the measurement
has them."""


def sheet(material: Material) -> Sheet | None:
    """A section on each task and budget with a score and a measurement, or None where there is none."""
    pictures: dict[str, Picture] = {}
    parts = sorted({(run.cell.budget, run.cell.task) for run in material.runs})
    models = ordered({run.cell.model for run in material.runs}, material.order)
    known = ["\n\n".join(mine) for budget, task in parts if (mine := _parts(budget, task, material, models, pictures))]
    return Sheet("\n\n".join(["# Accuracy against cost", HOW_TO_READ, *known]) + "\n", pictures) if known else None


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


def front(good: ArrayLike, cost: ArrayLike) -> NDArray[np.bool_]:
    """Which of (models,) no other beats: at least as good at no more cost, and better in one. NaN is never there."""
    x, y = np.asarray(good, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    beaten = (x >= x[:, None]) & (y <= y[:, None]) & ((x > x[:, None]) | (y < y[:, None])) & known
    return np.asarray(known & ~beaten.any(axis=1))


def shown(budget: str, task: str, material: Material, pictures: dict[str, Picture]) -> str:
    """The picture of one task alone, a paragraph; "" where there is none. pictures: grows by it."""
    models = ordered({run.cell.model for run in material.runs}, material.order)
    return "".join(_parts(budget, task, material, models, pictures)[1:2])


def _parts(
    budget: str, task: str, material: Material, models: Sequence[str], pictures: dict[str, Picture]
) -> list[str]:
    """Heading, picture, table and words of a task and budget; nothing where there is nothing to show."""
    runs = [run for run in material.runs if (run.cell.budget, run.cell.task) == (budget, task)]
    facts = facts_of(runs)
    latest = sorted(material.measurements, key=lambda m: m.finished)  # of several machines the latest counts
    measured = {m.model: m for m in latest if (m.budget, m.task) == (budget, task)}
    if facts is None or not measured:
        return []
    by_model = {name: [run for run in runs if run.cell.model == name] for name in models}
    places = material.places()
    every = {name: _choice(mine, places[name], measured.get(name), facts) for name, mine in by_model.items() if mine}
    choices = [choice for choice in every.values() if choice.seeds]
    if not any(choice.measured for choice in choices):
        return []
    good = [math.nan if c.lost else c.score if facts.higher_is_better else -c.score for c in choices]
    fronts = [front(good, [c.ratio for c in choices]), front(good, [c.peak_mib for c in choices])]
    picture = f"tradeoffs-{page(task)}-{budget}.svg"
    pictures[picture] = _drawn(choices, fronts, facts)
    on = [", ".join(name for name, mine in zip(FRONTS, fronts, strict=True) if mine[i]) for i in range(len(choices))]
    counts = not all(math.isnan(c.mflop) for c in choices)
    table = {
        "Model": [c.title for c in choices],
        heading(facts.metric): [score(c.score, facts.metric, c.half) for c in choices],
        "Seeds": [f"{c.seeds}/{c.seeds + c.lost}" for c in choices],
        "Step / yardstick": [number(c.ratio, ".2f") for c in choices],
        "Peak, MiB": [number(c.peak_mib, ".1f") for c in choices],
        **({"MFLOP a step": [number(c.mflop, ",.1f") for c in choices]} if counts else {}),
        "On the front of": [text or DASH for text in on],
    }
    best = literal("; ".join(c.title for c, mine in zip(choices, on, strict=True) if mine))
    title = literal(facts.title)
    return [
        f"## {title} (`{task}`), budget {budget}",
        f"![{title}, budget {budget}: the scores of {counted(len(choices), 'model')} against the time of a "
        f"training step on the left and peak memory on the right; on a front: {best or 'none'}.]({picture})",
        tables.markdown(pd.DataFrame(table)),
        literal(" ".join(_said(every, measured))),
    ]


def _drawn(choices: Sequence[Choice], fronts: Sequence[NDArray[np.bool_]], facts: TaskFacts) -> Picture:
    """Each model's score against both costs; better is above, whichever way the metric counts."""
    lower, factor = not facts.higher_is_better, words.factor(facts.metric)
    log = lower and min(choice.score for choice in choices) > 0
    axis = Axis(words.heading(facts.metric) + " (lower is better)" * lower, log=log, turned=lower)
    frame = pd.DataFrame(
        {
            "panel": panel,
            "model": choice.title,
            "cost": (choice.ratio, choice.peak_mib)[panel],
            "score": factor * choice.score,
            "front": bool(mine[place]),
            "lost": choice.lost > 0,
        }
        for panel, mine in enumerate(fronts)
        for place, choice in enumerate(choices)
    )
    return Picture(against, frame, {choice.title: choice.place for choice in choices}, COSTS, axis)


def _choice(runs: Sequence[RunRecord], place: int, measured: Measurement | None, facts: TaskFacts) -> Choice:
    scores = [run.test_metric for run in shown_runs(runs, facts) if run.test_metric is not None]
    found = mean_interval(scores) if scores else Interval(math.nan, math.nan, math.nan)
    ratio, peak, work = (measured.ratio, measured.peak_bytes, measured.flops) if measured else (None, None, None)
    return Choice(
        title_of(runs, runs[0].cell.model),
        place,
        found.mean,
        found.half,
        len(scores),
        len(counted_runs(runs)) - len(scores),
        math.nan if ratio is None else ratio,
        math.nan if peak is None else peak / 2**20,
        math.nan if work is None else work / 1e6,
    )


def _said(every: Mapping[str, Choice], measured: Mapping[str, Measurement]) -> list[str]:
    """On which machine, and which models are missing."""
    used = [measured[name] for name, choice in every.items() if choice.seeds and choice.measured]
    machines = sorted({origin.machine(m.machine) for m in used})
    yardsticks = sorted({m.yardstick for m in used if m.yardstick})
    said = [
        f"Measured on {' and '.join(machines)}"
        + (", each model beside a yardstick of its own" if len(machines) > 1 else "")
        + (f"; yardstick: {', '.join(yardsticks)}." if yardsticks else ".")
    ]
    without = [choice.title for choice in every.values() if not choice.seeds]
    bare = [choice.title for choice in every.values() if choice.seeds and not choice.measured]
    said += [f"Without a result: {'; '.join(without)}."] if without else []
    said += [f"Not measured: {'; '.join(bare)}."] if bare else []
    return said
