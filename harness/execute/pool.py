"""Worker processes side by side, as the runner sees them: fed, watched, and ended where they hang.

A stranger's model has processes of its own, so that what it does to torch, the working folder or itself costs its own
cells. Nothing here waits for a worker without an end.
"""

import math
import multiprocessing
import pickle
import signal
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from .. import machine
from ..errors import Unwritable
from ..plan import Cell
from ..prepare.modules import Where
from ..process import WORKER_ENVIRONMENT, environment, shielded
from ..records.store import Store
from ..write.words import clock
from .group import Progress
from .leaving import leave, leave_measurement
from .worker import MARK, Share, end_marked, work

TICK = 0.2
HANG_SECONDS = 300.0  # without a step
HANG_STEPS = 50  # or the time of so many, where that is longer
FIRST_STEP_SECONDS = 3600.0  # before the first, of a process that is at work all the time
STOP_SECONDS = 30.0  # from a stop to the end of a process that does not answer
IDLE_STOP_SECONDS = 5.0  # the same of one that gives way: it may not get a core before, and has a checkpoint
GRACE = 5.0  # seconds of CPU time beyond the limit; a cell that makes steps ends itself
OWN_SIGNALS = {"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS"}  # a process's own faults
Listener = Callable[[str, Any], None]  # ("progress", Progress), ("done", RunRecord or Measurement), ("tick", None)


@dataclass(slots=True)
class Worker:
    """A process, and what is known of what it does. Seconds are those in which the runner ran as well."""

    process: BaseProcess
    connection: Connection
    mark: str
    owner: tuple[str, str]
    share: Share | None = None
    told: set[Any] = field(default_factory=set)  # what of it is done: cells, None for a measurement
    silent: float = 0.0  # seconds since its last sign of life
    silent_work: float = 0.0  # the time that it had been at work at that sign
    share_cpu: float = 0.0  # its CPU time when it began its share
    steps: dict[Any, tuple[int, float]] = field(default_factory=dict)  # of each cell: the first step told of, and when
    step_seconds: float = 0.0
    ended: tuple[str, str] | None = None  # the status and the reason, where the runner has ended it

    def cpu(self) -> float:
        return machine.cpu_seconds(self.process.pid or 0)

    @property
    def is_busy(self) -> bool:
        """Has it been at work, or waited for a core, most of the time since its last sign?"""
        return machine.runnable_seconds(self.process.pid or 0) - self.silent_work > self.silent / 2

    def heard(self, progress: Progress | None = None) -> None:
        """It has given a sign of life."""
        self.silent, self.silent_work = 0.0, machine.runnable_seconds(self.process.pid or 0)
        if progress is not None:
            first, began = self.steps.setdefault(progress.cell, (progress.step, time.monotonic()))
            if progress.step > first:
                self.step_seconds = (time.monotonic() - began) / (progress.step - first)


class Pool:
    """Processes that take one share at a time over a pipe."""

    def __init__(
        self, where: Where, workers: int, listen: Listener, expected: Mapping[Cell, float] | None = None
    ) -> None:
        """expected: seconds that cells will take, where there is a time to stop."""
        self.where, self.workers, self.listen, self.limit = where, workers, listen, where.limit
        self.expected, self.begun = expected or {}, False
        self.patience = IDLE_STOP_SECONDS if where.idle else STOP_SECONDS
        self.context = multiprocessing.get_context("spawn")
        self.all: list[Worker] = []
        self.shares: deque[Share] = deque()
        self.unwritable = ""  # why nothing can be kept any more
        self.stopping: float | None = None  # seconds since all were told to stop

    def run(self, shares: deque[Share], stopped: Callable[[], bool]) -> None:
        """Do all shares, or until `stopped`; what runs then is told to stop, and ended if it does not."""
        self.shares = shares
        last = time.monotonic()
        try:
            while self.shares or any(worker.share for worker in self.all):
                if self.stopping is None and (stopped() or self.unwritable):
                    self.stopping = 0.0
                    self.shares.clear()
                    for worker in self.all:
                        _send(worker.connection, "stop")
                self._feed()
                for ready in wait([worker.connection for worker in self.all], timeout=TICK):
                    self._hear(next(worker for worker in self.all if worker.connection is ready))
                self.listen("tick", None)
                now = time.monotonic()
                passed, last = min(now - last, 5 * TICK), now  # no time passes while this process is halted
                self.stopping = None if self.stopping is None else self.stopping + passed
                for worker in list(self.all):
                    worker.silent += passed
                    self._watch(worker)
        finally:
            for worker in self.all:
                _send(worker.connection, None)
            for worker in list(self.all):
                self._dismiss(worker)

    # ------------------------------------------------------------------ giving work

    def _feed(self) -> None:
        """Give the next shares to processes of their owners, new ones where there are none."""
        while self.shares and sum(worker.share is not None for worker in self.all) < self.workers:
            if (share := self._next()) is None:
                self.shares.clear()
                return
            idle = [worker for worker in self.all if worker.share is None]
            own = [worker for worker in idle if worker.owner == share.owner]
            others = [worker for worker in idle if worker.owner != share.owner]
            # an idle process keeps its memory, so there are at most as many as may work
            for worker in others[: max(0, len(others) - self.workers)] if not own else ():
                self._dismiss(worker)
            worker = own[0] if own else self._start(share.owner)
            self.all.remove(worker)
            self.all.append(worker)  # the first is the one that has been idle longest
            worker.share, worker.told, worker.steps, worker.step_seconds = share, set(), {}, 0.0
            worker.share_cpu = worker.cpu()
            worker.heard()
            _send(worker.connection, share)
        wanted = {share.owner for share in self.shares}
        for worker in list(self.all):
            if worker.share is None and worker.owner not in wanted:
                self._dismiss(worker)

    def _next(self) -> Share | None:
        """The next share that ends in time; if none would, the first where nothing has begun, as it can go on later."""
        left = math.inf if self.where.until is None else self.where.until - time.time()
        fits = (s for s in self.shares if sum(self.expected.get(cell, 0.0) for cell in s.cells) <= left)
        share = next(fits, None if self.begun else self.shares[0])
        if share is not None:
            self.shares.remove(share)
            self.begun = True
        return share

    def _start(self, owner: tuple[str, str]) -> Worker:
        resource_tracker.ensure_running()  # else it would start with the mark
        here, there = self.context.Pipe()
        mark = uuid.uuid4().hex
        # only what is no daemon may have processes of its own, such as those that load data
        process = self.context.Process(target=work, args=(there, self.where), daemon=False)
        own = WORKER_ENVIRONMENT if self.where.device == "cpu" else {}
        with environment({**own, MARK: mark}), shielded():
            process.start()
        there.close()
        worker = Worker(process, here, mark, owner)
        self.all.append(worker)
        return worker

    def _dismiss(self, worker: Worker) -> None:
        """Let a process go, with whatever it has left behind."""
        self.all.remove(worker)
        if worker.share is None:
            _send(worker.connection, None)
            worker.process.join(timeout=5)
        worker.process.kill()
        worker.process.join(timeout=5)
        end_marked(worker.mark)
        worker.connection.close()

    # ------------------------------------------------------------------ hearing of it

    def _hear(self, worker: Worker) -> None:
        try:
            kind, what = worker.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError, TypeError, ValueError):
            worker.process.join(timeout=2)  # so that its exit code is known
            self._bury(worker)
            return
        if kind == "progress":
            worker.heard(what)
            self.listen(kind, what)
            return
        if kind == "begun":
            worker.heard()
            return
        if kind == "done":
            worker.heard()
            worker.told.add(getattr(what, "cell", None))
            self.listen(kind, what)
            return
        worker.share = None
        if kind == "unwritable":
            self.unwritable = what

    def _watch(self, worker: Worker) -> None:
        """End a process that hangs, takes more than its limit, or does not answer a stop."""
        if worker.process.exitcode is not None and not worker.connection.poll():
            self._bury(worker)
            return
        if worker.share is None:
            return
        if self.stopping is not None and self.stopping > self.patience:
            worker.ended = ("interrupted", f"its process did not answer a stop within {self.patience:.0f} s")
        else:
            worker.ended = self._out_of_time(worker, worker.share)
        if worker.ended is not None:
            worker.process.kill()
            worker.process.join(timeout=5)
            self._bury(worker)

    def _out_of_time(self, worker: Worker, share: Share) -> tuple[str, str] | None:
        used = worker.cpu() - worker.share_cpu
        if self.limit is not None and used > self.limit * share.turns + GRACE:
            return "timed-out", f"its process took {clock(used)} of CPU time; the limit is {clock(self.limit)} a cell"
        if self.where.idle:
            return None
        patience = HANG_SECONDS if self.limit is None else min(HANG_SECONDS, self.limit)
        if worker.step_seconds:
            patience = max(patience, HANG_STEPS * worker.step_seconds)
        elif worker.is_busy:
            patience = FIRST_STEP_SECONDS
        if worker.silent <= patience:
            return None
        return "timed-out", f"it hangs: its process gave no sign for {clock(worker.silent)}"

    # ------------------------------------------------------------------ after its death

    def _bury(self, worker: Worker) -> None:
        """What a process that died was to do is done again, or said to have failed."""
        share, worker.share = worker.share, None
        worker.process.kill()
        worker.process.join(timeout=5)
        code = worker.process.exitcode
        self._dismiss(worker)
        if share is not None:
            try:
                self.shares.extendleft(reversed(self._lost(share, code, worker.ended, worker.told)))
            except Unwritable as error:
                self.unwritable = str(error)

    def _lost(
        self, share: Share, code: int | None, ended: tuple[str, str] | None, told: Collection[Any] = ()
    ) -> list[Share]:
        """What is to be done again after a worker died with this share."""
        how, outside = _cause(code)
        again: list[Share] = []
        if ended is None and self.stopping is not None:
            ended = ("interrupted", f"its process ended with {how}; the same command goes on from its checkpoint")
        if share.measured is not None and not told:
            if ended is None and outside and not share.killed:
                return [replace(share, killed=1)]
            status, reason = ended or ("failed", f"its process ended with {how}")
            if status != "interrupted":
                self.listen("done", leave_measurement(share.measured, self.where, status, reason))
            return []
        store = Store(self.where.results)
        for cell in (cell for cell in share.cells if cell not in told):
            record = store.find_run(cell)
            if record is not None and record.status != "interrupted":  # it was done before
                self.listen("done", record)
            elif len(share.cells) > 1 and (ended is None or ended[0] != "interrupted"):
                what = f"was ended: {ended[1]}" if ended else f"ended with {how}"
                why = f"the process that trained several cells of {cell.model} {what}; each ran alone"
                again.append(Share(cells=(cell,), note=why))
            elif ended is None and outside and not share.killed:
                again.append(replace(share, killed=1, note=f"its process ended with {how}; it ran again"))
            else:
                status, reason = ended or ("failed", f"its process ended with {how}{', twice' * share.killed}")
                self.listen("done", leave(cell, self.where, status, reason))
        return again


def _cause(code: int | None) -> tuple[str, bool]:
    """How a process ended, in words, and whether another one ended it."""
    if code is None or code >= 0:
        return f"exit code {code}", False
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = "; the system kills a process that takes too much memory" if name == "SIGKILL" else ""
    return f"signal {-code} ({name}){hint}", name not in OWN_SIGNALS


def _send(connection: Connection, message: Any) -> None:
    with suppress(BrokenPipeError, OSError):  # it died; the next wait hears of it
        connection.send(message)
