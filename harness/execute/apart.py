"""What a stranger's code is asked in a process of its own: it may do anything to the one that asks."""

import multiprocessing
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from ..catalog import find_model, imported_task, strange_model, strange_task
from ..errors import BenchError, sentence
from ..write.words import clock
from .worker import MARK, end_marked

IMPORT_SECONDS = 300.0


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


def ask(function: Callable[[str], Any], name: str, seconds: float, *, fork: bool = False) -> Any:
    """function(name) in a process of its own. What it prints goes to the standard error. Raises Lost.

    fork: it has at once what this one has loaded, but can do no arithmetic on gradients if this one has.
    """
    context: Any = multiprocessing.get_context("fork" if fork and hasattr(os, "fork") else "spawn")
    here, there = context.Pipe(duplex=False)
    mark = uuid.uuid4().hex
    process = context.Process(target=_answer, args=(there, function, name, mark))
    process.start()
    there.close()
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
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
        raise Lost(f"nothing came of it within {clock(seconds)}")
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
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    try:
        answer = (True, function(name))
    except BaseException as error:  # its type may be known in this process alone
        answer = (False, sentence(error))
    connection.send(answer)
    os._exit(0)


def _wrong(find: Callable[[str], Any], name: str) -> str:
    """What is wrong with a model or a task, in a sentence, or an empty text."""
    try:
        find(name)
    except BenchError as error:
        return str(error)
    except BaseException as error:
        return f"'{name}' cannot be imported: {sentence(error)}"
    return ""
