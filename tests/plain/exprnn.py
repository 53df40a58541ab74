"""expRNN, one sequence and one step at a time, from its equations; the exponential as the limit of its series."""

import torch


def exponential(S):
    total = term = torch.eye(len(S), dtype=S.dtype)
    for n in range(1, 60):
        term = term @ S / n
        total = total + term
    return total


def loop(module, shape):
    def answer(weights, x):
        T, b, entries = (weights[f"rnn.{name}"] for name in ("T", "b", "A"))
        rows, above = [], iter(entries)
        for i in range(len(b)):
            rows.append(torch.stack([next(above) if j > i else b.new_zeros(()) for j in range(len(b))]))
        A = torch.stack(rows)
        K = exponential(A - A.t())
        C, c = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            h, row = b.new_zeros(len(b)), []
            for x_t in sequence:
                a = T @ x_t + h @ K
                size = a.abs() + b
                h = torch.sign(a) * torch.where(size > 0, size, 0.0)
                row.append(C @ h + c)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"exprnn": loop}
