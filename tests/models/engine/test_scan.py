"""The engine of all recurrences: back ends, replicas and recomputation give the same values and gradients."""

import math
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from support.registry import EVERY
from support.stacking import SHAPE, alone, built, together, trainable
from torch._subclasses.fake_tensor import FakeTensorMode

from harness.checks import models as checks
from harness.measure.memory import peak_bytes
from harness.measure.steps import training_step
from models import ZOO
from models.engine import replicas, scan
from models.engine.native import kernels as native
from models.parts import cells, library

REPLICAS = 3
WAYS = [("eager", 0), ("eager", 7), ("auto", 0), ("auto", 7), ("compiled", 0), ("compiled", 7)]


@pytest.fixture(autouse=True)
def quick_compiler(monkeypatch):
    """torch.compile without its last and slowest stage, the making of C++."""
    kept = scan._compiled, scan._why_not_compiled
    for cached in kept:
        cached.cache_clear()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    yield
    for cached in kept:
        cached.cache_clear()


@pytest.mark.parametrize(("back_end", "recompute"), WAYS)
@pytest.mark.parametrize("name", EVERY)
def test_replicas_agree_with_each_module_alone(name, back_end, recompute):
    modules = [built(name, seed) for seed in range(REPLICAS)]
    x = torch.randn(REPLICAS, 5, SHAPE.length, SHAPE.inputs, dtype=torch.float64)
    y, gradients, used = together(modules, x, back_end, recompute)
    for seed, module in enumerate(modules):
        assert torch.allclose(y[seed], alone(module, seed, x[seed]), rtol=1e-10, atol=1e-12)
        for key, parameter in trainable(module).items():
            if parameter.grad is None:
                assert gradients[key] is None, key
            else:
                assert torch.allclose(gradients[key][seed], parameter.grad, rtol=1e-9, atol=1e-11), key
    if back_end == "compiled" and name not in ZOO:  # which may have loops of their own
        assert used == {"compiled"}
    assert used.notes == []


@pytest.mark.parametrize("back_end", ["eager", "auto", "compiled"])
@pytest.mark.parametrize("name", EVERY)
def test_recomputation_changes_nothing_for_one_module(name, back_end):
    x = torch.randn(5, SHAPE.length, SHAPE.inputs, dtype=torch.float64)
    expected, seen = built(name, 0), built(name, 0)
    y = alone(expected, 0, x)
    for steps in (1, 5, 23, 100):
        seen.zero_grad()
        torch.manual_seed(0)
        with scan.backend(back_end, steps):
            again = seen(x)
            again.square().sum().backward()
        assert torch.allclose(again, y, rtol=1e-10, atol=1e-12)
        for key, parameter in trainable(expected).items():
            if parameter.grad is not None:
                assert torch.allclose(trainable(seen)[key].grad, parameter.grad, rtol=1e-9, atol=1e-11), (key, steps)


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@pytest.mark.parametrize("name", ["hm-lstm", "tp-rnn-s", "aslstm", "clockwork", "sgru"])
def test_recomputation_saves_memory(name, back_end):
    shape = checks.Example(400, 1, 3)
    x, y = torch.randn(8, 400, 1, dtype=torch.float64), torch.zeros(8, dtype=torch.int64)
    peaks = []
    for steps in (0, 40):
        with scan.backend(back_end, steps):
            peaks.append(peak_bytes(training_step(built(name, 0, shape), x, y, 3.0), torch.device("cpu")))
    assert peaks[1] < 0.6 * peaks[0]


def test_the_whole_compiler_agrees_too(monkeypatch):
    monkeypatch.undo()
    modules = [built("sgru", seed) for seed in range(REPLICAS)]
    x = torch.randn(REPLICAS, 5, SHAPE.length, SHAPE.inputs, dtype=torch.float64)
    y, _, used = together(modules, x, "compiled", 0)
    assert used == {"compiled"}
    for seed, module in enumerate(modules):
        assert torch.allclose(y[seed], alone(module, seed, x[seed]), rtol=1e-10)


every_draw = pytest.mark.parametrize("draw", [replicas.exponential, replicas.uniform])


@every_draw
def test_noise_without_streams_is_refused(draw):
    x = torch.zeros(3, 4)
    with pytest.raises(RuntimeError, match="a generator each"):
        torch.vmap(draw)(x)
    with replicas.streams([torch.Generator()] * 2), pytest.raises(RuntimeError, match="a generator each"):
        torch.vmap(draw)(x)


@every_draw
def test_noise_of_a_replica_is_that_of_its_seed_alone(draw):
    with replicas.streams([torch.Generator().manual_seed(seed) for seed in (4, 5)]):
        drawn = [torch.vmap(draw)(torch.zeros(2, 6)) for _ in range(2)]
    for place, seed in enumerate((4, 5)):
        torch.manual_seed(seed)
        for one in drawn:
            assert torch.equal(one[place], draw(torch.zeros(6)))


def test_noise_is_drawn_from_its_distribution():
    torch.manual_seed(1)
    exponential, uniform = (draw(torch.empty(20_000)) for draw in (replicas.exponential, replicas.uniform))
    assert (exponential > 1).double().mean().item() == pytest.approx(math.exp(-1), abs=0.015)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    for share in (0.1, 0.5, 0.9):
        assert (uniform < share).double().mean().item() == pytest.approx(share, abs=0.015)


# ---- the choice of a back end, on tensors of devices that need not be there


def choice(recurrence, wanted, *, device="cuda", kernels=None, compiles="", count=None, monkeypatch):
    kernels = kernels or SimpleNamespace(serves=lambda *tensors: True, why_not=lambda: "")
    monkeypatch.setattr(scan, "triton_lstm", kernels)
    monkeypatch.setattr(scan, "_why_not_compiled", lambda device: compiles)
    with FakeTensorMode(), scan.backend(wanted) as used:
        found = scan._choice(recurrence, count, (torch.empty(2, device=device),))
    assert used == {found}
    return found, used.notes


def test_auto_takes_the_fastest_that_serves(monkeypatch):
    pick = partial(choice, monkeypatch=monkeypatch)
    assert pick(cells.LSTM, "auto") == ("triton", [])
    assert pick(cells.GRU, "auto") == ("compiled", [])
    assert pick(library.LSTM_H, "auto") == ("library", [])
    assert pick(library.LSTM_H, "auto", count=5) == ("triton", [])
    assert pick(library.GRU_AFTER, "auto", count=5) == ("library", [])
    assert pick(cells.LSTM, "eager") == ("eager", [])
    assert pick(library.LSTM_H, "eager") == ("library", [])
    assert pick(library.LSTM_H, "compiled") == ("compiled", [])
    if native.library() is not None:
        assert pick(library.LSTM_H, "auto", device="cpu") == ("native", [])


def test_what_cannot_be_had_is_noted_where_it_is_automatic_and_refused_where_it_is_forced(monkeypatch):
    pick = partial(choice, monkeypatch=monkeypatch)
    broken = SimpleNamespace(serves=lambda *tensors: False, why_not=lambda: "no driver")
    found, notes = pick(cells.LSTM, "auto", kernels=broken)
    assert found == "compiled"
    assert "no driver" in notes[0]
    found, notes = pick(cells.GRU, "auto", compiles="it has no compiler")
    assert found == "eager"
    assert "it has no compiler" in notes[0]
    with pytest.raises(RuntimeError, match="cannot be compiled: it has no compiler"):
        pick(cells.GRU, "compiled", compiles="it has no compiler")
    found, notes = pick(library.GRU_AFTER, "triton")
    assert found == "library"
    assert "torch's own kernel serves: it has none" in notes[0]
    with pytest.raises(RuntimeError, match=r"no triton code .* it has none"):
        pick(cells.GRU, "triton")
    with pytest.raises(RuntimeError, match=r"no triton code .* no driver"):
        pick(cells.LSTM, "triton", kernels=broken)


def test_a_compiler_that_fails_is_found_out(monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no C compiler\nand more")

    monkeypatch.setattr(torch, "compile", fail)
    assert scan._why_not_compiled("cpu") == "OSError: no C compiler"
