"""Timing against a clock that a test moves."""

from collections.abc import Callable

import pytest
import torch

from harness.latency import FEWEST, MOST, WARM_UP, time_alone, time_pair

CPU = torch.device("cpu")


class Clock:
    """A clock that only moves when a timed function moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 10.0
        self.calls = ""
        monkeypatch.setattr("harness.latency.time.perf_counter", lambda: self.now)

    def takes(self, name: str, milliseconds: Callable[[], float]) -> Callable[[], None]:
        def call() -> None:
            self.calls += name
            self.now += milliseconds() / 1000

        return call


def test_the_two_are_timed_in_turn_after_a_warm_up(monkeypatch):
    clock = Clock(monkeypatch)
    time_pair(clock.takes("A", lambda: 1.0), clock.takes("B", lambda: 1.0), 0.0, CPU)
    assert clock.calls == "AB" * WARM_UP + "ABBA" * (FEWEST // 2)


def test_the_ratio_is_that_of_adjacent_timings(monkeypatch):
    clock = Clock(monkeypatch)
    latency, ratio = time_pair(clock.takes("A", lambda: 3.0), clock.takes("B", lambda: 2.0), 0.0, CPU)
    assert ratio == pytest.approx(1.5)
    assert (latency.lower, latency.median, latency.upper) == pytest.approx((3.0, 3.0, 3.0))
    assert latency.samples == FEWEST


def test_a_slow_minute_of_the_machine_falls_on_both(monkeypatch):
    """Every call after the first half takes ten times as long; the ratio hardly notices."""
    clock = Clock(monkeypatch)

    def slowed(milliseconds: float) -> Callable[[], float]:
        return lambda: milliseconds * (10 if len(clock.calls) > 40 else 1)

    latency, ratio = time_pair(clock.takes("A", slowed(3.0)), clock.takes("B", slowed(2.0)), 1.0, CPU)
    assert ratio == pytest.approx(1.5)
    assert latency.upper == pytest.approx(30.0)


def test_the_warm_up_is_not_timed(monkeypatch):
    clock = Clock(monkeypatch)
    cold = clock.takes("A", lambda: 1000.0 if clock.calls.count("A") <= WARM_UP else 1.0)
    latency, _ = time_pair(cold, clock.takes("B", lambda: 1.0), 0.0, CPU)
    assert latency.upper == pytest.approx(1.0)


def test_timing_ends_with_its_time_or_its_most_samples(monkeypatch):
    clock = Clock(monkeypatch)
    slow = time_alone(clock.takes("A", lambda: 100.0), 1.0, CPU)
    fast = time_alone(clock.takes("A", lambda: 0.001), 1.0, CPU)
    assert 10 <= slow.samples <= 11  # a second of 100 ms calls, give or take rounding
    assert fast.samples == MOST


def test_a_latency_is_median_and_quartiles(monkeypatch):
    clock = Clock(monkeypatch)
    durations = iter([9.0] * WARM_UP + [4.0, 1.0, 3.0, 2.0])
    latency = time_alone(clock.takes("A", lambda: next(durations)), 0.0, CPU)
    assert (latency.lower, latency.median, latency.upper) == pytest.approx((1.75, 2.5, 3.25))
