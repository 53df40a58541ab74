"""Recurrences of the zoo whose passes are written as a whole: against the loop of their steps."""

import pytest
import torch

from models.engine.scan import Recurrence, scan
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
