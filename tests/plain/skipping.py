"""Skip-LSTM and Skip-GRU, one sequence and one step at a time, from their equations."""

import torch


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def lstm(state, x, W, U, b):
    h, c = state
    i, f, g, o = (W @ x + U @ h + b).chunk(4)
    c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
    return sigmoid(o) * torch.tanh(c), c


def gru(state, x, W, U, b):
    (h,) = state
    n = len(h)
    r, z = sigmoid((W @ x + b)[: 2 * n] + U[: 2 * n] @ h).chunk(2)
    g = torch.tanh((W @ x + b)[2 * n :] + U[2 * n :] @ (r * h))
    return (z * h + (1 - z) * g,)


def loop(cell):
    def of(module, shape):
        def answer(weights, x):
            layer = [weights[f"layers.0.{name}"] for name in ("W", "U", "b")]
            w, b = weights["update.weight"][0], weights["update.bias"]
            C, a = weights["classifier.weight"], weights["classifier.bias"]
            answers = []
            for sequence in x:
                state, p, q, rows = tuple(weights["layers.0.s_0"]), 1.0, 0.0, []
                for x_t in sequence:
                    q = q + min(p, 1 - q)
                    value = float(torch.as_tensor(q).detach())
                    u = round(value) + q - value  # the gradient of q
                    new = cell(state, x_t, *layer)
                    state = tuple(u * to + (1 - u) * old for to, old in zip(new, state, strict=True))
                    p, q = u * sigmoid(new[-1] @ w + b) + (1 - u) * p, (1 - u) * q
                    rows.append(C @ state[0] + a)
                answers.append(torch.stack(rows) if shape.per_step else rows[-1])
            return torch.stack(answers)

        return answer

    return of


LOOPS = {"skip-lstm": loop(lstm), "skip-gru": loop(gru)}
