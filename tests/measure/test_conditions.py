"""What may have disturbed a measurement, from a stand-in for nvidia-smi and from the system's files."""

import os
import sys

import pytest

from harness.measure import board as energy
from harness.measure.board import board
from harness.report.measured.conditions import slowed, words

UUID = "GPU-1f2e"


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """`nvidia_smi(gpu, pids)`: from now on it answers this, and refuses a board or a form that was not asked for."""

    def answers(gpu: str, pids: str = "", code: int = 0) -> None:
        script = tmp_path / "nvidia-smi"
        script.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"asked = {{'gpu': {gpu!r}, 'compute-apps': {pids!r}}}\n"
            f"assert '--id={UUID}' in sys.argv and '--format=csv,noheader,nounits' in sys.argv\n"
            "what, _, names = next(w for w in sys.argv if w.startswith('--query-'))[8:].partition('=')\n"
            "assert what == 'compute-apps' or names.split(',')[1:3] == ['clocks.sm', 'clocks.max.sm']\n"
            f"print(asked[what]); sys.exit({code})\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return answers


def test_a_board_tells_its_driver_clocks_heat_power_and_what_slows_it_down(nvidia_smi):
    nvidia_smi("575.51.03, 1755, 1980, 48, 700.00, Enabled, 0x0000000000000024", f"{os.getpid()}\n4711\n4712\n4711")
    assert board(UUID) == {
        "driver": "575.51.03",
        "sm_mhz": 1755.0,
        "sm_mhz_max": 1980.0,
        "celsius": 48.0,
        "watts_limit": 700.0,
        "persistence": "Enabled",
        "slowed": ["power cap", "heat, by software"],
        "others": 2,
    }


def test_an_idle_board_is_not_slowed_down(nvidia_smi):
    nvidia_smi("575.51.03, 345, 1980, 30, 700.00, Enabled, 0x0000000000000001")
    assert board(UUID)["slowed"] == []
    assert board(UUID)["others"] == 0


def test_what_a_board_does_not_say_is_left_out(nvidia_smi):
    nvidia_smi("575.51.03, 1755, [N/A], 48, [Not Supported], Disabled, [N/A]")
    found = board(UUID)
    assert (found["driver"], found["sm_mhz"], found["persistence"]) == ("575.51.03", 1755.0, "Disabled")
    assert not {"sm_mhz_max", "watts_limit", "slowed"} & set(found)


@pytest.mark.parametrize("answer", ["", "No devices were found", "1, 2\n3, 4"])
def test_an_answer_that_is_none_gives_nothing(nvidia_smi, answer):
    nvidia_smi(answer)
    assert board(UUID) == {}
    nvidia_smi("575.51.03, 1755, 1980, 48, 700.00, Enabled, 0x0", code=9)
    assert board(UUID) == {}


def test_without_nvidia_smi_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert board(UUID) == {}


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
