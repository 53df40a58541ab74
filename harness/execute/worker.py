"""The life of a worker process: it takes one share of the work at a time from the runner, over a pipe."""

import os
import signal
import sys
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from .. import machine
from ..catalog import strange_model, strange_task
from ..errors import Unwritable
from ..plan import Cell, Group
from ..prepare.modules import Where
from ..process import environment, give_way, leave_to_parent, prepare_process
from .run import measure_group, run_group

MARK = "BENCH_WORKER"  # a word in the environment by which what a model leaves behind is found


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker does at a time: a measurement, or cells that may train together (tune.space.together_of)."""

    measured: Group | None = None
    cells: tuple[Cell, ...] = ()
    note: str = ""  # for the records of the cells
    killed: int = 0  # times that its process was killed by another

    @property
    def group(self) -> Group:
        return self.measured or self.cells[0].group

    @property
    def turns(self) -> int:
        """How many cells' time it may take: those that break together begin anew, as trials first point by point."""
        points = len({cell.group for cell in self.cells})
        return len(self.cells) * (1 if len(self.cells) == 1 else 2 if points == 1 else 3) or 1

    @property
    def owner(self) -> tuple[str, str]:
        """Whose code it runs beside ours, a model's and a task's; a process does nothing for a second owner."""
        _, task, model, _ = self.group
        return (model if strange_model(model) else "", task if strange_task(task) else "")


def do(share: Share, where: Where, tell: Callable[[str, Any], None], stop: Callable[[], bool]) -> None:
    """Do a share; tell of its progress, and of each record and measurement once it is stored. Raises Unwritable."""
    if share.measured is not None:
        tell("done", measure_group(share.measured, where))
        return
    progress, finished = partial(tell, "progress"), partial(tell, "done")
    run_group(share.cells, where, note=share.note, report=progress, finished=finished, stop=stop)


def work(connection: Connection, where: Where) -> None:
    """One thread listens for a stop or the runner's death, the other works."""
    leave_to_parent()
    os.dup2(2, 1)  # the standard output is the runner's
    os.register_at_fork(after_in_child=connection.close)  # else this end stays open as long as what a model forks
    if where.idle:
        give_way()
    prepare_process(where.device, 1)
    stop = threading.Event()
    inbox: deque[Share | None] = deque()
    filled = threading.Semaphore(0)
    sending = threading.Lock()

    def gone() -> NoReturn:
        """The runner is: whatever this does is nobody's now, so no cell is to fail for it."""
        end_marked(os.environ.get(MARK, ""))
        os._exit(1)

    def listen() -> None:
        while True:
            try:
                message = connection.recv()
            except (EOFError, OSError):
                gone()
            if message == "stop":
                stop.set()
            else:
                inbox.append(message)
                filled.release()

    def say(kind: str, what: Any) -> None:
        try:
            with sending:
                connection.send((kind, what))
        except OSError:
            gone()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        filled.acquire()
        share = inbox.popleft()
        if share is None:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(0)  # whatever a model has asked to be done at the end
        say("begun", None)
        try:
            do(share, where, say, stop.is_set)
            say("free", None)
        except Unwritable as error:
            say("unwritable", str(error))


@contextmanager
def nothing_left(groups: Iterable[Group]) -> Iterator[None]:
    """Where a stranger's model or task is among these, the programs that are started in here are ended after it."""
    if not any(strange_model(group.model) or strange_task(group.task) for group in groups):
        yield
        return
    resource_tracker.ensure_running()  # else it would start with the mark
    mark = uuid.uuid4().hex
    try:
        with environment({MARK: mark}):
            yield
    finally:
        end_marked(mark)


def end_marked(mark: str) -> None:
    """End the processes that a worker has left behind."""
    for pid in machine.marked(f"{MARK}={mark}") - {os.getpid()} if mark else ():
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
