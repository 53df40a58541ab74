"""Native code and the eager loop give the same values and gradients."""

import ctypes
import platform

import pytest
import torch
from support.agreement import assert_close, gradients, weighted
from support.registry import EVERY
from support.stacking import STANDS

from harness import catalog
from harness.checks import models as checks
from harness.seeds import global_stream
from models import PAPERS, VARIANTS
from models.engine import scan
from models.engine.native import build, recurrences
from models.engine.native import kernels as native

needs_compiler = pytest.mark.skipif(native.library() is None, reason=native.why_not() or "built")
SHAPES = [checks.Example(37, 2, 3), checks.Example(1, 1, 3), checks.Example(23, 3, 2, per_step=True)]
CASES = [
    *EVERY,
    "tp-rnn-s@cell=gru",
    "tp-rnn-m@cell=tanh",
    "aslstm@mixture=straight-through",
    "aslstm@scales=1+taps=1",
    "asgru@scales=2",
    "aslstm@evaluation=soft",
]


def answers(name, shape, back_end, dtype, *, batch, width):
    """Outputs and every gradient on one back end, and the back ends that were used."""
    module = checks.built(catalog.find_model(STANDS.get(name, name)), shape, width=width).to(dtype)
    with global_stream(5, "noise"):
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.data.mul_(1.5)
        x = checks.inputs_for(shape, batch).to(dtype).requires_grad_()
        with scan.backend(back_end) as used:
            y = module(x)
            found = gradients(weighted([y], [0]), [x, *(p for p in module.parameters() if p.requires_grad)])
    return [y.detach()], found, used


def agree(name, shape, dtype, tolerance, **sizes):
    eager, eager_gradients, used = answers(name, shape, "eager", dtype, **sizes)
    assert "native" not in used
    fast, fast_gradients, used = answers(name, shape, "auto", dtype, **sizes)
    assert_close(fast, eager, tolerance)
    assert_close(fast_gradients, eager_gradients, tolerance)
    return used


@needs_compiler
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("batch", [1, 13])
def test_every_model_agrees_in_float64(name, batch):
    for shape in SHAPES:
        if catalog.find_model(name).why_not(shape) is None:
            used = agree(name, shape, torch.float64, 1e-10, batch=batch, width=19)
            assert used == {"native"} or name not in (*PAPERS, *VARIANTS)


@needs_compiler
@pytest.mark.parametrize("name", EVERY)
def test_every_model_agrees_in_float32(name):
    agree(name, SHAPES[0], torch.float32, 1e-4, batch=50, width=33)


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_activations_are_exact_over_their_whole_range(dtype):
    """A tanh cell without recurrence is the kernels' tanh, and a saturated one neither overflows nor makes NaN."""
    x = torch.linspace(-800, 800, 4001, dtype=dtype).view(1, -1, 1)
    x = torch.cat([x, torch.linspace(-3, 3, 4001, dtype=dtype).view(1, -1, 1)], dim=1)
    seen, _ = recurrences.Tanh.apply(x, x.new_zeros(1, 1), x.new_zeros(x.shape[1], 1), None)
    assert (seen - torch.tanh(x)).abs().max() < (2e-7 if dtype == torch.float32 else 1e-15)
    weights = x.new_ones(4, 1), x.new_zeros(4), x.new_zeros(4, 1)
    h, c, *_ = recurrences.LSTM.apply(x, *weights, *[x.new_ones(x.shape[1], 1)] * 2)
    s = torch.sigmoid(x)
    expected = s + s * torch.tanh(x)
    assert torch.allclose(c, expected, rtol=1e-5 if dtype == torch.float32 else 1e-12, atol=1e-7)
    assert torch.isfinite(h).all()


@needs_compiler
def test_not_a_number_stays_one():
    x = torch.zeros(3, 2, 1)
    x[1, 0] = torch.nan
    h, *_ = recurrences.LSTM.apply(x, torch.ones(4, 1), torch.zeros(4), torch.ones(4, 1), *[torch.zeros(2, 1)] * 2)
    assert h[0].isfinite().all()
    assert h[1:, 0].isnan().all()
    assert h[:, 1].isfinite().all()


def test_without_a_compiler_the_eager_loop_serves_and_the_reason_is_told(monkeypatch):
    monkeypatch.setattr(native, "compiler", lambda: None)
    monkeypatch.setattr(native, "_loaded", native._loaded.__wrapped__)
    assert "no C++ compiler" in native.why_not()
    assert not native.is_built()
    _, _, used = answers("sgru", SHAPES[0], "auto", torch.float64, batch=3, width=5)
    assert used == {"eager"}
    with pytest.raises(RuntimeError, match=r"no native code.*no C\+\+ compiler"):
        answers("sgru", SHAPES[0], "native", torch.float64, batch=3, width=5)


def test_an_unknown_back_end_is_refused():
    with pytest.raises(ValueError, match="no back end 'fast'"), scan.backend("fast"):
        pass


@pytest.fixture(scope="module", params=["-mno-avx512f", "-mno-avx"])
def narrow(request, tmp_path_factory):
    """The kernels as they are built for a processor with narrower vectors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "FLAGS", [*build.FLAGS, request.param])
        made = build.build(build.compiler(), tmp_path_factory.mktemp("narrow"))
        patch.setattr(native, "library", lambda: ctypes.CDLL(str(made)))
        native.kernel.cache_clear()
        yield
    native.kernel.cache_clear()


@needs_compiler
@pytest.mark.skipif(platform.machine() != "x86_64", reason="its flags are of another processor")
@pytest.mark.parametrize("name", ["lstm-s", "gru", "hm-lstm", "tp-rnn-m", "tp-rnn-s-released", "aslstm"])
def test_models_agree_where_vectors_are_narrower(narrow, name):
    agree(name, SHAPES[0], torch.float64, 1e-10, batch=13, width=19)
    agree(name, SHAPES[0], torch.float32, 1e-4, batch=50, width=33)
