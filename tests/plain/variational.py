"""Two layers of LSTM with zoneout and masks of a sequence, one step at a time, from their equations."""

import torch


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def masked(weights, x, z_x, z_h, z_y, k_c, k_h):
    """One sequence (time, d) -> answers (time, outputs). z_x, z_h: of each layer; k: of each layer and step."""
    for layer in range(2):
        W, U, b = (weights[f"rnns.{layer}.{name}"] for name in ("weight_x", "weight_h", "bias"))
        h = c = U.new_zeros(U.shape[1])
        every = []
        for t, x_t in enumerate(x):
            g, f, i, o = (W @ (z_x[layer] * x_t) + U @ (z_h[layer] * h) + b).chunk(4)
            new = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
            h = (1 - k_h[layer][t]) * h + k_h[layer][t] * sigmoid(o) * torch.tanh(new)
            c = (1 - k_c[layer][t]) * c + k_c[layer][t] * new
            every.append(h)
        x = every
    return torch.stack([weights["classifier.weight"] @ (z_y * h) + weights["classifier.bias"] for h in x])


def evaluated(module, shape):
    def answer(weights, x):
        shares = [[share] * x.shape[1] for share in (0.5, 0.95)]
        rows = [masked(weights, row, (1, 1), (1, 1), 1, *([share] * 2 for share in shares)) for row in x]
        return torch.stack(rows) if shape.per_step else torch.stack([row[-1] for row in rows])

    return answer


LOOPS = {"variational-lstm": evaluated}
