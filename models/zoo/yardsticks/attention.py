"""A small causal Transformer: layers that attend to all steps so far, with the norm before each part.

    v_t = W x_t + b + p_t;  v <- v + O softmax(Q K^T / sqrt(s) + mask) V, with Q, K, V linear in LayerNorm(v)
    v <- v + W_2 gelu(W_1 LayerNorm(v));  the answer is linear in LayerNorm(v_T)
    p_t = (sin, cos)(t / 10000^(i / H)) for i = 0, 2, ..

Vaswani et al.: Attention is all you need, NIPS 2017; the norm before each part and the gelu as in Radford et al.:
Language models are unsupervised multitask learners, 2019.

Two layers of four heads, an inner width of twice the outer one and 64 units for the budget "paper" are ours: there is
no paper of this size on these tasks. A sixteenth of a unit is an inner unit of one layer. Weights are Glorot-uniform
and biases zero, as the first paper's code has them.

What it remembers grows with the sequence, so no state is carried.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.replicas import lifted
from ...spec import ModelSpec, Shape, carries, spread

STEPS = 16  # of a unit, to meet a budget


def attended(replicas: int | None, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor]:
    """q, k, v (batch, heads, time, s) -> likewise, with a leading replica axis where there are replicas."""
    if replicas is None:
        return (F.scaled_dot_product_attention(q, k, v, is_causal=True),)
    together = F.scaled_dot_product_attention(*(part.flatten(0, 1) for part in (q, k, v)), is_causal=True)
    return (together.unflatten(0, (replicas, -1)),)


class Block(nn.Module):
    """v (batch, time, H) -> v. of_all is Q, K and V; out is O; up, down are W_1, W_2."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads, size = heads, -(-width // heads)
        self.before, self.inside = nn.LayerNorm(width), nn.LayerNorm(width)
        self.of_all, self.out = nn.Linear(width, 3 * heads * size), nn.Linear(heads * size, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, v: Tensor) -> Tensor:
        parts = self.of_all(self.before(v)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        (seen,) = lifted(attended, *parts.unbind(0))
        v = v + self.out(seen.transpose(1, 2).flatten(2))
        return v + self.down(F.gelu(self.up(self.inside(v))))


class Transformer(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step. Raises ValueError."""

    def __init__(self, shape: Shape, width: float, *, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        if heads < 1 or heads != int(heads):
            raise ValueError(f"heads is {heads}; give a whole number of at least 1")
        self.per_step = shape.per_step
        H, parts = divmod(round(width * STEPS), STEPS)
        inner = spread(2 * H + 8 * parts / STEPS, layers)  # eight inner units are as many weights as one of H
        self.encoder = nn.Linear(shape.inputs, H)
        self.blocks = nn.ModuleList(Block(H, heads, size) for size in inner)
        self.norm = nn.LayerNorm(H)
        self.classifier = nn.Linear(H, shape.outputs)
        for map_ in (self.encoder, *(part for block in self.blocks for part in block.children())):
            if isinstance(map_, nn.Linear):
                nn.init.xavier_uniform_(map_.weight)
                nn.init.zeros_(map_.bias)

    def places(self, like: Tensor) -> Tensor:
        """p (time, H) for like (batch, time, H)."""
        _, time, H = like.shape
        slow = torch.arange(0, H, 2, device=like.device, dtype=like.dtype)
        angle = torch.arange(time, device=like.device, dtype=like.dtype).unsqueeze(1) * 10_000 ** (-slow / H)
        return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :H]

    def forward(self, x: Tensor) -> Tensor:
        v = self.encoder(x)
        v = v + self.places(v)
        for block in self.blocks:
            v = block(v)
        v = self.norm(v if self.per_step else v[:, -1])
        answers: Tensor = self.classifier(v)
        return answers


def why_not(shape: Shape) -> str | None:
    return "what it remembers grows with the sequence, so it has no state to carry" if carries(shape) else None


TRANSFORMER = ModelSpec(
    "transformer",
    "Transformer",
    Transformer,
    paper_width=64,
    layers=STEPS,
    why_not=why_not,
    what="two layers that attend to all steps so far; no recurrence",
    cite="Vaswani et al.: Attention is all you need, NIPS 2017",
    start="Glorot-uniform, biases zero: the paper's code; classifier as torch's Linear",
    head="default",
    further=("heads", (4, 1)),
)
