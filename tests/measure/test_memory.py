"""Bytes against cases counted by hand."""

import pytest
import torch
from torch import nn

from harness.measure.memory import LiveBytes, cuda_peaks, peak_bytes, saved_bytes
from harness.measure.steps import training_step

CPU = torch.device("cpu")


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


def test_the_trace_is_the_count_after_every_new_storage():
    x = torch.zeros(10)
    with LiveBytes() as live:
        a = x + 1
        b = torch.cat([a, a])
        del a
        b.double()
    assert live.trace == [40, 120, 240]


# ----------------------------------------------------------------------------- kept for the backward pass


def test_saved_bytes_are_those_of_each_storage_once():
    """exp keeps its result of 400 bytes, and x * x keeps x twice, which is known."""
    x = torch.zeros(100, requires_grad=True)
    assert saved_bytes(lambda: x.exp().exp(), [x]) == 800
    assert saved_bytes(lambda: x * x, [x]) == 0
    assert saved_bytes(lambda: x * x, []) == 400


def test_saved_views_hold_their_whole_storage_once():
    x = torch.zeros(100, requires_grad=True)

    def forward():
        y = x.exp()  # 400 bytes, kept by exp
        return y[:10].sin() + y[50:60].sin()  # which keep views of it

    assert saved_bytes(forward, [x]) == 400


def test_weights_and_inputs_are_not_saved_for_the_step_alone():
    module = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    x = torch.randn(5, 6)
    known = [*module.parameters(), x]
    assert saved_bytes(lambda: module(x), known) == 4 * 5 * 8  # what tanh gave, for itself and for the layer after it
    with torch.no_grad():
        assert saved_bytes(lambda: module(x), known) == 0


def test_without_cuda_there_are_no_peaks_of_its_allocator():
    assert cuda_peaks(lambda: None, CPU) is None


@pytest.mark.gpu
def test_cuda_takes_at_least_what_it_gives():
    device = torch.device("cuda")
    allocated, reserved = cuda_peaks(lambda: torch.zeros(2**20, device=device).add(1).sum().item(), device)
    assert 2**23 <= allocated <= reserved
