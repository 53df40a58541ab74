"""What may have disturbed a measurement, from a stand-in for NVML and from the system's files."""

import os
import sys
from types import SimpleNamespace

import pytest
from support.nvml import UUID, NVMLError, stand_in

from harness.measure import board as energy
from harness.measure.board import board
from harness.report.measured.conditions import slowed, words

TOLD = {
    "nvmlSystemGetDriverVersion": "575.51.03",
    "nvmlDeviceGetClockInfo": lambda board, clock: {1: 1755}[clock],
    "nvmlDeviceGetMaxClockInfo": lambda board, clock: {1: 1980}[clock],
    "nvmlDeviceGetTemperature": lambda board, sensor: {0: 48}[sensor],
    "nvmlDeviceGetPowerManagementLimit": 700_000,
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x24,
    "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=pid) for pid in (os.getpid(), 4711, 4712, 4711)],
}
KNOWN = {
    "driver": "575.51.03",
    "sm_mhz": 1755.0,
    "sm_mhz_max": 1980.0,
    "celsius": 48.0,
    "watts_limit": 700.0,
    "persistence": "Enabled",
    "slowed": ["power cap", "heat, by software"],
    "others": 2,
}


def test_a_board_tells_its_driver_clocks_heat_power_and_what_slows_it_down(monkeypatch):
    stand_in(monkeypatch, **TOLD)
    assert board(UUID) == KNOWN
    alone = [SimpleNamespace(pid=os.getpid())]
    stand_in(monkeypatch, **TOLD | {"nvmlDeviceGetComputeRunningProcesses": alone, "nvmlDeviceGetPersistenceMode": 0})
    assert board(UUID) == KNOWN | {"others": 0, "persistence": "Disabled"}
    stand_in(monkeypatch, **TOLD | {"nvmlDeviceGetCurrentClocksEventReasons": 0x1})  # it is idle
    assert board(UUID) == KNOWN | {"slowed": []}


def test_what_a_board_does_not_tell_is_null(monkeypatch):
    silent = {"nvmlDeviceGetPowerManagementLimit", "nvmlDeviceGetCurrentClocksEventReasons"}
    stand_in(monkeypatch, **{name: answer for name, answer in TOLD.items() if name not in silent})
    assert board(UUID) == KNOWN | {"watts_limit": None, "slowed": None}


@pytest.mark.parametrize(
    ("uuid", "told", "why"),
    [
        ("GPU-another", TOLD, "NVML tells nothing of this board: Not Found"),
        (UUID, {"nvmlInit": NVMLError("Driver Not Loaded")}, "NVML tells nothing of this board: Driver Not Loaded"),
        (UUID, None, "the package nvidia-ml-py is missing; `pip install nvidia-ml-py` adds it"),
    ],
)
def test_of_a_board_that_cannot_be_asked_all_is_null_and_the_reason_is_kept(monkeypatch, uuid, told, why):
    if told is None:
        monkeypatch.setitem(sys.modules, "pynvml", None)
    else:
        stand_in(monkeypatch, **told)
    found = board(uuid)
    assert found == dict.fromkeys(KNOWN) | {"unknown": why}
    assert words([{"before": {"load": 0.5} | found, "after": found}]) == (
        f"Conditions: load average 0.5; of the board nothing is known: {why}."
    )
    assert slowed({"before": found, "after": found}) == ""


def test_a_cpu_tells_its_load_and_governor_where_the_system_does(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1.234, 9.0, 9.0), raising=False)
    monkeypatch.setattr(energy, "GOVERNOR", tmp_path / "governor")
    assert energy.conditions("cpu") == {"load": 1.23}
    (tmp_path / "governor").write_text("powersave\n")
    assert energy.conditions("cpu") == {"load": 1.23, "governor": "powersave"}


def test_the_sentence_has_the_range_of_all_and_every_reason():
    gpu = {"load": 0.5, "driver": "575.51.03", "sm_mhz": 1980.0, "sm_mhz_max": 1980.0, "celsius": 40.0, "slowed": []}
    hot = gpu | {"load": 1.25, "sm_mhz": 1755.0, "celsius": 71.0, "slowed": ["power cap"], "others": 0}
    assert words([{"before": gpu, "after": hot}, {"before": gpu, "after": gpu}]) == (
        "Conditions: load average 0.5 to 1.2; driver 575.51.03; SM clock 1,755 to 1,980 of at most 1,980 MHz; "
        "40 to 71 °C; slowed down by power cap; other processes on the board: 0."
    )
    assert words([{"before": {"load": 0.5}, "after": {"load": 0.5}}]) == "Conditions: load average 0.5."
    assert words([{}, {}]) == ""
    by_hand = {"load": "much", "slowed": 3, "driver": 7}
    assert words([{"before": by_hand, "after": {}}]) == "Conditions: driver 7."
    assert slowed({"before": gpu, "after": hot}) == "power cap"
    assert slowed({"before": gpu, "after": gpu}) == slowed({}) == ""
