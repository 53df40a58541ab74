"""What r-LSTM answers, one sequence and one step at a time, from its equations, and what its second network tells."""

import torch


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def lstm(weights, prefix, x, h, c, stops=()):
    """The states after each step of a sequence; no error goes back from a step of `stops` to that before."""
    W, U, b = (weights[f"{prefix}.{name}"] for name in ("weight_x", "weight_h", "bias"))
    for t, x_t in enumerate(x):
        if t in stops:
            h, c = h.detach(), c.detach()
        i, f, g, o = (W @ x_t + U @ h + b).chunk(4)
        c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
        h = sigmoid(o) * torch.tanh(c)
        yield h, c


def head(weights, inner, last, h):
    inner = weights[f"{inner}.inner.weight"] @ h + weights[f"{inner}.inner.bias"]
    return weights[f"{last}.weight"] @ inner.clamp(min=0) + weights[f"{last}.bias"]


def zeros(weights, x):
    return torch.zeros(weights["rnn.weight_h"].shape[1], dtype=x.dtype)


def loop(module, shape):
    def answer(weights, x):
        answers, none = [], zeros(weights, x)
        for sequence in x:
            row = [head(weights, "head", "classifier", h) for h, _ in lstm(weights, "rnn", sequence, none, none)]
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


def penalty(weights, x, anchors, length, bptt, reverse):
    """The squared errors of what the second network tells of the steps before an anchor of each sequence."""
    errors, none = {}, zeros(weights, x)
    stops = {k for k in range(1, length - 1) if bptt and (length - k) % bptt == 0}
    for sequence, a in zip(x, anchors, strict=True):
        *_, (h, c) = lstm(weights, "rnn", sequence[: a + 1], none, none, {a + 1 - bptt} if bptt else ())
        before = sequence[a - length : a].flip(0) if reverse else sequence[a - length : a]
        first = [h for h, _ in lstm(weights, "recall.0", before[:-1], h, c, stops)]
        for k, (h, _) in enumerate(lstm(weights, "recall.1", first, none, none, stops)):
            error = (head(weights, "recall_head", "told", h) - before[k + 1]) ** 2
            errors.setdefault(sum(stop <= k for stop in stops), []).append(error)
    return sum(torch.stack(stretch).mean() for stretch in errors.values())


LOOPS = {"r-lstm": loop}
