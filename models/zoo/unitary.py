"""uRNN: a complex state that a unitary matrix turns, a product of rotations, reflections and Fourier transforms.

    h_t = modReLU(W h_{t-1} + V x_t),  W = D_3 R_2 F^{-1} D_2 P R_1 F D_1,  h_0 trained
    D_k = diag(e^{i theta_k}), R_k a reflection by a complex vector, P a fixed permutation, F the Fourier transform
    modReLU(z) = max(|z| + b, 0) z / |z|;  the answer is linear in [Re h_T, Im h_T]

Arjovsky, Shah, Bengio: Unitary evolution recurrent neural networks, ICML 2016.

Weights start as in the authors' code: V, the reflections and the classifier Glorot-uniform, theta U(-pi, pi), b
U(-0.01, 0.01), h_0 U(-sqrt(3 / 2n), sqrt(3 / 2n)); P is the same for all seeds.

Departures: none of the equations. As in their code, modReLU divides by |z| + 10^-5, and R z has no conjugate in the
product of z and its vector. Their gradient at z = 0 is NaN, ours 0. The state that is carried is h_t - h_0, so that
zeros stand for the start. The width for the budget "paper" is the 512 units of their permuted digits.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..engine.scan import Recurrence, State, scan
from ..parts import cells
from ..parts.paired import as_complex, as_real
from ..spec import ModelSpec, Shape


def project(weights: State, x: Tensor) -> State:
    return (as_complex(F.linear(x, weights[0])),)


def turned(h: Tensor, turns: Tensor, v: Tensor, mirrored: Tensor, permutation: Tensor) -> Tensor:
    """W h, of rows (batch, n); turns: e^{i theta_k}; v (2, n, 1), mirrored (2, 1, n): -2 conj(v) / |v|^2."""
    D_1, D_2, D_3 = turns.unbind(0)
    z = torch.fft.fft(h * D_1, norm="ortho")
    z = torch.addmm(z, z @ v[0], mirrored[0])
    z = torch.fft.ifft(z[:, permutation] * D_2, norm="ortho")
    return torch.addmm(z, z @ v[1], mirrored[1]) * D_3


def step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, b, *parts = weights
    z = turned(state[0], *parts) + projected
    size = z.abs()
    h = z * (torch.relu(size + b) / (size + 1e-5))
    return (h,), (h,)


RECURRENCE = Recurrence(step, project)


class Unitary(nn.Module):
    """V (2 n, d), theta (3, n), reflection (2, 2 n), b (n), where 2 n are n real parts and then n imaginary ones.

    x (batch, time, d) -> h (batch, time, 2 n); state: h (batch, 2 n).
    """

    permutation: Tensor

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.V = nn.Parameter(torch.empty(2 * width, inputs))
        self.theta = nn.Parameter(torch.empty(3, width))
        self.reflection = nn.Parameter(torch.empty(2, 2 * width))
        self.b = nn.Parameter(torch.empty(width))
        for weight in (self.V, self.reflection):
            nn.init.xavier_uniform_(weight)
        for weight, limit in ((self.theta, math.pi), (self.b, 0.01)):
            nn.init.uniform_(weight, -limit, limit)
        order = np.random.RandomState(1234).permutation(width)  # their seed
        self.register_buffer("permutation", torch.tensor(order, device=self.V.device), persistent=False)

    def initial_state(self, batch: int) -> State:
        return (self.V.new_zeros(batch, len(self.V)),)

    @property
    def weights(self) -> State:
        turns = torch.polar(torch.ones_like(self.theta), self.theta)
        v = as_complex(self.reflection)
        mirrored = v.conj() * (-2 / self.reflection.square().sum(1, keepdim=True))
        return self.V, self.b, turns, v.unsqueeze(2), mirrored.unsqueeze(1), self.permutation

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        (before,) = self.initial_state(len(x)) if state is None else state
        (last,), (h,) = scan(RECURRENCE, self.weights, (as_complex(before),), (x.transpose(0, 1),))
        return as_real(h.transpose(0, 1)), (as_real(last),)


class Begun(cells.Classified):
    """One layer of complex states; shapes as Classified, state: h - h_0, (batch, 2 width)."""

    def __init__(self, rnn: nn.Module, shape: Shape, width: int) -> None:
        super().__init__(rnn, shape, 2 * width)
        self.h_0 = nn.Parameter(torch.empty(2 * width))
        nn.init.uniform_(self.h_0, -math.sqrt(1.5 / width), math.sqrt(1.5 / width))

    def forward(self, x: Tensor, state: State | None = None) -> Tensor | tuple[Tensor, State]:
        (h,) = self.initial_state(len(x)) if state is None else state
        answers, (h,) = super().forward(x, (h + self.h_0,))
        return answers if state is None else (answers, (h - self.h_0,))


class UnitaryNetwork(Begun):
    """As Begun."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__(Unitary(shape.inputs, width), shape, width)


U_RNN = ModelSpec(
    "urnn",
    "uRNN",
    UnitaryNetwork,
    paper_width=512,
    what="one complex state that a unitary matrix turns, of rotations, reflections and Fourier transforms",
    cite="Arjovsky, Shah, Bengio: Unitary evolution recurrent neural networks, ICML 2016",
    source="https://github.com/amarshah/complex_RNN",
    licence="BSD-3-Clause",
    start="Glorot-uniform, angles U(-pi, pi), b U(-0.01, 0.01), classifier included: the authors' code",
    head="glorot",
)
