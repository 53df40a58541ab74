"""What was seen, as tidy frames, and the pictures of them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from ...draw import scales as scale_charts
from ...draw.chart import Axis, Panel, few, labels_of, lines
from ...draw.curves import table
from ...draw.picture import Picture
from ...records.kinds import RunRecord
from .seen import Array, ClassUse, Example, Scales, Seen

SMALLEST = 1e-15  # of the largest gradient; a picture goes no deeper
SPAN, RIDGE = ["model", "scale", "start", "end"], ["model", "scale", "x", "low", "high"]
Row = tuple[str, Scales]  # the model's title and what its scales do


def gradients(seen: Sequence[Seen], places: Mapping[str, int]) -> Picture:
    """Gradient over time steps, a line a model: at initialisation, and trained. places: of the models' names."""
    known = np.concatenate([np.r_[one.initial, one.trained] for one in seen])
    known = known[np.isfinite(known) & (known > 0)]
    most, least = float(known.max(initial=0.0)), float(known.min(initial=np.inf))
    low, high = max(least, most * SMALLEST) / 2, min(2 * most, 1e308)
    y = Axis(log=True, low=low, high=high) if most else Axis(low=0, high=1, ticks=())
    x = Axis("time step", low=0.5, high=max(one.steps for one in seen) + 0.5)
    panels = [Panel("before training", x, y._replace(title="gradient of the last answer's loss"))]
    panels.append(Panel("after training", x, y))
    names = labels_of((one.run.cell.model, one.title) for one in seen)
    parts = []
    for one in seen:
        for number, values in enumerate((one.initial, one.trained)):
            # a logarithm has no zero, and what is below the picture runs along its edge
            shown = np.where(values > 0, np.maximum(values, low), np.nan)
            name = names[one.run.cell.model]
            parts.append(pd.DataFrame({"panel": number, "model": name, "kind": "line", "x": one.time, "y": shown}))
    labels = {name: places[model] for model, name in names.items()}
    frame, labels = few(table(parts), labels, {names[one.run.cell.model]: _way(one.run) for one in seen})
    return Picture(lines, frame, labels, panels, size=(220, 240))


def _way(run: RunRecord) -> float:
    """The greater the better it learned."""
    if run.test_metric is None or run.task is None:
        return -np.inf
    return run.test_metric if run.task.higher_is_better else -run.test_metric


def over_time(rows: Sequence[Row], time: Array, sequences: int) -> Picture:
    """What the scales of each model do over time: the mean over sequences, and the first sequence alone."""
    means, ridges = [], []
    for title, told in rows:
        edges = np.cumsum(np.vstack([np.zeros_like(told.mean[:1]), np.nan_to_num(told.mean)]), axis=0)
        many = pairwise(edges) if told.exclusive else [(np.full_like(time, np.nan), series) for series in told.mean]
        for label, (low, high) in zip(told.labels, many, strict=True):
            means.append(pd.DataFrame({"model": title, "scale": label, "x": time, "low": low, "high": high}))
        if not told.exclusive:
            ridges += [part.assign(model=title) for part in _ridges(told.example, told.labels)]
    return Picture(
        scale_charts.over_time,
        pd.concat(means),
        pd.concat([_spans(row) for row in rows if row[1].exclusive] or [pd.DataFrame(columns=SPAN)]),
        pd.concat(ridges or [pd.DataFrame(columns=RIDGE)]),
        _signals(row for row in rows if row[1].exclusive),
        _labels(rows),
        f"mean of {sequences} sequences",
    )


def signals(rows: Sequence[Row]) -> Picture:
    """For each model the signal of its example, on the colour of the chosen scale, and that scale over time."""
    return Picture(scale_charts.signals, pd.concat(map(_spans, rows)), _signals(rows), _labels(rows))


def classes(rows: Sequence[Row]) -> Picture:
    """For each model how often each class picks each scale."""
    frame = pd.DataFrame(
        {"model": title, "class": named(one), "scale": label, "share": 100 * share}
        for title, told in rows
        for one in told.classes
        for label, share in zip(told.labels, np.nan_to_num(one.use).tolist(), strict=True)
    )
    return Picture(scale_charts.classes, frame, _labels(rows))


def words(rows: Sequence[Row]) -> Picture:
    """For each model the words of its example in their order, each on the colour and with the number of its scale."""
    frame = pd.DataFrame(
        {"model": title, "word": word, "scale": told.labels[chosen], "number": int(chosen)}
        for title, told in rows
        for word, chosen in zip(told.example.words, told.example.chosen, strict=True)
    )
    return Picture(scale_charts.words, frame, _labels(rows))


def named(one: ClassUse) -> str:
    """A class and of how many sequences its bars are."""
    return f"{one.name} ({one.sequences})"


def mostly(rows: Sequence[Row]) -> str:
    """'scale 0 of ASLSTM, 0.83': the label of each model with the highest mean, as these pictures show."""
    said = []
    for title, told in rows:
        if np.isfinite(told.overall).any():
            most = int(np.nanargmax(told.overall))
            said.append(f"{told.labels[most]} of {title}, {told.overall[most]:.3g}")
    return f"the highest means are {'; '.join(said)}" if said else "nothing is known of their means"


def _labels(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    return {title: told.labels for title, told in rows}


def _spans(row: Row) -> pd.DataFrame:
    """From where to where each scale is in use, a step being 1 wide around its number."""
    title, told = row
    chosen = told.example.chosen
    edges = np.concatenate([[0], np.flatnonzero(np.diff(chosen)) + 1, [len(chosen)]])
    scales = [told.labels[place] for place in chosen[edges[:-1]]]
    return pd.DataFrame({"model": title, "scale": scales, "start": edges[:-1] + 0.5, "end": edges[1:] + 0.5})


def _signals(rows: Iterable[Row]) -> pd.DataFrame:
    parts = [pd.DataFrame(columns=["model", "x", "y"])]
    for title, told in rows:
        signal = told.example.signal
        if signal is not None and not np.isnan(signal).all():
            parts.append(pd.DataFrame({"model": title, "x": 1 + np.arange(len(signal)), "y": signal}))
    return pd.concat(parts)


def _ridges(example: Example, labels: Sequence[str]) -> list[pd.DataFrame]:
    """The use of each label above a line of its own, the first at the bottom."""
    steps = example.use.shape[1]
    most = max(1.0, float(np.nanmax(example.use, initial=0.0)))
    found = []
    for j, (label, series) in enumerate(zip(labels, np.nan_to_num(example.use), strict=True)):
        starts = np.flatnonzero(np.diff(series, prepend=np.nan) != 0)  # what stays the same is drawn once
        x, heights = np.append(starts, steps) + 0.5, j + 0.85 * np.append(series[starts], series[-1]) / most
        found.append(pd.DataFrame({"scale": label, "x": x, "low": float(j), "high": heights}))
    return found
