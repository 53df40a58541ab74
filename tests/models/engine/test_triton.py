"""The Triton kernels give what plain loops give: here in Triton's interpreter, on the CPU; and they compile for sm_90.

The interpreter must be chosen before triton is first imported, and for good (conftest.py); a process that has a GPU
keeps it for the compiled kernels (test_triton_gpu.py).
"""

import importlib.metadata
import importlib.util
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import ROOT, lstm_loops
from support.stacking import alone, built, together, trainable

from harness.checks import models as checks
from models.engine.triton import lstm as triton_lstm


def interpret() -> str:
    """Why the kernels, which conftest.py loads, cannot be interpreted, or an empty string."""
    if torch.cuda.is_available():
        return "there is a GPU: test_triton_gpu.py compares on it"
    return triton_lstm.loaded()[1]


reason = interpret()
SHORT = checks.Example(11, 2, 3)
interpreted = pytest.mark.skipif(bool(reason), reason=reason or "interpreted")
SIZES = [(R, time, batch, h) for R, time, batch in itertools.product((1, 3), (1, 7), (1, 5, 33)) for h in (3, 16, 20)]
LARGE = [(1, 3, 5, 100), (1, 2, 3, 130)]  # the weights do not stay on the chip; one block of units, and several


@pytest.fixture(autouse=True)
def interpreter(monkeypatch):
    """Triton asks again when it runs."""
    if not reason:
        monkeypatch.setenv("TRITON_INTERPRET", "1")


@pytest.fixture
def streamed(monkeypatch):
    """Small weights read as large ones are, in blocks of 16."""
    small = {"N": 16, "K": 16, "KEPT": False, "num_warps": 4, "num_stages": 3}
    monkeypatch.setattr(triton_lstm, "blocks", lambda h: {"P": -(-h // 16) * 16, **small})


@interpreted
@pytest.mark.parametrize("sizes", [*SIZES, *LARGE], ids=str)
def test_the_lstm_is_the_loop(sizes):
    lstm_loops.check_lstm(lstm_loops.plain_example(*sizes))


@interpreted
@pytest.mark.parametrize("used", [0, 1])
def test_one_output_is_enough(used):
    lstm_loops.check_lstm(lstm_loops.plain_example(2, 4, 5, 6), (used,))


@interpreted
def test_in_blocks_both_cells_are_the_loops(streamed):
    lstm_loops.check_lstm(lstm_loops.plain_example(2, 4, 18, 40))
    lstm_loops.check_scaled(lstm_loops.scaled_example(2, 4, 18, 40, 3, 2))


SCALED = [(1, 1, 1, 3, 1, 1), (3, 7, 5, 20, 4, 1), (1, 7, 33, 16, 8, 3), (2, 3, 5, 10, 3, 40), (1, 3, 5, 100, 4, 2)]


@interpreted
@pytest.mark.parametrize("sizes", SCALED, ids=str)
def test_the_adaptive_cell_is_the_loop(sizes):
    lstm_loops.check_scaled(lstm_loops.scaled_example(*sizes))


@interpreted
@pytest.mark.parametrize("h", [20, 100])
def test_a_hard_choice_is_the_loops(h):
    lstm_loops.check_hard(lstm_loops.scaled_example(2, 5, 9, h, 5, 2))


@interpreted
@pytest.mark.parametrize("recompute", [0, 4])
@pytest.mark.parametrize("name", ["lstm-s", "dilated-lstm", "tp-rnn-s", "aslstm"])
def test_replicas_of_a_model_agree_with_each_alone(name, recompute, monkeypatch):
    """The whole way from a model to the kernels and back, on tensors that a GPU would hold."""
    monkeypatch.setattr(triton_lstm, "serves", lambda *tensors: True)
    modules = [built(name, seed, SHORT) for seed in range(2)]
    x = torch.randn(2, 3, SHORT.length, SHORT.inputs, dtype=torch.float64)
    y, gradients, used = together(modules, x, "triton", recompute)
    assert "triton" in used
    for seed, module in enumerate(modules):
        assert torch.allclose(y[seed], alone(module, seed, x[seed]), rtol=1e-10, atol=1e-12)
        for key, parameter in trainable(module).items():
            assert torch.allclose(gradients[key][seed], parameter.grad, rtol=1e-9, atol=1e-11), key


@interpreted
def test_gradients_that_are_not_wanted_are_not_made():
    given = lstm_loops.plain_example(1, 3, 2, 4)
    for wanted in given:
        inputs = [tensor if tensor is wanted else tensor.detach() for tensor in given]
        lstm_loops.agree(lambda: triton_lstm.lstm(*inputs), lambda: lstm_loops.plain(*inputs), [wanted], (0,), 1e-10)  # noqa: B023


@interpreted
def test_what_is_not_contiguous_is_read_rightly():
    projected, U, h0, c0 = lstm_loops.plain_example(2, 3, 4, 5)
    turned = projected.transpose(1, 2)  # (R, batch, time, 4 h) read as time and batch the other way round
    h0, c0 = (state[:, :1].expand(-1, 3, -1) for state in (h0, c0))
    given = [projected, U]
    lstm_loops.agree(
        lambda: triton_lstm.lstm(turned, U, h0, c0),
        lambda: lstm_loops.plain(turned, U, h0, c0),
        given,
        (0,),
        1e-10,
    )
    outputs = triton_lstm.lstm(projected, U, *(s[:, :1].expand(-1, 4, -1) for s in (h0, c0)))
    (gradient,) = torch.autograd.grad(outputs[0].sum(), projected)  # a gradient without strides
    assert gradient.isfinite().all()


@interpreted
def test_saturated_gates_neither_overflow_nor_make_nan_and_nan_stays():
    x = torch.linspace(-800, 800, 101, dtype=torch.float32).view(1, 1, -1, 1)
    gates = torch.cat([x, x, x, x], dim=3)
    h, c = triton_lstm.lstm(gates, torch.zeros(1, 4, 1), *[torch.ones(1, 101, 1)] * 2)
    s, x = torch.sigmoid(x), torch.tanh(x)
    assert torch.allclose(c, s + s * x, rtol=1e-5, atol=1e-7)
    assert torch.allclose(h, s * torch.tanh(s + s * x), rtol=1e-5, atol=1e-7)
    lstm_loops.check_nan(1)


def test_a_cpu_is_not_served_and_the_reason_is_told():
    assert not triton_lstm.serves(torch.zeros(1))
    if not torch.cuda.is_available():
        assert triton_lstm.why_not() == "there is no CUDA device"


# bytes a thread spills (stores): what ptxas 13.4, of triton 3.9, says, with a little room; the older one of the
# triton 3.7 that torch 2.13 with CUDA brings spills more
SPILLS = {"forward": 64, "backward": 64, "scaled forward": 320, "scaled backward": 800}
OLDER = SPILLS | {"backward": 128, "scaled backward": 900}


def spilled_at_most(kernel: str) -> int:
    version = tuple(map(int, importlib.metadata.version("triton").split(".")[:2]))
    return (SPILLS if version >= (3, 9) else OLDER)[kernel]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is missing")
def test_every_kernel_compiles_for_sm_90():
    """In a process of its own, as this one has the interpreter."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    command = [sys.executable, str(Path(__file__).with_name("triton_ahead.py")), "64", "100", "128"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 3 * 2 * 4
    for row in rows:
        assert row["shared"] <= 227 * 1024, row
        assert row["spills"] is None or row["spills"] <= spilled_at_most(row["kernel"]), row
