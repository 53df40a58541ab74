"""Figures, one function each, as SVG. matplotlib is imported when one is drawn."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import counted
from .record import RunRecord, TaskFacts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = 10  # of matplotlib's cycle, C0 to C9; the next ten lines are dashed, then dotted


def canvas(width: float = 9.0, height: float = 5.0, *, legend: float = 0.3) -> tuple[Figure, Axes]:
    """An empty figure of this size in inches, `legend` of its width kept free on the right.

    The layout is fixed: letting matplotlib find one takes several times as long as the drawing.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    left, bottom, top = 0.75 / width, 0.6 / height, 0.45 / height
    return figure, figure.add_axes((left, bottom, 0.98 - legend - left, 1 - bottom - top))


def beside(axes: Axes) -> None:
    """The legend to the right of the axes."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)


def line_of(place: int) -> dict[str, Any]:
    """Colour and dashes of the line number `place`; thirty differ."""
    return {"color": f"C{place % COLOURS}", "linestyle": ("-", "--", ":")[place // COLOURS % 3]}


def svg(figure: Figure) -> bytes:
    """The figure's bytes, the same for the same figure; text stays text."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def learning_curves(runs: Sequence[RunRecord], facts: TaskFacts, order: Sequence[str]) -> bytes:
    """Validation metric over training steps: each seed thin, the mean of the seeds thick."""
    by_model: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: order.index(run.cell.model) if run.cell.model in order else len(order)):
        if run.curve:
            by_model[run.cell.model].append(run)
    figure, axes = canvas()
    factor = 100.0 if facts.metric == "accuracy" else 1.0
    for place, group in enumerate(by_model.values()):
        title = group[0].title or group[0].cell.model
        curves = [_values(run, factor) for run in group]
        steps = np.unique(np.concatenate([steps for steps, _ in curves]))
        for known, values in curves:
            axes.plot(known, values, linewidth=0.5, alpha=0.5, **line_of(place))
        together = [np.interp(steps, known, values, right=np.nan) for known, values in curves if len(known)]
        if together:
            axes.plot(steps, np.mean(together, axis=0), linewidth=2, label=title, **line_of(place))
    if facts.chance is not None:
        axes.axhline(facts.chance * factor, color="grey", linewidth=1, linestyle=":", label="chance")
    if facts.target is not None:
        axes.axhline(facts.target * factor, color="black", linewidth=1, linestyle="--", label="target")
    if not facts.higher_is_better:
        axes.set_yscale("log")
    axes.set_xlabel("training steps")
    axes.set_ylabel(f"validation {facts.metric.replace('_', '-')}" + (", %" if factor == 100 else ""))
    axes.set_title(f"{facts.title}, {facts.length} steps a sequence")
    beside(axes)
    return svg(figure)


def _values(run: RunRecord, factor: float) -> tuple[np.ndarray, np.ndarray]:
    points = [point for point in run.curve if point.valid_metric is not None]
    steps = np.array([point.step for point in points])
    return steps, np.array([float(point.valid_metric or 0.0) * factor for point in points])


def powers(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], x: str, y: str, title: str) -> bytes:
    """Values over sizes, both axes logarithmic, one line for each name: name -> (sizes, values)."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    figure, axes = canvas()
    for place, (name, (sizes, values)) in enumerate(curves.items()):
        axes.plot(sizes, values, marker="o", markersize=3, label=name, **line_of(place))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    ticks = sorted({size for sizes, _ in curves.values() for size in sizes})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    beside(axes)
    return svg(figure)


def told(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], what: str, unit: str) -> str:
    """What `powers` shows, in a sentence for those who cannot see it."""
    last = {name: (sizes[-1], values[-1]) for name, (sizes, values) in curves.items()}
    least, most = (pick(last, key=lambda name: last[name][1]) for pick in (min, max))
    return (
        f"{what} over the length of the sequences, both axes logarithmic, a line for each of "
        f"{counted(len(curves), 'model')}; at {last[most][0]:,} time steps from {last[least][1]:.3g} {unit} ({least}) "
        f"to {last[most][1]:.3g} {unit} ({most})."
    )
