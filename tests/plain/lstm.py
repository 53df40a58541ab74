"""LSTM and GRU step by step from their equations; nothing of it comes from models/."""

import torch
from support import steps

from .tprnn import theta


def lstm(weights, prefix, x):
    """The h of every step, (batch, time, h)."""
    W, U, b = (weights[f"{prefix}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih"))
    h = c = x.new_zeros(len(x), U.shape[1])
    history = []
    for t in range(x.shape[1]):
        h, c = steps.lstm(W, U, b, x[:, t], h, c)
        history.append(h)
    return torch.stack(history, dim=1)


def gru(weights, prefix, x):
    """The h of every step; the reset gate acts after the product."""
    W, U, b = (weights[f"{prefix}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih"))
    h = x.new_zeros(len(x), U.shape[1])
    history = []
    for t in range(x.shape[1]):
        h = steps.gru(W, U, b, x[:, t], h, after=True)
        history.append(h)
    return torch.stack(history, dim=1)


def classified(weights, h, per_step):
    h = h if per_step else h[:, -1]
    return h @ weights["classifier.weight"].T + weights["classifier.bias"]


def lstm_s(weights, x, per_step):
    return classified(weights, lstm(weights, "rnn", x), per_step)


def gru_model(weights, x, per_step):
    return classified(weights, gru(weights, "rnn", x), per_step)


def lstm_m(weights, x, per_step):
    """Three layers, each mapped and then aggregated as TP-RNN-M's layers are (no outer tanh)."""
    outputs = []
    for layer in range(3):
        x = lstm(weights, f"rnns.{layer}", x)
        outputs.append(x @ weights[f"head.maps.{layer}"])
    w_in, w_out = weights["head.theta.w_in"][0], weights["head.theta.w_out"][0]
    steps = [
        theta([o[:, t] for o in outputs], w_in, w_out, squash=False)
        for t in (range(x.shape[1]) if per_step else [x.shape[1] - 1])
    ]
    return classified(weights, torch.stack(steps, dim=1), per_step)


def loop(plain):
    return lambda module, shape: lambda weights, x: plain(weights, x, shape.per_step)


LOOPS = {"lstm-s": loop(lstm_s), "lstm-m": loop(lstm_m), "gru": loop(gru_model)}
