"""One step of an LSTM and of a GRU, from their equations, for the plain loops; nothing of it comes from models/.

W (gates h, inputs), U (gates h, h), b (gates h); x, h and c of a batch, (batch, ...), or of one sequence.
"""

import torch
from torch import Tensor


def lstm(W: Tensor, U: Tensor, b: Tensor, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h and c after the step; gates in the order i, f, g, o."""
    i, f, g, o = (x @ W.T + h @ U.T + b).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru(W: Tensor, U: Tensor, b: Tensor, x: Tensor, h: Tensor, *, after: bool = False) -> Tensor:
    """h after the step; gates in the order r, z, g; after: the reset gate acts after the product with U."""
    (W_r, W_z, W_g), (U_r, U_z, U_g), (b_r, b_z, b_g) = (entry.chunk(3) for entry in (W, U, b))
    r = torch.sigmoid(x @ W_r.T + h @ U_r.T + b_r)
    z = torch.sigmoid(x @ W_z.T + h @ U_z.T + b_z)
    g = torch.tanh(x @ W_g.T + (r * (h @ U_g.T) if after else (r * h) @ U_g.T) + b_g)
    return z * h + (1 - z) * g
