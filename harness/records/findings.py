"""What `bench speed` finds: ratios to the yardstick, FLOPs and bytes, as plain values, to and from JSON."""

from dataclasses import asdict, dataclass, field, replace

from ..errors import CorruptRecord
from .fields import Line, Machine, Name
from .kinds import SCHEMA, Ratio, as_text
from .typed import parsed, typed

RECOMPUTE = 100  # steps a stretch
STANDARD_LENGTH, STANDARD_BATCH, STANDARD_WIDTH = 1000, 50, 100  # the sizes that the targets speak of


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed."""

    model: str
    backend: str
    replicas: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Step / yardstick's step in rounds A B B A, and the ratio of the two minima.

    step_ms, yardstick_ms: medians; fastest_ms: the shortest step. used: the back ends of the recurrences that ran.
    """

    compared: Ratio
    least: float
    step_ms: float
    yardstick_ms: float
    fastest_ms: float
    used: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """The median over rounds."""
        return self.compared.median

    @property
    def spread(self) -> float:
        """How far the ratio and its interval reach from 1."""
        ends = (self.compared.low, self.ratio, self.compared.high)
        return max(abs(end - 1) for end in ends if end is not None)


@dataclass(frozen=True, slots=True)
class Work:
    """What one step of one replica costs, in FLOPs and, on the fastest back end, in bytes at the peak."""

    flops: int
    peak_bytes: int | None = None
    recomputed_bytes: int | None = None  # with recomputation over stretches of RECOMPUTE steps


@dataclass(frozen=True, slots=True)
class WholeRun:
    """Equal cells on `workers` processes, against as many cells one after the other in one process.

    cold: wall x workers / sum of the cells' times alone; warm: the same without the start-up of the
    processes, their data included, which a run has once. rest: part of a cell's time that is neither
    training nor evaluation; rest_cold: of a whole command of ALONE cells, start-up included.
    """

    workers: int
    cells: int
    cell_seconds: float
    startup_seconds: float
    cold: float
    warm: float
    rest: float
    rest_cold: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is timed, at which sizes. width: units of every layer; None: each model at its paper's."""

    models: tuple[str, ...]
    replicas: tuple[int, ...]
    length: int
    batch: int
    width: int | None
    device: str

    @property
    def yardstick_width(self) -> int:
        """Units of the yardstick."""
        return self.width or STANDARD_WIDTH

    @property
    def standard(self) -> bool:
        """Are these the sizes that the targets speak of?"""
        return (self.length, self.batch, self.width) == (STANDARD_LENGTH, STANDARD_BATCH, STANDARD_WIDTH)


@dataclass(slots=True)
class Findings:
    """All that was measured so far; `missing`: what was not, and why; `notes`: what back ends said of themselves."""

    titles: dict[Name, Line] = field(default_factory=dict)
    yardstick_flops: int | None = None
    peak_rate: float | None = None  # FLOP a second of a large matrix product
    control: Timing | None = None  # the yardstick beside another one
    timings: dict[Case, Timing] = field(default_factory=dict)
    work: dict[str, Work] = field(default_factory=dict)
    runs: WholeRun | None = None
    missing: list[Line] = field(default_factory=list)
    notes: list[Line] = field(default_factory=list)

    def best(self, model: str, replicas: int = 1, *, own: bool = False) -> Case | None:
        """The fastest case of a model; `own`: of those that do not run on torch's own recurrent kernels."""
        cases = [
            case
            for case, timing in self.timings.items()
            if (case.model, case.replicas) == (model, replicas) and not (own and "library" in timing.used)
        ]
        return min(cases, key=lambda case: self.timings[case].ratio, default=None)

    def flop_ratio(self, model: str) -> float | None:
        """FLOPs of a model's step / of the yardstick's."""
        work = self.work.get(model)
        return None if work is None or not self.yardstick_flops else work.flops / self.yardstick_flops

    def price(self, model: str, backend: str, replicas: int) -> float | None:
        """Step of so many replicas / step of one, on one back end."""
        many, one = (self.timings.get(Case(model, backend, count)) for count in (replicas, 1))
        return None if many is None or one is None else many.ratio / one.ratio

    def gain(self, model: str) -> float | None:
        """Plain eager loop / fastest back end; None where eager runs the library's kernel instead of a loop."""
        eager, best = self.timings.get(Case(model, "eager", 1)), self.best(model)
        if eager is None or best is None or "eager" not in eager.used:
            return None
        return eager.ratio / self.timings[best].ratio


@dataclass(frozen=True, slots=True)
class SpeedRecord:
    """One `bench speed`: what was asked for, what it found and where."""

    sizes: Sizes
    backends: tuple[str, ...]
    findings: Findings
    command: Line
    machine: Machine
    finished: Line  # ISO 8601, UTC


@dataclass(frozen=True, slots=True)
class _Timed:
    case: Case
    timing: Timing


def to_json(record: SpeedRecord) -> str:
    """A readable JSON text; timings are a list, each with its case."""
    data = asdict(replace(record, findings=replace(record.findings, timings={})))
    timings = record.findings.timings.items()
    data["findings"]["timings"] = [asdict(_Timed(*timed)) for timed in timings]
    return as_text("speed", data)


def from_json(text: str, where: str) -> SpeedRecord:
    """The inverse of to_json. Raises CorruptRecord, naming `where`, for anything of which no page can be made."""
    try:
        data = parsed(text)
        if (data.pop("schema", None), data.pop("kind", None)) != (SCHEMA, "speed"):
            raise ValueError(f"it is no record of `bench speed` of schema {SCHEMA}")
        timings = typed(list[_Timed], data["findings"].pop("timings"), "findings.timings")
        record: SpeedRecord = typed(SpeedRecord, data, "record")
        record.findings.timings.update((timed.case, timed.timing) for timed in timings)
        _check(record)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptRecord(f"{where} is no record that can be read ({error}); mend or delete it") from None
    return record


def _check(record: SpeedRecord) -> None:
    """Raise ValueError where a page would divide by a number, or take the logarithm of one, that is not above 0."""
    sizes, found = record.sizes, record.findings
    timings = [*found.timings.values(), *([] if found.control is None else [found.control])]
    numbers = [n for one in timings for n in (one.ratio, one.least, one.step_ms, one.yardstick_ms, one.fastest_ms)]
    numbers += [sizes.length, sizes.batch, *sizes.replicas, *([] if found.runs is None else [found.runs.cell_seconds])]
    if sizes.device not in ("cpu", "cuda") or not sizes.replicas or not sizes.models or min(numbers) <= 0:
        raise ValueError("a size or a time is not above 0, it names no model or no device")
