"""uRNN, one sequence and one step at a time, from its equations; the Fourier transform as a matrix."""

import numpy as np
import torch


def loop(module, shape):
    def answer(weights, x):
        V, theta, reflection, b = (weights[f"rnn.{name}"] for name in ("V", "theta", "reflection", "b"))
        C, a = weights["classifier.weight"], weights["classifier.bias"]
        n = len(b)
        grid = torch.arange(n, dtype=b.dtype)
        F = torch.exp(-2j * torch.pi * torch.outer(grid, grid) / n) / n**0.5
        D_1, D_2, D_3 = (torch.diag(torch.exp(1j * angles)) for angles in theta)
        R_1, R_2 = (
            torch.eye(n) - 2 * torch.outer(v.conj(), v) / (v @ v.conj())
            for v in reflection[:, :n] + 1j * reflection[:, n:]
        )
        P = torch.eye(n, dtype=F.dtype)[np.random.RandomState(1234).permutation(n)]
        W = D_3 @ R_2 @ F.conj() @ D_2 @ P @ R_1 @ F @ D_1
        answers = []
        for sequence in x:
            h = weights["h_0"][:n] + 1j * weights["h_0"][n:]
            row = []
            for x_t in sequence:
                v = V @ x_t
                z = W @ h + v[:n] + 1j * v[n:]
                size = (z.real**2 + z.imag**2) ** 0.5
                h = torch.where(size + b > 0, size + b, 0.0) / (size + 1e-5) * z
                row.append(C @ torch.cat([h.real, h.imag]) + a)
            answers.append(torch.stack(row) if shape.per_step else row[-1])
        return torch.stack(answers)

    return answer


LOOPS = {"urnn": loop}
