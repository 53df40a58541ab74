"""Timing against a clock that a test moves."""

from collections.abc import Callable

import pytest
import torch

from harness.measure.latency import (
    FEWEST,
    LEAST,
    MOST,
    WARM_UP,
    clock_for,
    event_clock,
    in_turn,
    samples,
    settle,
    wall_clock,
)
from harness.stats import ratios

CPU = torch.device("cpu")


class Clock:
    """A clock that only moves when a timed function moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 10.0
        self.calls = ""
        monkeypatch.setattr("harness.measure.latency.time.perf_counter", lambda: self.now)

    def takes(self, name: str, milliseconds: Callable[[], float]) -> Callable[[], None]:
        def call() -> None:
            self.calls += name
            self.now += milliseconds() / 1000

        return call


def test_the_two_are_timed_in_turn_after_a_warm_up_in_milliseconds_each(monkeypatch):
    clock = Clock(monkeypatch)
    mine, theirs = samples([clock.takes("A", lambda: 3.0), clock.takes("B", lambda: 2.0)], 0.0, CPU)
    assert clock.calls == "AB" * WARM_UP + "ABBA" * FEWEST
    assert (mine, theirs) == (pytest.approx([3.0] * 2 * FEWEST), pytest.approx([2.0] * 2 * FEWEST))


def test_a_slow_minute_of_the_machine_falls_on_both(monkeypatch):
    """Every call after the first half takes ten times as long; the ratio hardly notices."""
    clock = Clock(monkeypatch)

    def slowed(milliseconds: float) -> Callable[[], float]:
        return lambda: milliseconds * (10 if len(clock.calls) > 40 else 1)

    mine, theirs = samples([clock.takes("A", slowed(3.0)), clock.takes("B", slowed(2.0))], 1.0, CPU)
    assert ratios.of_rounds(mine, theirs).median == pytest.approx(1.5)
    assert max(mine) == pytest.approx(30.0)


def test_the_warm_up_is_not_timed(monkeypatch):
    clock = Clock(monkeypatch)
    cold = clock.takes("A", lambda: 1000.0 if clock.calls.count("A") <= WARM_UP else 1.0)
    mine, _ = samples([cold, clock.takes("B", lambda: 1.0)], 0.0, CPU)
    assert max(mine) == pytest.approx(1.0)


def test_timing_ends_with_its_time_or_its_most_samples(monkeypatch):
    clock = Clock(monkeypatch)
    (slow,) = samples([clock.takes("A", lambda: 100.0)], 1.0, CPU)
    (fast,) = samples([clock.takes("A", lambda: 0.001)], 1.0, CPU)
    assert 10 <= len(slow) <= 12  # a second of 100 ms calls, in pairs, give or take rounding
    assert len(fast) == 2 * MOST


# ----------------------------------------------------------------------------- blocks, and the device's own clock


class Device:
    """Events that stamp a device's clock, which only the waiting for it reads out."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.log, self.now = clock, "", 0.0

    def event(self) -> "Stamp":
        return Stamp(self)

    def synchronize(self) -> None:
        self.log += "S"
        self.clock.now += 0.010  # the device is behind

    def call(self) -> None:
        self.log += "c"
        self.now += 2.0
        self.clock.now += 0.003  # launching takes longer than running


class Stamp:
    def __init__(self, device: Device) -> None:
        self.device, self.at = device, -1.0

    def record(self) -> None:
        self.device.log += "r"
        self.at = self.device.now

    def elapsed_time(self, after: "Stamp") -> float:
        assert self.device.log.endswith("S"), "an event is read before the device was waited for"
        return after.at - self.at


def test_a_block_waits_for_the_device_once_and_tells_both_times(monkeypatch):
    device = Device(Clock(monkeypatch))
    block = event_clock(3, device.event, device.synchronize)(device.call)
    assert device.log == "S" + "r" + "cr" * 3 + "S"
    assert block.device == (2.0, 2.0, 2.0)
    assert block.wall == pytest.approx((3 * 3 + 10) / 3)


def test_on_a_cpu_a_block_is_one_call_and_has_no_device_time(monkeypatch):
    clock = Clock(monkeypatch)
    block = clock_for(CPU, 10)(clock.takes("A", lambda: 4.0))
    assert (block.wall, block.device, clock.calls) == (pytest.approx(4.0), (), "A")


@pytest.mark.gpu
def test_a_gpu_tells_both_times():
    x = torch.randn(512, 512, device="cuda")
    block = clock_for(torch.device("cuda"), 5)(lambda: torch.mm(x, x))
    assert len(block.device) == 5
    assert 0 < sum(block.device) / 5 <= block.wall


# ----------------------------------------------------------------------------- warm-up until it is stable


def test_a_warm_up_goes_on_until_the_last_medians_agree(monkeypatch):
    clock = Clock(monkeypatch)
    pace = iter([50.0, 40.0, 30.0, 20.0, 15.0, 12.0, 11.0, *[10.0] * 100])
    assert settle((clock.takes("A", lambda: next(pace)),), 60.0, wall_clock())
    assert len(clock.calls) == 7 + 9 - 1  # of the last nine, only the first is not yet stable: a median hides it


def test_a_warm_up_has_its_least_calls_and_takes_the_functions_in_turn(monkeypatch):
    clock = Clock(monkeypatch)
    assert settle([clock.takes(name, lambda: 1.0) for name in "AB"], 60.0, wall_clock())
    assert clock.calls == "AB" * LEAST


def test_a_warm_up_that_never_is_stable_ends_with_its_time(monkeypatch):
    clock = Clock(monkeypatch)
    assert not settle((clock.takes("A", lambda: 10.0 + len(clock.calls)),), 1.0, wall_clock())
    assert 1000 <= sum(10.0 + n for n in range(1, len(clock.calls) + 1)) < 1100


def test_sizes_are_timed_there_and_back_again(monkeypatch):
    clock = Clock(monkeypatch)
    found = in_turn([clock.takes(name, lambda: 1.0) for name in "ABC"], 0.0, wall_clock())
    assert clock.calls == "ABCCBA" * FEWEST
    assert [len(blocks) for blocks in found] == [2 * FEWEST] * 3


def test_rounds_are_timed_in_turn_between_their_least_and_their_most(monkeypatch):
    clock = Clock(monkeypatch)
    a, b = (clock.takes(name, lambda: 1.0) for name in "AB")
    in_turn([a, b], 0.0, wall_clock(), fewest=3, most=20)
    assert clock.calls == "ABBA" * 3
    assert len(in_turn([a, b], 60.0, wall_clock(), fewest=3, most=5)[0]) == 10
