"""Where cells run: worker processes side by side, or this process.

Workers write their own records, so a finished cell outlives whatever happens to the runner. The
seeds of a cell go to a worker in groups. A worker that dies with a group costs time, as its cells run
again one by one; one that dies with a single cell costs that cell. A runner that dies takes its
workers with it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from ..plan import Cell, Group
from ..prepare.modules import Where
from ..process import WORKER_ENVIRONMENT, deaf, environment, prepare_process
from ..protocol import find_protocol
from ..records.kinds import Measurement, RunRecord
from ..records.store import Store
from .group import Progress
from .run import described, measure_group, run_group

Job = tuple[str, Any]  # ("cell", Cell) or ("measure", Group)
Listener = Callable[[str, Any], None]  # ("progress", Progress) or ("done", RunRecord or Measurement)


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker does at a time: a measurement, or cells that differ in the seed alone."""

    measured: Group | None = None
    cells: tuple[Cell, ...] = ()
    note: str = ""  # for the records of the cells


def shares_of(cells: Sequence[Cell], replicas: int) -> list[Share]:
    """So many seeds of a cell together at most, in the order in which the first of each group comes."""
    groups: list[list[Cell]] = []
    filling: dict[Group, list[Cell]] = {}
    for cell in cells:
        if len(filling.get(cell.group, ())) in (0, replicas):
            filling[cell.group] = []
            groups.append(filling[cell.group])
        filling[cell.group].append(cell)
    return [Share(cells=tuple(group)) for group in groups]


def execute(jobs: Sequence[Job], where: Where, workers: int, listen: Listener) -> bool:
    """Run jobs on so many processes, in order; workers = 0 stands for this process.

    Measurements come first, one at a time, so that training does not disturb the timings. Returns
    False when Ctrl-C or SIGTERM ended it early: what ran has then been checkpointed, and each cell
    that had not begun has an `interrupted` record.
    """
    cells = [what for kind, what in jobs if kind == "cell"]
    phases = [([Share(measured=what) for kind, what in jobs if kind == "measure"], min(workers, 1))]
    phases.append((shares_of(cells, where.replicas), workers))
    with _interrupts() as interrupted:
        for phase, width in phases:
            if width == 0:
                _in_process(phase, where, listen, interrupted)
            elif phase and not interrupted.is_set():
                _Pool(where, width, listen, interrupted).run(deque(phase))
        if interrupted.is_set():
            store = Store(where.results)
            for cell in cells:
                if not store.run_path(cell).exists():
                    _leave(cell, where, "interrupted", "not begun; the same command runs it")
        return not interrupted.is_set()


def _in_process(shares: Sequence[Share], where: Where, listen: Listener, interrupted: threading.Event) -> None:
    prepare_process(where.device, 1)
    for share in shares:
        if interrupted.is_set():
            return
        for result in _do(share, where, lambda progress: listen("progress", progress), interrupted.is_set):
            listen("done", result)


def _do(
    share: Share, where: Where, report: Callable[[Progress], None], stop: Callable[[], bool]
) -> Sequence[RunRecord | Measurement]:
    if share.measured is not None:
        return [measure_group(share.measured, where)]
    return run_group(share.cells, where, note=share.note, report=report, stop=stop)


class _Pool:
    """Processes that take one share at a time over a pipe."""

    def __init__(self, where: Where, workers: int, listen: Listener, interrupted: threading.Event) -> None:
        self.where, self.workers, self.listen, self.interrupted = where, workers, listen, interrupted
        self.context = multiprocessing.get_context("spawn")
        self.running: dict[Connection, tuple[BaseProcess, Share | None]] = {}

    def run(self, shares: deque[Share]) -> None:
        try:
            for _ in range(min(self.workers, len(shares))):
                self._start()
            told = False
            while self.running:
                if self.interrupted.is_set() and not told:
                    told = True
                    shares.clear()
                    for connection in self.running:
                        _send(connection, "stop")
                for connection in list(self.running):
                    self._feed(connection, shares)
                for ready in wait(list(self.running), timeout=0.2):
                    self._hear(ready, shares)
        finally:
            for process, _ in self.running.values():
                process.kill()

    def _start(self) -> None:
        here, there = self.context.Pipe()
        # only what is no daemon may have processes of its own, and data for a GPU need them
        daemon = self.where.device == "cpu"
        process = self.context.Process(target=_work, args=(there, self.where), daemon=daemon)
        with environment(WORKER_ENVIRONMENT if self.where.device == "cpu" else {}), deaf():
            process.start()
        there.close()
        self.running[here] = (process, None)

    def _feed(self, connection: Connection, shares: deque[Share]) -> None:
        """Give an idle worker its next share, or let it go."""
        process, share = self.running[connection]
        if share is not None:
            return
        following = shares.popleft() if shares else None
        _send(connection, following)
        if following is None:
            del self.running[connection]
            process.join(timeout=10)
        else:
            self.running[connection] = (process, following)

    def _hear(self, connection: Any, shares: deque[Share]) -> None:
        process, share = self.running[connection]
        try:
            kind, what = connection.recv()
        except (EOFError, OSError):
            del self.running[connection]
            process.join(timeout=10)
            if share is not None:
                shares.extendleft(reversed(self._lost(share, process.exitcode)))
            if shares:
                self._start()
            return
        if kind == "progress":
            self.listen(kind, what)
            return
        self.running[connection] = (process, None)
        for result in what:
            self.listen(kind, result)

    def _lost(self, share: Share, code: int | None) -> list[Share]:
        """What is to be done again after a worker died with this share."""
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        hint = "; the system kills a process that takes too much memory" if code == -signal.SIGKILL else ""
        again = []
        store = Store(self.where.results)
        for cell in share.cells:
            record = store.find_run(cell)
            if record is not None and record.status != "interrupted":  # it was done before
                self.listen("done", record)
            elif len(share.cells) == 1:
                self.listen("done", _leave(cell, self.where, "failed", f"its process ended with {how}{hint}"))
            elif not self.interrupted.is_set():
                why = f"the process that trained several seeds of {cell.model} ended with {how}{hint}; each ran alone"
                again.append(Share(cells=(cell,), note=why))
        return again


def _leave(cell: Cell, where: Where, status: str, reason: str) -> RunRecord:
    """Store a record for a cell that could not write its own."""
    protocol = find_protocol(cell.protocol)
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    record = RunRecord(cell, status, protocol.version, reason=reason, finished=finished)
    record = described(record, protocol, where.data_root)
    Store(where.results).save_run(record)
    return record


def _work(connection: Connection, where: Where) -> None:
    """The life of a worker: one thread listens for a stop or the runner's death, the other works."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the runner decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prepare_process(where.device, 1)
    stop = threading.Event()
    inbox: deque[Share | None] = deque()
    filled = threading.Semaphore(0)
    sending = threading.Lock()

    def listen() -> None:
        while True:
            try:
                message = connection.recv()
            except (EOFError, OSError):
                os._exit(1)  # the runner is gone
            if message == "stop":
                stop.set()
            else:
                inbox.append(message)
                filled.release()

    def say(kind: str, what: Any) -> None:
        with sending:
            connection.send((kind, what))

    threading.Thread(target=listen, daemon=True).start()
    while True:
        filled.acquire()
        share = inbox.popleft()
        if share is None:
            return
        say("done", _do(share, where, lambda progress: say("progress", progress), stop.is_set))


def _send(connection: Connection, message: Any) -> None:
    try:
        connection.send(message)
    except (BrokenPipeError, OSError):
        return  # it died; the next wait hears of it


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; a second one ends at once."""
    event = threading.Event()

    def handle(number: int, frame: Any) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
