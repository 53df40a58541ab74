"""Records for what could not write its own: its process died, or it never began."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from .. import machine
from ..errors import BenchError
from ..plan import Cell, Group
from ..prepare.modules import Where, fingerprint, settled
from ..protocol import find_protocol
from ..records.kinds import Measurement, RunRecord
from ..records.store import Store
from ..tune.tracks import point_of
from .run import described
from .surroundings import kept


def leave(cell: Cell, where: Where, status: str, reason: str) -> RunRecord:
    """Store a record of a cell. Raises Unwritable."""
    protocol = find_protocol(cell.protocol)
    record = RunRecord(cell, status, protocol.version, reason=reason, finished=machine.now())
    with kept():
        record = described(record, protocol, where.data_root, anywhere=False)
        with suppress(BenchError):
            point = point_of(cell.group, where.results)
            record = record if point is None else replace(record, point=point.facts())
    store = Store(where.results)
    store.save_run(record)
    with suppress(OSError):
        store.running_path(cell).unlink(missing_ok=True)  # the sign of the process that died
    if status not in ("interrupted", "timed-out"):
        store.drop_checkpoint(cell)
    return record


def leave_measurement(group: Group, where: Where, status: str, reason: str) -> Measurement:
    """Store a measurement that came to nothing. Raises Unwritable."""
    facts: dict[str, Any] = {"machine": machine.provenance(where.device), "finished": machine.now()}
    with kept(), suppress(BenchError):
        protocol, task = settled(group.protocol, group.task, where.data_root)
        facts |= fingerprint(group.model, task, protocol.data_seed, where.data_root)
    version = find_protocol(group.protocol).version
    found = Measurement(**group._asdict(), protocol_version=version, status=status, reason=reason, **facts)
    Store(where.results).save_measurement(found, machine.slug(where.device))
    return found
