"""Pointer sentinel LSTM and neural cache, one word at a time, from their equations; outside of a text both are an LSTM.

pointed and cached: (weights, x, words, logits, ..) -> p of every word at every step, of one text.
"""

import torch


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def softmax(v):
    e = torch.exp(v - v.max())
    return e / e.sum()


def states(weights, name, x):
    """h of every step of one sequence."""
    W, U, b = (weights[f"{name}.{part}"] for part in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"))
    h = c = U.new_zeros(U.shape[1])
    every = []
    for x_t in x:
        i, f, g, o = (W @ x_t + U @ h + b).chunk(4)
        c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
        h = sigmoid(o) * torch.tanh(c)
        every.append(h)
    return every


def loop(layers):
    def of(module, shape):
        def answer(weights, x):
            C, d = weights["classifier.weight"], weights["classifier.bias"]
            answers = []
            for sequence in x:
                h = sequence
                for name in layers:
                    h = states(weights, name, h)
                row = [C @ h_t + d for h_t in h]
                answers.append(torch.stack(row) if shape.per_step else row[-1])
            return torch.stack(answers)

        return answer

    return of


def pointed(weights, x, words, logits, window):
    W, b, s = (weights[name] for name in ("query.weight", "query.bias", "sentinel"))
    h = states(weights, "rnns.1", states(weights, "rnns.0", x))
    p = []
    for t, h_t in enumerate(h):
        q, last = torch.tanh(W @ h_t + b), range(max(0, t - window + 1), t + 1)
        *a, sentinel = softmax(torch.stack([*(q @ h[j] for j in last), q @ s]))
        p_t = sentinel * softmax(logits(weights["classifier.weight"] @ h_t + weights["classifier.bias"]))
        for j, a_j in zip(last, a, strict=True):
            p_t = p_t + a_j * torch.eye(len(p_t), dtype=p_t.dtype)[words[j]]
        p.append(p_t)
    return torch.stack(p)


def cached(weights, x, words, logits, window, theta, lam):
    h, p = states(weights, "rnn", x), []
    for t, h_t in enumerate(h):
        p_t = softmax(logits(weights["classifier.weight"] @ h_t + weights["classifier.bias"]))
        last = range(max(0, t - window), t)
        if last:
            p_t = (1 - lam) * p_t
            for j, share in zip(last, softmax(torch.stack([theta * (h_t @ h[j]) for j in last])), strict=True):
                p_t = p_t + lam * share * torch.eye(len(p_t), dtype=p_t.dtype)[words[j + 1]]
        p.append(p_t)
    return torch.stack(p)


LOOPS = {"pointer-lstm": loop(("rnns.0", "rnns.1")), "cache-lstm": loop(("rnn",))}
