"""Each native recurrence gives the values and every gradient of a plain loop, however little of it is used."""

from itertools import product

import pytest
import torch
from support import steps
from support.agreement import assert_close, gradients, weighted
from torch import tanh

from models.engine.native import kernels as native
from models.engine.native import recurrences

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.why_not() or "built")

# (time, batch, inputs, units)
SIZES = [(1, 1, 1, 1), (1, 3, 3, 5), (7, 1, 40, 9), (9, 50, 1, 100), (31, 13, 3, 17), (3, 29, 1, 30), (5, 8, 40, 24)]


def lstm(x, W, b, U, h, c):
    hs, cs = [], []
    for x_t in x:
        h, c = steps.lstm(W, U, b, x_t, h, c)
        hs.append(h)
        cs.append(c)
    return torch.stack(hs), torch.stack(cs), h, c


def gru(x, W, b, U, h, after):
    hs = []
    for x_t in x:
        h = steps.gru(W, U, b, x_t, h, after=after)
        hs.append(h)
    return torch.stack(hs), h


def tanh_cell(projected, U, h, due):
    hs = []
    for t, p_t in enumerate(projected):
        n = len(U) if due is None else int(due[t])
        h = torch.cat([tanh(p_t + h @ U.t())[:, :n], h[:, n:]], dim=1)
        hs.append(h)
    return torch.stack(hs), h


def modrelu(projected, U, b, h):
    hs = []
    for p_t in projected:
        a = p_t + h @ U.t()
        h = torch.sign(a) * torch.relu(a.abs() + b)
        hs.append(h)
    return torch.stack(hs), h


def scaled(z, X, W_z, W, b, U, hard, h, *c):
    hs, ys, state = [], [], (h, *c)
    for z_t, X_t in zip(z, X, strict=True):
        y = torch.softmax(z_t + state[0] @ W_z.t(), 1)
        if hard:
            y = torch.zeros_like(y).scatter(1, y.argmax(1, keepdim=True), 1.0)
        mixed = (y.unsqueeze(2) * X_t).sum(1)[None]
        state = lstm(mixed, W, b, U, *state)[2:] if c else gru(mixed, W, b, U, *state, False)[1:]
        hs.append(state[0])
        ys.append(y)
    return torch.stack(hs), torch.stack(ys).detach(), *state


def tensors(*shapes, dtype, seed=5):
    generator = torch.Generator().manual_seed(seed)
    made = (torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes)
    return [(tensor * (0.7 / max(1, tensor.shape[-1]) ** 0.25)).to(dtype) for tensor in made]


def case(kind, sizes, dtype):
    """(the native function, the plain one, tensors and what else they take)"""
    time, batch, d, h = sizes
    state = (batch, h)
    if kind == "lstm":
        given = tensors((time, batch, d), (4 * h, d), (4 * h,), (4 * h, h), state, state, dtype=dtype)
        return recurrences.LSTM.apply, lstm, given
    if kind in ("gru", "gru-after"):
        given = tensors((time, batch, d), (3 * h, d), (3 * h,), (3 * h, h), state, dtype=dtype)
        return recurrences.GRU.apply, gru, [*given, kind == "gru-after"]
    if kind == "tanh":
        return recurrences.Tanh.apply, tanh_cell, [*tensors((time, batch, h), (h, h), state, dtype=dtype), None]
    if kind == "modrelu":
        return recurrences.ModReLU.apply, modrelu, tensors((time, batch, h), (h, h), (h,), state, dtype=dtype)
    if kind == "clockwork":
        due = torch.tensor([h if t % 3 == 0 else (h + 1) // 2 for t in range(time)], dtype=torch.int32)
        given = tensors((time, batch, h), (h, h), state, dtype=dtype)
        return recurrences.Tanh.apply, tanh_cell, [*given, due]
    cell, J = kind.split("-")[1], 4
    G = 4 if cell == "lstm" else 3
    shapes = (time, batch, J), (time, batch, J, d), (J, h), (G * h, d), (G * h,), (G * h, h)
    given = tensors(*shapes, *[state] * (G - 2 if G == 4 else 1), dtype=dtype)
    return recurrences.Scaled.apply, scaled, [*given[:6], False, *given[6:]]


KINDS = ["lstm", "gru", "gru-after", "tanh", "modrelu", "clockwork", "scaled-lstm", "scaled-gru"]


def used(function, given, which, *, wanted=None, twice=False):
    """The outputs, and the gradients of a weighting of those of `which`; of the tensors in `wanted` alone."""
    given = [x.clone() if isinstance(x, torch.Tensor) else x for x in given]
    floats = [x for x in given if isinstance(x, torch.Tensor) and x.is_floating_point()]
    floats = [x for n, x in enumerate(floats) if wanted is None or n in wanted]
    for x in floats:
        x.requires_grad_()
    outputs = function(*given)
    total = weighted(outputs, which)
    found = gradients(total, floats, retain=twice)
    if twice:
        assert all(torch.equal(a, b) for a, b in zip(found, gradients(total, floats), strict=True))
    return outputs, found


def agree(kind, sizes, dtype, tolerance, which=None, **how):
    function, plain, given = case(kind, sizes, dtype)
    if which is None:
        which = [n for n, output in enumerate(function(*given)) if not (kind.startswith("scaled") and n == 1)]
    outputs, found = used(function, given, which, **how)
    expected, expected_gradients = used(plain, given, which, wanted=how.get("wanted"))
    assert_close(outputs, expected, tolerance)
    assert_close(found, expected_gradients, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_the_loops(kind, sizes, dtype, tolerance):
    agree(kind, sizes, dtype, tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 2, 7, 23, 201])
def test_weights_gradients_over_any_number_of_blocks_of_steps(kind, batch):
    time = 3 if batch == 201 else 31 if batch > 2 else 403
    agree(kind, (time, batch, 2, 6), torch.float64, 1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_any_part_of_the_outputs_may_be_used_alone(kind):
    outputs = {"lstm": range(4), "scaled-lstm": (0, 2, 3), "scaled-gru": (0, 2)}.get(kind, range(2))
    for n in outputs:
        agree(kind, (6, 5, 3, 7), torch.float64, 1e-10, [n])


@pytest.mark.parametrize(("kind", "wanted"), [*product(["lstm", "gru"], [{0}, {1, 3}, {4}]), ("scaled-lstm", {3})])
def test_gradients_of_some_inputs_alone(kind, wanted):
    agree(kind, (6, 5, 3, 7), torch.float64, 1e-10, wanted=wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_pass_back_gives_the_same(kind):
    agree(kind, (6, 5, 3, 7), torch.float64, 1e-10, twice=True)


@pytest.mark.parametrize("kind", ["lstm", "gru", "gru-after", "tanh"])
def test_chunks_that_hand_on_their_state_are_the_whole(kind):
    function, plain, given = case(kind, (11, 4, 3, 6), torch.float64)
    states = 2 if kind == "lstm" else 1
    first = 4 if kind in ("lstm", "gru", "gru-after") else 2

    def in_chunks(x, *rest):
        state, hs = rest[first - 1 : first - 1 + states], []
        for part in x.split(4):
            h, *others = function(part, *rest[: first - 1], *state, *rest[first - 1 + states :])
            state = others[-states:]
            hs.append(h)
        return torch.cat(hs), *state

    def whole(*given):
        h, *others = plain(*given)
        return h, *others[-states:]

    assert_close(*(used(f, given, range(1 + states))[0] for f in (in_chunks, whole)), 1e-10)
    assert_close(*(used(f, given, range(1 + states))[1] for f in (in_chunks, whole)), 1e-10)


@pytest.mark.parametrize("b", [-1.0, 0.0, 1.0])
def test_a_modrelu_of_nothing_is_nothing_and_one_of_no_number_is_none(b):
    a = torch.tensor([0.0, -0.0, 2.0, -2.0, torch.nan, 0.5]).view(1, -1, 1)
    given = [a, torch.zeros(1, 1), torch.tensor([b]), torch.zeros(6, 1)]
    for function in (recurrences.ModReLU.apply, modrelu):
        outputs, (of_a, *_) = used(function, given, [0])
        h = outputs[0].flatten()
        assert h[[0, 1, 2, 3, 5]].tolist() == [0, 0, max(0, 2 + b), -max(0, 2 + b), max(0, 0.5 + b)]
        assert h[4].isnan()
        assert of_a.flatten()[:2].tolist() == [0, 0]
        assert (of_a.flatten()[5] != 0).item() == (b > -0.5)


def test_a_hard_choice_reads_one_scale():
    function, plain, given = case("scaled-lstm", (6, 5, 3, 7), torch.float64)
    given[6] = True
    with torch.no_grad():
        assert_close(function(*given), plain(*given), 1e-10)


def test_inputs_that_do_not_lie_dense():
    function, plain, (x, *rest) = case("lstm", (6, 5, 3, 7), torch.float64)
    turned = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert_close(used(function, [turned, *rest], [0, 1])[1], used(plain, [x, *rest], [0, 1])[1], 1e-10)


def test_weights_that_an_optimizer_changes_in_place_are_packed_again():
    """The packed weights are kept from call to call; stale ones would be last step's."""
    torch.manual_seed(0)
    x = torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
    weights = [torch.randn(*size, dtype=torch.float64) for size in ((20, 2), (20,), (20, 5))]
    states = [torch.zeros(3, 5, dtype=torch.float64)] * 2
    for changed in (None, 0, 1, 2):
        if changed is not None:
            weights[changed].view(-1)[-1] += 0.5
        fast, slow = (f(x, *weights, *states)[0] for f in (recurrences.LSTM.apply, lstm))
        assert torch.allclose(fast, slow, rtol=1e-12, atol=1e-12), changed
        ours, wanted = (torch.autograd.grad(h.sum(), x)[0] for h in (fast, slow))
        assert torch.allclose(ours, wanted, rtol=1e-12, atol=1e-12), changed
