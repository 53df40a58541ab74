"""Strangers' models: a plain one, and others that go wrong in one way each."""

from typing import Any

import torch
from torch import Tensor, nn

from models.spec import ModelSpec


class Plain(nn.Module):
    """A recurrent network with noise in it; the width is that of a layer on top."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(shape.inputs, 8, batch_first=True)
        self.top = nn.Sequential(nn.Dropout(0.2), nn.Linear(8, width), nn.Tanh(), nn.Linear(width, shape.outputs))

    def forward(self, x: Tensor) -> Any:
        return self.top(self.rnn(x)[1][0])


class GivesNaN(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * float("nan")


class BreaksLate(Plain):
    """Its answers are not finite after four training steps."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__(shape, width)
        self.steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += self.training
        return super().forward(x) * (float("inf") if self.steps > 4 else 1.0)


class BreaksInTheTest(Plain):
    """Finite on validation (20 sequences), infinite on the test set (40)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1.0 if len(x) <= 20 else float("inf"))


class WrongShape(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0]


class Raises(Plain):
    def forward(self, x: Tensor) -> Tensor:
        raise ZeroDivisionError("by the\n   model")


class RaisesInTheMiddle(BreaksLate):
    def forward(self, x: Tensor) -> Tensor:
        answers = super().forward(x)
        if self.steps > 4:
            raise IndexError("too late")
        return answers


class OutOfMemory(Plain):
    def forward(self, x: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("tried to allocate 1 TiB")


class OutOfHostMemory(Plain):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried")


class CannotBeBuilt(nn.Module):
    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        raise KeyError("nonsense")


def Coarse(shape: Any, width: int) -> nn.Module:
    """Grows by 2,000 units at a time."""
    return Plain(shape, 2000 * width)


NoUse = ModelSpec("no-use", "No use", Plain, why_not=lambda shape: f"it needs more than {shape.length} steps")
NoPaper = ModelSpec("no-paper", "No paper", Plain)
