"""Dilated LSTM, RNN and GRU, one sequence and one step at a time, from the equations: slow, and true."""

import torch
from support import steps
from torch import Tensor


def run(kind, weights: dict[str, Tensor], dilations: tuple[int, ...], x: Tensor, *, per_step: bool) -> Tensor:
    """x (batch, time, inputs) -> answers; weights as the module names them."""
    return torch.stack([answer(kind, weights, dilations, sequence, per_step) for sequence in x])


def answer(kind, weights, dilations: tuple[int, ...], sequence: Tensor, per_step: bool) -> Tensor:
    below = list(sequence)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0") if kind is lstm else ("weight_x", "weight_h", "bias")
    for layer, s in enumerate(dilations):
        W, U, b = (weights[f"rnns.{layer}.{name}"] for name in names)
        zero = U.new_zeros(U.shape[1])
        states = {}
        for t, x_t in enumerate(below):
            states[t] = kind(W, U, b, x_t, *states.get(t - s, (zero, zero)))
        below = [states[t][0] for t in range(len(below))]
    V, a = weights["classifier.weight"], weights["classifier.bias"]
    if per_step:
        return torch.stack([V @ h_t + a for h_t in below])
    return V @ torch.cat(below[-dilations[0] :]) + a


lstm = steps.lstm


def gru(W, U, b, x_t, h, *_):
    return (steps.gru(W, U, b, x_t, h),)


def tanh(W, U, b, x_t, h, *_):
    return (torch.tanh(W @ x_t + U @ h + b),)


def loop(kind):
    return lambda module, shape: lambda weights, x: run(kind, weights, module.dilations, x, per_step=shape.per_step)


LOOPS = {"dilated-lstm": loop(lstm), "dilated-rnn": loop(tanh), "dilated-gru": loop(gru)}
