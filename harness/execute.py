"""Where cells run: worker processes side by side, or this process.

Workers write their own records, so a finished cell outlives whatever happens to the runner. A
worker that dies costs the cell it had; a runner that dies takes its workers with it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from .plan import Cell
from .prepare import Where, described, prepare_process
from .protocol import find_protocol
from .record import RunRecord
from .run import Progress, measure_group, run_cell
from .store import Store

# Large tensors of a step go back to the system and are faulted in again at every step unless
# glibc is told to keep them; a process must have these from its start.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}

Job = tuple[str, Any]  # ("cell", Cell) or ("measure", group)
Listener = Callable[[str, Any], None]  # ("progress", Progress) or ("done", RunRecord or Measurement)


def execute(jobs: Sequence[Job], where: Where, workers: int, listen: Listener) -> bool:
    """Run jobs on so many processes, in order; workers = 0 stands for this process.

    Measurements come first, one at a time, so that training does not disturb the timings. Returns
    False when Ctrl-C or SIGTERM ended it early: what ran has then been checkpointed, and each cell
    that had not begun has an `interrupted` record.
    """
    phases = [([job for job in jobs if job[0] == "measure"], min(workers, 1))]
    phases.append(([job for job in jobs if job[0] == "cell"], workers))
    with _interrupts() as interrupted:
        for phase, width in phases:
            if width == 0:
                _in_process(phase, where, listen, interrupted)
            elif phase and not interrupted.is_set():
                _Pool(where, width, listen, interrupted).run(deque(phase))
        if interrupted.is_set():
            store = Store(where.results)
            for _, cell in phases[-1][0]:
                if not store.run_path(cell).exists():
                    _leave(cell, where, "interrupted", "not begun; the same command runs it")
        return not interrupted.is_set()


def _in_process(jobs: Sequence[Job], where: Where, listen: Listener, interrupted: threading.Event) -> None:
    prepare_process(where.device, 1)
    for job in jobs:
        if interrupted.is_set():
            return
        listen("done", _do(job, where, lambda progress: listen("progress", progress), interrupted.is_set))


def _do(job: Job, where: Where, report: Callable[[Progress], None], stop: Callable[[], bool]) -> Any:
    kind, what = job
    return measure_group(what, where) if kind == "measure" else run_cell(what, where, report=report, stop=stop)


class _Pool:
    """Processes that take one job at a time over a pipe."""

    def __init__(self, where: Where, workers: int, listen: Listener, interrupted: threading.Event) -> None:
        self.where, self.workers, self.listen, self.interrupted = where, workers, listen, interrupted
        self.context = multiprocessing.get_context("spawn")
        self.running: dict[Connection, tuple[BaseProcess, Job | None]] = {}

    def run(self, jobs: deque[Job]) -> None:
        try:
            for _ in range(min(self.workers, len(jobs))):
                self._start()
            told = False
            while self.running:
                if self.interrupted.is_set() and not told:
                    told = True
                    jobs.clear()
                    for connection in self.running:
                        _send(connection, "stop")
                for connection in list(self.running):
                    self._feed(connection, jobs)
                for ready in wait(list(self.running), timeout=0.2):
                    self._hear(ready, jobs)
        finally:
            for process, _ in self.running.values():
                process.kill()

    def _start(self) -> None:
        here, there = self.context.Pipe()
        process = self.context.Process(target=_work, args=(there, self.where), daemon=True)
        with _environment(WORKER_ENVIRONMENT if self.where.device == "cpu" else {}), _deaf():
            process.start()
        there.close()
        self.running[here] = (process, None)

    def _feed(self, connection: Connection, jobs: deque[Job]) -> None:
        """Give an idle worker its next job, or let it go."""
        process, job = self.running[connection]
        if job is not None:
            return
        following = jobs.popleft() if jobs else None
        _send(connection, following)
        if following is None:
            del self.running[connection]
            process.join(timeout=10)
        else:
            self.running[connection] = (process, following)

    def _hear(self, connection: Any, jobs: deque[Job]) -> None:
        process, job = self.running[connection]
        try:
            kind, what = connection.recv()
        except (EOFError, OSError):
            del self.running[connection]
            process.join(timeout=10)
            if job is not None:
                self._lost(job, process.exitcode)
            if jobs:
                self._start()
            return
        if kind == "done":
            self.running[connection] = (process, None)
        self.listen(kind, what)

    def _lost(self, job: Job, code: int | None) -> None:
        kind, what = job
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        hint = "; the system kills a process that takes too much memory" if code == -signal.SIGKILL else ""
        if kind == "cell":
            self.listen("done", _leave(what, self.where, "failed", f"its process ended with {how}{hint}"))


def _leave(cell: Cell, where: Where, status: str, reason: str) -> RunRecord:
    """Store a record for a cell that could not write its own."""
    protocol = find_protocol(cell.protocol)
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    record = RunRecord(cell, status, protocol.version, reason=reason, finished=finished)
    record = described(record, protocol)
    Store(where.results).save_run(record)
    return record


def _work(connection: Connection, where: Where) -> None:
    """The life of a worker: one thread listens for a stop or the runner's death, the other works."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the runner decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prepare_process(where.device, 1)
    stop = threading.Event()
    inbox: deque[Job | None] = deque()
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
        job = inbox.popleft()
        if job is None:
            return
        say("done", _do(job, where, lambda progress: say("progress", progress), stop.is_set))


def _send(connection: Connection, message: Any) -> None:
    try:
        connection.send(message)
    except (BrokenPipeError, OSError):
        return  # it died; the next wait hears of it


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update({key: value for key, value in values.items() if before[key] is None})
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C goes to the whole group of processes; one that starts in here does not hear it even while it starts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
