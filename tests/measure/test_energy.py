"""Joules of a step from a counter that a test turns."""

import itertools
import sys

import pytest
from support.nvml import UUID, NVMLError, stand_in

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


def test_the_driver_gives_joules_of_the_board_that_is_meant(monkeypatch):
    used = itertools.count(5_000_000_000, 250)  # more than 32 bits hold
    stand_in(monkeypatch, nvmlDeviceGetTotalEnergyConsumption=lambda board: next(used) if board == UUID else None)
    counter = counter_of(UUID)
    first = counter()
    assert first > 5_000_000
    assert counter() - first == pytest.approx(0.25)
    with pytest.raises(NoCounter, match="NVML tells nothing of this board: Not Found"):
        counter_of("GPU-another")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "NVML gives no energy of this board: Not Supported"),
        ({"nvmlInit": NVMLError("Not Found")}, "NVML tells nothing of this board: Not Found"),
        (None, "`pip install nvidia-ml-py` adds it"),
    ],
)
def test_a_board_that_does_not_count_is_a_sentence(monkeypatch, told, why):
    if told is None:
        monkeypatch.setitem(sys.modules, "pynvml", None)
    else:
        stand_in(monkeypatch, **told)
    with pytest.raises(NoCounter, match=why):
        counter_of(UUID)


def test_the_stand_in_has_the_names_of_the_real_one(monkeypatch):
    real = pytest.importorskip("pynvml")
    made = stand_in(monkeypatch)
    names = {name for name in vars(made) if not name.startswith("__")}
    assert names <= set(vars(real))
    assert (made.NVML_CLOCK_SM, made.NVML_TEMPERATURE_GPU) == (real.NVML_CLOCK_SM, real.NVML_TEMPERATURE_GPU)
    bits = {value for name, value in vars(real).items() if name.startswith("nvmlClocksEventReason")}
    assert set(energy.SLOWED) <= bits


@pytest.mark.gpu
def test_a_gpu_uses_energy_or_says_why_it_does_not_tell():
    import torch

    x = torch.randn(1024, 1024, device="cuda")
    try:
        counter = counter_for("cuda")
    except NoCounter as reason:
        pytest.skip(str(reason))
    assert joules(lambda: torch.mm(x, x), counter, torch.cuda.synchronize) > 0
