"""How the models of the zoo start, and how many weights they have: by what their sources say."""

import math
from statistics import NormalDist

import pytest
import torch

from harness import catalog
from harness.prepare.budget import count_parameters, parameters_at
from harness.prepare.modules import made

MNIST = catalog.sequence_shape(784, 1, 10)
SHAPE = catalog.sequence_shape(24, 20, 100)  # so many inputs and classes that a spread can be told
N = 60
Start = tuple[str, float]


def glorot(rows: int, columns: int) -> Start:
    return "uniform", math.sqrt(6 / (rows + columns))


def linear(inputs: int) -> Start:
    """torch's own."""
    return "uniform", 1 / math.sqrt(inputs)


STARTS: dict[str, dict[str, Start]] = {
    "tanh-rnn": {
        "rnn.weight_x": glorot(N, 20),
        "rnn.weight_h": glorot(N, N),
        "rnn.bias": ("constant", 0),
        "classifier.weight": glorot(100, N),
        "classifier.bias": ("constant", 0),
    },
    "irnn": {
        "rnn.weight_x": ("normal", 0.001),
        "rnn.weight_h": ("identity", 1),
        "rnn.bias": ("constant", 0),
        "classifier.weight": ("normal", 0.001),
        "classifier.bias": ("constant", 0),
    },
    "irnn@init=glorot+head=glorot": {
        "rnn.weight_x": glorot(N, 20),
        "rnn.weight_h": ("identity", 1),
        "classifier.weight": glorot(100, N),
    },
    "irnn@start=trained": {"h_0": ("constant", 0)},
    "mgu": {
        "rnn.weight_x": glorot(2 * N, 20),
        "rnn.weight_h": glorot(2 * N, N),
        "rnn.bias": ("constant", 0),
        "classifier.weight": ("uniform", 1 / math.sqrt(N)),
    },
    "mgu@bias_f=-2+form=after": {"rnn.bias[:60]": ("constant", -2), "rnn.bias[60:]": ("constant", 0)},
    "rhn": {
        "W": ("uniform", 0.04),
        "R": ("uniform", 0.04),
        "b[:60]": ("uniform", 0.04),
        "b[60:120]": ("constant", -2),
        "b[480:540]": ("uniform", 0.04),
        "b[540:]": ("constant", -2),
        "classifier.weight": ("uniform", 0.04),
        "classifier.bias": ("uniform", 0.04),
    },
    "gf-lstm": {
        "W.0": ("normal", 0.01),
        "W.2": ("normal", 0.01),
        "U.1[:60,60:120]": ("orthogonal", 1),
        "U.1[180:240,120:]": ("orthogonal", 1),
        "U.1[240:]": ("uniform", 0.08),
        "b.2": ("constant", 0),
    },
    "gf-gru": {"W.1": ("normal", 0.01), "U.0[120:180,120:]": ("orthogonal", 1), "U.0[180:]": ("uniform", 0.08)},
    "mtgru": {
        "rnns.0.weight_x[:120]": ("orthogonal", 1),
        "rnns.0.weight_x[120:]": ("orthogonal", 1),
        "rnns.2.weight_h[:120]": ("orthogonal", 1),
        "rnns.2.weight_h[120:]": ("orthogonal", 1),
        "rnns.1.bias[:120]": ("uniform", math.sqrt(3 / 120)),
        "rnns.1.bias[120:]": ("uniform", math.sqrt(3 / 60)),
    },
    "dilated-rnn": {
        "rnns.0.weight_x": glorot(N, 20 + N),
        "rnns.1.weight_h": glorot(N, N + N),
        "rnns.0.bias": ("constant", 0),
        "classifier.weight": ("normal", 1),
        "classifier.bias": ("normal", 1),
    },
    "dilated-gru": {
        "rnns.0.weight_x[:120]": glorot(2 * N, 20 + N),
        "rnns.1.weight_h[120:]": glorot(N, N + N),
        "rnns.4.bias[:120]": ("constant", 1),
        "rnns.4.bias[120:]": ("constant", 0),
        "classifier.bias": ("normal", 1),
    },
    "dilated-gru@init=normal": {"rnns.0.weight_x": ("normal", 1), "rnns.3.weight_h": ("normal", 1)},
    "hornn": {
        "rnn.W": glorot(N, 20),
        "rnn.U[0:1]": glorot(N, N),
        "rnn.U[2:3]": glorot(N, N),
        "rnn.b": ("constant", 0),
        "classifier.weight": linear(N),
    },
    "hornn@kind=gated": {"rnn.W": glorot(N, 20), "rnn.U": glorot(N, N), "rnn.b": ("constant", 0)},
    "stanh-rnn": {
        "rnn.weight_x[:,:20]": glorot(N, 20),
        "rnn.weight_x[:,20:]": glorot(N, N),
        "rnn.weight_h": glorot(N, N),
        "rnn.bias": ("constant", 0),
        "classifier.weight": glorot(100, N),
    },
    "mist": {
        "W": ("normal", 1 / math.sqrt(N)),
        "U": ("normal", 1 / math.sqrt(N)),
        "b": ("constant", 0),
        "classifier.weight": ("normal", 1 / math.sqrt(N)),
        "classifier.bias": ("constant", 0),
    },
    "qrnn": {"rnns.0.W": linear(2 * 20), "rnns.0.b": linear(2 * 20), "rnns.1.W": linear(2 * N)},
    "mingru": {"rnns.0.W": linear(20), "rnns.0.b": linear(20), "rnns.1.W": linear(N), "classifier.weight": linear(N)},
    "minlstm": {"rnns.0.W": linear(20), "rnns.0.b": linear(20), "rnns.1.W": linear(N), "classifier.weight": linear(N)},
    "lem": {
        "rnn.weight_x": linear(N),
        "rnn.weight_h": linear(N),
        "rnn.bias": linear(N),
        "classifier.weight": ("normal", math.sqrt(2 / N)),
        "classifier.bias": linear(N),
    },
    "cornn": {
        "rnn.weight_x": linear(20 + 2 * N),
        "rnn.weight_h": linear(20 + 2 * N),
        "rnn.weight_z": linear(20 + 2 * N),
        "rnn.bias": linear(20 + 2 * N),
        "classifier.weight": linear(N),
    },
}
"""Model -> weight, or a part of it -> (kind, size): the limit of a uniform, the deviation of a normal."""


@pytest.mark.parametrize(("name", "weight"), [(name, weight) for name, weights in STARTS.items() for weight in weights])
def test_weights_start_as_the_source_says(name, weight):
    kind, size = STARTS[name][weight]
    whole, _, part = weight.partition("[")
    value = made(catalog.find_model(name), SHAPE, N, "cpu", seed=1).get_parameter(whole).detach()
    if part:
        value = value[tuple(slice(*map(_whole, axis.split(":"))) for axis in part.rstrip("]").split(","))]
    if kind == "constant":
        assert (value == size).all()
    elif kind == "identity":
        assert torch.equal(value, torch.eye(N))
    elif kind == "orthogonal":
        rows, columns = value.shape
        product = value.t() @ value if rows >= columns else value @ value.t()
        torch.testing.assert_close(product, torch.eye(min(rows, columns)), rtol=0, atol=1e-5)
    else:
        near = 4 / math.sqrt(value.numel())  # four standard errors and more
        deviation = size if kind == "normal" else size / math.sqrt(3)
        assert abs(value.mean()) <= near * deviation
        assert value.std().item() == pytest.approx(deviation, rel=near)
        for quantile in (0.1, 0.25, 0.75, 0.9):
            drawn = NormalDist().inv_cdf(quantile) if kind == "normal" else math.sqrt(3) * (2 * quantile - 1)
            assert abs(value.flatten().quantile(quantile) - drawn * deviation) <= 2 * near * deviation
        assert kind == "normal" or value.abs().max() <= size


def _whole(text: str) -> int | None:
    return int(text) if text else None


@pytest.mark.parametrize(
    ("name", "width", "count"),
    [
        ("tanh-rnn", 100, 11_210),
        ("irnn", 100, 11_210),
        ("irnn@start=trained", 100, 11_310),
        ("mgu", 100, 2 * 100 * (1 + 100 + 1) + 10 * 101),
        ("rhn", 100, 2 * (100 * 101 + 100) + 2 * 4 * (100 * 100 + 100) + 10 * 101),
        ("gf-lstm", 20, (4 * 20 + 3) * (62 + 81 + 81) + 10 * 61),
        ("gf-gru", 20, (3 * 20 + 3) * (62 + 81 + 81) + 10 * 61),
        ("mtgru", 100, 3 * 100 * (102 + 201 + 201) + 10 * 101),
        ("dilated-rnn", 50, 43_510),  # the paper's table has 44K
        ("dilated-rnn", 20, 20 * 22 + 8 * 20 * 41 + 10 * 21),
        ("dilated-gru", 20, 3 * (20 * 22 + 8 * 20 * 41) + 10 * 21),
        ("hornn", 100, 100 * (1 + 1 + 3 * 100) + 10 * 101),
        ("hornn@kind=gated", 100, 100 * (1 + 1 + 3 * 100) + 3 * 100 * (1 + 1 + 100) + 10 * 101),
        ("stanh-rnn", 64, 8_970),
        ("mist", 139, 41_726),
        ("qrnn", 100, 3 * 100 * (2 * 1 + 1) + 3 * 100 * (2 * 100 + 1) + 10 * 101),
        ("mingru", 100, 2 * 100 * 2 + 2 * 100 * 101 + 10 * 101),
        ("minlstm", 100, 3 * 100 * 2 + 3 * 100 * 101 + 10 * 101),
        ("lem", 128, 68_362 - 4 * 128),  # the authors' code has a second bias
        ("cornn", 256, 134_154),
    ],
)
def test_a_model_has_as_many_weights_as_its_source_says(name, width, count):
    assert parameters_at(catalog.find_model(name), MNIST, width) == count


def test_a_first_dilation_above_1_widens_the_classifier():
    module = catalog.find_model("dilated-rnn@dilations=(2,4)").build(MNIST, 5)
    assert count_parameters(module) == 5 * 7 + 5 * 11 + 10 * (5 * 2 + 1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tanh-rnn@start=other", "start is 'other'; choose one of zero, trained"),
        ("irnn@init=other", "init is 'other'; choose one of normal, glorot"),
        ("mgu@form=other", "form is 'other'; choose one of before, after"),
        ("rhn@depth=0", "depth is 0; give a whole number of at least 1"),
        ("rhn@dropout_state=1.0", "dropout_state is 1.0; give a share of at least 0 and below 1"),
        ("gf-gru@layers=0", "layers is 0; give a whole number of at least 1"),
        ("mtgru@taus=(1, 0.5)", r"taus are \(1, 0.5\); give a number of at least 1 for each layer"),
        ("hornn@kind=other", "kind is 'other'; choose one of plain, max, fofe, gated"),
        ("hornn@order=0", "order is 0; give a whole number of at least 1"),
        ("hornn@alpha=1.0+kind=fofe", "alpha is 1.0; give a number between 0 and 1"),
        ("stanh-rnn@skip=0", "skip is 0; give a whole number of at least 1"),
        ("mist@delays=(0, 1)", r"delays are \(0, 1\); give whole numbers of at least 1"),
        ("qrnn@layers=0", "layers is 0; give a whole number of at least 1"),
        ("qrnn@window=3", "window is 3; choose one of 1, 2"),
        ("qrnn@zoneout=1.0", "zoneout is 1.0; give a share of at least 0 and below 1"),
        ("minlstm@layers=0", "layers is 0; give a whole number of at least 1"),
        ("lem@dt=1.5", "dt is 1.5; give a number above 0 and at most 1"),
        ("cornn@epsilon=0.0", "epsilon is 0.0; give a number above 0"),
        ("dilated-rnn@init=other", "init is 'other'; choose one of glorot, normal"),
        (
            "dilated-gru@dilations=(1000, 2000)",
            r"\(1000, 2000\); the first of them is at most the 784 steps",
        ),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_a_sentence(name, said):
    with pytest.raises(ValueError, match=said):
        catalog.find_model(name).build(MNIST, 5)


def test_a_highway_drops_with_one_mask_for_all_steps_in_training_alone():
    module = catalog.find_model("rhn@dropout_input=0.75+dropout_state=0.25").build(SHAPE, N)
    x, s = torch.ones(400, 20), torch.ones(400, N)
    for mask, share in zip(module.masks(x, s), (0.75, 0.25), strict=True):
        assert mask.unique().tolist() == pytest.approx([0, 1 / (1 - share)])
        assert (mask == 0).double().mean().item() == pytest.approx(share, abs=0.02)
    assert module.eval().masks(x, s) == (None, None)


def test_zoneout_keeps_entries_in_training_and_scales_in_evaluation():
    layer = catalog.find_model("qrnn@zoneout=0.25").build(SHAPE, N).rnns[0]
    kept = layer.kept(torch.empty(400, 10, N))
    assert kept.unique().tolist() == [0, 1]
    assert (kept == 0).double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert layer.eval().kept(kept) == 0.75


@pytest.mark.parametrize("name", ["mingru", "minlstm"])
def test_a_forget_bias_is_the_log_odds_of_what_is_kept(name):
    for bias in (0.0, 4.0):
        layer = made(catalog.find_model(f"{name}@forget_bias={bias}"), SHAPE, N, "cpu", seed=1).rnns[0]
        x, before = torch.zeros(1, 1, 20), torch.full((1, N), 1e6)
        share = layer(x, before).mean().item() / 1e6
        assert math.log(share / (1 - share)) == pytest.approx(bias, abs=0.1)


def test_the_units_of_a_higher_order_network_read_the_largest_of_what_they_see():
    module = catalog.find_model("hornn@kind=max+order=2").build(catalog.sequence_shape(3, 1, 1), 1)
    with torch.no_grad():
        for weight, value in (
            (module.rnn.W, 0.0),
            (module.rnn.b, 0.0),
            (module.rnn.U[0], -2.0),
            (module.rnn.U[1], 3.0),
        ):
            weight.fill_(value)
        h, _ = module.rnn(torch.zeros(1, 3, 1))
    first = 0.5  # before it there is nothing
    second = torch.sigmoid(torch.tensor(0.0)).item()  # the larger of -2 * 0.5 and 3 * 0
    third = torch.sigmoid(torch.tensor(3 * first)).item()
    assert h.flatten().tolist() == pytest.approx([first, second, third])
