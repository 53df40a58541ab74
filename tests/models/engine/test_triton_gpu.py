"""The Triton kernels on a GPU give what plain loops and torch.nn.LSTM give, also in a CUDA graph."""

import pytest
import torch
from support import lstm_loops

from models.engine.triton import lstm as triton_lstm

pytestmark = pytest.mark.gpu
TOLERANCE = 1e-4
SIZES = [
    *[(R, time, batch, h) for R in (1, 3) for time in (1, 7) for batch in (1, 5, 33) for h in (3, 16, 20, 64, 100)],
    *[(2, 50, 50, h) for h in (32, 64, 65, 128, 129, 256)],
    (30, 40, 50, 48),  # more programs of 8 sequences than run at once
    (30, 40, 50, 100),
    (1, 1000, 50, 64),
    (1, 1000, 50, 100),
]
SCALED = [
    *[(R, 20, 33, h, J, d) for R in (1, 3) for h in (5, 64, 100) for J, d in ((1, 1), (4, 1), (4, 2), (8, 40))],
    (30, 20, 50, 64, 4, 1),
    (30, 20, 50, 128, 4, 1),
    (1, 500, 50, 128, 4, 1),
]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """What is compared with is float32 throughout, and the kernels are there."""
    assert triton_lstm.why_not() == ""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)


def example(make, *sizes):
    return make(*sizes, dtype=torch.float32, device="cuda")


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_lstm_is_the_loop(sizes):
    given = example(lstm_loops.plain_example, *sizes)
    assert triton_lstm.serves(*given)
    lstm_loops.check_lstm(given, tolerance=TOLERANCE)


@pytest.mark.parametrize("used", [0, 1])
@pytest.mark.parametrize("h", [20, 100])
def test_one_output_is_enough(used, h):
    lstm_loops.check_lstm(example(lstm_loops.plain_example, 2, 9, 5, h), (used,), TOLERANCE)


@pytest.mark.parametrize("sizes", SCALED, ids=str)
def test_the_adaptive_cell_is_the_loop(sizes):
    lstm_loops.check_scaled(example(lstm_loops.scaled_example, *sizes), TOLERANCE)


@pytest.mark.parametrize("h", [20, 100])
def test_a_hard_choice_is_the_loops(h):
    """One step: later ones would turn a rounding into another choice."""
    lstm_loops.check_hard(example(lstm_loops.scaled_example, 2, 1, 9, h, 5, 2), TOLERANCE)


@pytest.mark.parametrize("h", [64, 100])
def test_the_lstm_is_torchs(h):
    rnn = torch.nn.LSTM(3, h).cuda()
    x = torch.randn(100, 50, 3, device="cuda", requires_grad=True)
    W, U, b_x, b_h = rnn.parameters()

    def ours():
        projected = torch.nn.functional.linear(x, W, b_x + b_h)
        return tuple(o[0] for o in triton_lstm.lstm(projected[None], U[None], *torch.zeros(2, 1, 50, h, device="cuda")))

    def torchs():
        return rnn(x)[0], ours()[1].detach()

    lstm_loops.agree(ours, torchs, [x, W, U, b_x, b_h], (0,), TOLERANCE)


@pytest.mark.parametrize("h", [64, 100])
def test_a_cuda_graph_holds_both_directions(h):
    given = example(lstm_loops.plain_example, 2, 20, 50, h)

    def step():
        h_t, _ = triton_lstm.lstm(*given)
        return h_t.detach(), *torch.autograd.grad(h_t.square().sum(), given)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        held = step()
    with torch.no_grad():
        given[0].mul_(0.5)
    graph.replay()
    for value, right in zip(held, step(), strict=True):
        assert torch.equal(value, right)


def test_not_a_number_stays_one():
    for h in (4, 100):
        lstm_loops.check_nan(h, "cuda")
