"""Zoneout LSTM in evaluation, one sequence and one step at a time, from its equations."""

import torch


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def new(W, U, b, x_t, h, c):
    """c~ and h~."""
    g, f, i, o = (W @ x_t + U @ h + b).chunk(4)
    c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
    return c, sigmoid(o) * torch.tanh(c)


def zoneout(module, shape):
    def answer(weights, x):
        W, U, b = (weights[f"rnn.{name}"] for name in ("weight_x", "weight_h", "bias"))
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            h = c = U.new_zeros(U.shape[1])
            row = []
            for x_t in sequence:
                new_c, new_h = new(W, U, b, x_t, h, c)
                c, h = 0.15 * c + 0.85 * new_c, 0.15 * h + 0.85 * new_h
                row.append(C @ h + a)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"zoneout-lstm": zoneout}
