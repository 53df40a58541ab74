"""How fast models learn, as tidy frames: the share of runs at the target over time, and performance profiles."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ...draw import profiles as profile_charts
from ...draw.chart import Axis, Panel, few, labels_of, lines
from ...draw.curves import ends, table
from ...draw.picture import Picture
from ...stats import survival
from .arrivals import Study, watched

SPREAD = 6.0  # how far apart, in per cent, the lines of all models lie where they would hide each other
EDGE = 1.12  # so far the axis goes on after the horizon
COLUMNS = 3


def arrived(studies: Sequence[Study], models: Sequence[str], places: Mapping[str, int]) -> Picture:
    """Kaplan-Meier curves of the runs at their targets, a panel for each task.

    models: all of these studies, in the tables' order; places: of their colours.
    """
    offsets = SPREAD * (np.linspace(0.5, -0.5, len(models)) if len(models) > 1 else np.zeros(1))
    names = labels_of((model, next(s.title(model) for s in studies if model in s.runs)) for model in models)
    parts, panels = [], []
    for number, study in enumerate(studies):
        times = study.times("step")
        known = [time for runs in times.values() for time in runs.values() if not np.isnan(time)]
        low = min(known, default=study.horizon) / 2
        for model, offset in zip(models, offsets, strict=True):
            if model in study.runs:
                parts += [
                    p.assign(panel=number, model=names[model]) for p in _curve(study, model, times[model], low, offset)
                ]
        x = Axis("training steps" * (number + COLUMNS >= len(studies)), log=True, low=low, high=EDGE * study.horizon)
        y = Axis("" if number % COLUMNS else "arrived, %", low=-5, high=105, ticks=(0, 50, 100))
        panels.append(Panel(study.task, x, y, note="" if known else "no run arrived"))
    labels = {name: places[model] for model, name in names.items()}
    frame, labels = few(table(parts), labels, {names[model]: _share(studies, model) for model in names})
    return Picture(lines, frame, labels, panels, columns=COLUMNS, size=(140, 110), step=True)


def _share(studies: Sequence[Study], model: str) -> float:
    """Of the runs of a model how many arrived."""
    every = [time for study in studies for time in study.times("step").get(model, {}).values()]
    return float(np.mean(~np.isnan(every))) if every else 0.0


def arrivals_said(studies: Sequence[Study]) -> str:
    """'of all runs 12 of 45 arrived, from 0 % (copy-120) to 98 % (sti)'."""
    known = {study.task: [t for runs in study.times("step").values() for t in runs.values()] for study in studies}
    every = [time for times in known.values() for time in times]
    shares = {task: 100 * float(np.mean(~np.isnan(times))) for task, times in known.items()}
    return f"of all runs {int((~np.isnan(every)).sum())} of {len(every)} arrived, {ends(shares, '%')}"


def _curve(study: Study, model: str, times: Mapping[int, float], low: float, offset: float) -> list[pd.DataFrame]:
    """The steps of one model, and a tick where a run ended without having arrived."""
    runs = {seed: run for seed, run in study.runs[model].items() if run.curve or run.status != "ok"}
    if not runs:
        return []
    arrivals, stops = np.array([times[seed] for seed in runs]), np.array([watched(run) for run in runs.values()])
    found = survival.kaplan_meier(arrivals, stops)
    last = study.horizon if found.remaining[-1] == 0 else min(found.end, study.horizon)
    share = 100 * (1 - found.remaining) + offset
    at = np.maximum(np.concatenate([[low], found.times[1:], [last]]), low)
    cut = np.unique(stops[np.isnan(arrivals) & np.isfinite(stops)])
    heights = share[np.searchsorted(found.times, cut, side="right") - 1]
    return [
        pd.DataFrame({"kind": "line", "x": at, "y": np.append(share, share[-1])}),
        pd.DataFrame({"kind": "tick", "x": np.maximum(cut, low), "y": heights}),
    ]


def profiles(profile: survival.Profile, titles: Sequence[str], places: Sequence[int]) -> Picture:
    """Performance profiles, a panel for each model: its own with its band, those of the others thin and grey."""
    names = list(labels_of((str(place), title) for place, title in enumerate(titles)).values())
    parts = []
    for place, name in enumerate(names):
        steps = np.stack([profile.share[place], profile.low[place], profile.high[place]])
        changes = np.any(np.diff(steps, axis=1) != 0, axis=0)  # only there a step function has a corner
        kept = np.flatnonzero(np.concatenate([[True], changes[:-1], [True]]))
        share, low, high = steps[:, kept]
        parts.append(pd.DataFrame({"model": name, "x": profile.ratios[kept], "y": share, "low": low, "high": high}))
    return Picture(profile_charts.profiles, pd.concat(parts), dict(zip(names, places, strict=True)))
