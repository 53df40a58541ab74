"""HM-LSTM, one sample and one step at a time, from the equations: slow, and true."""

from collections import Counter

import torch
from torch import Tensor


class Threshold(torch.autograd.Function):
    """z = 1[hardsigm(s) > 1/2], differentiated as hardsigm(s) = max(0, min(1, (a s + 1) / 2))."""

    @staticmethod
    def forward(ctx, s, a):
        soft = (a * s + 1) / 2
        ctx.inside, ctx.a = (soft > 0) & (soft < 1), a
        return (soft > 0.5).to(s.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.inside * ctx.a / 2, None


def by_branches(z, zb, c, h, f, i, o, g, seen):
    if z == 1:
        seen["flush"] += 1
        c = i * g
    elif zb == 1:
        seen["update"] += 1
        c = f * c + i * g
    else:
        seen["copy"] += 1
        return c, h
    return c, o * torch.tanh(c)


def by_arithmetic(z, zb, c, h, f, i, o, g, seen):
    new = z * (i * g) + (1 - z) * (1 - zb) * c + (1 - z) * zb * (f * c + i * g)
    moved = o * torch.tanh(new)
    return new, z * moved + (1 - z) * (1 - zb) * h + (1 - z) * zb * moved


def run(p: dict[str, Tensor], x: Tensor, *, per_step: bool, slope: float, select=by_branches):
    """Outputs, boundaries (batch, time, detectors) and how often each case occurred above the first layer."""
    L = 1 + max(int(name.split(".")[1]) for name in p if name.startswith("layers."))
    widths = [p[f"layers.{l}.U"].shape[1] for l in range(L)]
    seen, outputs, boundaries = Counter(), [], []
    for frames in x:
        h = [x.new_zeros(n) for n in widths]
        c = [x.new_zeros(n) for n in widths]
        z = [x.new_zeros(()) for _ in widths]
        embeddings = []
        for x_t in frames:
            old_h, below, zb = list(h), x_t, x.new_ones(())
            for l, n in enumerate(widths):
                s = p[f"layers.{l}.U"] @ old_h[l] + zb * (p[f"layers.{l}.W"] @ below)
                if l < L - 1:
                    s = s + z[l] * (p[f"layers.{l}.U_above"] @ old_h[l + 1])
                if f"layers.{l}.b" in p:
                    s = s + p[f"layers.{l}.b"]
                f, i, o = (torch.sigmoid(s[m * n : (m + 1) * n]) for m in range(3))
                g = torch.tanh(s[3 * n : 4 * n])
                c[l], h[l] = select(z[l], zb, c[l], h[l], f, i, o, g, seen if l else Counter())
                z[l] = Threshold.apply(s[4 * n], slope) if len(s) > 4 * n else x.new_zeros(())
                below, zb = h[l], z[l]
                if len(s) > 4 * n:
                    boundaries.append(bool(z[l]))
            gates = torch.sigmoid(p["gates.weight"] @ torch.cat(h))
            W_e = p["embedding.weight"].split(widths, dim=1)
            embeddings.append(torch.relu(sum(gates[l] * (W_e[l] @ h[l]) for l in range(L))))
        pooled = torch.stack(embeddings) if per_step else sum(embeddings) / len(embeddings)
        outputs.append(pooled @ p["classifier.weight"].t() + p["classifier.bias"])
    return torch.stack(outputs), torch.tensor(boundaries).reshape(*x.shape[:2], -1), seen


def loop(module, shape):
    select = by_arithmetic if module.selects else by_branches
    return lambda weights, x: run(weights, x, per_step=shape.per_step, slope=module.slope, select=select)[0]


LOOPS = {"hm-lstm": loop, "hm-lstm-compact-gates": loop}
