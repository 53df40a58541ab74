"""Where cells run: a Ray cluster, that of RAY_ADDRESS or one of this machine.

Ray places tasks, and runs one again whose process or node died. A task trains the seeds of a cell in a folder of its
own and gives its records back as values, with the checkpoints of what was stopped, so that nodes share no files with
the driver, which alone writes to the results folder. A driver that dies costs what was under way.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import BenchError, Unwritable, sentence
from ..measure.forecast import forecast
from ..plan import Cell
from ..prepare.modules import Where
from ..process import WORKER_ENVIRONMENT, interrupts, prepare_process
from ..records.campaign import TRIALS
from ..records.kinds import RunRecord, from_json, to_json
from ..records.store import Store
from ..records.writing import write_whole
from ..write.words import clock
from .group import Progress
from .leaving import leave
from .local import Job, shares_of
from .pool import FIRST_STEP_SECONDS, GRACE, HANG_SECONDS, HANG_STEPS, STOP_SECONDS, TICK, Listener
from .slurm import go_back
from .worker import Share, do, nothing_left

RETRIES = 2  # times that Ray runs a task again whose process or node died or lacked memory
WAITING = 2  # tasks a CPU that Ray has at a time, so that a free one never waits for this process
PULSE_SECONDS = 30.0  # without its pulse of a second a process is gone
BASE = 2**30  # bytes of a process before it holds anything of a cell
States = Mapping[Cell, bytes]  # checkpoints


class Post:
    """An actor beside the driver: what tasks tell of themselves, and whether they are to stop."""

    def __init__(self) -> None:
        self.told, self.over = list[Any](), False

    def tell(self, what: Any) -> bool:
        """Take word from a task; is it to stop?"""
        self.told.append(what)
        return self.over

    def take(self) -> list[Any]:
        """All that was told since this was asked last."""
        told, self.told = self.told, []
        return told

    def stop(self) -> None:
        self.over = True


@dataclass(slots=True)
class Task:
    """A share that Ray has, and the signs of life that it gave."""

    share: Share
    heard: float = 0.0  # when it told of itself last; 0: it has not begun
    steps: dict[Cell, tuple[int, float]] = field(default_factory=dict)  # the first step told of, and when
    step_seconds: float = 0.0
    cpu: float = 0.0  # seconds that it has been at work
    pulse: float = 0.0  # when its process was last seen to live
    ended: tuple[str, str] | None = None  # the status and the reason, where the driver has ended it

    def hear(self, what: Any) -> None:
        if isinstance(what, float):  # no step
            self.cpu, self.pulse = what, time.monotonic()
            return
        self.heard = time.monotonic()
        if not isinstance(what, Progress):  # it begins, maybe again
            self.steps.clear()
        else:
            first, began = self.steps.setdefault(what.cell, (what.step, self.heard))
            if what.step > first:
                self.step_seconds = (self.heard - began) / (what.step - first)

    @property
    def silent(self) -> str:
        """That it has been without a sign for too long, or nothing."""
        quiet = time.monotonic() - self.heard
        waits = time.monotonic() - self.pulse > PULSE_SECONDS  # for a place where it begins again, after a death
        patience = FIRST_STEP_SECONDS if waits or self.cpu > quiet / 2 else HANG_SECONDS
        patience = max(HANG_SECONDS, HANG_STEPS * self.step_seconds) if self.steps and not waits else patience
        return f"it hangs: its process gave no sign for {clock(quiet)}" if self.heard and quiet > patience else ""


def execute(jobs: Sequence[Job], where: Where, workers: int, listen: Listener) -> bool:
    """Train the cells of these jobs; False where a signal ended it early, as executor `local` does.

    workers: CPUs of a cluster begun here. Raises BenchError where something is to be measured, as nodes are shared, or
    the cluster cannot be reached or is gone; Unwritable as `local`.
    """
    os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))  # without end otherwise; read when ray is imported
    import ray

    if any(kind == "measure" for kind, _ in jobs):
        raise BenchError("what is measured on machines that others use is false; add --no-measure")
    cells = [what for kind, what in jobs if kind == "cell"]
    if begun := not ray.is_initialized():
        _begin(workers)
    with interrupts(go_back) as interrupted:
        try:
            driver, until = Driver(where, listen), math.inf if where.until is None else where.until
            shares = deque(shares_of(cells, where.replicas))
            driver.run(shares, lambda: interrupted.is_set() or time.time() > until)
            for cell in cells if interrupted.is_set() else ():
                if not driver.store.run_path(cell).exists():
                    leave(cell, where, "interrupted", "not begun; the same command runs it")
        except (ray.exceptions.RaySystemError, ConnectionError) as error:
            raise BenchError(f"the Ray cluster is gone ({sentence(error)}); the same command goes on") from None
        finally:
            if begun:  # a signal in the middle of it would have Ray end this process
                ray.shutdown()
        return not interrupted.is_set()


def _begin(workers: int) -> None:
    """Reach the cluster that RAY_ADDRESS names, or begin one here. Raises BenchError."""
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS")
    here: dict[str, Any] = {} if address else {"num_cpus": max(1, workers), "include_dashboard": False}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **here)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise BenchError(f"there is no Ray cluster at {address or 'this machine'}: {sentence(error)}") from None


class Driver:
    """Hands shares to Ray, hears of them, and writes what comes back."""

    def __init__(self, where: Where, listen: Listener) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        beside = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        lasting = {"max_restarts": -1, "max_task_retries": -1}  # what it was told is lost, and told again
        self.ray: Any = ray
        self.where, self.listen, self.store = where, listen, Store(where.results)
        self.post: Any = ray.remote(Post).options(num_cpus=0, scheduling_strategy=beside, **lasting).remote()
        # a stranger's model has a process of its own
        self.train: list[Any] = [ray.remote(max_calls=calls)(_train) for calls in (0, 1)]
        trials = (where.results / TRIALS).rglob("*.json")
        self.trials = ray.put({str(path.relative_to(where.results)): path.read_bytes() for path in trials})
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        self.largest = max((node["Resources"].get("memory", 0.0) for node in nodes if node["Alive"]), default=0.0)
        self.tasks: dict[Any, Task] = {}

    def _needs(self, memory: int | None) -> dict[str, Any]:
        needed = {"num_cpus": 1, "memory": memory, "num_gpus": int(self.where.device.startswith("cuda"))}
        environment = dict(WORKER_ENVIRONMENT if self.where.device == "cpu" else {})
        return {**needed, "max_retries": RETRIES, "runtime_env": {"env_vars": environment}}

    def run(self, shares: deque[Share], stopped: Callable[[], bool]) -> None:
        """Do all shares, or until `stopped`; then what runs is told to stop, and ended if it does not."""
        stopping: float | None = None
        while shares or self.tasks:
            if stopping is not None or stopped():
                stopping = stopping or time.monotonic()
                shares.clear()
                self.post.stop.remote()
            room = WAITING * int(self.ray.cluster_resources().get("CPU", 1))  # nodes come and go
            while shares and len(self.tasks) < room:
                self._hand_over(shares.popleft())
            ready = self.ray.wait(list(self.tasks), timeout=TICK)[0] if self.tasks else []
            self._hear()
            self.listen("tick", None)
            for one in ready:
                shares.extendleft(reversed(self._ended(one, self.tasks.pop(one), stopping is not None)))
            for one, task in self.tasks.items():
                if stopping is not None and (not task.heard or time.monotonic() - stopping > STOP_SECONDS):
                    task.ended = ("interrupted", "it did not begin, or did not stop in time; the same command runs it")
                elif (why := task.silent) and task.ended is None:
                    task.ended = ("timed-out", why)
                if task.ended is not None:
                    self.ray.cancel(one, force=True)

    def _hand_over(self, share: Share) -> None:
        needed = None if any(share.owner) else forecast(share.group, self.where)  # no stranger's code runs here
        memory = None if needed is None else BASE + len(share.cells) * needed.total
        if memory is not None and memory > self.largest > 0:
            why = f"it needs {memory / 2**30:.1f} GiB, and the largest node has {self.largest / 2**30:.1f}"
            for cell in share.cells:
                self.listen("done", leave(cell, self.where, "out-of-memory", why))
            return
        paths = {cell: self.store.checkpoint_path(cell) for cell in share.cells}
        kept = {cell: path.read_bytes() for cell, path in paths.items() if path.exists()}
        train = self.train[bool(any(share.owner))].options(**self._needs(memory))
        self.tasks[train.remote(share, self.where, kept, self.trials, self.post)] = Task(share)

    def _hear(self) -> None:
        for cell, what in self.ray.get(self.post.take.remote()):
            for task in (task for task in self.tasks.values() if cell in task.share.cells):
                task.hear(what)
                if isinstance(what, Progress):
                    self.listen("progress", what)
                elif what and isinstance(what, str):
                    task.ended = ("timed-out", what)

    def _ended(self, one: Any, task: Task, stopping: bool) -> list[Share]:
        """Write what came of a task; the shares that are to be done instead."""
        try:
            texts, kept = self.ray.get(one)
        except self.ray.exceptions.RayError as error:
            return self._lost(task, error, stopping)
        for text in texts:
            record = from_json(text, str(task.share.cells[0]))
            assert isinstance(record, RunRecord)
            self.store.save_run(record)
            if (state := kept.get(record.cell)) is not None:
                write_whole(self.store.checkpoint_path(record.cell), state)
            else:
                self.store.drop_checkpoint(record.cell)
            self.listen("done", record)
        return []

    def _lost(self, task: Task, error: Exception, stopping: bool) -> list[Share]:
        status, reason = task.ended or given_up(error)
        status = "interrupted" if stopping and not task.ended else status
        if len(task.share.cells) > 1 and status != "interrupted":
            note = f"the process that trained several cells of {task.share.group.model} ended: {reason}; each ran alone"
            return [Share(cells=(cell,), note=note) for cell in task.share.cells]
        for cell in task.share.cells:
            self.listen("done", leave(cell, self.where, status, reason))
        return []


def given_up(error: Exception) -> tuple[str, str]:
    """The status of a cell that Ray gave up, and why it did, in a sentence without its advice."""
    from ray import exceptions

    kinds = {
        exceptions.OutOfMemoryError: ("out-of-memory", "Ray ended its process, as its node ran out of memory"),
        exceptions.WorkerCrashedError: ("failed", f"its process died, and did so {RETRIES} times more"),
        exceptions.NodeDiedError: ("failed", f"its node died, and so did {RETRIES} others"),
    }
    return next((found for kind, found in kinds.items() if isinstance(error, kind)), ("failed", sentence(error)))


def _train(
    share: Share, where: Where, kept: States, trials: Mapping[str, bytes], post: Any
) -> tuple[list[str], States]:
    """On a node: the records of a share as text, and the checkpoints of those that were stopped."""
    import ray

    prepare_process(where.device, 1)
    over, finished, first = threading.Event(), threading.Event(), share.cells[0]
    records: list[RunRecord] = []
    used = time.process_time()

    def tell(what: Any) -> None:
        with suppress(ray.exceptions.RayError):  # the driver is gone, and so will this be
            if ray.get(post.tell.remote((getattr(what, "cell", first), what))):
                over.set()

    def watch() -> None:
        """What makes no steps is still told to stop, and tells when it takes more than its limit."""
        most = None if where.limit is None else where.limit * share.turns + GRACE
        while not finished.wait(1.0):
            took = time.process_time() - used
            late = f"its process took {clock(took)} of CPU time; the limit is {clock(where.limit)} a cell"
            tell(late if most is not None and took > most else took)

    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        here = replace(where, results=Path(folder))
        store = Store(here.results)
        for name, content in trials.items():
            write_whole(here.results / name, content)
        for cell in share.cells:
            if cell in kept:
                write_whole(store.checkpoint_path(cell), kept[cell])
        tell("")
        threading.Thread(target=watch, daemon=True).start()
        try:
            with nothing_left([share.group]):
                do(share, here, lambda kind, what: records.append(what) if kind == "done" else tell(what), over.is_set)
        except Unwritable as error:
            raise RuntimeError(str(error)) from None
        finally:
            finished.set()
        paths = {record.cell: store.checkpoint_path(record.cell) for record in records}
        return list(map(to_json, records)), {cell: path.read_bytes() for cell, path in paths.items() if path.exists()}
