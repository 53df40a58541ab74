"""HM-LSTM's native recurrence against its eager loop."""

import pytest
import torch
from plain import hmlstm as plain

from models.engine import scan
from models.engine.native import kernels as native
from models.engine.native.hmlstm import HMLSTM
from models.hmlstm import HM_LSTM, HM_LSTM_COMPACT_GATES, threshold
from tasks.spec import SequenceShape

pytestmark = pytest.mark.skipif(bool(native.why_not()), reason=native.why_not() or "there are kernels")
SPECS = pytest.mark.parametrize("spec", [HM_LSTM, HM_LSTM_COMPACT_GATES], ids=lambda spec: spec.name)


def make(spec, width, length, kind=torch.float64, *, per_step=False, progress=0.0, std=None):
    torch.manual_seed(14)
    shape = SequenceShape(length=length, inputs=2, outputs=3, per_step=per_step)
    module = spec.build(shape, width).to(kind)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=std or 2.4 / width**0.5)  # large enough for boundaries of all kinds
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
@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_native_equals_plain(spec, progress):
    module, x = make(spec, 11 / 3, 12, progress=progress, std=0.8), batch(3, 12)
    ours = run(module, x, "native")
    parameters = {name: value.detach().clone().requires_grad_() for name, value in module.state_dict().items()}
    x.requires_grad_()
    expected, _, _ = plain.run(parameters, x, per_step=False, slope=module.slope, select=plain.by_arithmetic)
    direction = torch.linspace(-1, 2, expected.numel(), dtype=x.dtype).reshape(expected.shape)
    gradients = torch.autograd.grad(expected, [*parameters.values(), x], direction, allow_unused=True)
    compare(ours, {"output": expected, **dict(zip([*parameters, "x"], gradients, strict=True))}, 1e-9)


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


def loop(widths, projected, *given):
    """HMLSTM.apply, step by step."""
    L = len(widths)
    kernels, biases, states = given[:L], given[L : 2 * L - 1], list(given[2 * L - 1 :])
    h, c, z = states[:L], states[L : 2 * L], states[2 * L :]
    steps = []
    for p_t in projected:
        for l, width in enumerate(widths):
            zb = z[l - 1] if l else torch.ones_like(p_t[:, :1])
            z_l = z[l] if l < len(z) else torch.zeros_like(zb)
            seen = [h[l]] + ([z_l * h[l + 1]] if l < L - 1 else []) + ([zb * h[l - 1]] if l else [])
            s = torch.cat(seen, 1) @ kernels[l] + (biases[l - 1] if l else p_t)
            f, i, o = torch.sigmoid(s[:, : 3 * width]).chunk(3, 1)
            stay = 1 - z_l
            copy, update, ig = stay * (1 - zb), stay * zb, i * torch.tanh(s[:, 3 * width : 4 * width])
            new_c = z_l * ig + copy * c[l] + update * (f * c[l] + ig)
            new_h = copy * h[l] + (1 - copy) * o * torch.tanh(new_c)
            h, c = [*h[:l], new_h, *h[l + 1 :]], [*c[:l], new_c, *c[l + 1 :]]
            if l < len(z):
                z = [*z[:l], threshold(s[:, 4 * width :]), *z[l + 1 :]]
        steps.append((*h, *c, *z, *[None] * (L - len(z))))
    sequences = [None if column[0] is None else torch.stack(column) for column in zip(*steps, strict=True)]
    return *sequences, *h, *c, *z


def arguments(steps, rows, widths, detectors):
    generator = torch.Generator().manual_seed(4)

    def random(*shape, size=1.0):
        return size * torch.randn(*shape, dtype=torch.float64, generator=generator)

    L = len(widths)
    rows_of = [4 * h + (l < detectors) for l, h in enumerate(widths)]
    inputs = [h + (widths[l + 1] if l < L - 1 else 0) + (widths[l - 1] if l else 0) for l, h in enumerate(widths)]
    kernels = [random(n, m, size=0.6) for n, m in zip(inputs, rows_of, strict=True)]
    z = [(random(rows, 1) > 0).double() for _ in range(detectors)]
    states = [*(random(rows, h, size=0.5) for h in widths * 2), *z]
    return [random(steps, rows, rows_of[0]), *kernels, *(random(n, size=0.3) for n in rows_of[1:]), *states]


def gradients_of(function, widths, given, which):
    given = [x.clone().requires_grad_() for x in given]
    outputs = function(widths, *given)
    total = sum(
        (outputs[n] * torch.linspace(-1, 2, outputs[n].numel(), dtype=torch.float64).view_as(outputs[n])).sum()
        for n in which
    )
    gradients = torch.autograd.grad(total, given, allow_unused=True)
    zeros = (torch.zeros_like(x) if g is None else g for g, x in zip(gradients, given, strict=True))
    values = [None if output is None else output.detach() for output in outputs]
    return dict(enumerate(values)), {f"gradient {n}": g for n, g in enumerate(zeros)}


def same(ours, theirs):
    largest = max(float(x.norm()) for x in theirs.values() if x is not None)
    for name, expected in theirs.items():
        if expected is None:
            assert ours[name] is None
        else:
            assert (ours[name] - expected).norm() <= 1e-10 * max(float(expected.norm()), largest / 100), name


@pytest.mark.parametrize("detectors", [2, 3])
@pytest.mark.parametrize(("steps", "rows"), [(1, 1), (1, 5), (9, 1), (19, 23), (3, 201)])
def test_states_go_in_and_out_with_gradients(steps, rows, detectors):
    widths, given = [5, 4, 7], arguments(steps, rows, [5, 4, 7], detectors)
    last = range(9, 15 + detectors)
    for which in [(0, 1, 2, *last), (0, 2), last, *([n] for n in last)]:
        for ours, theirs in zip(*(gradients_of(f, widths, given, which) for f in (HMLSTM.apply, loop)), strict=True):
            same(ours, theirs)


@pytest.mark.parametrize("detectors", [2, 3])
def test_chunks_that_hand_on_their_states_are_the_whole(detectors):
    widths, given = [5, 4, 7], arguments(14, 6, [5, 4, 7], detectors)

    def in_chunks(widths, projected, *rest):
        states, hs = rest[5:], []
        for part in projected.split(4):
            every = HMLSTM.apply(widths, part, *rest[:5], *states)
            states = every[9:]
            hs.append(every[:3])
        return *(torch.cat(column) for column in zip(*hs, strict=True)), *states

    def whole(widths, *given):
        every = HMLSTM.apply(widths, *given)
        return *every[:3], *every[9:]

    which = range(9 + detectors)
    for ours, theirs in zip(*(gradients_of(f, widths, given, which) for f in (in_chunks, whole)), strict=True):
        same(ours, theirs)
