"""Validation curves as a tidy frame, and the pictures of learning and of growth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import counted
from ..records.kinds import RunRecord, TaskFacts
from .chart import SHOWN, Axis, Labels, Panel, few, labels_of, lines
from .picture import Picture

Drawn = tuple[str, str, Sequence[RunRecord]]  # a model's name, its title and its runs
Sizes = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # model's title -> sizes and values
COLUMNS = ["panel", "model", "kind", "x", "y", "low", "high"]


def learning(
    models: Sequence[Drawn], places: Mapping[str, int], facts: TaskFacts, factor: float
) -> tuple[Picture, str]:
    """Validation metric, times `factor`, over training steps: the mean of the seeds, in a band that has all of them.

    places: of the models' names. Also the picture in a sentence.
    """
    known = [one for one in models if any(run.curve for run in one[2])]
    names = labels_of((name, title) for name, title, _ in known)
    frame = table([validation(runs, names[name], factor) for name, _, runs in known])
    shown = {names[name]: places[name] for name, _, _ in known if names[name] in set(frame["model"])}
    levels = {"chance": facts.chance, "target": facts.target}
    metric = f"validation {facts.metric.replace('_', '-')}{', %' * (factor == 100)}"
    panel = Panel(
        f"{facts.title}, {facts.length} steps a sequence",
        Axis("training steps", low=0),
        Axis(metric, log=logarithmic(frame, facts)),
        {name: factor * level for name, level in levels.items() if level is not None},
    )
    said = _learned(frame, metric, facts, factor)
    last = last_of(frame[frame["kind"] == "line"].dropna(subset="y").groupby("model", sort=False)["y"])
    frame, labels = few(frame, shown, {name: end if facts.higher_is_better else -end for name, end in last.items()})
    if len(labels) < len(shown):
        said = f"{said[:-1]}; in colour the {SHOWN} that end best."
    return Picture(lines, frame, labels, [panel]), said


def logarithmic(frame: pd.DataFrame, facts: TaskFacts) -> bool:
    return not facts.higher_is_better and bool((frame["y"].dropna() > 0).all())


def _learned(frame: pd.DataFrame, metric: str, facts: TaskFacts, factor: float) -> str:
    """What a learning curve shows: who ends where, and how many means come to the target."""
    means = frame[frame["kind"] == "line"].dropna(subset="y").groupby("model", sort=False)["y"]
    said = f"{metric.capitalize()} over training steps, {counted(means.ngroups, 'model')}, means in bands of all seeds"
    if not means.ngroups:
        return f"{said}."
    said += f"; at the end {ends(last_of(means))}"
    if facts.target is not None:
        best = means.max() >= factor * facts.target if facts.higher_is_better else means.min() <= factor * facts.target
        said += f"; {int(best.sum())} of {means.ngroups} means reach the target, {factor * facts.target:.4g}"
    return f"{said}."


def last_of(groups: Any) -> dict[str, float]:
    """The last value of each group."""
    return {str(name): float(value) for name, value in groups.last().items()}


def ends(values: Mapping[str, float], unit: str = "", form: str = ".3g") -> str:
    """'from 50.8 (LSTM-S) to 73.1 (GRU)': the least and the greatest, for those who cannot see a picture."""
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    if not known:
        return "nothing is known"
    least, most = (pick(known, key=lambda name: known[name]) for pick in (min, max))
    unit = f" {unit}" if unit else ""
    low = f"{known[least]:{form}}{unit} ({least})"
    return low if least == most else f"from {low} to {known[most]:{form}}{unit} ({most})"


def validation(runs: Sequence[RunRecord], label: str, factor: float = 1.0) -> pd.DataFrame:
    """The mean of the runs' validation curves, `line`, and from the worst to the best of them, `band`.

    Both go up to where the first of them ends.
    """
    curves = [(x, y) for run in runs if run.curve for x, y in [_values(run, factor)] if len(x)]
    if not curves:
        return table([])
    steps = np.unique(np.concatenate([x for x, _ in curves]))
    seeds = np.array([np.interp(steps, x, y, right=np.nan) for x, y in curves])
    low, high = seeds.min(axis=0), seeds.max(axis=0)
    held, none = np.isfinite(low) & (len(curves) > 1), np.full(len(steps), np.nan)  # of one the mean is that seed
    return pd.DataFrame(
        {
            "model": label,
            "kind": np.repeat(["band", "line"], [held.sum(), len(steps)]),
            "x": np.concatenate([steps[held], steps]),
            "y": np.concatenate([none[held], seeds.mean(axis=0)]),
            "low": np.concatenate([low[held], none]),
            "high": np.concatenate([high[held], none]),
        }
    )


def table(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame for `chart.lines`, of one panel where none is said."""
    whole = pd.concat([part for part in parts if len(part)]) if any(map(len, parts)) else pd.DataFrame(columns=COLUMNS)
    whole = whole.reindex(columns=COLUMNS)
    return whole.fillna({"panel": 0}).reset_index(drop=True)


def _values(run: RunRecord, factor: float) -> tuple[np.ndarray, np.ndarray]:
    points = [point for point in run.curve if point.valid_metric is not None]
    steps = np.array([point.step for point in points], dtype=np.float64)
    return steps, np.array([float(point.valid_metric or 0.0) * factor for point in points])


def growth(curves: Sizes, places: Labels, x: str, y: str, title: str) -> Picture:
    """Values over sizes, which are the ticks, both axes logarithmic, a line for each title. places: of the titles."""
    parts = [
        pd.DataFrame({"model": name, "kind": "line", "x": sizes, "y": values})
        for name, (sizes, values) in curves.items()
    ]
    ticks = sorted({float(size) for sizes, _ in curves.values() for size in sizes})
    panel = Panel(title, Axis(x, log=True, ticks=ticks), Axis(y, log=True))
    return Picture(lines, table(parts), {name: places[name] for name in curves}, [panel], points=True)


def grown(curves: Sizes, what: str, unit: str) -> str:
    """What `growth` shows, in a sentence for those who cannot see it."""
    last = max(sizes[-1] for sizes, _ in curves.values())
    at_last = {name: values[-1] for name, (sizes, values) in curves.items() if sizes[-1] == last}
    return (
        f"{what} over the length of the sequences, both axes logarithmic, a line for each of "
        f"{counted(len(curves), 'model')}; at {last:,} time steps {ends(at_last, unit)}."
    )
