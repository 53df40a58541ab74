"""ASRNN, one sample and one step at a time, from the equations: slow, and true."""

import torch
from torch import Tensor


def at_scale(x: Tensor, t: int, j: int, K: int, normalisation: str) -> Tensor:
    """(1): the sum over i < 2^j K of x_{t-i} phi(i / 2^j), for x (time, inputs)."""
    size = {"1": 1.0, "1/K": 1 / K, "1/sqrt(K)": K**-0.5}[normalisation]
    total = torch.zeros_like(x[0])
    for i in range(2**j * K):
        k, rest = divmod(i, 2**j)
        phi = 0.0 if rest else (size if k + 1 <= (K + 1) // 2 else -size)
        if t - i >= 0:
            total = total + phi * x[t - i]
    return total


def cell(kind: str, p: dict[str, Tensor], x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One step of one sample; p: weight_x, weight_h, bias."""
    n = len(h)
    W = p["weight_x"].split(n)
    U = p["weight_h"].split(n)
    b = p["bias"].split(n)
    if kind == "lstm":
        i, f, g, o = (W[m] @ x + U[m] @ h + b[m] for m in range(4))
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    r, z = (torch.sigmoid(W[m] @ x + U[m] @ h + b[m]) for m in range(2))
    g = torch.tanh(W[2] @ x + U[2] @ (r * h) + b[2])
    return z * h + (1 - z) * g, c


def run(
    kind: str,
    p: dict[str, Tensor],
    x: Tensor,
    *,
    taps: int,
    normalisation: str,
    tau: float = 1.0,
    weights: str = "soft",
    noise: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Outputs at all steps (batch, time, outputs), and the scales with the largest weight (batch, time).

    x (batch, time, inputs); noise (time, batch, scales), none for evaluation; weights: soft, hard (the
    gradient is soft's), argmax, or the index of a fixed scale as text.
    """
    mine = {name.removeprefix("cell."): value for name, value in p.items()}
    outputs, chosen = [], []
    for sample, frames in enumerate(x):
        h = c = torch.zeros(mine["weight_h"].shape[1], dtype=x.dtype)
        for t in range(len(frames)):
            if weights.isdigit():
                mixed = at_scale(frames, t, int(weights), taps, normalisation)
            else:
                z = p["W_z"] @ h + p["U_z"] @ frames[t] + p["b_z"]
                log_pi = (z.exp() / z.exp().sum()).log()
                g = 0 if noise is None else noise[t, sample]
                e = ((log_pi + g) / tau).exp()
                y = e / e.sum()
                best = int(y.argmax())
                chosen.append(best)
                one_hot = torch.eye(len(y), dtype=x.dtype)[best]
                if weights == "hard":
                    y = one_hot - y.detach() + y
                elif weights == "argmax":
                    y = one_hot
                mixed = sum(y[j] * at_scale(frames, t, j, taps, normalisation) for j in range(len(y)))
            h, c = cell(kind, mine, mixed, h, c)
            outputs.append(p["classifier.weight"] @ h + p["classifier.bias"])
    shape = x.shape[:2]
    return torch.stack(outputs).unflatten(0, shape), torch.tensor(chosen).reshape(shape if chosen else (0,))


NAMES = {f"rnn.{name}": f"cell.{name}" for name in ("weight_x", "weight_h", "bias")}
NAMES |= {"rnn.weight_ih_l0": "cell.weight_x", "rnn.weight_hh_l0": "cell.weight_h", "rnn.bias_ih_l0": "cell.bias"}


def loop(kind, weights_of_scales):
    def of(module, shape):
        def answer(weights, x):
            renamed = {NAMES.get(key, key): value for key, value in weights.items()}
            settings = {"taps": 8, "normalisation": "1/sqrt(K)", "weights": weights_of_scales}
            every, _ = run(kind, renamed, x, **settings)
            return every if shape.per_step else every[:, -1]

        return answer

    return of


LOOPS = {
    "slstm": loop("lstm", "3"),
    "sgru": loop("gru", "3"),
    "aslstm": loop("lstm", "argmax"),
    "asgru": loop("gru", "argmax"),
}
