"""What the system and a GPU's board tell: what may disturb a measurement, and the joules that a function takes.

Nothing of it is needed to measure: what is not told is left out, or the reason is said.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from .. import machine
from ..errors import BenchError

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
BOARD: dict[str, Callable[[Any, Any], object]] = {  # what it is called here -> how NVML and a board tell it
    "driver": lambda nvml, board: nvml.nvmlSystemGetDriverVersion(),
    "sm_mhz": lambda nvml, board: float(nvml.nvmlDeviceGetClockInfo(board, nvml.NVML_CLOCK_SM)),
    "sm_mhz_max": lambda nvml, board: float(nvml.nvmlDeviceGetMaxClockInfo(board, nvml.NVML_CLOCK_SM)),
    "celsius": lambda nvml, board: float(nvml.nvmlDeviceGetTemperature(board, nvml.NVML_TEMPERATURE_GPU)),
    "watts_limit": lambda nvml, board: nvml.nvmlDeviceGetPowerManagementLimit(board) / 1000,
    "persistence": lambda nvml, board: "Enabled" if nvml.nvmlDeviceGetPersistenceMode(board) else "Disabled",
    "slowed": lambda nvml, board: _reasons(nvml.nvmlDeviceGetCurrentClocksEventReasons(board)),
    "others": lambda nvml, board: len(
        {process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(board)} - {os.getpid()}
    ),
}
# bits of nvmlClocksEventReasons; that a board idles or shows a picture slows nothing that is timed
SLOWED = {
    0x2: "application clocks",
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "heat, by software",
    0x40: "heat, by hardware",
    0x80: "power brake",
}
SECONDS = 1.0  # the counter moves some tens of times a second


class NoCounter(BenchError):
    """The energy of this device, or anything else of its board, cannot be read, and why."""


def counter_for(device: str) -> Callable[[], float]:
    """What reads the joules that a device has used since its driver was loaded. Raises NoCounter."""
    if device == "cpu":
        raise NoCounter("a CPU has no counter of energy that is read here")
    return counter_of(machine.board(device))


def counter_of(uuid: str) -> Callable[[], float]:
    """The same for the board of this name. Raises NoCounter."""
    nvml, board = _opened(uuid)

    def used() -> float:
        try:
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(board) / 1000)
        except nvml.NVMLError as error:
            raise NoCounter(f"NVML gives no energy of this board: {error}") from None

    used()
    return used


def _opened(uuid: str) -> tuple[Any, Any]:
    """NVML and the board of this name. Raises NoCounter."""
    try:
        nvml = import_module("pynvml")
    except ImportError:
        raise NoCounter("the package nvidia-ml-py is missing; `pip install nvidia-ml-py` adds it") from None
    try:
        nvml.nvmlInit()
        return nvml, nvml.nvmlDeviceGetHandleByUUID(uuid)
    except nvml.NVMLError as error:
        raise NoCounter(f"NVML tells nothing of this board: {error}") from None


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


def conditions(device: str) -> dict[str, Any]:
    """How the machine is at this moment. device: as torch calls it.

    load: processes that run or wait for a core, mean of the last minute; governor: of the first core's frequency; of a
    GPU's board what BOARD names, slowed by the reasons in SLOWED; others: processes that compute there beside this.
    """
    found: dict[str, Any] = {}
    if hasattr(os, "getloadavg"):
        found["load"] = round(os.getloadavg()[0], 2)
    with suppress(OSError):  # a virtual machine does not choose its frequency
        found["governor"] = GOVERNOR.read_text(encoding="ascii").strip()
    if device.startswith("cuda"):
        found |= board(machine.board(device))
    return found


def board(uuid: str) -> dict[str, Any]:
    """What NVML tells of one board; None for what it does not, and `unknown` says why where that is all."""
    try:
        nvml, opened = _opened(uuid)
    except NoCounter as reason:
        return dict.fromkeys(BOARD) | {"unknown": str(reason)}
    found: dict[str, Any] = {}
    for name, ask in BOARD.items():
        try:
            found[name] = ask(nvml, opened)
        except nvml.NVMLError:  # not every board has, and not every driver tells, everything
            found[name] = None
    return found


def _reasons(bits: int) -> list[str]:
    return [why for bit, why in SLOWED.items() if bits & bit]
