"""SFM, state-frequency memory: each unit's memory is kept apart by frequency, as a complex number for each.

    f = sigmoid(ste) (x) sigmoid(fre), a share for each of D units and K frequencies;  g = sigmoid, i = tanh
    S_t = f S_{t-1} + (g i) (x) e^{j omega t};  A_t = |S_t|                                                  (D, K)
    z_t = sum_k o_k tanh(W_z^k A_t^k + b_z^k),  o_k = sigmoid(U_o^k A_t^k + W_o^k z_{t-1} + V_o^k x_t + b_o^k)
    ste, fre, g and i are each W z_{t-1} + V x_t + b;  omega_k = 2 pi k / K, k = 0..K-1;  the answer is linear in z_T

Hu, Qi: State-frequency memory recurrent neural networks, ICML 2017.

`clock` is what t means: `steps`, those since the sequence began, as the paper's equations are recalled; `fraction`, the
part of the sequence that is read, (t + 1) / T, which the released code evidently means; `released`, what that code
computes: it divides whole numbers, so that t is 1 at the end of the sequence and 0 before, and the frequencies do not
matter. `adaptive=True` has omega of the step before, W z + V x + b of z and x there.

Weights start as in the authors' code: each matrix and each b of z and o Gaussian with rows of norm 1, other biases
N(0, 1). The classifier is torch's, since their model has none: their z_t is the answer.

Departures: none of the equations. K = 4 is theirs; D is the width, as z: `units` sets it. The gradient of A at S = 0 is
0, in their code NaN. The omega that is carried is what is beyond 2 pi k / K, so that zeros stand for the start.
"""

import math
from functools import cache, partial

import torch
from torch import Tensor, nn

from ..engine.scan import Recurrence, State
from ..parts import cells
from ..spec import ModelSpec, Shape

CLOCKS = ("steps", "fraction", "released")


def time_at(clock: str, length: int, t: Tensor) -> Tensor:
    """What the t-th step, from 0, is to the frequencies."""
    if clock == "steps":
        return t
    share = (t + 1) / length
    return torch.floor(share) if clock == "released" else share


def step(clock: str, length: int, weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    """S (batch, 2, K, D) in real and imaginary parts; t (batch, 1); of the adaptive kind also omega (batch, K)."""
    _, _, W_h, W_A, b_z, omega = weights
    z, S, t, *changes = state
    K, D = S.shape[2:]
    ste, fre, g, i, o, *new = torch.addmm(projected, z, W_h.t()).split(
        [D, K, D, D, b_z.numel(), *([K] if changes else [])], dim=1
    )
    angle = (omega + changes[0] if changes else omega) * time_at(clock, length, t)
    phase = torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)
    f = torch.sigmoid(fre).unsqueeze(2) * torch.sigmoid(ste).unsqueeze(1)
    S = f.unsqueeze(1) * S + (torch.sigmoid(g) * torch.tanh(i))[:, None, None] * phase.unsqueeze(3)
    A = torch.linalg.vector_norm(S, dim=1).transpose(0, 1)
    for_z, for_o = torch.bmm(A, W_A).chunk(2, dim=2)
    opened = torch.sigmoid(for_o + o.unflatten(1, b_z.shape).transpose(0, 1))
    z = (opened * torch.tanh(for_z + b_z.unsqueeze(1))).sum(0)
    return (z, S, t + 1, *(v - omega for v in new)), (z,)


@cache
def recurrence(clock: str, length: int) -> Recurrence:
    return Recurrence(partial(step, clock, length), cells.project)


class StateFrequency(cells.Layer, nn.Module):
    """V (.., d), W (.., p), b (..) of the parts ste (D), fre (K), g (D), i (D), o (K p) and, where adaptive, omega (K).

    W_A (K, 2 p, D): W_z above U_o; b_z (K, p). State: z (batch, p), S, t and omega as in `step`.
    """

    def __init__(self, inputs: int, width: int, units: int, frequencies: int, recurrence: Recurrence, adaptive: bool):
        super().__init__()
        self.recurrence = recurrence
        self.adaptive = adaptive
        parts = [units, frequencies, units, units, *[width] * frequencies, *([frequencies] if adaptive else [])]
        self.V = nn.Parameter(torch.randn(sum(parts), inputs))
        self.W = nn.Parameter(torch.randn(sum(parts), width))
        self.b = nn.Parameter(torch.randn(sum(parts)))
        self.W_A = nn.Parameter(torch.randn(frequencies, 2 * width, units))
        self.b_z = nn.Parameter(torch.randn(frequencies, width))
        of_o = self.b.detach()[2 * units + units + frequencies :][: frequencies * width].view(frequencies, width)
        for rows in (self.V, self.W, self.W_A, self.b_z, of_o):
            rows.detach().div_(torch.linalg.vector_norm(rows.detach(), dim=-1, keepdim=True))

    @property
    def weights(self) -> State:
        K = len(self.W_A)
        omega = 2 * math.pi / K * torch.arange(K, dtype=self.b.dtype, device=self.b.device)
        return self.V, self.b, self.W, self.W_A.transpose(1, 2), self.b_z, omega

    def initial_state(self, batch: int) -> State:
        (K, _, D), p = self.W_A.shape, self.W.shape[1]
        sizes = [(p,), (2, K, D), (1,), *([(K,)] if self.adaptive else [])]
        return tuple(self.b.new_zeros(batch, *size) for size in sizes)


class StateFrequencyMemory(cells.Classified):
    """One layer; shapes as Classified, state: StateFrequency's. units: D, None: as the width. frequencies: K."""

    def __init__(
        self,
        shape: Shape,
        width: int,
        *,
        clock: str = "steps",
        adaptive: bool = False,
        frequencies: int = 4,
        units: int | None = None,
    ) -> None:
        if clock not in CLOCKS:
            raise ValueError(f"clock is '{clock}'; choose one of {', '.join(CLOCKS)}")
        units = width if units is None else units
        for name, value in (("frequencies", frequencies), ("units", units)):
            if value < 1 or value != int(value):
                raise ValueError(f"{name} is {value}; give a whole number of at least 1")
        run = recurrence(clock, shape.length if clock != "steps" else 0)
        super().__init__(StateFrequency(shape.inputs, width, units, frequencies, run, adaptive), shape, width)


SFM = ModelSpec(
    "sfm",
    "SFM",
    StateFrequencyMemory,
    what="one layer whose memory is kept apart by frequency",
    cite="Hu, Qi: State-frequency memory recurrent neural networks, ICML 2017",
    source="https://github.com/hhkunming/State-Frequency-Memory-Recurrent-Neural-Networks",
    licence="none",
    start="Gaussian with rows of norm 1, biases N(0, 1): the authors' code; classifier as torch's Linear",
    head="default",
    opening=("clock", ("steps", "fraction")),
    further=("adaptive", (False, True)),
)
