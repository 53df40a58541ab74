"""The recurrent highway network, one sequence and one step at a time, from its equations."""

import torch


def loop(module, shape):
    def answer(weights, x):
        R, b = weights["R"], weights["b"]
        n = R.shape[1]
        depth = len(R) // (2 * n)
        R_H, R_T = R.view(depth, 2, n, n).unbind(1)
        b_H, b_T = b.view(depth, 2, n).unbind(1)
        W_H, W_T = weights["W"].chunk(2)
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            s = R.new_zeros(n)
            row = []
            for x_t in sequence:
                for l in range(depth):
                    first = 1.0 if l == 0 else 0.0
                    h = torch.tanh(first * (W_H @ x_t) + R_H[l] @ s + b_H[l])
                    t = torch.sigmoid(first * (W_T @ x_t) + R_T[l] @ s + b_T[l])
                    s = h * t + s * (1 - t)
                row.append(C @ s + a)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"rhn": loop}
