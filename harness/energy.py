"""Joules of a function, from the counter that an NVIDIA board keeps of all that it uses."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from typing import Any

from . import machine
from .errors import BenchError

LIBRARY = "nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1"
SECONDS = 1.0  # the counter moves some tens of times a second


class NoCounter(BenchError):
    """The energy of this device cannot be read, and why."""


def counter_for(device: str) -> Callable[[], float]:
    """What reads the joules that a device has used since its driver was loaded. Raises NoCounter."""
    if device == "cpu":
        raise NoCounter("a CPU has no counter of energy that is read here")
    return counter_of(machine.board(device))


def counter_of(uuid: str) -> Callable[[], float]:
    """The same for the board of this name, by the library that comes with its driver. Raises NoCounter."""
    try:
        nvml = ctypes.CDLL(LIBRARY)
    except OSError:
        raise NoCounter(f"the driver's library {LIBRARY} is missing") from None
    board = ctypes.c_void_p()

    def call(name: str, *arguments: Any) -> None:
        if code := getattr(nvml, name)(*arguments):
            raise NoCounter(f"NVML gives no energy of this board: {name} fails with code {code}")

    def used() -> float:
        millijoules = ctypes.c_ulonglong()
        call("nvmlDeviceGetTotalEnergyConsumption", board, ctypes.byref(millijoules))
        return millijoules.value / 1000

    call("nvmlInit_v2")
    call("nvmlDeviceGetHandleByUUID", uuid.encode(), ctypes.byref(board))
    used()
    return used


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
