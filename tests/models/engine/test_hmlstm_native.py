"""HM-LSTM's native recurrence against its eager loop."""

import pytest
import torch
from support.agreement import assert_close, gradients, weighted
from support.stacking import drawn

from models.engine import scan
from models.engine.native import kernels as native
from models.hmlstm import HM_LSTM, HM_LSTM_COMPACT_GATES
from tasks.spec import SequenceShape

pytestmark = pytest.mark.skipif(bool(native.why_not()), reason=native.why_not() or "there are kernels")
SPECS = pytest.mark.parametrize("spec", [HM_LSTM, HM_LSTM_COMPACT_GATES], ids=lambda spec: spec.name)


def make(spec, width, length, kind=torch.float64, *, per_step=False, carried=False, progress=0.0):
    torch.manual_seed(14)
    shape = SequenceShape(length=length, inputs=2, outputs=3, per_step=per_step or carried, carried=carried)
    module = drawn(spec.build(shape, width).to(kind), 2.4 / width**0.5)  # large enough for boundaries of all kinds
    module.set_progress(progress)
    return module


def batch(rows, length, kind=torch.float64):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(rows, length, 2, dtype=torch.float64, generator=generator).to(kind)


def agree(module, x, tolerance=1e-9, state=()):
    """Native and eager give the same outputs and gradients, also where of all that comes out one tensor is used."""
    found = []
    for name in ("native", "eager"):
        leaves = [tensor.clone().requires_grad_() for tensor in (x, *state)]
        with scan.backend(name) as used:
            answers, after = module(leaves[0], tuple(leaves[1:])) if state else (module(*leaves), ())
        assert used == {name}
        outputs, inputs = (answers, *after), [*leaves, *module.parameters()]
        parts = [range(len(outputs)), *([n] for n in range(len(outputs)))]
        every = [gradients(weighted(outputs, which), inputs, retain=True) for which in parts]
        found.append([[output.detach() for output in outputs], *every])
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, tolerance)


def cases(boundaries):
    """How often each layer copies, updates and flushes, from z (batch, time, detectors)."""
    counts = []
    for l in range(1, 3):
        zb = boundaries[:, 1:, l - 1]
        z = boundaries[:, :-1, l] if l < boundaries.shape[2] else torch.zeros_like(zb)
        counts.append([int(case.sum()) for case in (~z & ~zb, ~z & zb, z)])
    return counts


@SPECS
@pytest.mark.parametrize("width", [16 / 3, 61 / 3])
@pytest.mark.parametrize("rows", [1, 7, 13, 50])
@pytest.mark.parametrize("length", [1, 2, 37])
def test_native_equals_eager(spec, width, rows, length):
    agree(make(spec, width, length), batch(rows, length))


@SPECS
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("progress", [0.0, 0.4, 1.0])
def test_native_equals_eager_at_every_slope(spec, per_step, progress):
    agree(make(spec, 16 / 3, 37, per_step=per_step, progress=progress), batch(7, 37))


@SPECS
@pytest.mark.parametrize("length", [1, 9])
@pytest.mark.parametrize("rows", [1, 23, 201])
def test_states_go_in_and_out_with_gradients(spec, length, rows):
    module, x = make(spec, 16 / 3, length, carried=True), batch(rows, length)
    with torch.no_grad():
        _, before = module(x + 1, module.initial_state(rows))
    agree(module, x, state=before)


@SPECS
@pytest.mark.parametrize("width", [16 / 3, 61 / 3])
def test_boundaries_are_equal_and_of_all_kinds(spec, width):
    module, x = make(spec, width, 37), batch(13, 37)
    with scan.backend("eager"):
        expected = module.boundaries(x)
    with scan.backend("native") as used:
        assert torch.equal(module.boundaries(x), expected)
    assert used == {"native"}
    counts = cases(expected)
    assert min(counts[0]) >= 10  # the comparisons above go through every branch
    assert min(counts[1][: 2 if spec is HM_LSTM else 3]) >= 10


@SPECS
def test_float32(spec):
    agree(make(spec, 61 / 3, 37, torch.float32, progress=0.5), batch(13, 37, torch.float32), 1e-4)


@SPECS
def test_without_gradients(spec):
    module, x = make(spec, 16 / 3, 37), batch(7, 37)
    with scan.backend("native"):
        with torch.no_grad():
            alone = module(x)
        torch.testing.assert_close(alone, module(x))


@SPECS
def test_nan_stays_nan(spec):
    module, x = make(spec, 16 / 3, 5), batch(2, 5)
    x[1, 2] = float("nan")
    with scan.backend("native"):
        assert module(x).isnan().any(1).tolist() == [False, True]


@SPECS
def test_a_second_pass_back_gives_the_same(spec):
    module = make(spec, 16 / 3, 37)
    with scan.backend("native"):
        loss = module(batch(7, 37)).sum()
    first, second = (torch.autograd.grad(loss, module.parameters(), retain_graph=True, allow_unused=True) for _ in "ab")
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True) if a is not None)
