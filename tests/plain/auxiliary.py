"""What r-LSTM answers, one sequence and one step at a time, from its equations, and what its second network tells."""

import torch


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def lstm(weights, prefix, x, h, c):
    """The states after each step of a sequence."""
    W, U, b = (weights[f"{prefix}.{name}"] for name in ("weight_x", "weight_h", "bias"))
    for x_t in x:
        i, f, g, o = (W @ x_t + U @ h + b).chunk(4)
        c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
        h = sigmoid(o) * torch.tanh(c)
        yield h, c


def head(weights, inner, last, h):
    inner = weights[f"{inner}.inner.weight"] @ h + weights[f"{inner}.inner.bias"]
    return weights[f"{last}.weight"] @ inner.clamp(min=0) + weights[f"{last}.bias"]


def loop(module, shape):
    def answer(weights, x):
        answers = []
        for sequence in x:
            zeros = torch.zeros(weights["rnn.weight_h"].shape[1], dtype=x.dtype)
            row = [
                head(weights, "head", "classifier", h) for h, _ in lstm(weights, "rnn", sequence, zeros, zeros)
            ]
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


def penalty(weights, x, anchors, length):
    """The mean squared error of what the second network tells of the steps before an anchor of each sequence."""
    errors = []
    for sequence, a in zip(x, anchors, strict=True):
        zeros = torch.zeros(weights["rnn.weight_h"].shape[1], dtype=x.dtype)
        *_, (h, c) = lstm(weights, "rnn", sequence[: a + 1], zeros, zeros)
        before = sequence[a - length : a]
        below = [h for h, _ in lstm(weights, "recall.0", before[:-1], h, c)]
        for (h, _), wanted in zip(lstm(weights, "recall.1", below, zeros, zeros), before[1:], strict=True):
            errors.append((head(weights, "recall_head", "told", h) - wanted.detach()) ** 2)
    return torch.stack(errors).mean()


LOOPS = {"r-lstm": loop}
