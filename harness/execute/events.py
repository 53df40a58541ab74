"""Event files of TensorBoard, a folder for each cell, written by the runner from what it hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ..errors import BenchError
from ..records.kinds import RunRecord
from .group import Progress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from ..plan import Cell
    from ..records.store import Store
    from .pool import Listener


def writer_class() -> type[SummaryWriter]:
    """What writes event files. Raises BenchError where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise BenchError("--log tensorboard needs the package tensorboard; `pip install tensorboard` adds it") from None
    return SummaryWriter


class Events:
    """Hears what `listen` hears, and writes a scalar of each number there: train_loss, valid_metric, test_metric."""

    def __init__(self, store: Store, listen: Listener) -> None:
        self.make, self.store, self.listen = writer_class(), store, listen
        self.open: dict[Cell, SummaryWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self.open.values():
            writer.close()

    def __call__(self, kind: str, what: Any) -> None:
        self.listen(kind, what)
        if isinstance(what, Progress) and what.point is not None:
            point = what.point
            self._write(what.cell, point.step, train_loss=point.train_loss, valid_metric=point.valid_metric)
        elif isinstance(what, RunRecord):
            self._write(what.cell, what.best_step or 0, test_metric=what.test_metric)
            if (writer := self.open.pop(what.cell, None)) is not None:
                writer.close()

    def _write(self, cell: Cell, step: int, **numbers: float | None) -> None:
        for name, number in numbers.items():
            if number is None:
                continue
            if cell not in self.open:  # what an interrupted run has written beyond its checkpoint counts no more
                self.open[cell] = self.make(str(self.store.events_path(cell)), purge_step=step)
            self.open[cell].add_scalar(name, number, step)
