"""Recurrences of the zoo whose passes are written as a whole: against the loop of their steps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from plain.lmu import LOOPS
from support.zoo import SOURCES
from torch.func import functional_call

from harness import catalog
from harness.checks import models as checks
from models.engine import scan as engine
from models.engine.native import kernels as native
from models.engine.scan import Recurrence, backend, scan
from models.parts.selective import SELECTIVE
from models.zoo import independent
from models.zoo.gated import leaky
from models.zoo.modern import lmu, unicornn


def given(*size, seed):
    return torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_oscillators_in_one_pass_are_the_loop_of_their_steps_in_values_and_gradients(steps):
    weights = tuple(given(4, seed=seed) for seed in (1, 2, 3))
    state = tuple(given(3, 4, seed=seed) for seed in (4, 5))
    p = given(steps, 3, 4, seed=6)
    found = []
    for recurrence in (unicornn.RECURRENCE, Recurrence(unicornn.step)):
        (y, z), (every,) = scan(recurrence, weights, state, (p,))
        loss = (every * given(steps, 3, 4, seed=7)).sum() + (y * given(3, 4, seed=8) + z * given(3, 4, seed=9)).sum()
        found.append((every, y, z, *torch.autograd.grad(loss, (*weights, *state, p))))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_units_on_their_own_in_one_pass_are_the_loop_of_their_steps_in_values_and_gradients(steps):
    u, h_0, p = given(4, seed=1), given(3, 4, seed=2), given(steps, 3, 4, seed=3)
    found = []
    for recurrence in (independent.RECURRENCE, Recurrence(independent.step)):
        (h,), (every,) = scan(recurrence, (u,), (h_0,), (p,))
        assert 0 < (every == 0).double().mean() < 1
        loss = (every * given(steps, 3, 4, seed=4)).sum() + (h * given(3, 4, seed=5)).sum()
        found.append((every, h, *torch.autograd.grad(loss, (u, h_0, p))))


@pytest.mark.parametrize("of_k", [(1, 1), (3, 4)])
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_a_leaky_lstm_in_one_pass_is_the_loop_of_its_steps_in_values_and_gradients(steps, of_k):
    weights = given(16, 2, seed=1), given(16, seed=2), given(16, 4, seed=3), given(4, seed=4)
    h, c = state = tuple(given(3, 4, seed=seed) for seed in (5, 6))
    inputs = given(steps, 3, 2, seed=7), *(given(steps, *of_k, seed=seed) for seed in (8, 9))
    found = []
    for recurrence in (leaky.RECURRENCE, Recurrence(leaky.step, leaky.project)):
        last, (every,) = scan(recurrence, weights, state, inputs)
        loss = (every * given(steps, 3, 4, seed=10)).sum() + (last[0] * h.detach() + last[1] * c.detach()).sum()
        found.append((every, *last, *torch.autograd.grad(loss, (*weights, *state, *inputs))))


@pytest.mark.skipif(native.library() is None, reason=native.why_not() or "built")
@pytest.mark.parametrize("wanted", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (9, 3, 21, 4), (32, 2, 8, 3), (75, 2, 5, 16)])
def test_the_native_selective_recurrence_is_the_loop_of_its_steps(sizes, wanted):
    steps, batch, units, states = sizes
    frames = [(steps, batch, units)] * 2 + [(steps, batch, states)] * 2
    dt, *frames = (given(*size, seed=seed) for seed, size in enumerate(frames))
    A, h = given(units, states, seed=5), given(batch, units, states, seed=6)
    found = []
    for back_end in ("eager", "native"):
        with engine.backend(back_end):
            (last,), (y,) = scan(SELECTIVE, (-A.exp(),), (h,), (dt.abs(), *frames))
        outputs = (y, last)
        loss = sum((outputs[n] * given(*outputs[n].shape, seed=7 + n)).sum() for n in wanted)
        found.append((y, last, *torch.autograd.grad(loss, (A, h, dt, *frames), materialize_grads=True)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("steps", [1, 15, 16, 17, 50])
def test_a_memory_in_stretches_is_the_loop_of_its_steps_in_values_and_gradients(steps, p):
    A, B = lmu.discrete(6, 20)
    W_m, m_0, u = given(4, 6 * p, seed=1), given(3, 6 * p, seed=2), given(steps, 3, p, seed=3)
    found = []
    weights = A, B, W_m
    for (m,), (read,) in (
        lmu.memory(weights, (m_0,), u),
        scan(Recurrence(lmu.memory_step), weights, (m_0,), (u,)),
    ):
        loss = (read * given(steps, 3, 4, seed=4)).sum() + (m * given(3, 6 * p, seed=5)).sum()
        found.append((read, m, *torch.autograd.grad(loss, (W_m, m_0, u))))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@pytest.mark.parametrize(
    "options",
    [
        "memory_d=2",
        "input_to_hidden=False",
        "hidden_to_memory=True",
        "memory_to_memory=True",
        "order=3+memory_d=2+hidden_to_memory=True+memory_to_memory=True",
    ],
)
def test_a_memory_that_reads_what_it_may_agrees_with_its_plain_loop(options, back_end):
    spec = catalog.find_model(f"lmu@{options}")
    for shape in (checks.Example(19, 2, 3), checks.Example(19, 2, 3, per_step=True)):
        module = checks.built(spec, shape).eval()
        with backend(back_end):
            checks.check_agrees(options, module, LOOPS["lmu"](module, shape), checks.inputs_for(shape))


@pytest.mark.parametrize("name", ["mamba-short", "mamba-long"])
def test_the_state_that_a_selective_layer_carries_is_that_of_the_authors_code(name):
    arrays = np.load(Path(__file__).parent / "cases" / f"{name}.npz")
    case = {key: torch.from_numpy(arrays[key]) for key in arrays}
    var = {key.removeprefix("var/"): value for key, value in case.items() if key.startswith("var/")}
    source = next(source for source in SOURCES["mamba"] if source.serves(name))
    shape = catalog.sequence_shape(*case["x"].shape[1:], 2)
    module = catalog.find_model("mamba").build(shape, source.width, **source.options(case)).double()
    weights = {key.removeprefix("blocks.0."): value for key, value in source.weights(var, case).items()}
    _, (h, past) = functional_call(module.blocks[0].rnn, weights, (case["x"], None))
    torch.testing.assert_close(h, case["last/ssm"], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(past.transpose(1, 2), case["last/conv"][:, :, 1:], rtol=1e-10, atol=1e-10)
