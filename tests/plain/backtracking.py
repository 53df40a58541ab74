"""SAB, one sequence and one step at a time, from its equations; the memory grows and is read whole."""

import torch


def sigmoid(v):
    return 1 / (1 + torch.exp(-v))


def attended(w, said, memory):
    s = torch.stack([w @ torch.tanh(torch.cat([said, M_j])) for M_j in memory])
    if len(memory) > 10:
        v = torch.relu(s - (s.sort(descending=True).values[9] + 1e-7))
        s = v / (v.sum() + 1e-7)
    return sum(s_j * M_j for s_j, M_j in zip(s, memory, strict=True))


def loop(module, shape):
    def answer(weights, x):
        W, U, b, w = (weights[f"rnn.{name}"] for name in ("weight_x", "weight_h", "bias", "w"))
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        answers = []
        for sequence in x:
            h = c = U.new_zeros(U.shape[1])
            memory, row = [h], []
            for t, x_t in enumerate(sequence, 1):
                if t % 10 == 0:
                    h, c = h.detach(), c.detach()
                i, f, g, o = (W @ x_t + U @ h + b).chunk(4)
                c = sigmoid(f) * c + sigmoid(i) * torch.tanh(g)
                said = sigmoid(o) * torch.tanh(c)
                q = attended(w, said, memory)
                h = said + q
                if t % 2 == 0:
                    memory.append(h)
                row.append(C @ torch.cat([h, q]) + a)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"sab": loop}
