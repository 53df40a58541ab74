"""What may have disturbed a measurement: other work on the machine, clocks, heat and the power that a board may draw.

Nothing here is needed to measure: what the system does not tell is left out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import machine

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


def words(measured: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    """The conditions of measurements, each {"before": ..., "after": ...}, in a sentence; empty where none has any."""
    each = [one[time] for one in measured for time in ("before", "after") if one.get(time)]
    if not each:
        return ""
    parts = [_range(each, "load", "load average {}", "{:.1f}"), _all(each, "governor", "frequency governor {}")]
    most = _range(each, "sm_mhz_max", " of at most {}", "{:,.0f}")
    parts += [_all(each, "driver", "driver {}"), _range(each, "sm_mhz", f"SM clock {{}}{most} MHz", "{:,.0f}")]
    parts += [_range(each, "celsius", "{} °C", "{:.0f}")]
    parts += [_range(each, "watts_limit", "power limit {} W", "{:.0f}"), _all(each, "persistence", "persistence {}")]
    if any(isinstance(one.get("slowed"), list) for one in each):
        parts += [f"slowed down by {_reasons(each) or 'nothing'}"]
        parts += [_range(each, "others", "other processes on the board: {}", "{:.0f}")]
    return f"Conditions: {'; '.join(filter(None, parts))}."


def slowed(one: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a board was slower than it could be, before or after one measurement; empty where it was not."""
    return _reasons([one[time] for time in ("before", "after") if time in one])


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


def _reasons(each: Sequence[Mapping[str, Any]]) -> str:
    known = [one["slowed"] for one in each if isinstance(one.get("slowed"), list)]
    return ", ".join(sorted({str(why) for reasons in known for why in reasons}))


def _range(each: Sequence[Mapping[str, Any]], key: str, sentence: str, form: str) -> str:
    values = [one[key] for one in each if isinstance(one.get(key), int | float)]
    ends = dict.fromkeys(form.format(value) for value in (min(values), max(values))) if values else ()
    return sentence.format(" to ".join(ends)) if ends else ""


def _all(each: Sequence[Mapping[str, Any]], key: str, sentence: str) -> str:
    values = sorted({str(one[key]) for one in each if one.get(key)})
    return sentence.format(" and ".join(values)) if values else ""
