"""A model and a task of somebody else, who imports nothing of the bench."""

import torch
from torch import nn


class EchoNet(nn.Module):
    """Classifies the mean of a small recurrent network's states."""

    def __init__(self, shape, width):
        super().__init__()
        self.rnn = nn.RNN(shape.inputs, width, batch_first=True)
        self.out = nn.Linear(width, shape.outputs)
        self.per_step = shape.per_step

    def forward(self, x):
        h, _ = self.rnn(x)
        return self.out(h if self.per_step else h.mean(dim=1))


def parity(data_seed, data_root):
    """Is the number of ones even?"""
    draw = torch.Generator().manual_seed(data_seed)
    x = torch.randint(0, 2, (300, 12, 1), generator=draw)
    y = x.sum(dim=(1, 2)) % 2
    return [(x[a:b].float(), y[a:b]) for a, b in ((0, 200), (200, 250), (250, 300))]
