"""HM-LSTM's native recurrence against its eager loop."""

import pytest
import torch

from models.engine import scan
from models.engine.native import kernels as native
from models.hmlstm import HM_LSTM, HM_LSTM_COMPACT_GATES
from tasks.spec import SequenceShape

pytestmark = pytest.mark.skipif(bool(native.why_not()), reason=native.why_not() or "there are kernels")
SPECS = pytest.mark.parametrize("spec", [HM_LSTM, HM_LSTM_COMPACT_GATES], ids=lambda spec: spec.name)


def make(spec, width, length, kind=torch.float64, *, per_step=False, carried=False, progress=0.0):
    torch.manual_seed(14)
    shape = SequenceShape(length=length, inputs=2, outputs=3, per_step=per_step or carried, carried=carried)
    module = spec.build(shape, width).to(kind)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=2.4 / width**0.5)  # large enough for boundaries of all kinds
    module.set_progress(progress)
    return module


def batch(rows, length, kind=torch.float64):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(rows, length, 2, dtype=torch.float64, generator=generator).to(kind)


def run(module, x, name):
    """The output and all gradients, by name."""
    x = x.clone().requires_grad_()
    with scan.backend(name) as used:
        output = module(x)
        direction = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).reshape(output.shape)
        names = [parameter for parameter, _ in module.named_parameters()]
        gradients = torch.autograd.grad(output, [*module.parameters(), x], direction, allow_unused=True)
    assert used == {name}
    return {"output": output.detach(), **dict(zip([*names, "x"], gradients, strict=True))}


def cases(boundaries):
    """How often each layer copies, updates and flushes, from z (batch, time, detectors)."""
    counts = []
    for l in range(1, 3):
        zb = boundaries[:, 1:, l - 1]
        z = boundaries[:, :-1, l] if l < boundaries.shape[2] else torch.zeros_like(zb)
        counts.append([int(case.sum()) for case in (~z & ~zb, ~z & zb, z)])
    return counts


def compare(ours, theirs, tolerance):
    for name, expected in theirs.items():
        if expected is None:
            assert ours[name] is None, name
            continue
        difference = (ours[name] - expected).norm()
        assert difference <= tolerance * expected.norm(), f"{name}: {difference / expected.norm()}"


@SPECS
@pytest.mark.parametrize("width", [16 / 3, 61 / 3])
@pytest.mark.parametrize("rows", [1, 7, 13, 50])
@pytest.mark.parametrize("length", [1, 2, 37])
def test_native_equals_eager(spec, width, rows, length):
    module, x = make(spec, width, length), batch(rows, length)
    compare(run(module, x, "native"), run(module, x, "eager"), 1e-9)


@SPECS
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("progress", [0.0, 0.4, 1.0])
def test_native_equals_eager_at_every_slope(spec, per_step, progress):
    module, x = make(spec, 16 / 3, 37, per_step=per_step, progress=progress), batch(7, 37)
    compare(run(module, x, "native"), run(module, x, "eager"), 1e-9)


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
    module, x = make(spec, 61 / 3, 37, torch.float32, progress=0.5), batch(13, 37, torch.float32)
    compare(run(module, x, "native"), run(module, x, "eager"), 1e-4)


@SPECS
def test_without_gradients(spec):
    module, x = make(spec, 16 / 3, 37), batch(7, 37)
    with torch.no_grad(), scan.backend("native"):
        alone = module(x)
    torch.testing.assert_close(alone, run(module, x, "native")["output"])


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


@SPECS
@pytest.mark.parametrize("length", [1, 9])
@pytest.mark.parametrize("rows", [1, 23, 201])
def test_states_go_in_and_out_with_gradients(spec, length, rows):
    """Also where of all that comes out one tensor alone is used."""
    module, x = make(spec, 16 / 3, length, carried=True), batch(rows, length)
    with torch.no_grad():
        _, before = module(batch(rows, length) + 1, module.initial_state(rows))
    given = [x, *before]

    def gradients(name, which):
        leaves = [tensor.clone().requires_grad_() for tensor in given]
        with scan.backend(name) as used:
            answers, after = module(leaves[0], tuple(leaves[1:]))
        assert used == {name}
        outputs = [answers, *after]
        total = sum((outputs[n] * torch.linspace(-1, 2, outputs[n].numel()).view_as(outputs[n])).sum() for n in which)
        every = [*leaves, *module.parameters()]
        found = torch.autograd.grad(total, every, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, every, strict=True)]

    outputs = range(1 + len(before))
    for which in (outputs, *([n] for n in outputs)):
        ours, theirs = gradients("native", which), gradients("eager", which)
        largest = max(float(expected.norm()) for expected in theirs)
        for mine, expected in zip(ours, theirs, strict=True):
            assert (mine - expected).norm() <= 1e-10 * max(float(expected.norm()), largest / 100), which
