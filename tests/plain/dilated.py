"""Dilated LSTM, one sequence and one step at a time, from the equations: slow, and true."""

import torch
from support import steps
from torch import Tensor


def run(weights: dict[str, Tensor], dilations: tuple[int, ...], x: Tensor, *, per_step: bool) -> Tensor:
    """x (batch, time, inputs) -> answers; weights as DilatedLSTM.state_dict() names them."""
    return torch.stack([answer(weights, dilations, sequence, per_step) for sequence in x])


def answer(weights: dict[str, Tensor], dilations: tuple[int, ...], sequence: Tensor, per_step: bool) -> Tensor:
    below = list(sequence)
    for layer, s in enumerate(dilations):
        W = weights[f"rnns.{layer}.weight_ih_l0"]
        U = weights[f"rnns.{layer}.weight_hh_l0"]
        b = weights[f"rnns.{layer}.bias_ih_l0"]
        zero = U.new_zeros(U.shape[1])
        c, h = {}, {}
        for t, x_t in enumerate(below):
            h[t], c[t] = steps.lstm(W, U, b, x_t, h.get(t - s, zero), c.get(t - s, zero))
        below = [h[t] for t in range(len(below))]
    V, a = weights["classifier.weight"], weights["classifier.bias"]
    if per_step:
        return torch.stack([V @ h_t + a for h_t in below])
    return V @ below[-1] + a


def loop(module, shape):
    return lambda weights, x: run(weights, module.dilations, x, per_step=shape.per_step)


LOOPS = {"dilated-lstm": loop}
