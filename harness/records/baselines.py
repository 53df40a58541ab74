"""How far one comes on a task without a memory, as `bench baselines` finds it: plain values, to and from JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ..errors import CorruptRecord
from .fields import RANGES, Count, Line, Machine, Name, Origin
from .kinds import SCHEMA, RunRecord, as_text
from .typed import LARGEST, Misfit, parsed, typed


@dataclass(frozen=True, slots=True)
class Baselines:
    """One task's data, whatever is trained on them: the test metric by what was seen of its sequences."""

    task: Name
    scale: Name
    data_seed: Count
    metric: Name
    values: Mapping[Name, float]
    task_source: Origin = ""  # as a RunRecord's
    data: Origin = ""
    machine: Machine = field(default_factory=dict)
    finished: Line = ""  # ISO 8601, UTC

    def of(self, run: RunRecord) -> bool:
        """Are these of the data that a run trained on?"""
        known = (run.cell.task, run.settings.get("scale"), run.settings.get("data_seed"), run.task_source, run.data)
        return known == (self.task, self.scale, self.data_seed, self.task_source, self.data)


def to_json(record: Baselines) -> str:
    """A readable JSON text."""
    return as_text("baselines", asdict(record))


def from_json(text: str, where: str) -> Baselines:
    """The inverse of to_json. Raises CorruptRecord, naming `where` and the field, for anything else."""
    try:
        data = parsed(text)
        if (data.pop("schema", None), data.pop("kind", None)) != (SCHEMA, "baselines"):
            raise ValueError(f"it is no record of `bench baselines` of schema {SCHEMA}")
        record: Baselines = typed(Baselines, data)
        low, high = RANGES.get(record.metric, (-LARGEST, LARGEST))
        for name, value in record.values.items():
            if not low <= value <= high:
                raise Misfit(f"is {value:g}, which is no {record.metric.replace('_', '-')}", ("values", name))
    except ValueError as error:
        raise CorruptRecord(f"{where} is no record that can be read ({error}); mend or delete it") from None
    return record
