"""What the harness knows of a task: the shape of its sequences, its data, its measure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True, slots=True)
class SequenceShape:
    """The shape of one sequence and of the answer to it."""

    length: int  # time steps
    inputs: int  # features a step
    outputs: int  # classes, or regression targets
    per_step: bool = False  # one answer a step instead of one a sequence


class Split(NamedTuple):
    """x: (sequences, time, inputs) float32; y: labels int64, or targets float32.

    y is (sequences,) or (sequences, time) labels, or (sequences, outputs) targets.
    """

    x: Tensor
    y: Tensor


class Splits(NamedTuple):
    train: Split
    valid: Split
    test: Split


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task, all options settled.

    A factory function makes it, `factory(**options) -> TaskSpec`; its keyword parameters are the
    options that `name@key=value` may change, and `scales` says which of them a protocol's scale
    changes. `load(data_seed, data_root)` gives the same data for the same data seed, whatever
    model or seed it is for.

    `target`: the validation metric that time-to-target waits for, fixed beforehand; `target_why`
    says how. `chance`: the test metric of the best answer that looks at no input.
    """

    name: str
    title: str
    shape: SequenceShape
    load: Callable[[int, Path | None], Splits]
    metric: str  # accuracy, mse or cross_entropy
    higher_is_better: bool
    chance: float | None = None
    target: float | None = None
    target_why: str = ""
    reference: float | None = None  # a good published value, for normalised scores
    cite: str = ""
    scales: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
