"""Recurrences of the zoo whose passes are written as a whole: against the loop of their steps."""

import pytest
import torch

from models.engine.scan import Recurrence, scan
from models.zoo import independent
from models.zoo.gated import leaky
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
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)
