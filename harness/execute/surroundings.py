"""What a stranger's code can change of the process that it runs in, and how that is put back.

Workers run it in processes that do nothing else, where the effects end with the process; this is for what shares one:
the seeds of a model, `--workers 0`, and the tasks that the runner itself must know.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import machine
from ..catalog import strange_model, strange_task
from ..errors import Unwritable
from ..plan import Cell
from ..prepare.modules import Where, load_splits, settled
from ..process import Ended

Fact = tuple[Callable[[], Any], Callable[[Any], object]]  # how it is read, and how it is set
SIGNALS = tuple(number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP))
# functions and classes that others call by these names; what is added to a module is no change of it
SPACES: list[Any] = [torch, nn, nn.init, nn.functional, torch.optim, torch.Tensor]
SPACES += [kind for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, nn.Module)]
HOOKS = {
    name: hooks
    for module in (nn.Module.__module__, torch.optim.Optimizer.__module__)
    for name, hooks in vars(sys.modules[module]).items()
    if name.startswith("_global_") and isinstance(hooks, dict)
}


def _flushes() -> bool:
    return bool(torch.tensor(1e-308, dtype=torch.float64, device="cpu") * 0.1 == 0.0)


def _set_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)


def _cudnn() -> dict[str, bool]:
    return {name: getattr(torch.backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic")}


def _set_cudnn(flags: dict[str, bool]) -> None:
    for name, value in flags.items():
        setattr(torch.backends.cudnn, name, value)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TORCHINDUCTOR_")}  # torch's own


def _set_environment(values: dict[str, str]) -> None:
    for name in _environment().keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in SIGNALS}


def _set_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            with suppress(OSError, ValueError):
                signal.signal(number, handler)


def _set_alarm(wanted: bool) -> None:
    if not wanted:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _hooks() -> dict[str, dict[Any, Any]]:
    return {name: dict(hooks) for name, hooks in HOOKS.items()}


def _set_hooks(values: dict[str, dict[Any, Any]]) -> None:
    for name, hooks in HOOKS.items():
        hooks.clear()
        hooks.update(values[name])


FACTS: dict[str, Fact] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": (torch.get_default_device, _set_device),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "whether torch keeps gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
    "whether torch looks for anomalies": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "whether torch must be deterministic": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "torch's precision of products": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    "torch's flushing of denormals": (_flushes, torch.set_flush_denormal),
    "cuDNN's settings": (_cudnn, _set_cudnn),
    "torch's global hooks": (_hooks, _set_hooks),
    "numpy's handling of errors": (np.geterr, lambda values: np.seterr(**values)),
    "the working folder": (os.getcwd, os.chdir),
    "the umask": (_umask, os.umask),
    "the environment": (_environment, _set_environment),
    "the handlers of signals": (_handlers, _set_handlers),
    "an alarm": (lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0, _set_alarm),
    "the module search path": (lambda: list(sys.path), lambda value: sys.path.__setitem__(slice(None), value)),
    "the recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
}
TORCH = os.path.dirname(torch.__file__)
UNSAID = ("the module search path",)  # a file that imports the one beside it needs it


class _Former:
    """Finds what the module search path of now has, whatever is made of that path: our own late imports need it."""

    def __init__(self) -> None:
        self.path = list(sys.path)

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """The specification of a module that is in no package; None where it is not there."""
        return None if path is not None else PathFinder.find_spec(name, self.path, target)


@contextmanager
def kept() -> Iterator[list[str]]:
    """Put back what changes while this block runs; the list then says in words what did.

    What is printed meanwhile goes to the standard error, and nothing can be read from the standard input.
    """
    changed: list[str] = []
    facts = {word: read() for word, (read, _) in FACTS.items()}
    names = [(space, dict(vars(space))) for space in SPACES]
    streams, forks, former = (sys.stdin, sys.stdout, sys.stderr), machine.forked(), _Former()
    sys.meta_path.append(former)
    with open(os.devnull, encoding="utf-8") as nothing:
        sys.stdin = nothing
        try:
            with redirect_stdout(sys.stderr):
                yield changed
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not former]
            changed += [word for word in _put_back(facts) if word not in UNSAID]
            for space, before in names:
                changed += [f"{space.__name__}.{name}" for name in _restored(space, before)]
            changed += _ended(machine.forked() - forks)


@contextmanager
def guarded(cell: Cell, where: Where) -> Iterator[list[str]]:
    """What a stranger's model or task changes in this process is put back; sentences then say what it was."""
    changes: list[str] = []
    if strange_task(cell.task):
        with kept() as changed:
            _make_data(cell, where)
        changes += [_said("task", changed)] if changed else []
    if not strange_model(cell.model) and not strange_task(cell.task):
        yield changes
        return
    with kept() as changed:
        yield changes
    changes += [_said("model", changed)] if changed else []


def _said(who: str, changed: Sequence[str]) -> str:
    return f"the {who} has changed {', '.join(changed)} for the whole process; all of it was put back"


def _make_data(cell: Cell, where: Where) -> None:
    """Import a stranger's task and keep its data, so that what that changes is gone before a model is made."""
    try:
        protocol, _ = settled(cell.protocol, cell.task, where.data_root)
        load_splits(cell.task, protocol.scale, protocol.data_seed, where)
    except BaseException as error:  # each cell will say for itself what is wrong
        pass_on(error)


def pass_on(error: BaseException) -> None:
    """Raise what no model is to blame for: a disk that is full, and a user's Ctrl-C."""
    ours = isinstance(error, Ended) or signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if isinstance(error, Unwritable) or (isinstance(error, KeyboardInterrupt) and ours):
        raise error


def _put_back(facts: dict[str, Any]) -> Iterator[str]:
    for word, (read, put) in FACTS.items():
        try:
            same = read() == facts[word]
        except OSError:  # a working folder that is gone
            same = False
        if not same:
            put(facts[word])
            yield word


def _restored(space: Any, before: dict[str, Any]) -> Iterator[str]:
    now = dict(vars(space))
    for name, value in before.items():
        if now.get(name, before) is not value and not _wraps(now.get(name), value):
            with suppress(AttributeError, TypeError):
                setattr(space, name, value)
                yield name
    if isinstance(space, type):
        for name in now.keys() - before.keys():
            if not name.startswith("__"):
                delattr(space, name)
                yield name


def _wraps(new: Any, old: Any) -> bool:
    """Has torch itself, which loads some of its parts late, put a function of its own around one?"""
    code = getattr(new, "__code__", None)
    return code is not None and new.__dict__.get("__wrapped__") is old and code.co_filename.startswith(TORCH)


def _ended(forks: set[int]) -> list[str]:
    for pid in forks:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return [f"{len(forks)} forked processes that still ran"] if forks else []
