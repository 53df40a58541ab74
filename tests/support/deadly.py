"""Strangers' models that do something to the process they run in: for tests in workers alone."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from torch import Tensor

from .faulty import Plain


def trains(module: Plain, x: Tensor) -> bool:
    """Is this a step of training, and none that is tried beforehand on a few sequences?"""
    return module.training and len(x) == 20


class Leaves(Plain):
    """It ends its process without a word."""

    def forward(self, x: Tensor) -> Any:
        if trains(self, x):
            os._exit(3)
        return super().forward(x)


class IsKilledOnce(Plain):
    """The first process that trains it is killed; DEADLY is a folder in which it notes that."""

    def forward(self, x: Tensor) -> Any:
        note = Path(os.environ["DEADLY"]) / "killed"
        if trains(self, x) and not note.exists():
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)


class Hangs(Plain):
    def forward(self, x: Tensor) -> Any:
        if trains(self, x):
            Path(os.environ["DEADLY"], "hangs").touch()
            time.sleep(3600)
        return super().forward(x)


class LeavesAChildAndDies(Plain):
    """Its child hangs, and keeps all that is open."""

    def forward(self, x: Tensor) -> Any:
        if trains(self, x):
            if (child := os.fork()) == 0:
                time.sleep(3600)
            Path(os.environ["DEADLY"], "child").write_text(str(child))
            os._exit(4)
        return super().forward(x)


class Broken:
    """The connection of a worker whose runner has died after it had sent this, before the worker knows."""

    def __init__(self, sent):
        self.sent = [sent]

    def recv(self):
        while not self.sent:
            time.sleep(1)
        return self.sent.pop()

    def send(self, what):
        raise BrokenPipeError

    def close(self):
        pass
