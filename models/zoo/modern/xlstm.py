"""sLSTM of xLSTM: an LSTM with an exponential input gate and a memory that is normalised by what it has taken in.

    i, f, z, o = (W x_t) + R h_{t-1} + b;  i' = exp(i), f' = sigmoid(f)
    c_t = f' c_{t-1} + i' tanh(z);  n_t = f' n_{t-1} + i';  h_t = sigmoid(o) c_t / n_t
    block: v + GroupNorm(h of LayerNorm(v)), then v + W_down (gelu(W_gate LayerNorm(v)) W_up LayerNorm(v));
    i and f read silu of a convolution over the last four steps, z and o this step;  the answer is linear in the last v

c and n are kept over e^m, where m is the largest exponent so far, so that no exponential overflows; h does not depend
on it. Heads are parts of the units that read only themselves by R and by the gates' maps.

Beck, Poeppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter, Hochreiter: xLSTM: Extended long short-term
memory, NeurIPS 2024.

Weights start as in the authors' code: R zero, the bias of f from 5 down to -7 over the units of a head, faster in later
blocks, others zero; the gates' maps and W_up, W_gate N(0, 2 / 5 E), W_down N(0, (2 / (blocks sqrt(E)))^2), the
convolution as torch's; a norm's scale is 1 + w, w zero.

Departures: none of the equations; the forget gate is a sigmoid, as in their code, which the paper has beside the
exponential one. A linear map to E units before the first block and the classifier after the last, two `blocks` and one
head are ours (`heads` divides the width). The inner width is 1.3 E rounded up, theirs to a `multiple` of 64; an eighth
of a unit of E is one inner unit. `form=cell` is one layer of the cell alone, W torch's Linear without a bias.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import Recurrence, State, scan
from ...parts import library
from ...spec import ModelSpec, Shape
from .deep import STEPS, convolved, whole

TAPS = 4


def step(weights: State, state: State, read: Tensor) -> tuple[State, State]:
    """Where n is 0, nothing has been taken in, and m is as if it were below all numbers."""
    h, c, n, m = state
    i, f, z, o = torch.addmm(read, h, weights[0].t()).chunk(4, dim=1)
    kept = F.logsigmoid(f) + m
    m = torch.where(n == 0, i, torch.maximum(i, kept)).detach()
    i, f = torch.exp(i - m), torch.exp((kept - m).clamp(max=0))
    c = torch.addcmul(f * c, i, torch.tanh(z))
    n = torch.addcmul(i, f, n)
    h = torch.sigmoid(o) * c / n
    return (h, c, n, m), (h,)


RECURRENCE = Recurrence(step)


class Cell(nn.Module):
    """R (heads, 4 D, D) and b (4 E), parts i, f, z, o; W x (batch, time, 4 E) -> h (batch, time, E).

    place: of the block among all, 0 to 1. State: h, c, n, m (batch, E).
    """

    def __init__(self, width: int, heads: int, place: float) -> None:
        super().__init__()
        D = width // heads
        self.R = nn.Parameter(torch.zeros(heads, 4 * D, D))
        self.b = nn.Parameter(torch.zeros(4 * width))
        falling = 5 - 12 * (torch.arange(D) / max(1, D - 1)) ** (0.3 + 1.3 * place)
        self.b.detach()[width : 2 * width] = falling.repeat(heads)

    def initial_state(self, batch: int) -> State:
        return tuple(self.b.new_zeros(batch, len(self.b) // 4) for _ in range(4))

    def forward(self, read: Tensor, state: State | None) -> tuple[Tensor, State]:
        before = self.initial_state(len(read)) if state is None else state
        heads, _, D = self.R.shape
        apart = torch.eye(heads, dtype=self.b.dtype, device=self.b.device)[:, None, :, None]
        R = self.R.view(heads, 4, D, 1, D).transpose(0, 1) * apart
        after, (h,) = scan(RECURRENCE, (R.reshape(len(self.b), -1),), before, ((read + self.b).transpose(0, 1),))
        return h.transpose(0, 1), after


class Scaled(nn.Module):
    """Layer normalisation, by groups of units; its scale is 1 + w and it has no bias."""

    def __init__(self, width: int, groups: int = 1) -> None:
        super().__init__()
        self.groups = groups
        self.w = nn.Parameter(torch.zeros(width))

    def forward(self, v: Tensor) -> Tensor:
        parts = v.unflatten(-1, (self.groups, -1))
        return F.layer_norm(parts, parts.shape[-1:]).flatten(-2) * (1 + self.w)


class Block(nn.Module):
    """v (batch, time, E) -> v; state: the cell's and its input of the last three steps (batch, 3, E)."""

    def __init__(self, width: int, inner: int, heads: int, blocks: int, number: int) -> None:
        super().__init__()
        D = width // heads
        small = math.sqrt(2 / (5 * width))
        self.before, self.after, self.inside = Scaled(width), Scaled(width, heads), Scaled(width)
        self.taps = nn.Parameter(torch.empty(TAPS, width).uniform_(-0.5, 0.5))  # the last of this step
        self.shift = nn.Parameter(torch.empty(width).uniform_(-0.5, 0.5))
        self.W = nn.Parameter(small * torch.randn(4, heads, D, D))  # of i, f, z, o
        self.cell = Cell(width, heads, number / max(1, blocks - 1))
        self.up = nn.Parameter(small * torch.randn(2 * inner, width))  # gate, then up
        self.down = nn.Parameter(2 / (blocks * math.sqrt(width)) * torch.randn(width, inner))

    def initial_state(self, batch: int) -> State:
        v = self.before.w
        return *self.cell.initial_state(batch), v.new_zeros(batch, TAPS - 1, len(v))

    def forward(self, v: Tensor, state: State | None) -> tuple[Tensor, State]:
        *cell, past = self.initial_state(len(v)) if state is None else state
        now = self.before(v)
        long = torch.cat([past, now], dim=1)
        soft = F.silu(convolved(long, self.taps, self.shift))
        heads = (-1, self.W.shape[2])
        read = [
            torch.einsum("btni,gnoi->btgno", source.unflatten(2, heads), W).flatten(2)
            for source, W in zip((soft, now), self.W.split(2), strict=True)
        ]
        h, after = self.cell(torch.cat(read, dim=2), tuple(cell))
        v = v + self.after(h)
        gate, up = F.linear(self.inside(v), self.up).chunk(2, dim=2)
        return v + F.linear(F.gelu(gate) * up, self.down), (*after, long[:, -(TAPS - 1) :])


class Alone(nn.Module):
    """The cell alone: W (4 h, d), x (batch, time, d) -> h."""

    def __init__(self, inputs: int, width: int, heads: int) -> None:
        super().__init__()
        self.W = nn.Linear(inputs, 4 * width, bias=False)
        self.cell = Cell(width, heads, 0.0)
        self.initial_state = self.cell.initial_state

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        return self.cell(self.W(x), state)


class ExtendedLSTM(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs), or (batch, time, outputs) where per_step; state: every block's."""

    def __init__(
        self, shape: Shape, width: float, *, form: str = "block", blocks: int = 2, heads: int = 1, multiple: int = 1
    ) -> None:
        super().__init__()
        if form not in ("block", "cell"):
            raise ValueError(f"form is '{form}'; choose one of block, cell")
        for name, value in (("blocks", blocks), ("heads", heads), ("multiple", multiple)):
            if value < 1 or value != int(value):
                raise ValueError(f"{name} is {value}; give a whole number of at least 1")
        width, eighths = whole(width)
        if width % heads:
            raise ValueError(f"heads is {heads}; give a number that divides the width, {width}")
        self.per_step = shape.per_step
        if form == "cell":
            self.blocks = nn.ModuleList([Alone(shape.inputs, width, heads)])
        else:
            inner = multiple * math.ceil(1.3 * width / multiple) + eighths
            self.encoder = nn.Linear(shape.inputs, width)
            self.blocks = nn.ModuleList(Block(width, inner, heads, blocks, number) for number in range(blocks))
        self.classifier = nn.Linear(width, shape.outputs)

    def initial_state(self, batch: int) -> State:
        return tuple(zeros for block in self.blocks for zeros in block.initial_state(batch))

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        v = self.encoder(x) if hasattr(self, "encoder") else x
        after = []
        for block, before in zip(self.blocks, library.of_layers(state, len(self.blocks)), strict=True):
            v, last = block(v, before)
            after += last
        answers = self.classifier(v if self.per_step else v[:, -1])
        return answers if state is None else (answers, tuple(after))


XLSTM_S = ModelSpec(
    "xlstm-s",
    "xLSTM (sLSTM)",
    ExtendedLSTM,
    layers=STEPS,
    what="two blocks of LSTM with an exponential input gate and a normalised memory",
    cite="Beck et al.: xLSTM: Extended long short-term memory, NeurIPS 2024",
    source="https://github.com/NX-AI/xlstm",
    licence="Apache-2.0",
    start="R zero, b_f from 5 to -7, maps N(0, 2 / 5 width): the authors' code; classifier as torch's Linear",
    head="default",
    opening=("blocks", (2, 1, 3)),
    further=("form", ("block", "cell")),
)
