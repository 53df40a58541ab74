"""SFM, one sequence and one step at a time, from its equations."""

import math

import torch


def loop(module, shape):
    def answer(weights, x):
        V, W, b, W_A, b_z = (weights[f"rnn.{name}"] for name in ("V", "W", "b", "W_A", "b_z"))
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        K, p, D = len(W_A), len(W_A[0]) // 2, W_A.shape[2]
        answers = []
        for sequence in x:
            z, row = b.new_zeros(p), []
            S = [torch.zeros(D, dtype=torch.complex128) for k in range(K)]
            for t, x_t in enumerate(sequence):
                ste, fre, g, i, *o = (W @ z + V @ x_t + b).split([D, K, D, D, *[p] * K])
                z = 0
                for k in range(K):
                    turned = complex(math.cos(2 * math.pi * k / K * t), math.sin(2 * math.pi * k / K * t))
                    f = torch.sigmoid(ste) * torch.sigmoid(fre[k])
                    S[k] = f * S[k] + torch.sigmoid(g) * torch.tanh(i) * turned
                    A = (S[k].real ** 2 + S[k].imag ** 2) ** 0.5
                    W_z, U_o = W_A[k].split(p)
                    z = z + torch.sigmoid(U_o @ A + o[k]) * torch.tanh(W_z @ A + b_z[k])
                row.append(C @ z + a)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"sfm": loop}
