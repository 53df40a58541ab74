"""What is kept of a run: plain values, to and from JSON. A missing number is null."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Annotated, Any

from ..errors import CorruptRecord, DamagedRecord
from ..plan import Group
from .fields import RANGES, Amount, Budget, Count, Facts, Line, Lines, Machine, Name, NamedCell, Origin, Settings, Size
from .typed import LARGEST, Damaged, Misfit, Rule, parsed, sealed, typed

SCHEMA = 1
FIRST_SEED = 0  # of every protocol; what a trained model does is looked into for this one
NO_INSIGHT = "no insight into"  # a note that begins so says why
INTERRUPTED = "interrupted"  # the same command goes on with such a run
TIMED_OUT = "timed-out"
STATUSES = ("ok", "diverged", "out-of-memory", TIMED_OUT, "skipped", "failed", INTERRUPTED)
FAULTS = ("failed", "out-of-memory", TIMED_OUT)
NOT_COUNTED = ("skipped", INTERRUPTED)  # nothing can be said of these; other runs without a result count as bad ones


def _status(text: str) -> str:
    if text not in STATUSES:
        raise Misfit(f"is {json.dumps(text)[:50]}, but must be one of {', '.join(STATUSES)}")
    return text


Status = Annotated[str, Rule(_status)]


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation on the learning curve. Seconds are training alone, without evaluation."""

    step: Count
    samples: Count
    seconds: Amount
    train_loss: float | None  # mean over the steps since the last point
    valid_metric: float | None


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What a report must know of the task, so that it needs no task to be installed."""

    title: Line
    metric: Name
    higher_is_better: bool
    chance: float | None
    target: float | None
    length: Size
    detail: Line = ""  # what the data are, in a clause
    target_why: Line = ""
    reference: float | None = None  # a good published value


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One cell and what came of it."""

    cell: NamedCell
    status: Status
    protocol_version: Count
    reason: Line = ""
    title: Line = ""  # the model's
    task: TaskFacts | None = None
    width: Amount | None = None
    params: Count | None = None
    slack: float | None = None  # (params - budget) / budget
    outside: Count = 0  # trained parameters apart from the budget, as embedding and softmax
    test_metric: float | None = None
    valid_metric: float | None = None  # the best; its checkpoint is the one that was tested
    more_metrics: Mapping[Name, float | None] = field(default_factory=dict)  # on further test sets, as in noise
    best_step: Count | None = None
    curve: tuple[Point, ...] = ()
    train_seconds: Amount | None = None  # wall time, of all seeds that trained together
    evaluation_seconds: Amount | None = None
    waited_seconds: Amount | None = None  # of training, for data that do not lie on the device or are augmented
    settings: Settings = field(default_factory=dict)  # the protocol in full
    point: Facts = field(default_factory=dict)  # of the space of tuning, where it does not train as its source says
    backend: Line = ""  # of the recurrences: native, eager or the library's kernels; graph: the step was replayed
    replicas: Size = 1  # seeds that trained together
    recompute: Count = 0  # steps a stretch that is computed again on the way back; 0: none
    notes: Lines = ""  # what was asked for and could not be had, and why; a sentence a line
    insight: Mapping[str, Any] | None = None  # what the trained model does with time: insight.py
    source: Origin = ""  # of the model: catalog.source_digest; empty for the first revision of ours
    task_source: Origin = ""  # of the task
    data: Origin = ""  # checksum of a stranger's data
    machine: Machine = field(default_factory=dict)
    finished: Line = ""  # ISO 8601, UTC
    claims: Mapping[Name, Origin] = field(default_factory=dict)  # that it was run for -> their digests

    @property
    def is_final(self) -> bool:
        """Is it done, whatever came of it?"""
        return self.status != INTERRUPTED

    @property
    def seconds(self) -> float:
        """What it took by the clock, training and evaluation; of runs that trained together an equal share."""
        return ((self.train_seconds or 0.0) + (self.evaluation_seconds or 0.0)) / self.replicas

    @property
    def is_fitted(self) -> bool:
        """Was the model fitted to all data at once, without steps and a learning rate?"""
        return [point.step for point in self.curve] == [1] and self.curve[0].samples != self.settings.get("batch")

    @property
    def is_fault(self) -> bool:
        """Is something broken? Divergence is a result, but not where the model never gave a number."""
        never = self.status == "diverged" and self.valid_metric is None
        return never or self.status in FAULTS


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds: median, quartiles and tenths over `samples` timed calls or blocks of calls.

    jitter: from q10 to q90, as a part of the median. values: all samples in order, four figures each.
    """

    median: Amount
    lower: Amount
    upper: Amount
    samples: Count
    q10: Amount | None = None
    q90: Amount | None = None
    jitter: Amount | None = None
    values: tuple[Amount, ...] = ()


@dataclass(frozen=True, slots=True)
class Ratio:
    """One latency over another, from rounds A B B A: the median, and the ends of its 99 % interval.

    The ends are None where there are too few rounds for an interval.
    """

    median: Amount
    low: Amount | None
    high: Amount | None
    rounds: Count


@dataclass(frozen=True, slots=True)
class Growth:
    """A training step at several lengths, or several batches: milliseconds, and bytes at the peak.

    The exponents are slopes of log time and log bytes over log size, by least squares.
    """

    sizes: tuple[Size, ...]
    ms: tuple[Amount, ...]
    bytes: tuple[Count, ...]
    time_exponent: float | None = None
    bytes_exponent: float | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """Speed and memory of one (task, model, budget) on one machine, at the protocol's batch size.

    `ratio` is the training step over the yardstick's, the median over rounds A B B A in one process. What
    `bench run` does not take, but `bench measure` does, is None without the latter (`whole`).
    """

    protocol: Name
    protocol_version: Count
    task: Name
    model: Name
    budget: Budget
    status: Status
    reason: Line = ""
    batch: Count = 0
    forward: Latency | None = None
    step: Latency | None = None
    yardstick: Line = ""
    ratio: Amount | None = None
    backend: Line = ""
    peak_bytes: Count | None = None  # what the step holds at its peak beyond what it found
    machine: Machine = field(default_factory=dict)
    finished: Line = ""
    title: Line = ""  # the model's
    length: Count | None = None  # time steps of a sequence
    params: Count | None = None
    state: Count | None = None  # numbers carried from step to step, of one sequence
    flops: Count | None = None  # of a training step: three times its forward pass's matrix products
    saved_bytes: Count | None = None  # kept from the forward pass for the backward pass, weights and inputs aside
    whole: bool = False  # taken by `bench measure`
    backward: Latency | None = None  # forward and backward
    inference: Latency | None = None  # one time step of one sequence, its state carried
    inference_batch: Latency | None = None  # the same for a batch
    device_step: Latency | None = None  # the step by the device's own clock
    first_call_ms: Amount | None = None  # the first step in a fresh process
    compile_ms: Amount | None = None  # of these, what torch.compile says it took
    compared: Ratio | None = None  # step / yardstick's step, in rounds
    controls: tuple[Ratio, ...] = ()  # the yardstick beside itself, as many rounds
    settled: bool | None = None  # did the last medians of the warm-up agree?
    allocated_bytes: Count | None = None  # most that CUDA's allocator gave to tensors, weights included
    reserved_bytes: Count | None = None  # most that it took from the device
    rss_bytes: Count | None = None  # peak of a fresh process beyond what it held before the step
    predicted_bytes: Count | None = None  # what forecast.py said of peak_bytes
    flops_share: Amount | None = None  # FLOPs a second of the fastest step / of a large matrix product
    joules: Amount | None = None  # a step
    over_length: Growth | None = None
    over_batch: Growth | None = None
    source: Origin = ""  # as a RunRecord's
    task_source: Origin = ""
    data: Origin = ""
    missing: Mapping[Name, Line] = field(default_factory=dict)  # what could not be measured -> why
    conditions: Mapping[Name, Facts] = field(default_factory=dict)  # "before" and "after" -> how it was

    @property
    def is_fault(self) -> bool:
        """Could it not be taken, though it applies?"""
        return self.status not in ("ok", "skipped")

    @property
    def group(self) -> Group:
        """What was measured, whatever the machine."""
        return Group(self.protocol, self.task, self.model, self.budget)


def to_json(record: RunRecord | Measurement) -> str:
    """A readable JSON text; numbers that are not finite, or beyond LARGEST, become null."""
    return as_text("run" if isinstance(record, RunRecord) else "measurement", asdict(record))


def as_text(kind: str, data: Mapping[str, Any]) -> str:
    """The text of a record of some kind; numbers of numpy and torch, which a stranger may give, are numbers."""
    text = json.dumps({"schema": SCHEMA, "kind": kind, **_plain(data)}, indent=1, allow_nan=False)
    # a list of numbers stands in one line; no string holds a line's end, so none is changed
    return sealed(re.sub(r"\[\n[-+.\deE,\snul]*?\n *\]", lambda found: " ".join(found[0].split()), text))


def from_json(text: str, where: str) -> RunRecord | Measurement:
    """The inverse of to_json. Raises CorruptRecord, naming `where` and the field, and DamagedRecord, which is one."""
    try:
        data = parsed(text)
        schema = data.get("schema")
        if type(schema) is not int or schema < 1:
            raise ValueError(f"its schema is not {SCHEMA}")
        if schema > SCHEMA:
            raise CorruptRecord(f"{where} is of schema {schema}, which a newer version of this program reads")
        if data.get("kind") == "run":
            return _consistent_run(typed(RunRecord, data))
        if data.get("kind") == "measurement":
            return _consistent_measurement(typed(Measurement, data))
        raise ValueError("its kind is neither run nor measurement")
    except ValueError as error:
        kind = DamagedRecord if isinstance(error, Damaged) else CorruptRecord
        raise kind(f"{where} is no record that can be read ({error}); mend or delete it") from None


def _consistent_run(record: RunRecord) -> RunRecord:
    """The record, whose fields agree. Raises Misfit where they do not."""
    for before, after in pairwise(record.curve):
        if not (before.step < after.step and before.samples <= after.samples and before.seconds <= after.seconds):
            raise Misfit(f"goes back after step {before.step}", ("curve",))
    if record.task is None:
        return record
    metric = record.task.metric
    low, high = RANGES.get(metric, (-LARGEST, LARGEST))
    results = {"test_metric": record.test_metric, "valid_metric": record.valid_metric}
    results |= {f"more_metrics.{name}": number for name, number in record.more_metrics.items()}
    results |= {f"curve at step {point.step}": point.valid_metric for point in record.curve}
    if metric == "perplexity":  # its logarithm is taken
        results |= {"task.chance": record.task.chance, "task.target": record.task.target}
    for name, number in results.items():
        if number is not None and not low <= number <= high:
            raise Misfit(f"is {number:g}, which is no {metric.replace('_', '-')}", (name,))
    return record


def _consistent_measurement(record: Measurement) -> Measurement:
    for name, growth in (("over_length", record.over_length), ("over_batch", record.over_batch)):
        if growth is not None and not 0 < len(growth.sizes) == len(growth.ms) == len(growth.bytes):
            raise Misfit("has not as many times and bytes as sizes", (name,))
    return record


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "tolist"):  # an array, a tensor, or one number of either
        return _plain(value.tolist())
    return float(value) if abs(value) <= LARGEST else None
