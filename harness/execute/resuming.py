"""What is kept of cells that are not finished: saved now and then, gone on from, put aside where it is of no use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ..plan import Cell, Group
from ..prepare.budget import Width
from ..prepare.modules import Where, fingerprint
from ..protocol import Protocol
from ..records.checkpoints import Refused, Unkeepable
from ..records.kinds import Point
from ..records.store import Store
from ..tune.tracks import point_of

if TYPE_CHECKING:
    from ..catalog import TaskSpec
    from ..train.loop import Training


@dataclass(slots=True)
class Kept:
    """The checkpoints of cells that train together, and what their records are to say of them.

    made_for: of each group among them.
    """

    store: Store
    made_for: Mapping[Group, dict[str, Any]]
    notes: dict[Cell, str] = field(default_factory=dict)
    unkeepable: str = ""  # why the state of these cells cannot be saved

    def step_of(self, cell: Cell) -> int:
        """The training step that a cell goes on from."""
        try:
            state = self.store.load_checkpoint(cell, self.made_for[cell.group])
        except Refused:
            return 0
        return int(state["training"]["step"]) if state else 0

    def load(self, cell: Cell) -> dict[str, Any] | None:
        """What a cell goes on from, or None where it begins; what is refused is put aside, and noted."""
        try:
            return self.store.load_checkpoint(cell, self.made_for[cell.group])
        except Refused as why:
            place = self.store.put_aside(self.store.checkpoint_path(cell))
            known = place.relative_to(self.store.root) if place.is_relative_to(self.store.root) else place.name
            self.notes[cell] = (
                f"the checkpoint of {cell} was not used: {why}; it lies in {known}, and the cell began anew"
            )
            return None

    def save(self, training: Training, cells: Sequence[Cell], curves: Sequence[Sequence[Point]]) -> None:
        """Save a checkpoint of each cell that is still training. Raises Unwritable."""
        for place in training.alive:
            points = [asdict(point) for point in curves[place]]
            try:
                state = {"training": training.state(place), "curve": points}
                self.store.save_checkpoint(cells[place], self.made_for[cells[place].group], state)
            except Unkeepable as why:
                self.unkeepable = str(why)


def made_for(group: Group, protocol: Protocol, task: TaskSpec, found: Width, where: Where) -> dict[str, Any]:
    """What must be the same beside a cell of the group for its checkpoint to be gone on from."""
    known = fingerprint(group.model, task, protocol.data_seed, where.data_root)
    point = point_of(group, where.results)
    return {
        "protocol version": protocol.version,
        "shape": str(task.shape),
        "width": found.width,
        "number of parameters": found.params,
        "model file": known["source"],
        "task file": known["task_source"],
        "data": known["data"],
        **({} if point is None else {"point": point.facts()}),
    }
