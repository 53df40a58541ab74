"""Where cells run: worker processes side by side, or this process.

Workers write their own records, so a finished cell outlives whatever happens to the runner. The
seeds of a cell go to a worker in groups. A worker that dies with a group costs time, as its cells run
again one by one; one that dies with a single cell costs that cell. A runner that dies takes its
workers with it.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

from ..errors import Unwritable
from ..plan import Cell, Group
from ..prepare.modules import Where
from ..process import interrupts, prepare_process
from ..records.store import Store
from ..tune.space import together_of
from .leaving import leave
from .pool import Listener, Pool
from .slurm import go_back
from .worker import Share, do, nothing_left

Job = tuple[str, Any]  # ("cell", Cell) or ("measure", Group)


def shares_of(cells: Sequence[Cell], replicas: int) -> list[Share]:
    """So many cells together at most that may train so, in the order in which the first of each group comes."""
    groups: list[list[Cell]] = []
    filling: dict[Group, list[Cell]] = {}
    for cell in cells:
        together = together_of(cell.group)
        if len(filling.get(together, ())) in (0, replicas):
            filling[together] = []
            groups.append(filling[together])
        filling[together].append(cell)
    return [Share(cells=tuple(group)) for group in groups]


def execute(jobs: Sequence[Job], where: Where, workers: int, listen: Listener) -> bool:
    """Run jobs on so many processes, in order; workers = 0 stands for this process.

    Measurements come first, one at a time, so that training does not disturb the timings. Returns False when Ctrl-C,
    SIGTERM, SIGHUP or SIGUSR1 ended it early: what ran has then been checkpointed, and each cell that had not begun has
    an `interrupted` record, but for a job of Slurm. Where `where.until` ends it, which is no interruption, the rest has
    none. Raises Unwritable where the results folder takes no more; the checkpoints that it has stay.
    """
    cells = [what for kind, what in jobs if kind == "cell"]
    expected: dict[Cell, float] = {}
    if where.until is not None:
        from .planning import seconds_left

        expected = seconds_left(cells, where)
    phases = [([Share(measured=what) for kind, what in jobs if kind == "measure"], min(workers, 1))]
    phases.append((shares_of(cells, where.replicas), workers))
    with interrupts(go_back) as interrupted:

        def stopped() -> bool:
            return interrupted.is_set() or (where.until is not None and time.time() > where.until)

        for phase, width in phases:
            if width == 0:
                _in_process(phase, where, listen, stopped)
            elif phase and not stopped():
                pool = Pool(where, width, listen, expected)
                pool.run(deque(phase), stopped)
                if pool.unwritable:
                    raise Unwritable(pool.unwritable)
        if interrupted.is_set():
            store = Store(where.results)
            for cell in cells:
                if not store.run_path(cell).exists():
                    leave(cell, where, "interrupted", "not begun; the same command runs it")
        return not interrupted.is_set()


def _in_process(shares: Sequence[Share], where: Where, listen: Listener, stopped: Callable[[], bool]) -> None:
    """Without the protection of a process for each stranger: one that hangs, or ends the process, ends the run."""
    output = sys.stdout

    def tell(kind: str, what: Any) -> None:
        with redirect_stdout(output):  # while a stranger's model runs, what is printed goes elsewhere
            listen(kind, what)

    prepare_process(where.device, 1)
    with nothing_left(share.group for share in shares):
        for share in shares:
            if stopped():
                return
            do(share, where, tell, stopped)
