"""Records for what could not write its own: its process died, or it never began."""

from .. import machine
from ..plan import Cell, Group
from ..prepare.modules import Where
from ..protocol import find_protocol
from ..records.kinds import Measurement, RunRecord
from ..records.store import Store
from .run import described
from .surroundings import kept


def leave(cell: Cell, where: Where, status: str, reason: str) -> RunRecord:
    """Store a record of a cell. Raises Unwritable."""
    protocol = find_protocol(cell.protocol)
    record = RunRecord(cell, status, protocol.version, reason=reason, finished=machine.now())
    with kept():
        record = described(record, protocol, where.data_root, anywhere=False)
    store = Store(where.results)
    store.save_run(record)
    if status not in ("interrupted", "timed-out"):
        store.drop_checkpoint(cell)
    return record


def leave_measurement(group: Group, where: Where, status: str, reason: str) -> Measurement:
    """Store a measurement that came to nothing. Raises Unwritable."""
    version, facts = find_protocol(group.protocol).version, machine.provenance(where.device)
    found = Measurement(
        **group._asdict(), protocol_version=version, status=status, reason=reason, machine=facts, finished=machine.now()
    )
    Store(where.results).save_measurement(found, machine.slug(where.device))
    return found
