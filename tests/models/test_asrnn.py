import pytest
import torch
from plain import asrnn as plain
from support.stacking import drawn

from harness.checks.models import check_agrees, inputs_for
from models.asrnn import ASGRU, ASLSTM, SGRU, SLSTM, filtered, haar
from models.engine.scan import backend
from tasks.spec import SequenceShape

SHAPE = SequenceShape(length=11, inputs=2, outputs=3)
X = inputs_for(SHAPE)
STEPS = SequenceShape(length=11, inputs=2, outputs=3, per_step=True)
ADAPTIVE, FIXED = {"lstm": ASLSTM, "gru": ASGRU}, {"lstm": SLSTM, "gru": SGRU}
BOTH_CELLS = pytest.mark.parametrize("kind", ["lstm", "gru"])
BOTH_SHAPES = pytest.mark.parametrize("shape", [SHAPE, STEPS], ids=["last", "per-step"])


def make(spec, shape=SHAPE, **options):
    torch.manual_seed(1)
    return drawn(spec.build(shape, 4, **options).double(), 0.7)


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
    noise = -torch.empty(shape.length, 3, 3, dtype=torch.float64).exponential_().log()
    settings = {"taps": 4, "tau": 0.5, "weights": "soft" if mixture == "soft" else "hard", "noise": noise}
    torch.manual_seed(5)
    check_agrees(kind, module, plain.loop(kind, **settings)(module, shape), X)
    _, chosen = plain.run(kind, module.state_dict(), X, **settings)
    assert len(chosen.unique()) == 3
    torch.manual_seed(5)
    assert torch.equal(module.chosen_scales(X), chosen)


@BOTH_CELLS
@BOTH_SHAPES
@pytest.mark.parametrize("evaluation", ["argmax", "soft"])
@pytest.mark.parametrize(
    ("scales", "taps", "normalisation"), [(3, 6, "1"), (3, 6, "1/K"), (1, 1, "1")], ids=["1", "1/K", "the plain cell"]
)
def test_evaluation_equals_plain_loop(kind, shape, evaluation, scales, taps, normalisation):
    options = {"scales": scales, "evaluation": evaluation, "taps": taps, "normalisation": normalisation}
    module = make(ADAPTIVE[kind], shape, **options).eval()
    settings = {"taps": taps, "normalisation": normalisation, "weights": evaluation}
    check_agrees(kind, module, plain.loop(kind, **settings)(module, shape), X)
    _, chosen = plain.run(kind, module.state_dict(), X, **settings)
    assert len(chosen.unique()) >= min(2, scales)
    seen = module.chosen_scales(X)
    assert torch.equal(seen, chosen)
    assert seen.dtype == torch.int64


@BOTH_CELLS
@pytest.mark.parametrize("name", ["auto", "eager", "compiled"])
def test_use_of_scales_equals_plain_loop_and_changes_nothing(kind, name):
    module = make(ADAPTIVE[kind], scales=3, taps=6).eval()
    _, chosen = plain.run(kind, module.state_dict(), X, taps=6, weights="argmax")
    before = {key: value.clone() for key, value in module.state_dict().items()}
    stream = torch.get_rng_state()
    with backend(name):
        told = module.scale_use(X)
    assert (told.labels, told.exclusive) == (("scale 0", "scale 1", "scale 2"), True)
    wanted = [[[float(j == scale) for j in range(3)] for scale in row] for row in chosen.tolist()]
    assert torch.equal(told.use, torch.tensor(wanted, dtype=torch.float64))
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), stream)
    assert not module.training
    assert not any(hasattr(make(spec), "scale_use") for spec in (SLSTM, SGRU))


@BOTH_CELLS
@BOTH_SHAPES
@pytest.mark.parametrize(("scale", "taps"), [(1, 4), (0, 1)], ids=["scale 1", "the plain cell"])
def test_fixed_scale_equals_plain_loop(kind, shape, scale, taps):
    module = make(FIXED[kind], shape, fixed_scale=scale, taps=taps)
    loop = plain.loop(kind, weights=str(scale), taps=taps)
    check_agrees(kind, module, loop(module, shape), X)


@BOTH_CELLS
def test_only_sampling_is_random(kind):
    x = X
    for evaluation, repeats in [("argmax", True), ("soft", True), ("sample", False)]:
        module = make(ADAPTIVE[kind], evaluation=evaluation)
        assert not torch.equal(module(x), module(x))
        module.eval()
        state = torch.get_rng_state()
        assert torch.equal(module(x), module(x)) is repeats
        assert torch.equal(torch.get_rng_state(), state) is repeats


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
