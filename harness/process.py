"""What a process that trains, times or fetches must have: environment, threads, number format, what ends it and how."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


class Ended(KeyboardInterrupt):
    """Ctrl-C a second time: all ends at once."""


# what ends a process from outside: Ctrl-C, a scheduler, a terminal that is closed, and a job's time that is nearly over
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
ENDINGS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))

# Large tensors of a step go back to the system and are faulted in again at every step unless
# glibc is told to keep them; a process must have these from its start.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}


def start_as_worker(device: str) -> None:
    """Start this process anew, with the same words, where its environment lacks what one that times steps must have."""
    missing = {key: value for key, value in WORKER_ENVIRONMENT.items() if key not in os.environ}
    if device == "cpu" and missing:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **missing})


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """What a process that starts in here has in its environment, unless the user has set it."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update({key: value for key, value in values.items() if before[key] is None})
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)


@contextmanager
def interrupts(at_last: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 sets; a later Ctrl-C ends at once.

    Others may come twice: `timeout` sends one to its child and one to the group. Who runs under nohup stays deaf.
    at_last: done after the block where SIGUSR1 came, by which Slurm says that a job's time is nearly over.
    """
    event, over = threading.Event(), threading.Event()
    first = 0.0

    def handle(number: int, frame: Any) -> None:
        nonlocal first
        if number == getattr(signal, "SIGUSR1", None):
            over.set()
        if not event.is_set():
            first = time.monotonic()
            event.set()
        elif number == signal.SIGINT and time.monotonic() - first > 0.5:
            raise Ended

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    heard = [number for number in ENDINGS if number is signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield event
        if over.is_set():
            at_last()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def shielded() -> Iterator[None]:
    """What ends a process waits while this block runs; for a process that starts in here, until `hear_again`.

    In a process with other threads one of them may take the signal, and its handler runs at once.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_to_parent(numbers: Collection[signal.Signals] = ENDINGS) -> None:
    """These signals go to a whole group of processes; in this one they do nothing, as the one that started it decides.

    They are heard and not ignored, so that what this process starts obeys them.
    """
    for number in numbers:
        signal.signal(number, lambda *_: None)
    os.register_at_fork(after_in_child=lambda: [signal.signal(number, signal.SIG_DFL) for number in numbers])
    hear_again()


def hear_again() -> None:
    """In a process that was started shielded: what waits comes now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)


def open_streams() -> None:
    """Where a process was started with closed streams, what it opens first would take their places: fill them."""
    while (place := os.open(os.devnull, os.O_RDWR)) < 3:
        continue
    os.close(place)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - it is open to the end


@contextmanager
def tidy() -> Iterator[None]:
    """What `timeout`, a cancelled job and a closed terminal send ends what runs in here as Ctrl-C does, not at once.

    What was set to be ignored, as `nohup` does, stays so.
    """
    kinds = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}  # the latter not on Windows
    before = {kind: signal.getsignal(kind) for kind in kinds}
    before = {kind: handler for kind, handler in before.items() if handler == signal.SIG_DFL}
    for kind in before:
        signal.signal(kind, signal.default_int_handler)
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def give_way() -> None:
    """This process, and what it starts, runs only where nothing else wants a core.

    Linux shares the cores among sessions before it looks at a process, so it gets a session of its own.
    """
    with suppress(OSError, AttributeError):
        os.setsid()
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with suppress(OSError, AttributeError):
        os.nice(19)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text("19", encoding="ascii")


def prepare_process(device: str, threads: int) -> None:
    """Settings of a process that trains: threads, and no denormals, which slow saturated cells."""
    import torch

    if device == "cpu":
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
