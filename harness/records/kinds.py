"""What is kept of a run: plain values, to and from JSON. A missing number is null."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ..errors import CorruptRecord
from ..plan import Cell, Group

SCHEMA = 1
FIRST_SEED = 0  # of every protocol; what a trained model does is looked into for this one
NO_INSIGHT = "no insight into"  # a note that begins so says why
INTERRUPTED = "interrupted"  # the same command goes on with such a run
STATUSES = ("ok", "diverged", "out-of-memory", "skipped", "failed", INTERRUPTED)
NOT_COUNTED = ("skipped", INTERRUPTED)  # nothing can be said of these; other runs without a result count as bad ones


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation on the learning curve. Seconds are training alone, without evaluation."""

    step: int
    samples: int
    seconds: float
    train_loss: float | None  # mean over the steps since the last point
    valid_metric: float | None


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What a report must know of the task, so that it needs no task to be installed."""

    title: str
    metric: str
    higher_is_better: bool
    chance: float | None
    target: float | None
    length: int
    detail: str = ""  # what the data are, in a clause
    target_why: str = ""
    reference: float | None = None  # a good published value


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One cell and what came of it."""

    cell: Cell
    status: str
    protocol_version: int
    reason: str = ""
    title: str = ""  # the model's
    task: TaskFacts | None = None
    width: float | None = None
    params: int | None = None
    slack: float | None = None  # (params - budget) / budget
    outside: int = 0  # trained parameters apart from the budget, as embedding and softmax
    test_metric: float | None = None
    valid_metric: float | None = None  # the best; its checkpoint is the one that was tested
    more_metrics: Mapping[str, float | None] = field(default_factory=dict)  # on further test sets, as in noise
    best_step: int | None = None
    curve: tuple[Point, ...] = ()
    train_seconds: float | None = None  # wall time, of all seeds that trained together
    evaluation_seconds: float | None = None
    waited_seconds: float | None = None  # of training, for data that do not lie on the device or are augmented
    settings: Mapping[str, Any] = field(default_factory=dict)  # the protocol in full
    backend: str = ""  # of the recurrences: native, eager or the library's kernels; graph: the step was replayed
    replicas: int = 1  # seeds that trained together
    recompute: int = 0  # steps a stretch that is computed again on the way back; 0: none
    notes: str = ""  # what was asked for and could not be had, and why; a sentence a line
    insight: Mapping[str, Any] | None = None  # what the trained model does with time: insight.py
    source: str = ""  # SHA-256 of a stranger's model file
    machine: Mapping[str, Any] = field(default_factory=dict)
    finished: str = ""  # ISO 8601, UTC

    @property
    def is_fault(self) -> bool:
        """Is something broken? Divergence is a result, but not where the model never gave a number."""
        never = self.status == "diverged" and self.valid_metric is None
        return never or self.status in ("failed", "out-of-memory")


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds: median, quartiles and tenths over `samples` timed calls or blocks of calls.

    jitter: from q10 to q90, as a part of the median. values: all samples in order, four figures each.
    """

    median: float
    lower: float
    upper: float
    samples: int
    q10: float | None = None
    q90: float | None = None
    jitter: float | None = None
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Ratio:
    """One latency over another, from rounds A B B A: the median, and the ends of its 99 % interval.

    The ends are None where there are too few rounds for an interval.
    """

    median: float
    low: float | None
    high: float | None
    rounds: int


@dataclass(frozen=True, slots=True)
class Growth:
    """A training step at several lengths, or several batches: milliseconds, and bytes at the peak.

    The exponents are slopes of log time and log bytes over log size, by least squares.
    """

    sizes: tuple[int, ...]
    ms: tuple[float, ...]
    bytes: tuple[int, ...]
    time_exponent: float | None = None
    bytes_exponent: float | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """Speed and memory of one (task, model, budget) on one machine, at the protocol's batch size.

    `ratio` is the training step over the yardstick's, the median over rounds A B B A in one process. What
    `bench run` does not take, but `bench measure` does, is None without the latter (`whole`).
    """

    protocol: str
    protocol_version: int
    task: str
    model: str
    budget: str
    status: str
    reason: str = ""
    batch: int = 0
    forward: Latency | None = None
    step: Latency | None = None
    yardstick: str = ""
    ratio: float | None = None
    backend: str = ""
    peak_bytes: int | None = None  # what the step holds at its peak beyond what it found
    machine: Mapping[str, Any] = field(default_factory=dict)
    finished: str = ""
    title: str = ""  # the model's
    length: int | None = None  # time steps of a sequence
    params: int | None = None
    state: int | None = None  # numbers carried from step to step, of one sequence
    flops: int | None = None  # of a training step: three times its forward pass's matrix products
    saved_bytes: int | None = None  # kept from the forward pass for the backward pass, weights and inputs aside
    whole: bool = False  # taken by `bench measure`
    backward: Latency | None = None  # forward and backward
    inference: Latency | None = None  # one time step of one sequence, its state carried
    inference_batch: Latency | None = None  # the same for a batch
    device_step: Latency | None = None  # the step by the device's own clock
    first_call_ms: float | None = None  # the first step in a fresh process
    compile_ms: float | None = None  # of these, what torch.compile says it took
    compared: Ratio | None = None  # step / yardstick's step, in rounds
    controls: tuple[Ratio, ...] = ()  # the yardstick beside itself, as many rounds
    settled: bool | None = None  # did the last medians of the warm-up agree?
    allocated_bytes: int | None = None  # most that CUDA's allocator gave to tensors, weights included
    reserved_bytes: int | None = None  # most that it took from the device
    rss_bytes: int | None = None  # peak of a fresh process beyond what it held before the step
    predicted_bytes: int | None = None  # what forecast.py said of peak_bytes
    flops_share: float | None = None  # FLOPs a second of the fastest step / of a large matrix product
    joules: float | None = None  # a step
    over_length: Growth | None = None
    over_batch: Growth | None = None
    missing: Mapping[str, str] = field(default_factory=dict)  # what could not be measured -> why
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # "before" and "after" -> how it was

    @property
    def group(self) -> Group:
        """What was measured, whatever the machine."""
        return Group(self.protocol, self.task, self.model, self.budget)


LATENCIES = ("forward", "step", "backward", "inference", "inference_batch", "device_step")
GROWTHS = ("over_length", "over_batch")


def to_json(record: RunRecord | Measurement) -> str:
    """A readable JSON text; numbers that are not finite become null."""
    return as_text("run" if isinstance(record, RunRecord) else "measurement", asdict(record))


def as_text(kind: str, data: Mapping[str, Any]) -> str:
    """The text of a record of some kind, whose plain values these are."""
    text = json.dumps({"schema": SCHEMA, "kind": kind, **_finite(data)}, indent=1, allow_nan=False)
    # a list of numbers stands in one line; no string holds a line's end, so none is changed
    return re.sub(r"\[\n[-+.\deE,\snul]*?\n *\]", lambda found: " ".join(found[0].split()), text) + "\n"


def from_json(text: str, where: str) -> RunRecord | Measurement:
    """The inverse of to_json. Raises CorruptRecord, naming `where`, for anything else."""
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("it is no JSON object")
        if data.pop("schema", None) != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        if data["status"] not in STATUSES:
            raise ValueError(f"status '{data['status']}'")
        if data.pop("kind", None) == "run":
            return _run(data)
        return _measurement(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptRecord(f"{where} is no record that can be read ({error}); mend or delete it") from None


def _run(data: dict[str, Any]) -> RunRecord:
    unknown = set(data) - {field.name for field in fields(RunRecord)}
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    data["cell"] = Cell(**data["cell"])
    data["task"] = TaskFacts(**data["task"]) if data.get("task") else None
    data["curve"] = tuple(Point(**point) for point in data.get("curve", ()))
    return RunRecord(**data)


def _measurement(data: dict[str, Any]) -> Measurement:
    for key in LATENCIES:
        data[key] = Latency(**_tuples(data[key], "values")) if data.get(key) else None
    for key in GROWTHS:
        data[key] = Growth(**_tuples(data[key], "sizes", "ms", "bytes")) if data.get(key) else None
    data["compared"] = Ratio(**data["compared"]) if data.get("compared") else None
    data["conditions"] = {time: dict(facts) for time, facts in data.get("conditions", {}).items()}
    data["controls"] = tuple(Ratio(**ratio) for ratio in data.get("controls", ()))
    return Measurement(**data)


def _tuples(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return data | {name: tuple(data[name]) for name in names if name in data}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
