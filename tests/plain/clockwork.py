"""Clockwork RNN with one full matrix, one sequence and one step at a time: slow, and true."""

import torch
from torch import Tensor


def run(W_I: Tensor, W_H: Tensor, b: Tensor, V: Tensor, a: Tensor, widths: list[int], x: Tensor) -> Tensor:
    """x (batch, time, inputs) -> answers at every step (batch, time, outputs); W_H as the paper draws it."""
    period = [2**module for module, k in enumerate(widths) for _ in range(k)]
    answers = []
    for sequence in x:
        y = W_H.new_zeros(len(period))
        row = []
        for t, x_t in enumerate(sequence):
            previous = y
            unit = []
            for n, T_n in enumerate(period):
                if t % T_n == 0:
                    unit.append(torch.tanh(W_I[n] @ x_t + W_H[n] @ previous + b[n]))
                else:
                    unit.append(previous[n])
            y = torch.stack(unit)
            row.append(V @ y + a)
        answers.append(torch.stack(row))
    return torch.stack(answers)


def as_the_paper_draws_it(weights, widths):
    """W_I (n, d), W_H (n, n) with zeros below its diagonal blocks, b (n), the classifier."""
    W_H = torch.zeros(sum(widths), sum(widths), dtype=torch.float64)
    for i, k in enumerate(widths):
        start = sum(widths[:i])
        W_H[start : start + k, start:] = weights[f"W_H.{i}"]
    return weights["W_I"], W_H, weights["b"], weights["classifier.weight"], weights["classifier.bias"]


def loop(module, shape):
    def answer(weights, x):
        every = run(*as_the_paper_draws_it(weights, module.widths), module.widths, x)
        return every if shape.per_step else every[:, -1]

    return answer


LOOPS = {"clockwork": loop}
