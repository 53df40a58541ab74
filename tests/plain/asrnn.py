"""ASRNN, one sample and one step at a time, from the equations: slow, and true."""

import torch
from support import steps
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


def run(
    kind: str,
    p: dict[str, Tensor],
    x: Tensor,
    *,
    taps: int = 8,
    normalisation: str = "1/sqrt(K)",
    tau: float = 1.0,
    weights: str = "soft",
    noise: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Outputs at all steps (batch, time, outputs), and the scales with the largest weight (batch, time).

    x (batch, time, inputs); noise (time, batch, scales), none for evaluation; weights: soft, hard (the
    gradient is soft's), argmax, or the index of a fixed scale as text.
    """
    cell = [p[f"cell.{name}"] for name in ("weight_x", "weight_h", "bias")]
    outputs, chosen = [], []
    for sample, frames in enumerate(x):
        h = c = torch.zeros(cell[1].shape[1], dtype=x.dtype)
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
            h, c = steps.lstm(*cell, mixed, h, c) if kind == "lstm" else (steps.gru(*cell, mixed, h), c)
            outputs.append(p["classifier.weight"] @ h + p["classifier.bias"])
    shape = x.shape[:2]
    return torch.stack(outputs).unflatten(0, shape), torch.tensor(chosen).reshape(shape if chosen else (0,))


NAMES = {f"rnn.{name}": f"cell.{name}" for name in ("weight_x", "weight_h", "bias")}
NAMES |= {"rnn.weight_ih_l0": "cell.weight_x", "rnn.weight_hh_l0": "cell.weight_h", "rnn.bias_ih_l0": "cell.bias"}


def loop(kind, **settings):
    def of(module, shape):
        def answer(weights, x):
            renamed = {NAMES.get(key, key): value for key, value in weights.items()}
            every, _ = run(kind, renamed, x, **settings)
            return every if shape.per_step else every[:, -1]

        return answer

    return of


LOOPS = {
    "slstm": loop("lstm", weights="3"),
    "sgru": loop("gru", weights="3"),
    "aslstm": loop("lstm", weights="argmax"),
    "asgru": loop("gru", weights="argmax"),
}
