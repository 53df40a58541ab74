"""Learning curves and growth as SVG, and the colour and dashes of a model's place."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import counted
from ..records.kinds import RunRecord, TaskFacts
from .panels import around, legend, panels

Line = tuple[NDArray[np.float64], NDArray[np.float64]]  # steps and values
Drawn = tuple[str, int, Sequence[RunRecord]]  # a model's title, the place of its colour and its runs
Sizes = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # name -> sizes and values
SIZE = (6.0, 3.9)  # inches, of learning curves
COLOURS = 10  # of matplotlib's cycle, C0 to C9; the next ten lines are dashed, then dotted


def line_of(place: int) -> dict[str, Any]:
    """Colour and dashes of the line number `place`; thirty differ."""
    return {"color": f"C{place % COLOURS}", "linestyle": ("-", "--", ":")[place // COLOURS % 3]}


def learning_curves(models: Sequence[Drawn], facts: TaskFacts, factor: float) -> bytes:
    """Validation metric, times `factor`, over training steps: each seed thin, the mean of the seeds thick."""
    known = [one for one in models if any(run.curve for run in one[2])]
    titles = Counter(title for title, _, _ in known)
    lines: list[tuple[Line, dict[str, Any]]] = []
    for title, place, runs in known:
        curves, mean = validation([run for run in runs if run.curve], factor)
        lines.append((_joined(curves), {"linewidth": 0.5, "alpha": 0.5, **line_of(place)}))
        if mean is not None:
            label = title if titles[title] == 1 else f"{title} ({runs[0].cell.model})"
            lines.append((mean, {"linewidth": 2, "label": label, **line_of(place)}))
    steps = around(np.concatenate([[0.0], *(xs for (xs, _), _ in lines)]), margin=0.02)
    levels = {"chance": (facts.chance, "grey", ":"), "target": (facts.target, "black", "--")}
    for label, (level, colour, dashes) in levels.items():
        if level is not None:
            flat = np.array([steps.low, steps.high]), np.full(2, level * factor)
            lines.append((flat, {"linewidth": 1, "color": colour, "linestyle": dashes, "label": label}))
    values = np.concatenate([[np.nan], *(ys for (_, ys), _ in lines)])
    figure, (panel,) = panels(1, size=SIZE)
    panel.x, panel.y = steps, around(values, log=not facts.higher_is_better)
    for (xs, ys), style in lines:
        panel.line(xs, ys, **style)
    unit = ", %" if factor == 100 else ""
    title = f"{facts.title}, {facts.length} steps a sequence"
    panel.frame(title, "training steps", f"validation {facts.metric.replace('_', '-')}{unit}")
    legend(figure)
    return figure.svg()


def validation(runs: Sequence[RunRecord], factor: float = 1.0) -> tuple[list[Line], Line | None]:
    """The validation curve of each run, and their mean up to where the first of them ends; None without any."""
    curves = [_values(run, factor) for run in runs]
    steps = np.unique(np.concatenate([steps for steps, _ in curves]))
    together = [np.interp(steps, known, values, right=np.nan) for known, values in curves if len(known)]
    return curves, (steps, np.mean(together, axis=0)) if together else None


def _joined(lines: Sequence[Line]) -> Line:
    """Several lines as one with gaps between them, which is drawn in the time of one."""
    parts = [np.stack([*line]) for line in lines]
    together = np.concatenate([np.c_[part, [[np.nan], [np.nan]]] for part in parts], axis=1)
    return together[0], together[1]


def _values(run: RunRecord, factor: float) -> Line:
    points = [point for point in run.curve if point.valid_metric is not None]
    steps = np.array([point.step for point in points], dtype=np.float64)
    return steps, np.array([float(point.valid_metric or 0.0) * factor for point in points])


def powers(curves: Sizes, places: Mapping[str, int], x: str, y: str, title: str) -> bytes:
    """Values over sizes, which are the ticks, both axes logarithmic, a line for each name. places: of the colours."""
    figure, (panel,) = panels(1, size=SIZE)
    ticks = sorted({size for sizes, _ in curves.values() for size in sizes})
    panel.x = around(ticks, log=True)
    panel.y = around(np.concatenate([values for _, values in curves.values()]), log=True)
    for name, (sizes, values) in curves.items():
        panel.line(sizes, values, label=name, linewidth=1.5, **line_of(places[name]))
    panel.frame(title, x, y, xs=ticks)
    legend(figure)
    return figure.svg()


def told(curves: Sizes, what: str, unit: str) -> str:
    """What `powers` shows, in a sentence for those who cannot see it."""
    last = {name: (sizes[-1], values[-1]) for name, (sizes, values) in curves.items()}
    least, most = (pick(last, key=lambda name: last[name][1]) for pick in (min, max))
    return (
        f"{what} over the length of the sequences, both axes logarithmic, a line for each of "
        f"{counted(len(curves), 'model')}; at {last[most][0]:,} time steps from {last[least][1]:.3g} {unit} ({least}) "
        f"to {last[most][1]:.3g} {unit} ({most})."
    )
