"""What the system and a GPU's board tell: what may disturb a measurement, and the joules that a function takes.

Nothing of it is needed to measure: what is not told is left out, or the reason is said.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import machine
from ..errors import BenchError

LIBRARY = "nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1"
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
BOARD = {  # what nvidia-smi calls it -> what it is called here
    "driver_version": "driver",
    "clocks.sm": "sm_mhz",
    "clocks.max.sm": "sm_mhz_max",
    "temperature.gpu": "celsius",
    "power.limit": "watts_limit",
    "persistence_mode": "persistence",
    "clocks_throttle_reasons.active": "slowed",
}
# bits of the last one, NVML's nvmlClocksEventReasons; that a board idles or shows a picture slows nothing that is timed
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


def conditions(device: str) -> dict[str, Any]:
    """How the machine is at this moment. device: as torch calls it.

    load: processes that run or wait for a core, mean of the last minute; governor: of the first core's frequency; of a
    GPU's board what BOARD names, slowed by the reasons in SLOWED, and others: processes that compute there beside this.
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
    """What nvidia-smi says of one board, as far as it is there and says it."""
    values = _asked(uuid, "gpu", list(BOARD))
    if len(values) != 1:
        return {}
    found: dict[str, Any] = {
        name: known for name, text in zip(BOARD.values(), values[0], strict=True) if (known := _known(text))
    }
    if (bits := _bits(found.pop("slowed", None))) is not None:
        found["slowed"] = [why for bit, why in SLOWED.items() if bits & bit]
    pids = {row[0] for row in _asked(uuid, "compute-apps", ["pid"])}
    return found | {"others": len(pids - {str(os.getpid())})}


def _asked(uuid: str, what: str, names: Sequence[str]) -> list[list[str]]:
    """The rows of a query."""
    query = ["nvidia-smi", f"--id={uuid}", f"--query-{what}={','.join(names)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines() if line.strip()]
    return [row for row in rows if len(row) == len(names)] if done.returncode == 0 else []


def _known(text: str) -> float | str | None:
    if not text or text.startswith("["):  # [N/A], [Not Supported]
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _bits(known: object) -> int | None:
    """Of '0x0000000000000004'."""
    try:
        return int(str(known), 16)
    except ValueError:
        return None
