"""The CNN on raw sound, one sequence and one window's sum at a time, from its equations."""

import torch


def convolved(v, C, c, apart=1):
    """v: a list of steps; only whole windows."""
    taps = C.shape[2]
    starts = range(0, len(v) - taps + 1, apart)
    return [torch.clamp(c + sum(C[:, :, k] @ v[s + k] for k in range(taps)), min=0) for s in starts]


def pooled(v, pool):
    return [torch.stack(v[s : s + pool]).max(0).values for s in range(0, len(v) - pool + 1, pool)]


def loop(module, shape):
    def answer(weights, x):
        C_1, C_2, C_3 = ((weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in ("into", "second", "third"))
        answers = []
        for sequence in x:
            u = convolved(list(sequence), *C_1, apart=C_1[0].shape[2])
            v = pooled(convolved(u, *C_2), module.first_pool)
            w = torch.stack(pooled(convolved(v, *C_3), module.second_pool), dim=1)
            z = torch.clamp(weights["dense.weight"] @ w.flatten() + weights["dense.bias"], min=0)
            answers.append(weights["classifier.weight"] @ z + weights["classifier.bias"])
        return torch.stack(answers)

    return answer


LOOPS = {"raw-cnn": loop}
