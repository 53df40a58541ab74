"""A look at strangers' models before anything runs: can they be imported, and do they have these options?"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from ..catalog import find_model, strange_model
from ..errors import BenchError, sentence
from ..write.words import clock

IMPORT_SECONDS = 300.0


def look_at(models: Iterable[str], seconds: float = IMPORT_SECONDS) -> None:
    """Raise BenchError, a sentence, for the first of these models that is not there or cannot be imported.

    A stranger's file may do anything to the process that imports it, so that is one that ends with the look.
    """
    strange = []
    for model in models:
        if strange_model(model):
            strange.append(model)
        else:
            find_model(model)
    if not strange:
        return
    # a fork has torch already; where there is none, a new process has to load it
    context: Any = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_look, args=(there, strange))
    process.start()
    there.close()
    try:
        for model in strange:
            if wrong := _heard(here, process, model, seconds):
                raise BenchError(wrong)
    finally:
        with suppress(OSError):
            os.killpg(process.pid or 0, signal.SIGKILL)  # with what the models have started
        process.kill()
        process.join(timeout=5)
        here.close()


def _heard(connection: Connection, process: BaseProcess, model: str, seconds: float) -> str:
    """What is wrong with a model, or an empty text."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended = process.exitcode is not None  # what it said before that is there by now
        try:
            if connection.poll(0.05):
                return str(connection.recv())
        except EOFError:
            process.join(timeout=5)
            ended = True
        if ended:
            return f"'{model}' cannot be imported: its process ended with exit code {process.exitcode}"
    return f"'{model}' cannot be imported: nothing came of it within {clock(seconds)}"


def _look(connection: Connection, models: list[str]) -> None:
    os.setpgid(0, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    for model in models:
        wrong = ""
        try:
            find_model(model)
        except BaseException as error:
            wrong = str(error) if isinstance(error, BenchError) else f"'{model}' cannot be imported: {sentence(error)}"
        connection.send(wrong)
    os._exit(0)
