"""NRU, one sequence and one step at a time, from its equations."""

import torch


def loop(module, shape):
    def answer(weights, x):
        W_x, b, W, A, a = (weights[f"rnn.{name}"] for name in ("W_x", "b", "W", "A", "a"))
        C, c = weights["classifier.weight"], weights["classifier.bias"]
        M = W.shape[1] - len(b)
        q = int((4 * M) ** 0.5)

        def heads(u, v):
            rows = torch.stack([u_i * v_j for u_i in u for v_j in v]).view(4, M)
            return [row / (row.abs() ** 5).sum() ** 0.2 for row in rows]

        answers = []
        for sequence in x:
            h, m, row = b.new_zeros(len(b)), b.new_zeros(M), []
            for x_t in sequence:
                h = W_x @ x_t + W @ torch.cat([h, m]) + b
                h = torch.where(h > 0, h, 0.0)
                alpha, beta, *vectors = (A @ torch.cat([h, m]) + a).split([4, 4, q, q, q, q])
                added = sum(share * V for share, V in zip(alpha, heads(*vectors[:2]), strict=True))
                taken = sum(share * V for share, V in zip(beta, heads(*vectors[2:]), strict=True))
                m = m + (added - taken) / 4
                row.append(C @ h + c)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"nru": loop}
