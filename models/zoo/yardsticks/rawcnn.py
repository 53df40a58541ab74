"""CNN on raw sound: three convolutions over the samples, and a layer over all that they leave.

    u = relu(C_1 x), windows of k samples, k apart;  v = pool(relu(C_2 u));  w = pool(relu(C_3 v)), 8 steps a window
    z = relu(D vec(w) + d);  the answer is linear in z;  pool takes the largest of each 4 steps that follow each other

The baseline of Defferrard, Benzi, Vandergheynst, Bresson: FMA: a dataset for music analysis, ISMIR 2017, in the
notebook beside the data. The table of ASRNN that has a CNN on raw sound does not say which.

Its 128, 32, 32 and 100 units are the width 32; of another width W the layers have 4 W, W, W and 25 / 8 W units. A
sixteenth of W is a unit of the first layer, to meet a budget. No step is added: what fills no window is not read.
Weights start as in that code: Glorot-uniform, biases zero.

Departures: k is 512 there, of clips of 480,000 samples; here it is as large a part of the sequence, at least 1. Where
a sequence is so short that a window or a pool would leave the next layer nothing, it takes fewer steps. Inputs of a
step are channels.
"""

import torch
from torch import Tensor, nn

from ...spec import ModelSpec, Shape, carries

STEPS = 16  # of a unit, to meet a budget
TAPS = 8
POOL = 4


def largest(v: Tensor, pool: int) -> Tensor:
    """v (batch, h, time) -> (batch, h, time / pool, rounded down)."""
    steps = v.shape[2] // pool
    return v[:, :, : steps * pool].unflatten(2, (steps, pool)).amax(3)


class RawConvolutions(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs). Raises ValueError where there is an answer a step.

    into, second, third are C_1, C_2 and C_3, dense is D.
    """

    def __init__(self, shape: Shape, width: float) -> None:
        super().__init__()
        if refused := why_not(shape):
            raise ValueError(refused)
        W, more = divmod(round(width * STEPS), STEPS)
        k = max(1, round(shape.length * 512 / 480_000))
        left = shape.length // k
        second = min(TAPS, left)
        left -= second - 1
        self.first_pool = max(1, min(POOL, left // TAPS))
        left //= self.first_pool
        third = min(TAPS, left)
        left -= third - 1
        self.second_pool = min(POOL, left)
        self.into = nn.Conv1d(shape.inputs, 4 * W + more, k, stride=k)
        self.second, self.third = nn.Conv1d(4 * W + more, W, second), nn.Conv1d(W, W, third)
        self.dense = nn.Linear(W * (left // self.second_pool), round(25 / 8 * width))
        for map_ in self.children():
            nn.init.xavier_uniform_(map_.weight)
            nn.init.zeros_(map_.bias)
        self.classifier = nn.Linear(round(25 / 8 * width), shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        u = torch.relu(self.into(x.transpose(1, 2)))
        v = largest(torch.relu(self.second(u)), self.first_pool)
        w = largest(torch.relu(self.third(v)), self.second_pool)
        answers: Tensor = self.classifier(torch.relu(self.dense(w.flatten(1))))
        return answers


def why_not(shape: Shape) -> str | None:
    if shape.per_step or carries(shape):
        return "it reads a sequence as a whole, and gives one answer to it"
    return None


RAW_CNN = ModelSpec(
    "raw-cnn",
    "CNN on raw sound",
    RawConvolutions,
    paper_width=32,
    layers=STEPS,
    why_not=why_not,
    causal=False,
    what="three convolutions and a layer over all that they leave; no recurrence",
    cite="Defferrard, Benzi, Vandergheynst, Bresson: FMA: a dataset for music analysis, ISMIR 2017",
    source="https://github.com/mdeff/fma",
    licence="MIT",
    start="Glorot-uniform, biases zero: the authors' code",
    head="glorot",
)
