"""MIST RNN, one sequence and one step at a time, from its equations."""

import torch

DELAYS = [2**i for i in range(8)]


def loop(module, shape):
    def answer(weights, x):
        W, U, b = (weights[name] for name in "WUb")
        gates = slice(8, 8 + U.shape[1])
        last = slice(8 + U.shape[1], None)
        C, c = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            h = [b.new_zeros(U.shape[1])] * 128
            for x_t in sequence:
                a = torch.exp(W[:8] @ x_t + U[:8] @ h[-1] + b[:8])
                r = 1 / (1 + torch.exp(-(W[gates] @ x_t + U[gates] @ h[-1] + b[gates])))
                m = sum(share * h[-n] for share, n in zip(a / a.sum(), DELAYS, strict=True))
                h.append(torch.tanh(W[last] @ x_t + U[last] @ (r * m) + b[last]))
            row = torch.stack([C @ h_t + c for h_t in h[128:]])
            answers.append(row if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"mist": loop}
