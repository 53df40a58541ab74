"""Where cells may run: a name -> "file:function", which is imported only when it is asked for; or somebody else's."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from ..errors import BenchError, nearest

if TYPE_CHECKING:
    from ..prepare.modules import Where
    from .local import Job
    from .pool import Listener

    Executor = Callable[[Sequence[Job], Where, int, Listener], bool]

EXECUTORS: dict[str, str] = {"local": ".local:execute", "ray": ".ray:execute", "slurm": ".slurm:execute"}


def executor(name: str) -> Executor:
    """execute(jobs, where, workers, listen) -> whether all was done, and not interrupted.

    Every cell of the jobs leaves a record, also one that failed, had not begun or took too long; `listen` hears of
    each. name: of the table, or `file.py:function` or `package:function`. Raises BenchError where it leads to no
    function.
    """
    if name not in EXECUTORS and ":" not in name:
        raise nearest("executor", name, list(EXECUTORS), "`bench run --help`")
    if name not in EXECUTORS:
        from .. import strangers

        found = strangers.named(name)
        if not callable(found):
            raise BenchError(
                f"'{name}' is of type {type(found).__name__}; an executor is a function (jobs, where, workers, listen)"
            )
        return cast("Executor", found)
    file, _, function = EXECUTORS[name].partition(":")
    return cast("Executor", getattr(importlib.import_module(file, __package__), function))
