"""The Transformer, one sequence, one step and one head at a time, from its equations."""

import math

import torch


def norm(v, weight, bias):
    centred = v - v.mean()
    return centred / ((centred**2).mean() + 1e-5) ** 0.5 * weight + bias


def loop(module, shape):
    def answer(weights, x):
        def linear(name, v):
            return weights[f"{name}.weight"] @ v + weights[f"{name}.bias"]

        def normed(name, v):
            return norm(v, weights[f"{name}.weight"], weights[f"{name}.bias"])

        H, answers = len(weights["encoder.bias"]), []
        for sequence in x:
            v = []
            for t, x_t in enumerate(sequence):
                waves = [f(t / 10_000 ** (i / H)) for i in range(0, H, 2) for f in (math.sin, math.cos)]
                v.append(linear("encoder", x_t) + torch.tensor(waves[:H], dtype=x.dtype))
            for b in range(2):
                block, size = f"blocks.{b}", -(-H // 4)
                every = [linear(f"{block}.of_all", normed(f"{block}.before", v_t)).split(size) for v_t in v]
                for t in range(len(v)):
                    heads = []
                    for head in range(4):
                        q = every[t][head]
                        a = torch.stack([q @ every[s][4 + head] / size**0.5 for s in range(t + 1)]).softmax(0)
                        heads.append(sum(a[s] * every[s][8 + head] for s in range(t + 1)))
                    v[t] = v[t] + linear(f"{block}.out", torch.cat(heads))
                for t, v_t in enumerate(v):
                    u = linear(f"{block}.up", normed(f"{block}.inside", v_t))
                    v[t] = v_t + linear(f"{block}.down", u / 2 * (1 + torch.erf(u / 2**0.5)))
            row = torch.stack([linear("classifier", normed("norm", v_t)) for v_t in v])
            answers.append(row if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"transformer": loop}
