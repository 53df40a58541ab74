"""Strangers' models that are in order, and unlike most."""

from typing import Any

import torch
from torch import Tensor, nn


class Diagonal(nn.Module):
    """A diagonal linear recurrence: complex maps in and out, a real decay; 2 w (d + o) + w numbers."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        self.inner = nn.Parameter(torch.randn(width, shape.inputs, dtype=torch.cfloat) * 0.1)
        self.outer = nn.Parameter(torch.randn(shape.outputs, width, dtype=torch.cfloat) * 0.1)
        self.decay = nn.Parameter(torch.rand(width))
        self.per_step = shape.per_step

    def forward(self, x: Tensor) -> Tensor:
        u = x.to(self.inner.dtype) @ self.inner.t()
        h, states = torch.zeros_like(u[:, 0]), []
        for t in range(x.shape[1]):
            h = torch.sigmoid(self.decay) * h + u[:, t]
            states.append(h)
        h = torch.stack(states, 1)
        return ((h if self.per_step else h[:, -1]) @ self.outer.t()).real

    def initial_state(self, batch: int) -> tuple[Tensor]:
        return (torch.zeros(batch, len(self.decay), dtype=self.inner.dtype),)


class Lazy(nn.Module):
    """The first layer learns its size from the first sequence that it sees."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        self.first, self.norm = nn.LazyLinear(width), nn.LazyBatchNorm1d()
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.LazyLinear(shape.outputs)
        self.per_step = shape.per_step

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.first(x).transpose(1, 2)).transpose(1, 2)
        h, _ = self.rnn(x)
        return self.out(h if self.per_step else h[:, -1])


class OneAnswer(nn.Module):
    """Reads the sequence both ways; one answer a sequence."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        if shape.per_step:
            raise ValueError("this model gives one answer a sequence")
        self.rnn = nn.LSTM(shape.inputs, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        _, (last, _) = self.rnn(x)
        return self.out(torch.cat([last[0], last[1]], dim=-1))


class Ahead(nn.Module):
    """Reads the sequence both ways, and does not say so."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(shape.inputs, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, shape.outputs)
        self.per_step = shape.per_step

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.rnn(x)
        return self.out(h if self.per_step else h.mean(dim=1))


class Both(Ahead):
    """Reads the sequence both ways, and says so."""

    causal = False
