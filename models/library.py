"""torch's own recurrent kernels with one bias a gate, so that parameter counts are the papers'.

torch.nn.LSTM and torch.nn.GRU carry two bias vectors whose sum is all that matters (but for the
GRU's candidate). The second is frozen at zero: exact, and not counted as trainable.
"""

import math

import torch
from torch import nn


def library_lstm(inputs: int, width: int, *, forget_bias: float = 1.0) -> nn.LSTM:
    """One layer of nn.LSTM, batch first, that starts like cells.LSTMCell."""
    rnn = nn.LSTM(inputs, width, batch_first=True)
    _start(rnn, inputs, width)
    with torch.no_grad():
        rnn.bias_ih_l0[width : 2 * width] = forget_bias
    return rnn


def library_gru(inputs: int, width: int) -> nn.GRU:
    """One layer of nn.GRU, batch first; its reset gate acts after the product."""
    rnn = nn.GRU(inputs, width, batch_first=True)
    _start(rnn, inputs, width)
    return rnn


def _start(rnn: nn.RNNBase, inputs: int, width: int) -> None:
    """Glorot-uniform over the joint kernel, zero biases, the second bias frozen."""
    limit = math.sqrt(6 / (inputs + width + rnn.weight_ih_l0.shape[0]))
    for weight in (rnn.weight_ih_l0, rnn.weight_hh_l0):
        nn.init.uniform_(weight, -limit, limit)
    for bias in (rnn.bias_ih_l0, rnn.bias_hh_l0):
        nn.init.zeros_(bias)
    rnn.bias_hh_l0.requires_grad_(False)
