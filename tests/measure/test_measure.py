"""The functions that are measured."""

import torch
from torch import nn

from harness.measure.steps import forward, training_step


def test_a_training_step_trains_in_training_mode():
    module = nn.Sequential(nn.Flatten(), nn.Linear(6, 3)).eval()
    before = module[1].weight.detach().clone()
    training_step(module, torch.randn(5, 3, 2), torch.zeros(5, dtype=torch.int64), clip=1.0)()
    assert module.training
    assert not torch.equal(module[1].weight, before)


def test_a_forward_call_evaluates_without_gradients():
    seen = []

    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((self.training, torch.is_grad_enabled()))
            return x

    forward(Asks(), torch.zeros(1))()
    assert seen == [(False, False)]
