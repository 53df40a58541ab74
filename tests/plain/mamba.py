"""Mamba, one sequence and one step at a time, from its equations."""

import torch


def silu(v):
    return v / (1 + torch.exp(-v))


def norm(v, weight):
    return v / ((v**2).mean() + 1e-5) ** 0.5 * weight


def block(get, below, sizes):
    """v of every step -> v of every step."""
    rank, states, taps = sizes
    A, D = -torch.exp(get("rnn.A_log")), get("rnn.D")
    tap, shift = get("rnn.taps"), get("rnn.shift")
    h, past, above = torch.zeros_like(A), [torch.zeros_like(D)] * taps, []
    for v in below:
        u, z = (get("rnn.into.weight") @ norm(v, get("norm.weight"))).chunk(2)
        past = [*past[1:], u]
        s = silu(shift + sum(tap[k] * past[k] for k in range(taps)))
        d, B, C = (get("rnn.select.weight") @ s).split([rank, states, states])
        step = torch.log(1 + torch.exp(get("rnn.step.weight") @ d + get("rnn.step.bias")))
        h = torch.exp(step[:, None] * A) * h + (step * s)[:, None] * B
        above.append(v + get("rnn.out.weight") @ ((h @ C + D * s) * silu(z)))
    return above


def loop(module, shape):
    rank, states, _ = module.blocks[0].rnn.parts
    sizes = rank, states, len(module.blocks[0].rnn.taps)
    layers = len(module.blocks)

    def answer(weights, x):
        answers = []
        for sequence in x:
            every = [weights["encoder.weight"] @ x_t + weights["encoder.bias"] for x_t in sequence]
            for number in range(layers):
                every = block(lambda name, number=number: weights[f"blocks.{number}.{name}"], every, sizes)
            read = [norm(v, weights["norm.weight"]) for v in every]
            row = torch.stack([weights["classifier.weight"] @ v + weights["classifier.bias"] for v in read])
            answers.append(row if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"mamba": loop}
