"""Joules of a step from a counter that a test turns."""

import shutil
import subprocess

import pytest

from harness.measure import board as energy
from harness.measure.board import NoCounter, counter_for, counter_of, joules


class Board:
    """Uses 25 W, of which its counter tells whole tenths of a joule; a call takes 40 ms."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, watts: float = 25.0) -> None:
        self.now, self.watts, self.calls, self.waits = 100.0, watts, 0, 0
        monkeypatch.setattr(energy.time, "perf_counter", lambda: self.now)

    def call(self) -> None:
        self.calls += 1
        self.now += 0.04

    def synchronize(self) -> None:
        self.waits += 1

    def counter(self) -> float:
        return int(self.now * self.watts * 10) / 10


def test_joules_are_those_of_a_second_of_calls(monkeypatch):
    board = Board(monkeypatch)
    assert joules(board.call, board.counter, board.synchronize) == pytest.approx(25 * 0.04, rel=0.01)
    assert 25 <= board.calls - 1 <= 26
    assert board.waits == board.calls


def test_a_call_of_more_than_a_second_is_counted_once(monkeypatch):
    board = Board(monkeypatch)
    assert joules(board.call, board.counter, board.synchronize, 0.0) == pytest.approx(1.0, abs=0.11)
    assert board.calls == 2


def test_a_counter_that_stands_is_no_measurement_of_zero(monkeypatch):
    board = Board(monkeypatch, watts=0.0)
    with pytest.raises(NoCounter, match="did not move in 1 s"):
        joules(board.call, board.counter, board.synchronize)


def test_a_cpu_has_no_counter():
    with pytest.raises(NoCounter, match="a CPU has no counter"):
        counter_for("cpu")


LIBRARY = """
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **board) {
    static int one;
    *board = &one;
    return strcmp(uuid, "GPU-1f2e") ? 6 : 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *board, unsigned long long *millijoules) {
    static unsigned long long used = 5000000000ULL; /* more than 32 bits hold */
    *millijoules = used += 250;
    return board ? CODE : 1;
}
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """`library(code)` puts a library in the place of the driver's, whose counter goes up by 250 mJ or fails so."""
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("no C compiler here")

    def made(code: int = 0) -> None:
        (tmp_path / "nvml.c").write_text(LIBRARY)
        path = tmp_path / f"nvml-{code}.so"
        subprocess.run([compiler, "-shared", "-fPIC", f"-DCODE={code}", "-o", path, tmp_path / "nvml.c"], check=True)
        monkeypatch.setattr(energy, "LIBRARY", str(path))

    return made


def test_the_drivers_library_gives_joules_of_the_board_that_is_meant(library):
    library()
    counter = counter_of("GPU-1f2e")
    first = counter()
    assert first > 5_000_000
    assert counter() - first == pytest.approx(0.25)
    with pytest.raises(NoCounter, match="nvmlDeviceGetHandleByUUID fails with code 6"):
        counter_of("GPU-another")


def test_a_board_that_does_not_count_is_a_sentence(library):
    library(code=3)  # NVML_ERROR_NOT_SUPPORTED
    with pytest.raises(NoCounter, match="nvmlDeviceGetTotalEnergyConsumption fails with code 3"):
        counter_of("GPU-1f2e")


def test_a_missing_library_is_a_sentence(monkeypatch):
    monkeypatch.setattr(energy, "LIBRARY", "libnothing-of-the-kind.so.1")
    with pytest.raises(NoCounter, match=r"library libnothing-of-the-kind.so.1 is missing"):
        counter_of("GPU-1f2e")


@pytest.mark.gpu
def test_a_gpu_uses_energy_or_says_why_it_does_not_tell():
    import torch

    x = torch.randn(1024, 1024, device="cuda")
    try:
        counter = counter_for("cuda")
    except NoCounter as reason:
        pytest.skip(str(reason))
    assert joules(lambda: torch.mm(x, x), counter, torch.cuda.synchronize) > 0
