"""GORU, one sequence and one step at a time, from its equations; every rotation as a matrix."""

import torch


def orthogonal(theta, n):
    Q, angles = torch.eye(n, dtype=theta.dtype), list(theta)
    for i in range(4):
        for p in range(i % 2, n - 1, 2):
            cos, sin = torch.cos(angles[0]), torch.sin(angles.pop(0))
            rows = list(Q)
            rows[p], rows[p + 1] = cos * Q[p] - sin * Q[p + 1], sin * Q[p] + cos * Q[p + 1]
            Q = torch.stack(rows)
    return Q


def loop(module, shape):
    def answer(weights, x):
        (U_c, U_r, U_g), (W_r, W_g), (b_c, b_r, b_g) = (
            weights[f"rnn.{name}"].chunk(parts) for name, parts in (("U", 3), ("W", 2), ("b", 3))
        )
        Q = orthogonal(weights["rnn.theta"], len(b_c))
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            h, row = b_c.new_zeros(len(b_c)), []
            for x_t in sequence:
                r = 1 / (1 + torch.exp(-(U_r @ x_t + W_r @ h + b_r)))
                g = 1 / (1 + torch.exp(-(U_g @ x_t + W_g @ h + b_g)))
                v = r * (Q @ h) + U_c @ x_t
                size = v.abs() + 0.001 + b_c
                h = g * h + (1 - g) * torch.sign(v) * torch.where(size > 0, size, 0.0)
                row.append(C @ h + a)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"goru": loop}
