from collections.abc import Callable

import pytest
import torch
from torch import nn

from harness.measure import FEWEST, MOST, WARM_UP, LiveBytes, forward, peak_bytes, time_alone, time_pair, training_step

CPU = torch.device("cpu")


class Clock:
    """A clock that only moves when a timed function moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 10.0
        self.calls = ""
        monkeypatch.setattr("harness.measure.time.perf_counter", lambda: self.now)

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


# ----------------------------------------------------------------------------- bytes


def test_bytes_of_a_chain_are_counted_to_the_byte():
    x = torch.zeros(10)  # 40 bytes, there before
    with LiveBytes() as live:
        a = x + 1  # 40
        assert (live.now, live.peak) == (40, 40)
        b = torch.cat([a, a])  # + 80
        del a  # - 40
        assert (live.now, live.peak) == (80, 120)
        c = b.double()  # + 160
        assert (live.now, live.peak) == (240, 240)
        del b, c
        d = x * 2  # 40
        assert (live.now, live.peak) == (40, 240)
    del d


def test_views_and_changes_in_place_hold_nothing_more():
    x = torch.zeros(10)
    with LiveBytes() as live:
        x.add_(1)
        view = x.view(2, 5)
        assert live.peak == 0
        fresh = view + 1
        again = fresh.flatten().add_(1)
        assert live.now == 40
        del fresh
        assert live.now == 40  # the view holds it
        del again
        assert live.now == 0


def test_bytes_that_the_graph_holds_for_the_backward_pass_count():
    """y = exp(exp(x)): each exp keeps its result, so both live until backward."""
    x = torch.zeros(100, requires_grad=True)
    with LiveBytes() as live:
        y = x.exp().exp()
        assert live.now == 800
        with torch.no_grad():
            z = x.exp().exp()
        assert live.now == 1200
        del y
        assert live.now == 400
    del z


def test_peak_bytes_are_those_of_one_call_beyond_what_was_there():
    x = torch.zeros(1000, dtype=torch.float64)

    def call() -> None:
        a = x + 1  # 8,000 bytes
        b = a + a  # 16,000: a and b
        del a
        torch.cat([b, b])  # 24,000: b and the result of 16,000

    assert peak_bytes(call, CPU) == 24_000


def test_peak_bytes_of_a_training_step_are_the_same_each_time():
    module = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    step = training_step(module, torch.randn(5, 3, 2), torch.zeros(5, dtype=torch.int64), clip=1.0)
    first = peak_bytes(step, CPU)
    assert peak_bytes(step, CPU) == first
    gradients = 4 * (6 * 8 + 8 + 8 * 3 + 3)
    assert first > gradients


# ----------------------------------------------------------------------------- what is timed


def test_a_training_step_trains_in_training_mode():
    module = nn.Sequential(nn.Flatten(), nn.Linear(6, 3)).eval()
    before = module[1].weight.detach().clone()
    training_step(module, torch.randn(5, 3, 2), torch.zeros(5, dtype=torch.int64), clip=1.0)()
    assert module.training
    assert not torch.equal(module[1].weight, before)


def test_a_forward_call_evaluates_without_gradients():
    seen = []

    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((self.training, torch.is_grad_enabled()))
            return x

    forward(Asks(), torch.zeros(1))()
    assert seen == [(False, False)]
