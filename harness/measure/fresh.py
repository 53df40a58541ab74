"""What only a process that has done nothing yet can show: the first step, and memory as the system counts it."""

import gc
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from .. import machine
from ..engine import backend
from ..errors import BenchError, sentence
from ..plan import Group
from ..prepare.modules import Where, made, resolved
from ..process import hear_again, prepare_process, shielded
from ..seeds import global_stream
from ..train.graph import REHEARSALS, recorder_for
from . import steps as measure


def fresh_facts(group: Group, where: Where, x: torch.Tensor, y: torch.Tensor) -> dict[str, Any]:
    """first_call_ms, compile_ms and rss_bytes of training steps on this batch, in a process of their own.

    Raises BenchError where that process cannot say.
    """
    # arrays, as tensors would be shared with this process
    arrays = x.cpu().numpy(), y.cpu().numpy()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        with shielded():  # Ctrl-C in its start would show its traceback
            told = pool.submit(_told, group, where, *arrays)
        try:
            found = told.result()
        except BrokenProcessPool:
            raise BenchError("a fresh process for it ended before it could say") from None
    if isinstance(found, str):
        raise BenchError(found)
    return found


def _told(group: Group, where: Where, x: Any, y: Any) -> dict[str, Any] | str:
    hear_again()
    try:
        return _first_steps(group, where, torch.from_numpy(x), torch.from_numpy(y))
    except BaseException as error:  # it may be of a stranger's type, and its place would not come along
        return sentence(error)


def _first_steps(group: Group, where: Where, x: torch.Tensor, y: torch.Tensor) -> dict[str, Any]:
    prepare_process(where.device, 1)
    protocol, task, spec, found = resolved(group, where)
    module = made(spec, task.shape, found.width, where.device, frame=task.frame)
    recorder = recorder_for(where.device, where.backend)
    x, y = x.to(where.device), y.to(where.device)
    with global_stream(0, "noise"), backend(where.backend, where.recompute):
        step = measure.training_step(module, x, y, protocol.clip, recorder)
        gc.collect()
        machine.trim()
        before = machine.resident(reset=True)
        start = time.perf_counter()
        step()
        if where.device != "cpu":
            torch.cuda.synchronize()
        first = (time.perf_counter() - start) * 1000
        for _ in range(2 if recorder is None else REHEARSALS + 1):
            step()
        after = machine.resident()
    held = None if before is None or after is None else after - before
    return {"first_call_ms": first, "compile_ms": _compile_ms(), "rss_bytes": held or None}


def _compile_ms() -> float | None:
    """What torch.compile has taken in this process, or None where it was not used or does not say."""
    kept = getattr(sys.modules.get("torch._dynamo.utils"), "compilation_time_metrics", {})
    taken = sum(kept.get("_compile.compile_inner", ()))
    return 1000 * taken or None
