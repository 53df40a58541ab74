"""What insight.py recorded with runs, read back and checked. A record may be of another version, or changed by hand."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...compare.material import Material
from ...compare.order import ordered, task_title, title_of
from ...records.kinds import RunRecord
from ...records.names import page
from ...write.words import literal

Array = NDArray[np.float64]


class Malformed(ValueError):
    """A record's insight is not what insight.py writes."""


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence. use: (labels, steps); signal: (steps,), where the input is one number a step; words likewise."""

    use: Array
    signal: Array | None
    words: tuple[str, ...]
    label: str  # its true class

    @property
    def chosen(self) -> NDArray[np.int64]:
        """The label with the largest use at each step."""
        return np.asarray(self.use.argmax(axis=0), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class ClassUse:
    """The mean use of each label, (labels,), over so many sequences of one class."""

    name: str
    sequences: int
    use: Array


@dataclass(frozen=True, slots=True)
class Scales:
    """mean: (labels, bins) over sequences; overall: (labels,); meaning, exclusive: as models/spec.py says."""

    labels: tuple[str, ...]
    meaning: str
    exclusive: bool
    mean: Array
    overall: Array
    classes: tuple[ClassUse, ...]
    example: Example


@dataclass(frozen=True, slots=True)
class Seen:
    """The insight into one run. initial, trained: the gradient of each bin of `bin` time steps; NaN: not finite."""

    run: RunRecord
    sequences: int
    steps: int
    bin: int
    initial: Array
    trained: Array
    scales: Scales | None

    @property
    def title(self) -> str:
        return title_of([self.run], self.run.cell.model)

    @property
    def time(self) -> Array:
        """The middle of each bin, the first step being 1."""
        starts = np.arange(0, self.steps, self.bin)
        ends = np.minimum(starts + self.bin, self.steps)
        return np.asarray((starts + 1 + ends) / 2, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Group:
    """What was seen of the models of one task and budget, in the order of every table."""

    task: str
    budget: str
    seen: tuple[Seen, ...]

    @property
    def title(self) -> str:
        return task_title((one.run for one in self.seen), self.task)

    @property
    def heading(self) -> str:
        return f"{literal(self.title)} (`{self.task}`), budget {self.budget}"

    @property
    def averaged(self) -> str:
        """'64 test sequences'."""
        return f"{' or '.join(sorted({str(one.sequences) for one in self.seen}))} test sequences"

    def section(self, kind: str, alt: str, table: str) -> str:
        """What is shown of this group. alt: its picture of this kind in words; table: in Markdown."""
        steps = max(one.steps for one in self.seen)
        picture = f"![{literal(alt)}]({self.file(kind)})"
        return "\n\n".join([f"## {self.heading}", f"Mean over {self.averaged} of {steps:,} steps.", picture, table])

    def file(self, kind: str) -> str:
        return f"{kind}-{page(self.task)}-{self.budget}.svg"


def groups(material: Material) -> tuple[list[Group], list[tuple[str, str]]]:
    """What was seen of each task and budget; a task and a sentence for each record of which it cannot be read."""
    found: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    faults = []
    names = ordered({run.cell.model for run in material.runs}, material.order)
    for run in sorted(material.runs, key=lambda run: (names.index(run.cell.model), run.cell)):
        try:
            one = read(run)
        except Malformed as fault:
            faults.append((run.cell.task, f"Left out: {literal(str(fault))}."))
            continue
        if one is not None:
            found[run.cell.task, run.cell.budget].append(one)
    return [Group(*place, tuple(many)) for place, many in sorted(found.items())], faults


def records(found: Sequence[Group]) -> tuple[RunRecord, ...]:
    return tuple(one.run for group in found for one in group.seen)


def read(run: RunRecord) -> Seen | None:
    """The insight into a run, or None where there is none. Raises Malformed, with a sentence."""
    if run.status != "ok" or run.insight is None:
        return None
    try:
        return _seen(run, run.insight)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        cell = run.cell
        raise Malformed(
            f"the insight into {cell.model} on {cell.task}, seed {cell.seed}, cannot be read "
            f"({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        ) from None


def _seen(run: RunRecord, data: Mapping[str, Any]) -> Seen:
    steps, size = _whole(data["steps"]), _whole(data["bin"])
    bins = -(-steps // size)
    initial, trained = (_numbers(data["gradient"][name], (bins,)) for name in ("initial", "trained"))
    scales = None if data["scales"] is None else _scales(data["scales"], bins, steps)
    return Seen(run, _whole(data["sequences"]), steps, size, initial, trained, scales)


def _scales(data: Mapping[str, Any], bins: int, steps: int) -> Scales:
    labels = tuple(map(_text, data["labels"]))
    size = (_whole(len(labels)),)
    example = data["example"]
    length = _whole(example["steps"])
    if length > steps:
        raise ValueError(f"an example of {length} steps where there are {steps}")
    if data["exclusive"]:
        chosen = _numbers(example["chosen"], (length,))
        use = (chosen == np.arange(len(labels))[:, None]).astype(np.float64)
        if not (use.sum(axis=0) == 1).all():
            raise ValueError("a scale that has no label was chosen")
    else:
        use = _numbers(example["use"], (len(labels), length))
    signal = example.get("signal")
    words = tuple(map(_text, example.get("words", ())))
    if words and len(words) != length:
        raise ValueError(f"{len(words)} words for {length} steps")
    return Scales(
        labels,
        _text(data["meaning"]),
        bool(data["exclusive"]),
        _numbers(data["mean"], (len(labels), bins)),
        _numbers(data["overall"], size),
        tuple(
            ClassUse(_text(entry["name"]), _whole(entry["sequences"]), _numbers(entry["use"], size))
            for entry in data.get("classes", ())
        ),
        Example(use, None if signal is None else _numbers(signal, (length,)), words, str(example.get("class", ""))),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{json.dumps(value, default=str)} is no text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{json.dumps(value, default=str)} is no whole number of at least 1")
    return value


def _numbers(values: Any, shape: tuple[int, ...]) -> Array:
    """An array of this shape; None becomes NaN."""
    found = np.array(values, dtype=np.float64)
    if found.shape != shape:
        raise ValueError(f"numbers of the shape {found.shape} where {shape} is needed")
    return found
