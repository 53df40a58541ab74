import pytest
import torch
from plain import hmlstm as plain

from models.engine.scan import backend
from models.hmlstm import HM_LSTM, HM_LSTM_COMPACT_GATES, threshold
from tasks.spec import SequenceShape

SHAPE = SequenceShape(length=12, inputs=2, outputs=3)
STEPS = SequenceShape(length=12, inputs=2, outputs=3, per_step=True)
SPECS = pytest.mark.parametrize("spec", [HM_LSTM, HM_LSTM_COMPACT_GATES], ids=lambda spec: spec.name)
BOTH_SHAPES = pytest.mark.parametrize("shape", [SHAPE, STEPS], ids=["average", "per-step"])


def make(spec, shape=SHAPE, width=11 / 3):
    torch.manual_seed(11)  # at which all three cases occur often
    module = spec.build(shape, width).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.8)
    return module


def batch(rows=3):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(rows, SHAPE.length, SHAPE.inputs, dtype=torch.float64, generator=generator)


def count(spec, shape, width):
    with torch.device("meta"):
        return sum(p.numel() for p in spec.build(shape, width).parameters())


def test_parameters_at_the_papers_width():
    smnist = SequenceShape(length=784, inputs=1, outputs=10)
    assert count(HM_LSTM, smnist, HM_LSTM.paper_width_at(smnist)) == 314_013
    assert count(HM_LSTM_COMPACT_GATES, smnist, HM_LSTM_COMPACT_GATES.paper_width_at(smnist)) == 353_111
    # the other counts of that layout in TP-RNN's tables: addition and MFCC
    assert count(HM_LSTM_COMPACT_GATES, SequenceShape(200, 2, 1), 100) == 352_603
    assert count(HM_LSTM_COMPACT_GATES, SequenceShape(300, 13, 109), 100) == 367_922


@pytest.mark.parametrize(("h", "d", "C"), [(5, 2, 3), (20, 1, 4)])
def test_parameter_formulas_of_the_docstring(h, d, C):
    head = 3 * 3 * h + 3 * h * h + C * (h + 1)
    paper = (4 * h + 1) * (d + 2 * h + 1) + (4 * h + 1) * (3 * h + 1) + 4 * h * (2 * h + 1)
    compact = (4 * h + 1) * (d + 2 * h) + 2 * (4 * h + 1) * 3 * h
    shape = SequenceShape(10, d, C)
    assert count(HM_LSTM, shape, h) == paper + head
    assert count(HM_LSTM_COMPACT_GATES, shape, h) == compact + head


@SPECS
def test_a_third_of_a_unit_widens_the_first_layer(spec):
    assert [layer.width for layer in spec.build(SHAPE, 13 / 3).layers] == [5, 4, 4]


@SPECS
@BOTH_SHAPES
def test_values_equal_plain_branches(spec, shape):
    module = make(spec, shape)
    with torch.no_grad():
        expected, boundaries, seen = plain.run(module.state_dict(), batch(), per_step=shape.per_step, slope=1.0)
    assert min(seen["copy"], seen["update"], seen["flush"]) >= 10
    torch.testing.assert_close(module(batch()), expected)
    assert torch.equal(module.boundaries(batch()), boundaries)


@SPECS
@BOTH_SHAPES
@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_gradients_equal_plain_arithmetic(spec, shape, progress):
    module = make(spec, shape)
    module.set_progress(progress)
    parameters = {name: value.detach().clone().requires_grad_() for name, value in module.state_dict().items()}
    x, x_too = batch().requires_grad_(), batch().requires_grad_()
    output = module(x)
    expected, _, _ = plain.run(
        parameters, x_too, per_step=shape.per_step, slope=1 + 4 * progress, select=plain.by_arithmetic
    )
    torch.testing.assert_close(output, expected)
    direction = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).reshape(output.shape)
    names = [name for name, _ in module.named_parameters()]
    ours = torch.autograd.grad(output, [*module.parameters(), x], direction, allow_unused=True)
    theirs = torch.autograd.grad(expected, [*(parameters[n] for n in names), x_too], direction, allow_unused=True)
    unread = [name for name, gradient in zip(names, ours, strict=False) if gradient is None]
    assert unread == (["layers.2.U_above"] if spec is HM_LSTM_COMPACT_GATES else [])
    for name, a, b in zip([*names, "x"], ours, theirs, strict=True):
        assert (a is None) == (b is None), name
        if a is not None:
            torch.testing.assert_close(a, b, msg=lambda text, name=name: f"{name}: {text}")


@SPECS
@pytest.mark.parametrize("name", ["auto", "eager"])
def test_use_of_scales_is_the_plain_loops_boundaries(spec, name):
    module = make(spec).eval()
    with torch.no_grad():
        _, boundaries, _ = plain.run(module.state_dict(), batch(), per_step=False, slope=1.0)
    with backend(name):
        told = module.scale_use(batch())
    assert told.labels == tuple(f"boundary of layer {l + 1}" for l in range(boundaries.shape[2]))
    assert torch.equal(told.use, boundaries.double())
    assert not told.exclusive


def test_threshold_is_straight_through():
    s = torch.tensor([-0.5, 0.1, 0.5, 0.6, 1.5], requires_grad=True)
    z = threshold(s)
    z.sum().backward()
    assert z.tolist() == [0, 0, 0, 1, 1]
    assert s.grad.tolist() == [0, 1, 1, 1, 0]


@SPECS
def test_every_boundary_detector_receives_a_gradient(spec):
    module = make(spec)
    module(batch()).sum().backward()
    detectors = [layer for layer in module.layers if layer.detector]
    assert len(detectors) == (2 if spec is HM_LSTM else 3)
    for layer in detectors:
        assert layer.U.grad[-1].all()
        assert layer.W.grad[-1].all()


@SPECS
def test_progress_steepens_the_slope_and_leaves_the_values(spec):
    module = make(spec)
    gradients, outputs = [], []
    for progress, slope in [(0.0, 1.0), (0.25, 2.0), (1.0, 5.0)]:
        module.set_progress(progress)
        assert module.slope == slope
        outputs.append(module(batch()))
        gradients.append(torch.autograd.grad(outputs[-1].sum(), module.layers[0].W)[0])
    assert torch.allclose(outputs[0], outputs[1])
    assert torch.allclose(outputs[0], outputs[2])
    assert not torch.isclose(gradients[0], gradients[1]).any()
    assert not torch.isclose(gradients[1], gradients[2]).any()


@SPECS
def test_output_knows_no_later_input_and_no_other_row(spec):
    module = make(spec, STEPS)
    x, changed = batch(), batch()
    changed[1, 6:] += 1
    before, after = module(x), module(changed)
    assert torch.equal(before[1, :6], after[1, :6])
    assert not torch.isclose(before[1, 6:], after[1, 6:]).all(-1).any()
    assert torch.equal(before[[0, 2]], after[[0, 2]])


@SPECS
def test_evaluation_is_training_without_randomness(spec):
    module = make(spec)
    trained = module(batch())
    assert torch.equal(trained, module.eval()(batch()))


def test_forget_gate_starts_open_in_the_papers_cell_alone():
    layer = HM_LSTM.build(SHAPE, 4, forget_bias=2.0).layers[1]
    assert layer.b.tolist() == [2.0] * 4 + [0.0] * 13
    assert all(layer.b is None for layer in HM_LSTM_COMPACT_GATES.build(SHAPE, 4).layers)


@pytest.mark.parametrize(
    ("spec", "width", "options", "word"),
    [
        (HM_LSTM, 4, {"slope_end": 0.5}, "slope_end"),
        (HM_LSTM, 4, {"slope_end": float("nan")}, "slope_end"),
        (HM_LSTM_COMPACT_GATES, 4, {"forget_bias": 1.0}, "forget_bias"),
        (HM_LSTM, 2 / 3, {}, "width"),
    ],
)
def test_bad_options_are_named(spec, width, options, word):
    with pytest.raises(ValueError, match=word):
        spec.build(SHAPE, width, **options)
