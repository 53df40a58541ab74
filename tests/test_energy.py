"""Joules of a step from a counter that a test turns."""

import importlib

import pytest

from harness import energy
from harness.energy import NoCounter, counter_for, joules


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


def test_a_missing_package_is_a_sentence(monkeypatch):
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(NoCounter, match="pip install nvidia-ml-py"):
        counter_for("cuda")


@pytest.mark.gpu
def test_a_gpu_uses_energy_or_says_why_it_does_not_tell():
    import torch

    x = torch.randn(1024, 1024, device="cuda")
    try:
        counter = counter_for("cuda")
    except NoCounter as reason:
        pytest.skip(str(reason))
    assert joules(lambda: torch.mm(x, x), counter, torch.cuda.synchronize) > 0
