"""The recurrence without a matrix: its one pass against the loop of its steps, and against sums by hand."""

import pytest
import torch

from models.engine.scan import Recurrence, scan
from models.parts import linear


def given(*size, seed):
    return torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_one_pass_is_the_loop_of_its_steps_in_values_and_gradients(steps):
    a, u, before = given(steps, 3, 4, seed=1), given(steps, 3, 4, seed=2), given(3, 4, seed=3)
    found = []
    for recurrence in (linear.LINEAR, Recurrence(linear.step)):
        (last,), (h,) = scan(recurrence, (), (before,), (a, u))
        loss = (h * given(steps, 3, 4, seed=4)).sum() + (last * given(3, 4, seed=5)).sum()
        found.append((h, last, *torch.autograd.grad(loss, (a, u, before))))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)


def test_by_hand():
    a, u = torch.tensor([[[2.0], [3.0]]]), torch.tensor([[[1.0], [10.0]]])
    assert linear.linear(a, u, torch.tensor([[5.0]])).flatten().tolist() == [11, 43]
