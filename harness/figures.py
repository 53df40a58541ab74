"""Figures, one function each. matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .record import RunRecord, TaskFacts


def learning_curves(runs: Sequence[RunRecord], facts: TaskFacts, order: Sequence[str], path: Path) -> None:
    """Validation metric over training steps: each seed thin, the mean of the seeds thick."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    by_model: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: order.index(run.cell.model) if run.cell.model in order else len(order)):
        if run.curve:
            by_model[run.cell.model].append(run)
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    colours = plt.get_cmap("tab20")(np.arange(max(1, len(by_model))) % 20)
    factor = 100.0 if facts.metric == "accuracy" else 1.0
    for number, (group, colour) in enumerate(zip(by_model.values(), colours, strict=False)):
        title = group[0].title or group[0].cell.model
        curves = [_values(run, factor) for run in group]
        steps = np.unique(np.concatenate([steps for steps, _ in curves]))
        for known, values in curves:
            axes.plot(known, values, color=colour, linewidth=0.5, alpha=0.5)
        together = [np.interp(steps, known, values, right=np.nan) for known, values in curves if len(known)]
        if together:
            style = ("-", "--", ":")[number // 10 % 3]
            axes.plot(steps, np.mean(together, axis=0), color=colour, linewidth=2, linestyle=style, label=title)
    if facts.chance is not None:
        axes.axhline(facts.chance * factor, color="grey", linewidth=1, linestyle=":", label="chance")
    if facts.target is not None:
        axes.axhline(facts.target * factor, color="black", linewidth=1, linestyle="--", label="target")
    if not facts.higher_is_better:
        axes.set_yscale("log")
    axes.set_xlabel("training steps")
    axes.set_ylabel(f"validation {facts.metric.replace('_', '-')}" + (", %" if factor == 100 else ""))
    axes.set_title(f"{facts.title}, {facts.length} steps a sequence")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small", frameon=False)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def _values(run: RunRecord, factor: float) -> tuple[np.ndarray, np.ndarray]:
    points = [point for point in run.curve if point.valid_metric is not None]
    steps = np.array([point.step for point in points])
    return steps, np.array([float(point.valid_metric or 0.0) * factor for point in points])
