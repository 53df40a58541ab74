"""Joules of a function, from the counter that an NVIDIA board keeps of all that it uses."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable

from .errors import BenchError

SECONDS = 1.0  # the counter moves some tens of times a second


class NoCounter(BenchError):
    """The energy of this device cannot be read, and why."""


def counter_for(device: str) -> Callable[[], float]:
    """What reads the joules that a device has used since its driver was loaded. Raises NoCounter."""
    if device == "cpu":
        raise NoCounter("a CPU has no counter of energy that is read here")
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        raise NoCounter("the package nvidia-ml-py is missing; `pip install nvidia-ml-py` adds it") from None
    import torch

    try:
        nvml.nvmlInit()
        uuid = str(torch.cuda.get_device_properties(torch.device(device)).uuid)
        board = nvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(board)
    except Exception as error:  # NVML has many ways to say that a board cannot do it
        raise NoCounter(f"NVML gives no energy of this board: {error}") from None
    return lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(board)) / 1000


def joules(
    function: Callable[[], None],
    counter: Callable[[], float],
    synchronize: Callable[[], None],
    seconds: float = SECONDS,
) -> float:
    """Joules a call, of the whole board, over so many seconds of calls. Raises NoCounter where the counter stands."""
    function()
    synchronize()
    before, begin, calls = counter(), time.perf_counter(), 0
    while time.perf_counter() < begin + seconds or not calls:
        function()
        synchronize()
        calls += 1
    used = counter() - before
    if used <= 0:
        raise NoCounter(f"the board's counter of energy did not move in {seconds:g} s")
    return used / calls
