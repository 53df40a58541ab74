"""TCN, one sequence, one step and one unit's sum at a time, from its equations."""

import torch


def convolved(v, V, g, b, apart):
    taps = V.shape[2]
    weight = V * (g / V.flatten(1).norm(dim=1))[:, None, None]
    out = []
    for t in range(len(v)):
        past = [t - (taps - 1 - k) * apart for k in range(taps)]
        out.append(b + sum(weight[:, :, k] @ v[s] for k, s in enumerate(past) if s >= 0))
    return [torch.clamp(y, min=0) for y in out]


def loop(module, shape):
    def answer(weights, x):
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            v = list(sequence)
            for l in range(8):
                first, second = (
                    [weights[f"levels.{l}.{part}.{name}"] for name in "Vgb"] for part in ("first", "second")
                )
                y = convolved(convolved(v, *first, 2**l), *second, 2**l)
                if f"levels.{l}.past.weight" in weights:
                    P, p = weights[f"levels.{l}.past.weight"][:, :, 0], weights[f"levels.{l}.past.bias"]
                    v = [P @ v_t + p for v_t in v]
                v = [torch.clamp(y_t + v_t, min=0) for y_t, v_t in zip(y, v, strict=True)]
            row = torch.stack([C @ v_t + a for v_t in v])
            answers.append(row if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"tcn": loop}
