"""What `bench tune` chose: plain values, to and from JSON, in `<protocol>/choices.json` beside the trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..errors import BenchError
from ..plan import Group
from ..records.fields import Amount, Budget, Count, Facts, Line, Name, Size
from ..records.kinds import SCHEMA, as_text
from ..records.names import folder
from ..records.typed import parsed, typed
from ..records.writing import write_whole

FILE = "choices.json"


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the space that is tuned over, as a model takes it; number 0 is the source's own."""

    number: Count
    of: Size
    learning_rate: Amount | None  # None: the protocol's for the task
    options: Facts = field(default_factory=dict)

    def __post_init__(self) -> None:
        # JSON has no tuples, which is what models take
        tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in self.options.items()}
        object.__setattr__(self, "options", tuples)

    def facts(self) -> dict[str, object]:
        """As a record keeps it."""
        lists = {key: list(value) if isinstance(value, tuple) else value for key, value in self.options.items()}
        return asdict(self) | {"options": lists}


@dataclass(frozen=True, slots=True)
class Choice:
    """The point of a model on one task, track `tuned`, or the one for all its tasks, track `portable`."""

    track: Name
    model: Name
    budget: Budget
    tasks: tuple[Name, ...]  # whose trials chose it
    point: Point
    source: Line = ""  # of the model in these trials: catalog.source_digest


@dataclass(frozen=True, slots=True)
class Choices:
    """All that was chosen for one protocol."""

    protocol: Name
    version: Count
    points: Size
    seeds: tuple[Count, ...]
    chosen: tuple[Choice, ...]

    def find(self, track: str, group: Group) -> Choice | None:
        """The choice for a group's model, budget and, where it is tuned, task."""
        for one in self.chosen:
            mine = (one.track, one.model, one.budget) == (track, group.model, group.budget)
            if mine and (track != "tuned" or one.tasks == (group.task,)):
                return one
        return None


def place(root: Path, protocol: str) -> Path:
    """Where the choices of a protocol lie in a folder of trials."""
    return root / folder(protocol) / FILE


def save(choices: Choices, root: Path) -> Path:
    """Write them; their path. Raises Unwritable."""
    path = place(root, choices.protocol)
    write_whole(path, as_text("choices", asdict(choices)).encode())
    return path


def load(root: Path, protocol: str) -> Choices | None:
    """The choices of a protocol, or None where there are none. Raises BenchError for what is none."""
    path = place(root, protocol)
    try:
        data: Mapping[str, object] = parsed(path.read_text(encoding="utf-8"))
        if (data.get("schema"), data.get("kind")) != (SCHEMA, "choices"):
            raise ValueError(f"it is nothing that `bench tune` of schema {SCHEMA} wrote")
        found: Choices = typed(Choices, data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read ({error}); delete it, and `bench tune` writes it anew") from None
    if found.protocol != protocol:
        raise BenchError(f"{path} is of the protocol {found.protocol}; move it to that one's folder")
    return found
