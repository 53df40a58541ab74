"""LMU, one sequence and one step at a time, from its equations."""

import math

import torch


def discrete(q, theta):
    A_B = torch.zeros(q + 1, q + 1, dtype=torch.float64)
    for i in range(q):
        A_B[i, q] = (2 * i + 1) * (-1) ** i
        for j in range(q):
            A_B[i, j] = (2 * i + 1) * (-1 if i < j else (-1) ** (i - j + 1))
    halvings = 1 + max(0, math.ceil(math.log2(A_B.abs().sum(1).max() / theta)))
    small = A_B / theta / 2**halvings
    total = term = torch.eye(q + 1, dtype=torch.float64)
    for n in range(1, 25):
        term = term @ small / n
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total[:q, :q], total[:q, q]


def loop(module, shape, theta=None):
    def answer(weights, x):
        e_x, W, U, b = (weights[f"rnn.{name}"] for name in ("e_x", "W", "U", "b"))
        p, q = len(e_x), len(module.rnn.B)
        A, B = discrete(q, theta or shape.length)
        C, c = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            h, m, row = b.new_zeros(len(b)), b.new_zeros(p, q), []
            for x_t in sequence:
                u = e_x @ x_t
                if "rnn.e_h" in weights:
                    u = u + weights["rnn.e_h"] @ h
                if "rnn.e_m" in weights:
                    u = u + weights["rnn.e_m"] @ m.flatten()
                m = torch.stack([A @ m_k + B * u_k for m_k, u_k in zip(m, u, strict=True)])
                seen = torch.cat([m.flatten(), x_t])[: W.shape[1]]
                h = torch.tanh(W @ seen + U @ h + b)
                row.append(C @ h + c)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"lmu": loop}
