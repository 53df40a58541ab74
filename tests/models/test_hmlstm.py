import pytest
import torch
from plain import hmlstm as plain
from support.stacking import drawn

from harness.checks.models import check_agrees, inputs_for
from models.engine.scan import backend
from models.hmlstm import HM_LSTM, HM_LSTM_COMPACT_GATES, threshold
from tasks.spec import SequenceShape

SHAPE = SequenceShape(length=12, inputs=2, outputs=3)
X = inputs_for(SHAPE)
STEPS = SequenceShape(length=12, inputs=2, outputs=3, per_step=True)
SPECS = pytest.mark.parametrize("spec", [HM_LSTM, HM_LSTM_COMPACT_GATES], ids=lambda spec: spec.name)
BOTH_SHAPES = pytest.mark.parametrize("shape", [SHAPE, STEPS], ids=["average", "per-step"])


def make(spec, shape=SHAPE, width=11 / 3, **options):
    torch.manual_seed(11)  # at which all three cases occur often
    return drawn(spec.build(shape, width, **options).double(), 0.8)


def count(spec, shape, width):
    with torch.device("meta"):
        return sum(p.numel() for p in spec.build(shape, width).parameters())


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
        expected, boundaries, seen = plain.run(module.state_dict(), X, per_step=shape.per_step, slope=1.0)
    assert min(seen["copy"], seen["update"], seen["flush"]) >= 10
    torch.testing.assert_close(module(X), expected)
    assert torch.equal(module.boundaries(X), boundaries)


@SPECS
@BOTH_SHAPES
@pytest.mark.parametrize(("progress", "slope"), [(0.0, 1.0), (0.25, 2.0), (1.0, 5.0)])
@pytest.mark.parametrize("selection", ["where", "arithmetic"])
def test_gradients_equal_the_plain_loops(spec, shape, progress, slope, selection):
    module = make(spec, shape, selection=selection)
    module.set_progress(progress)
    assert module.slope == slope
    check_agrees(spec.name, module, plain.loop(module, shape), X)


@SPECS
@pytest.mark.parametrize("name", ["auto", "eager"])
def test_use_of_scales_is_the_plain_loops_boundaries(spec, name):
    module = make(spec).eval()
    with torch.no_grad():
        _, boundaries, _ = plain.run(module.state_dict(), X, per_step=False, slope=1.0)
    with backend(name):
        told = module.scale_use(X)
    assert told.labels == tuple(f"boundary of layer {l + 1}" for l in range(boundaries.shape[2]))
    assert torch.equal(told.use, boundaries.double())
    assert not told.exclusive


def test_threshold_is_straight_through():
    s = torch.tensor([-0.5, 0.1, 0.5, 0.6, 1.5], requires_grad=True)
    z = threshold(s)
    z.sum().backward()
    assert z.tolist() == [0, 0, 0, 1, 1]
    assert s.grad.tolist() == [0, 1, 1, 1, 0]


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
