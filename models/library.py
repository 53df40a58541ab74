"""torch's own recurrent kernels with one bias a gate, so that parameter counts are the papers'.

On a CPU the same recurrences run in our own native code where it can be built, which is faster.

torch.nn.LSTM and torch.nn.GRU carry two bias vectors whose sum is all that matters (but for the
GRU's candidate). The second is frozen at zero: exact, and not counted as trainable.
"""

import math

import torch
from torch import Tensor, nn

from . import recurrences
from .scan import takes_native


class LSTM(nn.LSTM):
    """One layer, batch first, that starts like cells.LSTMCell. forward: (batch, time, d) as nn.LSTM."""

    def __init__(self, inputs: int, width: int, *, forget_bias: float = 1.0) -> None:
        super().__init__(inputs, width, batch_first=True)
        _start(self, inputs, width)
        with torch.no_grad():
            self.bias_ih_l0[width : 2 * width] = forget_bias

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if not takes_native(x):
            return super().forward(x)
        h, _, h_last, c_last = recurrences.LSTM.apply(*_given(self, x), *[_zeros(self, x)] * 2)
        return h.transpose(0, 1), (h_last[None], c_last[None])


class GRU(nn.GRU):
    """One layer, batch first; its reset gate acts after the product. forward: (batch, time, d) as nn.GRU."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width, batch_first=True)
        _start(self, inputs, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if not takes_native(x):
            return super().forward(x)
        h, last = recurrences.GRU.apply(*_given(self, x), _zeros(self, x), True)
        return h.transpose(0, 1), last[None]


def _given(rnn: nn.RNNBase, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return x.transpose(0, 1), rnn.weight_ih_l0, rnn.bias_ih_l0, rnn.weight_hh_l0


def _zeros(rnn: nn.RNNBase, x: Tensor) -> Tensor:
    return x.new_zeros(x.shape[0], rnn.hidden_size)


def _start(rnn: nn.RNNBase, inputs: int, width: int) -> None:
    """Glorot-uniform over the joint kernel, zero biases, the second bias frozen."""
    limit = math.sqrt(6 / (inputs + width + rnn.weight_ih_l0.shape[0]))
    for weight in (rnn.weight_ih_l0, rnn.weight_hh_l0):
        nn.init.uniform_(weight, -limit, limit)
    for bias in (rnn.bias_ih_l0, rnn.bias_hh_l0):
        nn.init.zeros_(bias)
    rnn.bias_hh_l0.requires_grad_(False)
