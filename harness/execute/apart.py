"""What a stranger's code is asked in a process of its own: it may do anything to the one that asks."""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import IO, Any

import torch

from .. import machine, strangers
from ..catalog import find_model, imported_task, strange_model, strange_task
from ..errors import BenchError, sentence
from ..process import prepare_process
from ..write.words import clock
from .surroundings import kept
from .worker import MARK, end_marked

IMPORT_SECONDS = 300.0
DATA_SECONDS = 3600.0  # that a task may be at work on its data; waiting, as for a lock, IMPORT_SECONDS
AT_WORK = 0.01  # of the time: even a download takes that much


class Lost(BenchError):
    """The process that was asked ended, or did not answer."""


def look_at(models: Iterable[str], tasks: Iterable[str] = (), seconds: float = IMPORT_SECONDS) -> None:
    """Raise BenchError, a sentence, for the first of these that is not there or cannot be imported.

    Of a task that is only its file: what its function gives is this process's to ask.
    """
    for task in filter(strange_task, tasks):
        _look(imported_task, task, seconds)
    for model in models:
        if strange_model(model):
            _look(find_model, model, seconds)
        else:
            find_model(model)


def _look(find: Callable[[str], Any], name: str, seconds: float) -> None:
    try:
        wrong = ask(partial(_wrong, find), name, seconds, fork=True)
    except Lost as why:
        raise BenchError(f"'{name}' cannot be imported: {why}") from None
    if wrong:
        raise BenchError(wrong)


@contextmanager
def asked_apart(tasks: Iterable[str], device: str = "cpu", limit: float | None = None) -> Iterator[None]:
    """In here strangers' tasks make their data in processes apart, and what else they change in this one is put back.

    limit: seconds that making them may take.
    """
    if not any(map(strange_task, tasks)):
        yield
        return
    patience = (IMPORT_SECONDS, DATA_SECONDS) if limit is None else (min(IMPORT_SECONDS, limit), limit)
    with kept(), strangers.made_by(partial(_made, device, patience)):
        yield


def _made(device: str, patience: tuple[float, float], name: str, make: Callable[[], strangers.Made]) -> strangers.Made:
    """The data that `make` makes, brought here. Raises BenchError, a sentence."""
    seconds, longest = patience
    with tempfile.TemporaryFile() as file:
        try:
            said = ask(partial(_saved, file, make, device), name, seconds, longest, fork=True)
        except Lost as why:
            raise BenchError(f"{name} does not give its data: {why}") from None
        if said:
            raise BenchError(said)
        with suppress(Exception):
            file.seek(0)
            made: strangers.Made = torch.load(file, weights_only=False)
            return made
    return make()  # as it may be, having come to an end there: what cannot be brought, such as a lambda to augment them


def _saved(file: IO[bytes], make: Callable[[], strangers.Made], device: str, name: str) -> str:
    """Put data into a file, as far as they can be; what is wrong with them in a sentence, or an empty text."""
    own = os.getpid()
    prepare_process(device, 1)  # as where they are made for cells
    try:
        made = make()
    except BenchError as error:
        return str(error)
    with suppress(Exception):
        if os.getpid() == own:
            torch.save(made, file)
            file.flush()
    return ""


def ask(function: Callable[[str], Any], name: str, seconds: float, longest: float = 0.0, *, fork: bool = False) -> Any:
    """function(name) in a process of its own. What it prints goes to the standard error. Raises Lost.

    longest: seconds where it is at work all the time, if that is more. fork: it has at once what this one has loaded,
    but can do no arithmetic on gradients if this one has.
    """
    context: Any = multiprocessing.get_context("fork" if fork and hasattr(os, "fork") else "spawn")
    here, there = context.Pipe(duplex=False)
    mark = uuid.uuid4().hex
    process = context.Process(target=_answer, args=(there, function, name, mark))
    with ThreadPoolExecutor(1) as fresh:  # a copy of a thread that has used OpenMP would wait for its threads for ever
        fresh.submit(process.start).result()
    there.close()
    began = time.monotonic()
    try:
        while (passed := time.monotonic() - began) < seconds or (
            passed < longest and machine.cpu_seconds(process.pid) > AT_WORK * passed
        ):
            ended = process.exitcode is not None  # what it said before that is there by now
            try:
                if here.poll(0.05):
                    answered, what = here.recv()
                    if not answered:
                        raise Lost(what)
                    return what
            except EOFError:
                process.join(timeout=5)
                ended = True
            if ended:
                raise Lost(f"its process ended with exit code {process.exitcode}")
        raise Lost(f"nothing came of it within {clock(passed)}")
    finally:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # with what it has started
        process.kill()
        process.join(timeout=5)
        end_marked(mark)  # and what of that has a group of its own
        here.close()


def _answer(connection: Connection, function: Callable[[str], Any], name: str, mark: str) -> None:
    os.setpgid(0, 0)
    os.environ[MARK] = mark
    own = os.getpid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # not what the other process has put in its place
    sys.stdout = sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        answer = (True, function(name))
    except BaseException as error:  # its type may be known in this process alone
        answer = (False, sentence(error))
    if os.getpid() == own:  # no copy that the function has made
        with suppress(OSError):  # who asked is gone
            connection.send(answer)
    os._exit(0)


def _end_with(parent: int) -> None:
    """End this process and what it has started once the one that asked is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


def _wrong(find: Callable[[str], Any], name: str) -> str:
    """What is wrong with a model or a task, in a sentence, or an empty text."""
    try:
        find(name)
    except BenchError as error:
        return str(error)
    except BaseException as error:
        return f"'{name}' cannot be imported: {sentence(error)}"
    return ""
