"""Strangers' models: a plain one, and others that go wrong in one way each."""

import datetime
import os
import sys
from typing import Any

import numpy as np
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


class Huge(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 1e30


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


class Exits(Plain):
    def forward(self, x: Tensor) -> Any:
        sys.exit("by the model")


class ExitsWhenBuilt(nn.Module):
    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        sys.exit(3)


class Interrupts(Plain):
    def forward(self, x: Tensor) -> Any:
        raise KeyboardInterrupt


class KeepsADate(Plain):
    """Further state, of a kind that is neither a number nor a tensor."""

    made = datetime.date(2024, 1, 1)

    def get_extra_state(self) -> Any:
        return {"made": self.made, "words": {"a": 1}, "scale": np.float64(0.5)}

    def set_extra_state(self, state: Any) -> None:
        self.made = state["made"]


class KeepsAFunction(Plain):
    """Further state that cannot be saved."""

    def get_extra_state(self) -> Any:
        return {"function": lambda: None}

    def set_extra_state(self, state: Any) -> None:
        pass


class ChangesAll(Plain):
    """It changes its whole process while it is built, but on the meta device, where its width is sought."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__(shape, width)
        if self.rnn.weight_ih_l0.device.type == "meta":
            return
        torch.set_num_threads(2)
        torch.set_default_dtype(torch.float64)
        nn.init.uniform_ = lambda tensor, *_, **__: tensor.data.fill_(0.01)  # type: ignore[assignment]
        os.chdir("/")
        print("here I am")

    def forward(self, x: Tensor) -> Any:
        return super().forward(x.float())


class CannotBeBuilt(nn.Module):
    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        raise KeyError("nonsense")


def Coarse(shape: Any, width: int) -> nn.Module:
    """Grows by 2,000 units at a time."""
    return Plain(shape, 2000 * width)


NoUse = ModelSpec("no-use", "No use", Plain, why_not=lambda shape: f"it needs more than {shape.length} steps")
NoPaper = ModelSpec("no-paper", "No paper", Plain)
