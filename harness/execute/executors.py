"""Where cells may run: a name -> "file:function", which is imported only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ..prepare.modules import Where
    from .local import Job
    from .pool import Listener

    Executor = Callable[[Sequence[Job], Where, int, Listener, float | None], bool]

EXECUTORS: dict[str, str] = {"local": ".local:execute"}


def executor(name: str) -> Executor:
    """execute(jobs, where, workers, listen, limit) -> whether all was done, and not interrupted. Raises KeyError.

    Every cell of the jobs leaves a record, also one that failed, had not begun or took more than `limit` seconds of
    CPU time; `listen` hears of each.
    """
    file, _, function = EXECUTORS[name].partition(":")
    return cast("Executor", getattr(importlib.import_module(file, __package__), function))
