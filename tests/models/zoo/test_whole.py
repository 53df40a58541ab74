"""Recurrences of the zoo whose passes are written as a whole: against the loop of their steps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.zoo import SOURCES
from torch.func import functional_call

from harness import catalog
from models.engine import scan as engine
from models.engine.native import kernels as native
from models.engine.scan import Recurrence, scan
from models.parts.selective import SELECTIVE
from models.zoo.modern import unicornn


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
