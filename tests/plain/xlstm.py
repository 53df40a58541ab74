"""The sLSTM of xLSTM, one sequence and one step at a time, from its equations; exponentials as they stand."""

import torch
from torch.nn import functional as F


def norm(v, w):
    """Of one head."""
    centred = v - v.mean()
    return centred / ((centred**2).mean() + 1e-5) ** 0.5 * (1 + w)


def block(get, below):
    """v of every step -> v of every step."""
    R, b, taps, shift = get("cell.R")[0], get("cell.b"), get("taps"), get("shift")
    maps = get("W")[:, 0]
    E = len(b) // 4
    h, c, n = b.new_zeros(E), b.new_zeros(E), b.new_zeros(E)
    past, above = [b.new_zeros(E)] * 4, []
    for v in below:
        now = norm(v, get("before.w"))
        past = [*past[1:], now]
        soft = F.silu(shift + sum(taps[k] * past[k] for k in range(4)))
        read = [W @ source for W, source in zip(maps, (soft, soft, now, now), strict=True)]
        i, f, z, o = (torch.cat(read) + R @ h + b).chunk(4)
        i, f = torch.exp(i), 1 / (1 + torch.exp(-f))
        c, n = f * c + i * torch.tanh(z), f * n + i
        h = torch.sigmoid(o) * c / n
        v = v + norm(h, get("after.w"))
        gate, up = (get("up") @ norm(v, get("inside.w"))).chunk(2)
        gate = gate / 2 * (1 + torch.erf(gate / 2**0.5))
        above.append(v + get("down") @ (gate * up))
    return above


def loop(module, shape):
    def answer(weights, x):
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            every = [weights["encoder.weight"] @ x_t + weights["encoder.bias"] for x_t in sequence]
            for number in range(2):
                every = block(lambda name, number=number: weights[f"blocks.{number}.{name}"], every)
            row = torch.stack([C @ v + a for v in every])
            answers.append(row if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"xlstm-s": loop}
