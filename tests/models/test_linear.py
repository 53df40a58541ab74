"""The recurrence without a matrix: its one pass against the loop of its steps, and against sums by hand."""

import pytest
import torch

from models.engine.scan import Recurrence, scan
from models.parts import linear


def given(*size, seed, dtype=torch.float64):
    return torch.randn(size, dtype=dtype, generator=torch.Generator().manual_seed(seed)).requires_grad_()


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_one_pass_is_the_loop_of_its_steps_in_values_and_gradients(steps, dtype):
    a, u = (given(steps, 3, 4, seed=seed, dtype=dtype) for seed in (1, 2))
    before = given(3, 4, seed=3, dtype=dtype)
    found = []
    for recurrence in (linear.LINEAR, Recurrence(linear.step)):
        (last,), (h,) = scan(recurrence, (), (before,), (a, u))
        loss = (
            (h * given(steps, 3, 4, seed=4, dtype=dtype)).sum() + (last * given(3, 4, seed=5, dtype=dtype)).sum()
        ).real
        found.append((h, last, *torch.autograd.grad(loss, (a, u, before))))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)


def test_by_hand():
    a, u = torch.tensor([[[2.0], [3.0]]]), torch.tensor([[[1.0], [10.0]]])
    assert linear.linear(a, u, torch.tensor([[5.0]])).flatten().tolist() == [11, 43]
