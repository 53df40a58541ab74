"""A task's runs as tidy frames, and the pictures of them."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from ...draw.chart import Axis, labels_of
from ...draw.curves import logarithmic
from ...draw.dots import dots
from ...draw.picture import Picture
from ...records.kinds import RunRecord, TaskFacts
from ...write.words import factor, missing, score
from .table import Comparison

REACHED = "runs that reach the target, of those that ran"


def results(comparison: Comparison, runs: Sequence[RunRecord], places: Mapping[str, int]) -> tuple[Picture, str]:
    """Every run and the table's means with their intervals, the best first; also the picture in a sentence."""
    facts, frame = comparison.facts, comparison.frame
    by = factor(facts.metric)
    names = labels_of(zip(frame["name"], frame["model"], strict=True))
    ran = frame[[re.fullmatch(r"\d+ skipped", str(row["status"])) is None for row in _rows(frame)]]
    turned = ran.assign(from_the_best=-ran["mean_of_all"].where(ran["metric"].notna()).astype(float))
    turned = turned.sort_values("from_the_best", kind="stable", na_position="last")
    means = pd.DataFrame({"row": [names[name] for name in turned["name"]], "said": list(map(_reached, _rows(turned)))})
    for key, column in (("x", "metric"), ("low", "low"), ("high", "high")):
        means[key] = by * turned[column].to_numpy(dtype=float)
    means["low"] = means["low"].clip(lower=0.0)  # no metric is below, and no accuracy beyond
    means["high"] = means["high"].clip(upper=100.0) if facts.metric == "accuracy" else means["high"]
    known = [run for run in runs if run.test_metric is not None and run.cell.model in names]
    dotted = pd.DataFrame(
        {
            "row": [names[run.cell.model] for run in known],
            "of": [f"seed {run.cell.seed}" for run in known],
            "x": [by * float(run.test_metric or 0.0) for run in known],
        }
    )
    levels = {
        name: by * level for name, level in (("chance", facts.chance), ("target", facts.target)) if level is not None
    }
    title = f"test {facts.metric.replace('_', '-')}{', %' * (by == 100)}"
    log = logarithmic(dotted.rename(columns={"x": "y"}), facts)
    if log:  # which has no zero
        means["low"] = means["low"].mask(means["low"] <= 0, 0.7 * min(dotted["x"].min(), means["x"].min()))
    axis = Axis(title if facts.higher_is_better else f"{title}, lower is better", log=log)
    labels = {names[name]: places[name] for name in turned["name"]}
    dotted, means = (one.assign(model=one["row"]) for one in (dotted, means))
    return Picture(dots, dotted, means, labels, axis, levels), _said(turned, facts)


def _rows(frame: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _reached(row: Mapping[str, object]) -> str:
    """'3 of 5': runs that reached the target, of those that ran; without a target, runs with a result."""
    if missing(row["reached"]):
        return f"{row['seeds']} of {row['planned']}"
    return f"{row['reached']:.0f} of {row['ran']:.0f}"


def _said(turned: pd.DataFrame, facts: TaskFacts) -> str:
    """The finding: who is first and last, and whose runs all, or never, reach the target."""
    known = [row for row in _rows(turned) if not missing(row["metric"])]
    if not known:
        return f"No run on {facts.title} has a result."
    ends = [f"{row['model']}, {score(float(row['metric']), facts.metric)}" for row in (known[0], known[-1])]  # type: ignore[arg-type]
    said = f"Every run on {facts.title} as a dot, a row for each model with mean and interval: first {ends[0]}"
    said += f"; last {ends[1]}" if len(known) > 1 else ""
    reached = [row for row in known if not missing(row["reached"])]
    if reached:
        whole = [str(row["model"]) for row in reached if row["reached"] == row["ran"]]
        some = sum(0 < float(row["reached"]) < float(row["ran"]) for row in reached)  # type: ignore[arg-type]
        said += f"; all runs reach the target: {', '.join(whole) or 'of no model'}"
        said += f"; of {some} other{'s' * (some != 1)} some do" if some else ""
    return f"{said}."
