import pytest
import torch
from plain import asrnn as plain
from torch import nn

from models.asrnn import ASGRU, ASLSTM, SGRU, SLSTM, filtered, haar
from models.engine.scan import backend
from tasks.spec import SequenceShape

SHAPE = SequenceShape(length=11, inputs=2, outputs=3)
STEPS = SequenceShape(length=11, inputs=2, outputs=3, per_step=True)
ADAPTIVE = {"lstm": ASLSTM, "gru": ASGRU}
SPECS = pytest.mark.parametrize("spec", [ASLSTM, ASGRU, SLSTM, SGRU], ids=lambda spec: spec.name)
BOTH_CELLS = pytest.mark.parametrize("kind", ["lstm", "gru"])
BOTH_SHAPES = pytest.mark.parametrize("shape", [SHAPE, STEPS], ids=["last", "per-step"])


def make(spec, shape=SHAPE, **options):
    torch.manual_seed(1)
    module = spec.build(shape, 4, **options).double()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.7)
    return module


def batch(rows=3):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(rows, SHAPE.length, SHAPE.inputs, dtype=torch.float64, generator=generator)


def copies(module):
    return {name: value.detach().clone().requires_grad_() for name, value in module.state_dict().items()}


def assert_same(output, expected, module, parameters, renamed=lambda name: name):
    """Values agree, and so do the gradients of every trainable parameter that the output depends on."""
    torch.testing.assert_close(output, expected)
    names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    direction = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).reshape(output.shape)
    ours = torch.autograd.grad(output, [module.get_parameter(n) for n in names], direction, allow_unused=True)
    theirs = torch.autograd.grad(expected, [parameters[renamed(n)] for n in names], direction, allow_unused=True)
    for name, a, b in zip(names, ours, theirs, strict=True):
        assert (a is None) == (b is None), name
        if a is not None:
            torch.testing.assert_close(a, b, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize(
    ("spec", "count"),
    [(SLSTM, 68_896), (ASLSTM, 68_370), (SGRU, 51_997), (ASGRU, 51_730)],
    ids=["slstm", "aslstm", "sgru", "asgru"],
)
def test_parameters_at_the_papers_width(spec, count):
    shape = SequenceShape(length=784, inputs=1, outputs=10)
    with torch.device("meta"):
        module = spec.build(shape, spec.paper_width_at(shape))
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == count


def test_haar_wavelet():
    assert haar(4, "1") == [1, 1, -1, -1]
    assert haar(4, "1/K") == [0.25, 0.25, -0.25, -0.25]
    assert sum(p * p for p in haar(8, "1/sqrt(K)")) == pytest.approx(1)
    assert [haar(1, name) for name in ("1", "1/K", "1/sqrt(K)")] == [[1], [1], [1]]


def test_filter_skips_by_powers_of_two_and_starts_from_zeros():
    x = torch.tensor([1.0, 2, 3, 4, 6])
    assert filtered(x, [1, -1], 0).tolist() == [1, 1, 1, 1, 2]
    assert filtered(x, [1, -1], 1).tolist() == [1, 2, 2, 2, 3]
    assert filtered(x, [1, -1], 5).tolist() == x.tolist()


@BOTH_CELLS
@BOTH_SHAPES
@pytest.mark.parametrize("mixture", ["soft", "straight-through"])
def test_training_equals_plain_loop(kind, shape, mixture):
    module = make(ADAPTIVE[kind], shape, scales=3, taps=4, tau=0.5, mixture=mixture)
    torch.manual_seed(5)
    output = module(batch())
    torch.manual_seed(5)
    noise = -torch.empty(shape.length, 3, 3, dtype=torch.float64).exponential_().log()
    parameters = copies(module)
    expected, chosen = plain.run(
        kind,
        parameters,
        batch(),
        taps=4,
        normalisation="1/sqrt(K)",
        tau=0.5,
        weights="soft" if mixture == "soft" else "hard",
        noise=noise,
    )
    assert len(chosen.unique()) == 3
    assert_same(output, expected if shape.per_step else expected[:, -1], module, parameters)
    torch.manual_seed(5)
    assert torch.equal(module.chosen_scales(batch()), chosen)


@BOTH_CELLS
@BOTH_SHAPES
@pytest.mark.parametrize("evaluation", ["argmax", "soft"])
@pytest.mark.parametrize("normalisation", ["1", "1/K"])
def test_evaluation_equals_plain_loop(kind, shape, evaluation, normalisation):
    module = make(ADAPTIVE[kind], shape, scales=3, taps=6, evaluation=evaluation, normalisation=normalisation).eval()
    parameters = copies(module)
    expected, chosen = plain.run(kind, parameters, batch(), taps=6, normalisation=normalisation, weights=evaluation)
    assert len(chosen.unique()) > 1
    assert_same(module(batch()), expected if shape.per_step else expected[:, -1], module, parameters)
    scales = module.chosen_scales(batch())
    assert torch.equal(scales, chosen)
    assert scales.dtype == torch.int64


@BOTH_CELLS
@pytest.mark.parametrize("name", ["auto", "eager", "compiled"])
def test_use_of_scales_equals_plain_loop_and_changes_nothing(kind, name):
    module = make(ADAPTIVE[kind], scales=3, taps=6).eval()
    _, chosen = plain.run(kind, copies(module), batch(), taps=6, normalisation="1/sqrt(K)", weights="argmax")
    before, stream = copies(module), torch.get_rng_state()
    with backend(name):
        told = module.scale_use(batch())
    assert (told.labels, told.exclusive) == (("scale 0", "scale 1", "scale 2"), True)
    wanted = [[[float(j == scale) for j in range(3)] for scale in row] for row in chosen.tolist()]
    assert torch.equal(told.use, torch.tensor(wanted, dtype=torch.float64))
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), stream)
    assert not module.training
    assert not any(hasattr(make(spec), "scale_use") for spec in (SLSTM, SGRU))


@BOTH_SHAPES
def test_fixed_scale_equals_plain_loop(shape):
    for kind, spec in (("gru", SGRU), ("lstm", SLSTM)):
        module = make(spec, shape, fixed_scale=1, taps=4)
        parameters = {plain.NAMES.get(name, name): value for name, value in copies(module).items()}
        expected, _ = plain.run(kind, parameters, batch(), taps=4, normalisation="1/sqrt(K)", weights="1")
        expected = expected if shape.per_step else expected[:, -1]
        assert_same(module(batch()), expected, module, parameters, lambda name: plain.NAMES.get(name, name))
    assert not module.rnn.bias_hh_l0.requires_grad
    assert not module.rnn.bias_hh_l0.any()


@BOTH_CELLS
@pytest.mark.parametrize("adaptive", [True, False])
def test_one_scale_and_one_tap_is_the_plain_cell(kind, adaptive):
    spec = {"lstm": (SLSTM, ASLSTM), "gru": (SGRU, ASGRU)}[kind][adaptive]
    module = make(spec, STEPS, taps=1, **({"scales": 1} if adaptive else {}))
    x = batch()
    if kind == "lstm":
        lstm = nn.LSTM(2, 4, batch_first=True).double()
        mine = dict(module.named_parameters())
        names = ("weight_x", "weight_h", "bias") if adaptive else ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0")
        with torch.no_grad():
            for theirs, ours in zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"), names, strict=True):
                getattr(lstm, theirs).copy_(mine[("cell." if adaptive else "rnn.") + ours])
            lstm.bias_hh_l0.zero_()
        h, _ = lstm(x)
    else:
        W, b, U = (module.cell if adaptive else module.rnn).weights
        state, hs = x.new_zeros(3, 4), []
        for t in range(x.shape[1]):
            r, z = torch.sigmoid(x[:, t] @ W[:8].T + state @ U[:8].T + b[:8]).chunk(2, 1)
            g = torch.tanh(x[:, t] @ W[8:].T + (r * state) @ U[8:].T + b[8:])
            state = z * state + (1 - z) * g
            hs.append(state)
        h = torch.stack(hs, dim=1)
    torch.testing.assert_close(module(x), module.classifier(h))


@SPECS
def test_output_knows_no_later_input_and_no_other_row(spec):
    module = make(spec, STEPS).eval()
    x, changed = batch(), batch()
    changed[1, 6:] += 1
    before, after = module(x), module(changed)
    assert torch.equal(before[1, :6], after[1, :6])
    assert not torch.isclose(before[1, 6:], after[1, 6:]).all(-1).any()
    assert torch.equal(before[[0, 2]], after[[0, 2]])


@BOTH_CELLS
def test_only_sampling_is_random(kind):
    x = batch()
    for evaluation, repeats in [("argmax", True), ("soft", True), ("sample", False)]:
        module = make(ADAPTIVE[kind], evaluation=evaluation)
        assert not torch.equal(module(x), module(x))
        module.eval()
        state = torch.get_rng_state()
        assert torch.equal(module(x), module(x)) is repeats
        assert torch.equal(torch.get_rng_state(), state) is repeats


@BOTH_CELLS
def test_scale_with_the_largest_bias_is_chosen(kind):
    module = make(ADAPTIVE[kind]).eval()
    with torch.no_grad():
        module.b_z[2] = 100
    assert (module.chosen_scales(batch()) == 2).all()
    alone = make({"lstm": SLSTM, "gru": SGRU}[kind], fixed_scale=2)
    theirs = dict(alone.named_parameters())
    ours = dict(module.named_parameters())
    with torch.no_grad():
        for name in ("weight_x", "weight_h", "bias"):
            library = {"weight_x": "weight_ih_l0", "weight_h": "weight_hh_l0", "bias": "bias_ih_l0"}[name]
            theirs["rnn." + (name if kind == "gru" else library)].copy_(ours["cell." + name])
        for name in ("classifier.weight", "classifier.bias"):
            theirs[name].copy_(ours[name])
    torch.testing.assert_close(module(batch()), alone(batch()))


@pytest.mark.parametrize(
    ("spec", "options", "word"),
    [
        (ASLSTM, {"scales": 0}, "scales"),
        (ASLSTM, {"taps": 0}, "taps"),
        (SLSTM, {"taps": 3}, "taps"),
        (ASGRU, {"tau": 0.0}, "tau"),
        (ASGRU, {"tau": float("nan")}, "tau"),
        (ASGRU, {"mixture": "hard"}, "mixture"),
        (ASLSTM, {"evaluation": "mean"}, "evaluation"),
        (SGRU, {"normalisation": "2"}, "normalisation"),
        (SGRU, {"fixed_scale": -1}, "fixed_scale"),
        (ASGRU, {"forget_bias": 1.0}, "forget_bias"),
    ],
)
def test_bad_options_are_named(spec, options, word):
    with pytest.raises(ValueError, match=word):
        spec.build(SHAPE, 4, **options)
