"""Full-capacity uRNN, one sequence and one step at a time, from its equations."""

import torch


def loop(module, shape):
    def answer(weights, x):
        W, V, b = torch.complex(*weights["rnn.W"]), weights["rnn.V"], weights["rnn.b"]
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            h, rows = torch.complex(*weights["h_0"].chunk(2)), []
            for x_t in sequence:
                z = h @ W + torch.complex(*(V @ x_t).chunk(2))
                size = (z.real**2 + z.imag**2 + 1e-5) ** 0.5
                h = z * torch.clamp(size + b, min=0) / (size + 1e-5)
                rows.append(C @ torch.cat([h.real, h.imag]) + a)
            answers.append(torch.stack(rows) if shape.per_step else rows[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"full-urnn": loop}
