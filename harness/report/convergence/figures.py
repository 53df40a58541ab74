"""Pictures of how fast models learn: the share of runs at the target over time, and performance profiles."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...draw.curves import line_of
from ...draw.panels import Panel, Scale, legend, panels
from ...stats import survival
from .arrivals import Study, watched

SPREAD = 6.0  # how far apart, in per cent, the lines of all models lie where they would hide each other
EDGE = 1.12  # so far the axis goes on after the horizon
COLUMNS = 3, 5


def arrived(studies: Sequence[Study], models: Sequence[str], places: Mapping[str, int]) -> bytes:
    """Kaplan-Meier curves of the runs at their targets, a panel for each task.

    models: all of these studies, in the tables' order; places: of their colours.
    """
    figure, every = panels(len(studies), columns=COLUMNS[0])
    offsets = SPREAD * (np.linspace(0.5, -0.5, len(models)) if len(models) > 1 else np.zeros(1))
    for number, (panel, study) in enumerate(zip(every, studies, strict=True)):
        times = study.times("step")
        known = [time for runs in times.values() for time in runs.values() if not np.isnan(time)]
        panel.x = Scale(min(known, default=study.horizon) / 2, EDGE * study.horizon, log=True)
        panel.y = Scale(-5, 105)
        for model, offset in zip(models, offsets, strict=True):
            if model in study.runs:
                _curve(panel, study, model, times[model], offset, places[model])
        if not known:
            panel.text(0.5, 0.5, "no run arrived", ha="center")
        below = "training steps" if number + COLUMNS[0] >= len(studies) else ""
        panel.frame(study.task, below, "" if number % COLUMNS[0] else "runs at the target, %", ys=[0, 50, 100])
    legend(figure)
    return figure.svg()


def _curve(panel: Panel, study: Study, model: str, times: Mapping[int, float], offset: float, place: int) -> None:
    """The steps of one model, and a tick where a run ended without having arrived."""
    runs = {seed: run for seed, run in study.runs[model].items() if run.curve or run.status != "ok"}
    if not runs:
        return
    arrivals, ends = np.array([times[seed] for seed in runs]), np.array([watched(run) for run in runs.values()])
    found = survival.kaplan_meier(arrivals, ends)
    last = study.horizon if found.remaining[-1] == 0 else min(found.end, study.horizon)
    share = 100 * (1 - found.remaining) + offset
    at = np.concatenate([[panel.x.low], found.times[1:], [last]])
    style = line_of(place)
    panel.line(
        np.maximum(at, panel.x.low),
        np.append(share, share[-1]),
        drawstyle="steps-post",
        linewidth=1.3,
        label=study.title(model),
        **style,
    )
    cut = np.unique(ends[np.isnan(arrivals) & np.isfinite(ends)])
    heights = share[np.searchsorted(found.times, cut, side="right") - 1]
    panel.line(np.maximum(cut, panel.x.low), heights, color=style["color"], linestyle="", marker="|", markersize=7)


def profiles(profile: survival.Profile, titles: Sequence[str]) -> bytes:
    """Performance profiles, a panel for each model: its own with its band, those of the others thin and grey."""
    figure, every = panels(len(titles), columns=COLUMNS[1], size=(1.5, 1.1), legend=0.0)
    for place, (panel, title) in enumerate(zip(every, titles, strict=True)):
        panel.x, panel.y = Scale(1, float(profile.ratios[-1])), Scale(-0.03, 1.03)
        steps = {"drawstyle": "steps-post"}
        for other in range(len(titles)):
            panel.line(*_corners(profile.ratios, profile.share[other]), color="0.75", linewidth=0.6, **steps)
        edges, ends = _corners(profile.ratios, np.stack([profile.low[place], profile.high[place]]))
        low, high = np.repeat(ends, 2, axis=1)[:, :-1]
        panel.band(np.repeat(edges, 2)[1:], low, high, color="C0", alpha=0.25, linewidth=0)
        panel.line(*_corners(profile.ratios, profile.share[place]), color="C0", linewidth=1.8, **steps)
        below = "times the fastest" if place + COLUMNS[1] >= len(titles) else ""
        panel.frame(title, below, "" if place % COLUMNS[1] else "share of tasks", xs=[1, 2, 3, 4], ys=[0, 0.5, 1])
    return figure.svg()


def _corners(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points of a step function, (steps,) or several (lines, steps), at which it changes, and its ends."""
    changes = np.any(np.diff(np.atleast_2d(y), axis=1) != 0, axis=0)
    kept = np.flatnonzero(np.concatenate([[True], changes[:-1], [True]]))
    return x[kept], y[..., kept]
