"""How the models of the zoo start, and how many weights they have: by what their sources say."""

import math
from statistics import NormalDist

import pytest
import torch
from plain import auxiliary, leaky

from harness import catalog
from harness.prepare.budget import count_parameters, parameters_at
from harness.prepare.modules import made
from harness.train.optimizer import Optimizer
from harness.train.replicas import Alone, difference
from models.zoo.gated.normalised import normal
from models.zoo.modern import lmu

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
    "urnn": {
        "rnn.V": glorot(2 * N, 20),
        "rnn.theta": ("uniform", math.pi),
        "rnn.reflection": glorot(2, 2 * N),
        "rnn.b": ("uniform", 0.01),
        "h_0": ("uniform", math.sqrt(3 / (2 * N))),
        "classifier.weight": glorot(100, 2 * N),
        "classifier.bias": ("constant", 0),
    },
    "full-urnn": {
        "rnn.V": glorot(2 * N, 20),
        "rnn.b": ("constant", 0),
        "h_0": ("uniform", math.sqrt(3 / (2 * N))),
        "classifier.weight": glorot(100, 2 * N),
        "classifier.bias": ("constant", 0),
    },
    "sfm": {
        "rnn.V": ("normal", 1 / math.sqrt(20)),
        "rnn.W": ("normal", 1 / math.sqrt(N)),
        "rnn.b[:184]": ("normal", 1),
        "rnn.b[184:]": ("normal", 1 / math.sqrt(N)),
        "rnn.W_A": ("normal", 1 / math.sqrt(N)),
        "rnn.b_z": ("normal", 1 / math.sqrt(N)),
        "classifier.weight": linear(N),
    },
    "sfm@adaptive=True": {"rnn.b[424:]": ("normal", 1)},
    "nru": {
        "rnn.W_x": linear(20 + N + 64),
        "rnn.W": linear(20 + N + 64),
        "rnn.b": linear(20 + N + 64),
        "rnn.A": linear(N + 64),
        "rnn.a": linear(N + 64),
        "classifier.weight": ("normal", math.sqrt(2 / (N + 100))),
        "classifier.bias": ("constant", 0),
    },
    "unicornn": {
        "rnns.0.V": ("uniform", math.sqrt(6 / (65 * 20))),
        "rnns.1.V": ("uniform", math.sqrt(6 / (65 * N))),
        "rnns.2.b": ("constant", 0),
        "rnns.1.c": ("uniform", 0.1),
        "classifier.weight": ("normal", math.sqrt(2 / N)),
        "classifier.bias": ("constant", 0),
    },
    "xlstm-s": {
        "encoder.weight": linear(20),
        "blocks.0.cell.R": ("constant", 0),
        "blocks.0.cell.b[:60]": ("constant", 0),
        "blocks.1.cell.b[120:]": ("constant", 0),
        "blocks.0.W": ("normal", math.sqrt(2 / (5 * N))),
        "blocks.0.taps": linear(4),
        "blocks.1.up": ("normal", math.sqrt(2 / (5 * N))),
        "blocks.1.down": ("normal", 1 / math.sqrt(N)),
        "blocks.0.after.w": ("constant", 0),
        "classifier.weight": linear(N),
    },
    "lru": {
        "encoder.weight": ("normal", 1 / math.sqrt(20)),
        "encoder.bias": ("constant", 0),
        "blocks.0.rnn.B": ("normal", 1 / math.sqrt(2 * N)),
        "blocks.1.rnn.C": ("normal", 1 / math.sqrt(N / 2)),
        "blocks.2.rnn.D": ("normal", 1),
        "blocks.3.out.weight": ("normal", 1 / math.sqrt(N)),
        "blocks.3.norm.weight": ("constant", 1),
        "classifier.weight": ("normal", 1 / math.sqrt(N)),
        "classifier.bias": ("constant", 0),
    },
    "s4d": {
        "encoder.weight": linear(20),
        "blocks.0.rnn.log_A_real": ("constant", math.log(0.5)),
        "blocks.0.rnn.A_imag[:,1:2]": ("constant", math.pi),
        "blocks.1.rnn.C": ("normal", math.sqrt(0.5)),
        "blocks.2.rnn.D": ("normal", 1),
        "blocks.3.rnn.out.weight": linear(N),
        "classifier.weight": linear(N),
    },
    "mamba": {
        "encoder.weight": linear(20),
        "blocks.0.norm.weight": ("constant", 1),
        "blocks.0.rnn.into.weight": linear(N),
        "blocks.0.rnn.taps": linear(4),
        "blocks.1.rnn.shift": linear(4),
        "blocks.0.rnn.select.weight": linear(2 * N),
        "blocks.1.rnn.step.weight": linear(4),
        "blocks.0.rnn.A_log[:,:1]": ("constant", 0),
        "blocks.1.rnn.A_log[:,15:]": ("constant", torch.tensor(16).log().item()),
        "blocks.0.rnn.D": ("constant", 1),
        "blocks.1.rnn.out.weight": ("uniform", 1 / math.sqrt(2 * 2 * N)),
        "classifier.weight": linear(N),
    },
    "s5": {
        "encoder.weight": ("normal", 1 / math.sqrt(20)),
        "encoder.bias": ("constant", 0),
        "blocks.0.rnn.Lambda_re": ("constant", -0.5),
        "blocks.0.rnn.B": ("normal", 1 / math.sqrt(4 * N)),
        "blocks.1.rnn.C": ("normal", 1 / math.sqrt(2 * N)),
        "blocks.2.rnn.D": ("normal", 1),
        "blocks.5.out.weight": ("normal", 1 / math.sqrt(N)),
        "blocks.5.norm.weight": ("constant", 1),
        "classifier.weight": ("normal", 1 / math.sqrt(N)),
        "classifier.bias": ("constant", 0),
    },
    "goru": {
        "rnn.U": ("uniform", 0.01),
        "rnn.W": ("uniform", 0.01),
        "rnn.theta": ("uniform", math.pi),
        "rnn.b[:60]": ("constant", 0.01),
        "rnn.b[60:120]": ("constant", 2),
        "rnn.b[120:]": ("uniform", math.sqrt(3 / N)),
        "classifier.weight": linear(N),
    },
    "bn-lstm": {
        "W_h[120:180]": ("identity", 1),
        "W_x": ("orthogonal", 1),
        "gamma_h": ("constant", 0.1),
        "gamma_c": ("constant", 0.1),
        "b[:60]": ("constant", 0),
        "b[60:120]": ("constant", 1),
        "b[120:]": ("constant", 0),
        "h_0": ("constant", 0),
        "classifier.weight": ("orthogonal", 1),
        "classifier.bias": ("constant", 0),
    },
    "bn-lstm@start=orthogonal": {"W_h": ("orthogonal", 1)},
    "indrnn": {
        "rnns.0.W": ("uniform", math.sqrt(6 / (65 * 20))),
        "rnns.5.W": ("uniform", math.sqrt(6 / (65 * N))),
        "rnns.1.b": ("constant", 0),
        "rnns.1.norm.weight": ("constant", 1),
        "classifier.weight": ("normal", math.sqrt(2 / N)),
        "classifier.bias": ("constant", 0),
    },
    "skip-lstm": {
        "layers.0.W": glorot(4 * N, 20 + N),
        "layers.0.U": glorot(4 * N, 20 + N),
        "layers.0.b[:60]": ("constant", 0),
        "layers.0.b[60:120]": ("constant", 1),
        "layers.0.b[120:]": ("constant", 0),
        "layers.0.s_0": ("normal", 1),
        "update.weight": glorot(1, N),
        "update.bias": ("constant", 1),
        "classifier.weight": glorot(100, N),
        "classifier.bias": ("constant", 0),
    },
    "skip-gru": {
        "layers.0.W[:120]": glorot(2 * N, 20 + N),
        "layers.0.U[:120]": glorot(2 * N, 20 + N),
        "layers.0.W[120:]": glorot(N, 20 + N),
        "layers.0.b[:120]": ("constant", 1),
        "layers.0.b[120:]": ("constant", 0),
    },
    "skip-gru@layers=2+released=True": {"layers.1.W": glorot(2 * N, 2 * N), "layers.1.W_g": glorot(N, 20 + N)},
    "zoneout-lstm": {
        "rnn.weight_x": ("orthogonal", 1),
        "rnn.weight_h": ("orthogonal", 1),
        "rnn.bias[:60]": ("constant", 0),
        "rnn.bias[60:120]": ("constant", 1),
        "rnn.bias[120:]": ("constant", 0),
        "classifier.weight": ("orthogonal", 1),
        "classifier.bias": ("constant", 0),
    },
    "zoneout-lstm@init=identity+released=True": {
        "rnn.weight_h[:60]": ("identity", 1),
        "rnn.weight_h[60:]": ("orthogonal", 1),
        "rnn.beta": ("constant", 0),
        "start": ("constant", 0),
    },
    "plstm": {
        "rnn.weight_x": linear(N),
        "rnn.weight_h": linear(N),
        "rnn.bias": linear(N),
        "rnn.r": ("constant", 0.05),
        "classifier.weight": linear(N),
    },
    "sab": {
        "rnn.weight_x": linear(N),
        "rnn.weight_h": linear(N),
        "rnn.bias": linear(N),
        "rnn.w": ("normal", 0.01),
        "classifier.weight": linear(2 * N),
    },
    "lmu": {
        "rnn.e_x": ("constant", 1),
        "rnn.W": glorot(N, 72 + 20),  # 256 / 212 of 60
        "rnn.U": ("orthogonal", 1),
        "rnn.b": ("constant", 0),
        "classifier.weight": glorot(100, N),
        "classifier.bias": ("constant", 0),
    },
    "lmu@init=glorot+memory_d=40+hidden_to_memory=True": {
        "rnn.e_x": glorot(40, 20 + N),
        "rnn.e_h": glorot(40, 20 + N),
    },
    "lmu@memory_d=2+memory_to_memory=True": {"rnn.e_m": ("orthogonal", 1)},
    "tcn": {
        "levels.0.first.V": linear(20 * 7),
        "levels.3.second.V": linear(N * 7),
        "levels.3.second.b": linear(N * 7),
        "levels.0.past.weight": ("normal", 0.01),
        "classifier.weight": linear(N),
    },
    "transformer": {
        "encoder.weight": glorot(N, 20),
        "blocks.0.of_all.weight": glorot(3 * N, N),
        "blocks.1.down.weight": glorot(2 * N, N),
        "blocks.1.up.bias": ("constant", 0),
        "classifier.weight": linear(N),
    },
    "variational-lstm": {
        "rnns.0.weight_x": ("uniform", 0.05),
        "rnns.1.weight_h": ("uniform", 0.05),
        "rnns.1.bias": ("uniform", 0.05),
        "classifier.weight": linear(N),
    },
    "pointer-lstm": {
        "rnns.0.weight_ih_l0": linear(N),
        "rnns.1.weight_hh_l0": linear(N),
        "rnns.1.bias_ih_l0": linear(N),
        "query.weight": ("uniform", 0.1),
        "query.bias": ("constant", 0),
        "sentinel": ("uniform", 0.1),
        "classifier.weight": linear(N),
    },
    "cache-lstm": {
        "rnn.weight_ih_l0": ("uniform", math.sqrt(6 / (20 + N + 4 * N))),
        "rnn.weight_hh_l0": ("uniform", math.sqrt(6 / (20 + N + 4 * N))),
        "rnn.bias_ih_l0[:60]": ("constant", 0),
        "rnn.bias_ih_l0[60:120]": ("constant", 1),
        "rnn.bias_ih_l0[120:]": ("constant", 0),
        "classifier.weight": linear(N),
    },
    "clockwork@init=port+head=glorot": {
        "W_I[:20]": glorot(20, 20 + 40),  # of three modules of 20 units
        "W_H.0[:,:20]": ("orthogonal", 1),
        "W_H.0[:,20:]": glorot(20, 20 + 40),
        "W_H.1[:,20:]": glorot(20, 20 + 20),
        "W_H.2": ("orthogonal", 1),
        "b": ("constant", 0),
        "classifier.weight": glorot(100, N),
        "classifier.bias": ("constant", 0),
    },
    "hierarchical-rnn": {
        "W.0": glorot(N, 20 + 2 * N),
        "U.0": glorot(N, 20 + 2 * N),
        "W.1": glorot(N, N + N),
        "U.1": glorot(N, N + N),
        "b": ("constant", 0),
        "classifier.weight": linear(2 * N),
    },
    "r-lstm": {
        "rnn.weight_x": glorot(4 * N, 20 + N),
        "rnn.weight_h": glorot(4 * N, 20 + N),
        "rnn.bias[60:120]": ("constant", 1),
        "rnn.bias[120:]": ("constant", 0),
        "recall.0.weight_x": glorot(4 * N, 20 + N),
        "recall.1.weight_h": glorot(4 * N, 2 * N),
        "head.inner.weight": linear(N),
        "told.weight": linear(2 * N),
        "classifier.weight": linear(2 * N),
    },
    "gmm": {
        "mu": ("normal", 1),
        "v": ("constant", 1),
        "log_pi": ("constant", torch.tensor(1 / N).log().item()),
        "log_prior": ("constant", torch.tensor(1 / 100).log().item()),
    },
    "raw-cnn": {
        "into.weight": glorot(240, 20),
        "into.bias": ("constant", 0),
        "second.weight": glorot(8 * 60, 8 * 240),
        "third.weight": glorot(8 * 60, 8 * 60),
        "third.bias": ("constant", 0),
        "dense.weight": glorot(188, 60),  # at so few steps one is left
        "classifier.weight": glorot(100, 188),
        "classifier.bias": ("constant", 0),
    },
    "exprnn": {
        "rnn.T": ("normal", math.sqrt(2 / 20)),
        "rnn.b": ("uniform", 0.01),
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
        ("urnn", 512, 16_394),
        ("nru", 212, 165_554),
        ("goru@capacity=6", 100, 3 * 100 + 2 * 100**2 + 3 * 100 + 3 * 99 + 10 * 101),
        ("goru@style=fft", 128, 3 * 128 + 2 * 128**2 + 3 * 128 + 7 * 64 + 10 * 129),
        ("full-urnn", 512, 274_954),  # the paper's table has 270K, and 16K
        ("full-urnn", 116, 16_366),
        ("bn-lstm", 100, 43_010),
        ("bn-lstm@norm=none", 100, 42_110),
        ("indrnn", 128, 86_410),
        ("indrnn@layers=12", 128, 187_786),
        ("skip-lstm", 110, 50_721),
        ("skip-gru", 110, 38_291),
        ("lmu", 212, 101_771),
        (
            "lmu@order=6+memory_d=2+hidden_to_memory=True+memory_to_memory=True",
            100,
            (1 + 100) * 2 + 12 * 2 + (12 + 1) * 100 + 100**2 + 100 + 10 * 101,
        ),
        ("lmu@order=4+input_to_hidden=False", 100, 1 + 4 * 100 + 100**2 + 100 + 10 * 101),
        ("tcn", 25, 25 * (7 + 2) + 15 * 25 * (25 * 7 + 2) + 2 * 25 + 10 * 26),
        ("transformer", 64, 2 * 64 + 2 * (4 * 64 * 65 + 64 * 128 + 128 + 128 * 64 + 64 + 4 * 64) + 2 * 64 + 10 * 65),
        ("gmm", 16, 10 * 16 * 3 + 10),
        ("raw-cnn", 32, 128 * 2 + 32 * (8 * 128 + 1) + 32 * (8 * 32 + 1) + 100 * (46 * 32 + 1) + 10 * 101),
        ("raw-cnn", 32.25, 132 * 2 + 32 * (8 * 132 + 1) + 32 * (8 * 32 + 1) + 101 * (46 * 32 + 1) + 10 * 102),
        ("exprnn", 170, 14_705 + 10 * 171),
        ("variational-lstm", 100, 4 * 100 * (1 + 100 + 1 + 100 + 100 + 1) + 10 * 101),
        ("pointer-lstm", 100, 4 * 100 * (1 + 100 + 1 + 100 + 100 + 1) + 100 * 101 + 100 + 10 * 101),
        ("pointer-lstm@layers=1+released=True", 100, 4 * 100 * (1 + 100 + 1) + 100 * 101 + 10 * 101),
        ("cache-lstm", 100, 4 * 100 * (1 + 100 + 1) + 10 * 101),
        ("lru", 256, 4 * (3 * 128 + 4 * 128 * 256 + 256 + 2 * (256 * 257) + 2 * 256) + 2 * 256 + 10 * 257),
        ("s4d", 128, 4 * (2 * 128 + 2 * 64 * 128 + 2 * 128 * 129 + 2 * 128) + 2 * 128 + 10 * 129),
        ("s5", 128, 6 * (3 * 128 + 4 * 128 * 128 + 128 + 128 * 129 + 2 * 128) + 2 * 128 + 10 * 129),
        (
            "mamba",
            64,
            2 * (3 * 64 * 128 + 128 * (4 + 1 + 4 + 2 * 16 + 4 + 1 + 16 + 1) + 64) + 2 * 64 + 64 + 10 * 65,
        ),
        ("mamba@layers=1+bias=True+rank=1", 8, 3 * 8 * 16 + 16 * (4 + 1 + 33 + 2 + 17) + 32 + 8 + 8 + 16 + 8 + 90),
        (
            "xlstm-s@blocks=1+multiple=64+heads=4",
            64,
            2 * 64 + (4 + 4) * 64 * 16 + 64 * (4 + 5 + 3) + 3 * 64 * 128 + 10 * 65,
        ),
        ("xlstm-s@form=cell", 100, 4 * 100 * (1 + 100 + 1) + 10 * 101),
        ("unicornn", 256, 136_202),
        ("zoneout-lstm", 100, 4 * 100 * (100 + 1 + 1) + 10 * 101),
        ("zoneout-lstm@released=True", 100, 42_110),
        ("sab", 128, 4 * 128 * (1 + 128 + 2) + 2 * 128 + 2 * 128 * 10 + 10 - 4 * 128),  # that code has a second bias
        ("plstm", 100, 4 * 100 * (1 + 100 + 1) + 3 * 100 + 10 * 101),
        ("clockwork@init=port", 64, 2_497 + 9 * 65),  # that code has one output
        ("hierarchical-rnn", 50, 50 * (1 + 4 * 50) + 50 * 50 * (4 + 3 + 2) + 4 * 50 + 10 * 201),
        ("hierarchical-rnn@k=2+levels=2", 50, 50 * (1 + 2 * 50) + 50 * 100 + 2 * 50 + 10 * 101),
        (
            "r-lstm",
            128,
            4 * 128 * (2 * (1 + 128 + 1) + 128 + 128 + 1) + 2 * 256 * 129 + (10 + 1) * 257,
        ),
        (
            "r-lstm@classes=256+embedding=8",
            128,
            256 * 8 + 4 * 128 * (2 * (8 + 128 + 1) + 128 + 128 + 1) + 2 * 256 * 129 + (10 + 256) * 257,
        ),
        ("r-lstm", 20 + 1 / 3, 4 * 20 * 22 * 2 + 4 * 21 * 42 + 2 * (20 * 21 + 21 * 22) + 10 * 41 + 43),
        ("sfm@units=50", 88, (3 * 50 + 4) * (88 + 2) + 4 * 88 * (2 * 50 + 88 + 1 + 2) + 10 * 89),
    ],
)
def test_a_model_has_as_many_weights_as_its_source_says(name, width, count):
    assert parameters_at(catalog.find_model(name), MNIST, width) == count


def test_a_cnn_on_raw_sound_has_the_sizes_of_its_source_at_half_a_minute_of_16_khz():
    module = catalog.find_model("raw-cnn").build(catalog.sequence_shape(480_000, 1, 16), 32)
    assert module.into.kernel_size == module.into.stride == (512,)
    assert (module.first_pool, module.second_pool) == (4, 4)
    assert (module.dense.in_features, module.dense.out_features) == (32 * 56, 100)


@pytest.mark.parametrize("length", [1, 7, 9, 15, 16, 24, 37, 99, 1000])
def test_a_cnn_on_raw_sound_leaves_something_of_every_sequence(length):
    spec = catalog.find_model("raw-cnn")
    shape = catalog.sequence_shape(length, 2, 3)
    assert spec.why_not(shape) is None
    assert spec.build(shape, 3)(torch.randn(2, length, 2)).shape == (2, 3)


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
        ("sfm@clock=other", "clock is 'other'; choose one of steps, fraction, released"),
        ("sfm@frequencies=0", "frequencies is 0; give a whole number of at least 1"),
        ("nru@heads=0", "heads is 0; give a whole number of at least 1"),
        ("nru@memory=15", "memory is 15; give a whole number of which 4 times as many are a square"),
        ("unicornn@dropout=1.0", "dropout is 1.0; give a share of at least 0 and below 1"),
        ("unicornn@alpha=0.0", "alpha is 0.0; give a number above 0"),
        ("xlstm-s@form=other", "form is 'other'; choose one of block, cell"),
        ("xlstm-s@blocks=0", "blocks is 0; give a whole number of at least 1"),
        ("xlstm-s@heads=2", "heads is 2; give a number that divides the width, 5"),
        ("lru@layers=0", "layers is 0; give a whole number of at least 1"),
        ("lru@modes=0", "modes is 0; give a whole number of at least 1"),
        ("lru@r_min=1.0", "r_min is 1.0; give a radius of at least 0 and below 1"),
        ("s4d@states=3", "states is 3; give an even number of at least 2"),
        ("s4d@dropout=1.0", "dropout is 1.0; give a share of at least 0 and below 1"),
        ("bn-lstm@norm=other", "norm is 'other'; choose one of batch, none"),
        ("bn-lstm@start=other", "start is 'other'; choose one of identity, orthogonal"),
        ("bn-lstm@z_c=1.0", "z_c is 1.0; give a share of at least 0 and below 1"),
        ("bn-lstm@noise=-1.0", "noise is -1.0; give a deviation of at least 0"),
        ("indrnn@norm=other", "norm is 'other'; choose one of batch, layer, none"),
        ("indrnn@dropout=1.0", "dropout is 1.0; give a share of at least 0 and below 1"),
        ("skip-lstm@layers=0", "layers is 0; give a whole number of at least 1"),
        ("skip-gru@cost=-1.0", "cost is -1.0; give a number of at least 0"),
        ("mamba@layers=0", "layers is 0; give a whole number of at least 1"),
        ("mamba@taps=0", "taps is 0; give a whole number of at least 1"),
        ("mamba@dt_min=0.2", "dt_min is 0.2; give a number above 0 and at most 0.1"),
        ("s5@discretization=other", "discretization is 'other'; choose one of zoh, bilinear"),
        ("s5@modes=0", "modes is 0; give a whole number of at least 1"),
        ("s5@dt_min=0.0", "dt_min is 0.0; give a number above 0 and at most 0.1"),
        ("goru@style=other", "style is 'other'; choose one of tunable, fft"),
        ("goru@style=fft", "the width is 5; style=fft takes a power of 2"),
        ("goru@capacity=0", "capacity is 0; give a whole number of at least 1"),
        ("zoneout-lstm@z_c=1.0", "z_c is 1.0; give a share of at least 0 and below 1"),
        ("zoneout-lstm@z_h=-0.1", "z_h is -0.1; give a share of at least 0 and below 1"),
        ("zoneout-lstm@init=other", "init is 'other'; choose one of orthogonal, identity"),
        ("sab@k_top=0", "k_top is 0; give a whole number of at least 1"),
        ("sab@k_att=0", "k_att is 0; give a whole number of at least 1"),
        ("sab@k_trunc=-1", "k_trunc is -1; give a whole number of at least 0"),
        ("plstm@log_tau=(3.0, 1.0)", r"log_tau is \(3.0, 1.0\); give two numbers, the smaller one first"),
        ("plstm@r=0.0", "r is 0.0; give a share above 0 and at most 1"),
        ("plstm@leak=-0.1", "leak is -0.1; give a number between 0 and 1"),
        ("lmu@order=0", "order is 0; give a whole number of at least 1"),
        ("lmu@memory_d=0", "memory_d is 0; give a whole number of at least 1"),
        ("lmu@theta=0.0", "theta is 0.0; give a number of steps above 0"),
        ("lmu@init=other", "init is 'other'; choose one of ones, glorot"),
        ("tcn@taps=1", "taps is 1; give a whole number of at least 2"),
        ("tcn@layers=0", "layers is 0; give a whole number of at least 1"),
        ("transformer@heads=0", "heads is 0; give a whole number of at least 1"),
        ("gmm@pool=other", "pool is 'other'; choose one of mean, sum"),
        ("gmm@frames=9", "frames is 9; give at least one for each of 10 classes"),
        ("exprnn@map=other", "map is 'other'; choose one of exp, cayley"),
        ("exprnn@init=other", "init is 'other'; choose one of cayley, henaff"),
        ("variational-lstm@dropout=1.0", "dropout is 1.0; give a share of at least 0 and below 1"),
        ("variational-lstm@recurrent=1.0", "recurrent is 1.0; give a share of at least 0 and below 1"),
        ("variational-lstm@z_h=-0.1", "z_h is -0.1; give a share of at least 0 and below 1"),
        ("variational-lstm@layers=0", "layers is 0; give a whole number of at least 1"),
        ("pointer-lstm@window=0", "window is 0; give a whole number of at least 1"),
        ("pointer-lstm@layers=0", "layers is 0; give a whole number of at least 1"),
        ("cache-lstm@window=0", "window is 0; give a whole number of at least 1"),
        ("cache-lstm@lam=0.0", "lam is 0.0; give a share above 0 and below 1"),
        ("clockwork@init=other", "init is 'other'; choose one of normal, glorot, port"),
        ("hierarchical-rnn@k=1", "k is 1; give a whole number of at least 2"),
        ("hierarchical-rnn@levels=0", "levels is 0; give a whole number of at least 1"),
        ("r-lstm@segment=1", "segment is 1; give a whole number of at least 2 and below the 784 steps"),
        ("r-lstm@segment=784", "segment is 784; give a whole number of at least 2 and below the 784 steps"),
        ("r-lstm@weight=-1.0", "weight is -1.0; give a number of at least 0"),
        ("r-lstm@bptt=-1", "bptt is -1; give a whole number of at least 0"),
        ("r-lstm@classes=1", "classes is 1; give a whole number of at least 2, or 0 for real inputs"),
        ("r-lstm@classes=2+embedding=0", "embedding is 0; give a whole number of at least 1"),
        ("r-lstm@dropout=1.0", "dropout is 1.0; give a share of at least 0 and below 1"),
        ("r-lstm@pretrain=1.0", "pretrain is 1.0; give a share of at least 0 and below 1"),
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


def test_entries_of_h_and_c_stay_by_masks_of_their_own_in_training_and_by_their_mean_in_evaluation():
    rnn = catalog.find_model("zoneout-lstm@z_c=0.4+z_h=0.1").build(SHAPE, N).rnn
    c, h = rnn.renewed(400, 10)
    for mask, share in ((c, 0.4), (h, 0.1)):
        assert mask.unique().tolist() == [0, 1]
        assert (mask == 0).double().mean().item() == pytest.approx(share, abs=0.01)
        assert (mask.mean((0, 1)) < 1).all()
    assert ((c == 0) & (h == 0)).double().mean().item() == pytest.approx(0.4 * 0.1, abs=0.005)
    for mean, share in zip(rnn.eval().renewed(400, 10), (0.4, 0.1), strict=True):
        assert mean.unique().item() == pytest.approx(1 - share)


@pytest.mark.parametrize(
    ("options", "reached"),
    [
        ("k_att=99+k_trunc=4", [8, 9, 10]),
        ("k_att=6+k_trunc=4", [4, 5, 6, 8, 9, 10]),  # by h_6, which is in the memory
        ("k_trunc=0", list(range(1, 11))),
    ],
)
def test_errors_go_back_to_the_last_stop_and_through_the_memory(options, reached):
    module = catalog.find_model(f"sab@{options}").build(SHAPE, N)
    x = torch.randn(3, 10, 20, requires_grad=True)
    (found,) = torch.autograd.grad(module(x).square().sum(), x)
    assert [t for t, step in enumerate(found.unbind(1), 1) if step.any()] == reached


@pytest.mark.parametrize("options", ["", "reverse=True", "bptt=5", "bptt=30", "bptt=5+reverse=True+segment=11"])
def test_a_second_network_tells_what_was_read_before_an_anchor_of_each_sequence(options):
    name = f"r-lstm@dropout=0.0{'+' * bool(options)}{options}"
    module = catalog.find_model(name).build(SHAPE, 7).double()
    x, weights = torch.randn(3, 24, 20, dtype=torch.float64), dict(module.named_parameters())
    module.anchors = lambda like, steps: torch.tensor([18, 23, 20])
    answers, found = module(x, penalty=True)
    wanted = auxiliary.penalty(weights, x, [18, 23, 20], module.l, module.bptt, module.reverse)
    torch.testing.assert_close(answers, module(x))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    own = [name for name in weights if not name.startswith(("head", "classifier"))]
    ours, theirs = (torch.autograd.grad(loss, [weights[name] for name in own]) for loss in (found, wanted))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


def test_an_anchor_is_any_step_that_has_a_segment_before_it():
    module = catalog.find_model("r-lstm@segment=20").build(SHAPE, 5)
    assert torch.unique(module.anchors(torch.empty(1000), 24)).tolist() == [20, 21, 22, 23]


def test_a_sequence_without_room_for_an_anchor_is_refused():
    spec, short = catalog.find_model("r-lstm"), catalog.sequence_shape(2, 1, 3)
    assert spec.why_not(catalog.sequence_shape(3, 1, 3)) is None
    assert "at least two steps before it, and its sequences have 2 in all" in spec.why_not(short)
    with pytest.raises(ValueError, match="at least two steps before it"):
        spec.build(short, 5)


def test_errors_go_back_from_the_end_as_far_as_is_said():
    x = torch.randn(3, 24, 20, requires_grad=True)
    (found,) = torch.autograd.grad(catalog.find_model("r-lstm@bptt=10").build(SHAPE, N)(x).square().sum(), x)
    assert [t for t, step in enumerate(found.unbind(1)) if step.any()] == list(range(14, 24))


def test_connections_of_a_head_are_dropped_in_training_alone():
    module = catalog.find_model("r-lstm@dropout=0.25").build(SHAPE, N)
    for last in (module.classifier, module.told):
        torch.nn.init.ones_(last.weight)
        torch.nn.init.zeros_(last.bias)
        torch.nn.init.zeros_(module.head.inner.weight)
        torch.nn.init.ones_(module.head.inner.bias)
        seen = [module.head(torch.zeros(1, N), last, dropout).mean().item() for dropout in (0.25, 0.0)]
        assert seen == pytest.approx([2 * N, 2 * N], rel=0.05)
    x = torch.randn(2, 24, 20)
    assert not torch.equal(module(x), module(x))
    assert torch.equal(module.eval()(x), module(x))


def test_a_second_network_may_be_trained_alone_first():
    module = catalog.find_model("r-lstm@pretrain=0.25").build(SHAPE, 5)
    assert not hasattr(catalog.find_model("r-lstm").build(SHAPE, 5), "set_progress")
    for fraction, both in ((0.0, False), (0.24, False), (0.25, True), (1.0, True)):
        module.set_progress(fraction)
        answers, penalty = module(torch.randn(2, 24, 20), penalty=True)
        assert answers.requires_grad == both
        assert penalty.requires_grad
        assert module(torch.randn(2, 24, 20)).requires_grad


@pytest.mark.parametrize("options", ["", "@bptt=5+reverse=True", "@pretrain=0.5"])
def test_seeds_whose_second_networks_train_together_are_each_as_alone(options):
    seeds, x = (1, 2), torch.randn(4, 24, 20)
    modules = [made(catalog.find_model(f"r-lstm{options}"), SHAPE, 6, "cpu", seed=seed) for seed in seeds]
    assert difference(modules, seeds, x, torch.arange(4), torch.nn.functional.cross_entropy) == ""


def test_periods_and_shifts_start_in_their_ranges():
    rnn = catalog.find_model("plstm@log_tau=(0.0, 4.0)").build(SHAPE, 4000).rnn
    for value, last in ((rnn.tau.log(), 4), (rnn.s, 100)):
        assert value.min() >= 0
        assert value.max() <= last
        for share in (0.25, 0.75):
            assert value.quantile(share).item() == pytest.approx(share * last, rel=0.1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_phased_lstm_opens_by_the_time_that_its_task_gives(place):
    class Stamped:
        length, inputs, outputs, per_step, stamps = 9, 3, 4, False, place

    spec = catalog.find_model("plstm")
    module = made(spec, Stamped(), 5, "cpu").double()
    assert count_parameters(module) == parameters_at(spec, catalog.sequence_shape(9, 2, 4), 5)
    x, times = torch.randn(3, 9, 2, dtype=torch.float64), torch.rand(3, 9, dtype=torch.float64).cumsum(1) * 20
    x, times = x.requires_grad_(), times.requires_grad_()
    answers = module(torch.cat([x[:, :, :place], times.unsqueeze(2), x[:, :, place:]], dim=2))
    weights = dict(module.named_parameters())
    for row, answer in enumerate(answers):
        of_time = leaky.loop(lambda weights, t, row=row: leaky.phased(weights, times[row, t]))
        torch.testing.assert_close(
            of_time(module, Stamped())(weights, x[row : row + 1])[0], answer, rtol=1e-9, atol=1e-11
        )
    for gradient in torch.autograd.grad(answers.square().sum(), [x, times, *weights.values()]):
        assert gradient.isfinite().all()
    even = torch.arange(9.0, dtype=torch.float64).expand(3, 9)
    as_ever = made(spec, catalog.sequence_shape(9, 2, 4), 5, "cpu").double()
    stamped = torch.cat([x[:, :, :place], even.unsqueeze(2), x[:, :, place:]], dim=2)
    torch.testing.assert_close(module(stamped), as_ever(x), rtol=1e-12, atol=1e-12)


def test_a_unit_opens_and_closes_in_its_period_and_leaks_after_it():
    rnn = catalog.find_model("plstm").build(SHAPE, 1).double().rnn
    with torch.no_grad():
        for weight, value in ((rnn.tau, -10.0), (rnn.s, -3.0), (rnn.r, 0.4)):
            weight.fill_(value)
    k = rnn.openness(torch.tensor([3.0, 4.0, 5.0, 6.5, 8.0, 13.5, 2.0], dtype=torch.float64))
    assert k.flatten().tolist() == pytest.approx([0, 0.5, 1, 0.25, 0.001 * 0.5, 0.25, 0.001 * 0.9])
    found = torch.autograd.grad(k[5] + k[6], [rnn.tau, rnn.s])  # the second time before the shift
    of_tau = -0.5 * 1 + 0.001 * (0.1 - 0.9 / 10) - 0.5 * 0.05
    assert found[1].item() == pytest.approx(0.5 + 0.001 / 10)
    assert found[0].item() == pytest.approx(-of_tau)


def test_oscillators_that_are_not_coupled_start_and_drop_as_their_source_says():
    module = catalog.find_model("unicornn@dropout=0.25").build(SHAPE, N)
    w = torch.cat([rnn.w for rnn in module.rnns])
    assert w.min() >= 0
    assert w.max() <= 1
    assert w.mean().item() == pytest.approx(0.5, abs=0.1)
    dropped = module.between(torch.ones(400, 10, N))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (dropped == 0).double().mean().item() == pytest.approx(0.25, abs=0.02)
    assert module.eval().between(w) is w


@pytest.mark.parametrize("r_min", [0.0, 0.9])
def test_a_linear_recurrence_starts_within_its_ring(r_min):
    rnn = catalog.find_model(f"lru@r_min={r_min}+modes=4000").build(SHAPE, 4).blocks[0].rnn
    square, angle = torch.exp(-2 * rnn.nu.exp()), rnn.theta.exp()
    share = (square - r_min**2) / (1 - r_min**2)
    assert share.min() + 1e-6 >= 0
    assert share.max() <= 1
    assert angle.min() >= 0
    assert angle.max() <= 6.28
    assert share.quantile(0.25).item() == pytest.approx(0.25, abs=0.03)
    assert angle.quantile(0.75).item() == pytest.approx(0.75 * 6.28, abs=0.2)
    torch.testing.assert_close(torch.exp(2 * rnn.gamma), 1 - square, rtol=1e-3, atol=1e-6)


def test_a_state_space_starts_with_steps_of_time_from_a_thousandth_to_a_tenth():
    log_dt = catalog.find_model("s4d").build(SHAPE, 2000).blocks[0].rnn.log_dt / math.log(10)
    assert log_dt.min() >= -3
    assert log_dt.max() <= -1
    assert log_dt.quantile(0.25).item() == pytest.approx(-2.5, abs=0.1)


SCALES = {"norm.weight", "norm.bias"}


@pytest.mark.parametrize(
    ("name", "slow", "rate", "decay"),
    [
        ("lru", {"rnn.nu", "rnn.theta", "rnn.gamma", "rnn.B"}, 0.5, 0.05),
        ("s4d", {"rnn.log_dt", "rnn.log_A_real", "rnn.A_imag"}, 0.1, 0.01),
        ("s5", {f"rnn.{part}" for part in ("Lambda_re", "Lambda_im", "B", "log_step")} | SCALES, 1.0, 0.05),
    ],
)
def test_what_makes_a_linear_recurrence_is_trained_slower_and_does_not_decay(name, slow, rate, decay):
    module = catalog.find_model(name).build(SHAPE, 4)
    said = module.trained_as()
    assert said.keys() == {parameter for parameter, _ in module.named_parameters()}
    assert {parameter: own for parameter, own in said.items() if own != {"decay": decay}} == {
        f"blocks.{block}.{part}": {"rate": rate} for block in range(len(module.blocks)) for part in slow
    }


def test_units_that_do_not_read_each_other_start_within_bounds_that_training_keeps():
    module = catalog.find_model("indrnn").build(MNIST, 1000)
    bound = 5 ** (1 / 784)
    u = torch.cat([rnn.u for rnn in module.rnns])
    assert u.min() >= 0
    assert u.max() <= bound
    assert u.mean().item() == pytest.approx(bound / 2, abs=0.03)
    said = module.trained_as()
    assert said["rnns.3.u"] == {"most": 10.0, "low": -bound, "high": bound}
    assert said["rnns.3.W"] == said["rnns.3.norm.weight"] == said["classifier.weight"] == {"most": 10.0, "l2": 1e-4}
    assert said["rnns.3.b"] == said["rnns.3.norm.bias"] == said["classifier.bias"] == {"most": 10.0}


def test_gates_of_an_lstm_that_normalises_start_orthogonal_together():
    W = catalog.find_model("bn-lstm").build(SHAPE, N).W_h
    gates = torch.cat([W[: 2 * N], W[3 * N :]])
    torch.testing.assert_close(gates.t() @ gates, torch.eye(N), rtol=0, atol=1e-5)


def test_a_matrix_of_full_capacity_starts_unitary_and_stays_so_in_training():
    module = catalog.find_model("full-urnn").build(MNIST, 8).double()
    drawn, optimizer = (
        module.rnn.W.detach().clone(),
        Optimizer(Alone(module, torch.device("cpu")), "adam", [1.0], 0, False),
    )
    for _ in range(5):
        module(torch.randn(3, 30, 1, dtype=torch.float64)).square().sum().backward()
        optimizer.step()
    for W in (drawn, module.rnn.W.detach()):
        W = torch.complex(*W)
        torch.testing.assert_close(W @ W.mH, torch.eye(8).to(W), rtol=0, atol=1e-6)
    assert not torch.allclose(drawn, module.rnn.W, atol=1e-4)


def test_some_of_an_lstm_that_normalises_stays_in_training_and_a_share_in_evaluation():
    module = catalog.find_model("bn-lstm@z_c=0.25+z_h=0.5").build(SHAPE, N)
    for share, kept in zip((0.75, 0.5), module.renewed(100, 10), strict=True):
        assert kept.unique().tolist() == [0, 1]
        assert kept.mean().item() == pytest.approx(share, abs=0.01)
    assert [share.unique().tolist() for share in module.eval().renewed(100, 10)] == [[0.75], [0.5]]


def test_noise_is_added_to_the_first_state_of_each_sequence():
    found = normal(torch.empty(400, 50))
    assert found.mean().item() == pytest.approx(0, abs=0.03)
    assert found.std().item() == pytest.approx(1, abs=0.03)
    assert found.quantile(0.9).item() == pytest.approx(NormalDist().inv_cdf(0.9), abs=0.05)
    noisy = catalog.find_model("bn-lstm@noise=0.1").build(SHAPE, 5).eval()
    x = torch.zeros(2, 24, 20)
    assert not torch.equal(noisy(x)[0], noisy(x)[1])
    assert not torch.equal(noisy(x), noisy(x))


@pytest.mark.parametrize(("name", "low"), [("mamba", 1e-3), ("mamba@dt_min=0.00001", 1e-4), ("s5", 1e-3)])
def test_steps_of_time_start_log_uniform_up_to_a_tenth(name, low):
    rnn = catalog.find_model(name).build(SHAPE, 600).double().blocks[0].rnn
    dt = rnn.log_step.exp() if name == "s5" else torch.nn.functional.softplus(rnn.step.bias)
    assert dt.min() >= low * (1 - 1e-4)
    assert dt.max() <= 0.1 * (1 + 1e-6)
    drawn = 1e-5 if "@" in name else low
    assert math.log(dt.quantile(0.75).item()) == pytest.approx(math.log(drawn) / 4 + math.log(0.1) * 3 / 4, abs=0.3)


def test_a_shared_state_space_starts_at_hippos_eigenvalues_of_each_block_of_modes():
    rnn = catalog.find_model("s5@modes=7+block=4").build(SHAPE, N).blocks[0].rnn
    of_eight = [-19.85741, -5.35421, -1.95779, -0.42749]  # as the authors' code gives them for its order 8
    assert rnn.Lambda_im[:4].tolist() == pytest.approx(of_eight, abs=1e-5)
    squares = sum((i + 0.5) * (j + 0.5) for i in range(6) for j in range(i))  # half of all in the matrix of order 6
    assert (rnn.Lambda_im[4:] ** 2).sum().item() == pytest.approx(squares, rel=1e-5)


@pytest.mark.parametrize(("name", "width"), [("goru", 7), ("goru@capacity=3", 8), ("goru@style=fft", 8)])
def test_rotations_make_an_orthogonal_matrix(name, width):
    Q = catalog.find_model(name).build(SHAPE, width).double().rnn.rotation
    torch.testing.assert_close(Q @ Q.t(), torch.eye(width, dtype=Q.dtype))


@pytest.mark.parametrize("width", [1, 7, 8])
@pytest.mark.parametrize("name", ["exprnn", "exprnn@map=cayley+init=henaff"])
def test_a_skew_symmetric_matrix_makes_an_orthogonal_one(name, width):
    rnn = catalog.find_model(name).build(SHAPE, width).double().rnn
    torch.nn.init.normal_(rnn.A)
    torch.testing.assert_close(rnn.rotation @ rnn.rotation.t(), torch.eye(width, dtype=torch.float64))


@pytest.mark.parametrize(("init", "quartiles"), [("cayley", (-0.6682, -0.1989)), ("henaff", (-1.5708, 1.5708))])
def test_an_orthogonal_matrix_starts_with_pairs_of_units_that_turn(init, quartiles):
    """The quartiles of -tan(u / 2), u U(0, pi / 2), are those of u: 3 pi / 8 and pi / 8."""
    rnn = catalog.find_model(f"exprnn@init={init}").build(SHAPE, 801).rnn
    A = torch.zeros(801, 801)
    A[tuple(torch.triu_indices(801, 801, 1))] = rnn.A.detach()
    drawn = A.diagonal(1)[::2]
    assert torch.equal(A.nonzero()[:, 0], torch.arange(0, 800, 2))
    assert drawn.abs().max() <= (1 if init == "cayley" else math.pi)
    width = quartiles[1] - quartiles[0]
    for share, quartile in zip((0.25, 0.75), quartiles, strict=True):
        assert drawn.quantile(share).item() == pytest.approx(quartile, abs=0.15 * width)


@pytest.mark.parametrize(("name", "angle"), [("exprnn", 2.0), ("exprnn@map=cayley", -2 * math.atan(2.0))])
def test_two_units_turn_by_the_angle_that_the_map_makes_of_an_entry(name, angle):
    rnn = catalog.find_model(name).build(SHAPE, 2).rnn
    torch.nn.init.constant_(rnn.A, 2.0)
    cos, sin = math.cos(angle), math.sin(angle)
    assert rnn.rotation.flatten().tolist() == pytest.approx([cos, -sin, sin, cos])


def test_a_legendre_memory_is_held_over_a_step_in_float64():
    """Numbers by scipy."""
    rnn = catalog.find_model("lmu").build(MNIST, 212).rnn
    assert rnn.A[0, :3].tolist() == pytest.approx([0.99872488, -0.00127427, -0.00127024], abs=5e-9)
    assert rnn.B[:3].tolist() == pytest.approx([0.00127512, -0.00382282, 0.00635121], abs=5e-9)
    assert torch.linalg.eigvals(rnn.A).abs().max().item() == pytest.approx(0.97588, abs=5e-6)


def test_a_legendre_memory_has_the_coefficients_of_its_window():
    """Of u = s, seen as s from the window's start, the coefficients are those of a line: 1/2, 1/2 and nothing more."""
    theta, order = 400, 6
    A, B = lmu.discrete(order, theta)
    m = torch.zeros(1, order, dtype=A.dtype)
    for t in range(3 * theta):
        m = lmu.remembered(A, B, m, torch.full((1, 1), (t + 1) / theta, dtype=A.dtype))
    assert (m[0, 0] - 2.5).abs() < 0.01  # the mean of the window from 2 to 3
    assert (m[0, 1] + 0.5).abs() < 0.01  # from its newest step to its oldest it falls
    assert m[0, 2:].abs().max() < 0.01


def test_forget_biases_fall_over_the_units_of_a_head_and_faster_in_later_blocks():
    module = catalog.find_model("xlstm-s@blocks=3+heads=2").build(SHAPE, 6)
    falls = [block.cell.b[6:12].tolist() for block in module.blocks]
    for fall, power in zip(falls, (0.3, 0.95, 1.6), strict=True):
        assert fall == pytest.approx(2 * [5, 5 - 12 * 0.5**power, -7])


def test_an_exponential_gate_neither_overflows_nor_vanishes():
    module = catalog.find_model("xlstm-s@form=cell").build(SHAPE, 5)
    for size in (-300.0, 300.0):
        h, _ = module.blocks[0].cell(torch.full((1, 9, 20), size), None)
        assert h.isfinite().all()


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
