"""Full-capacity uRNN: a complex state that any unitary matrix may turn; the matrix is moved on the unitary matrices.

    h_t = modReLU(h_{t-1} W + x_t V),  W unitary, h a row, h_0 trained;  the answer is linear in [Re h_T, Im h_T]
    modReLU(z) = max(|z| + b, 0) z / |z|
    a step: a = 0.9 a + 0.1 G^2, G / (sqrt(a) + 1e-8) for G, both in each real entry;  S = G X^H - X G^H, X = W^T
            X <- (I + rate / 2 S)^{-1} (I - rate / 2 S) X

Wisdom, Powers, Hershey, Le Roux, Atlas: Full-capacity unitary recurrent neural networks, NIPS 2016.

Weights start as in the authors' code: W as the uRNN's product with its parts at random, V and the classifier
Glorot-uniform, b zero, h_0 U(-sqrt(3 / 2n), sqrt(3 / 2n)). The rate of W is a thousandth of the others', as in their
smaller network for digits by pixels (a hundredth in the larger). As there, modReLU adds 10^-5 to |z|^2 and to |z|.

n^2 of the 2 n^2 numbers of W are free, and so many count for a budget.

Departures: none of the equations. In the code as released the gradient of W is only what comes through Re h_{t-1}, half
of it: `released=True`. The state that is carried is h_t - h_0, so that zeros stand for the start.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..engine.scan import Recurrence, State
from ..parts import cells
from ..spec import ModelSpec, Shape
from . import unitary

EPSILON = 1e-5


def step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    _, b, W = weights
    u = torch.addmm(projected, state[0], W)
    pairs = u.unflatten(1, (2, -1))
    size = torch.sqrt(pairs.square().sum(1) + EPSILON)
    h = (pairs * (torch.relu(size + b) / (size + EPSILON)).unsqueeze(1)).flatten(1)
    return (h,), (h,)


def project(weights: State, x: Tensor) -> State:
    return (F.linear(x, weights[0]),)


RECURRENCE = Recurrence(step, project)


def turned(W: Tensor, gradient: Tensor, memory: Tensor, rate: float | Tensor) -> tuple[Tensor, Tensor]:
    """W (2, n, n), its real and its imaginary part, one step along the unitary matrices; and the new a."""
    memory = 0.9 * memory + 0.1 * gradient.square()
    return along(W, gradient / (memory.sqrt() + 1e-8), rate), memory


def along(W: Tensor, gradient: Tensor, rate: float | Tensor) -> Tensor:
    """The Cayley transform, which keeps W unitary."""
    X, G = (torch.complex(*pair.unbind(0)).transpose(0, 1) for pair in (W, gradient))
    S = G @ X.mH - X @ G.mH
    one = torch.eye(len(X), dtype=X.dtype, device=X.device)
    found, _ = torch.linalg.solve_ex(one + rate / 2 * S, X - rate / 2 * S @ X)
    return torch.view_as_real(found.transpose(0, 1)).movedim(2, 0)


class FullUnitary(cells.Layer, nn.Module):
    """V (2 n, d), W (2, n, n), b (n); 2 n are n real parts and then n imaginary ones.

    x (batch, time, d) -> h (batch, time, 2 n); state: h (batch, 2 n).
    """

    recurrence = RECURRENCE

    def __init__(self, inputs: int, width: int, released: bool) -> None:
        super().__init__()
        self.released, self.free_numbers = released, {"W": width**2}
        self.V = nn.Parameter(torch.empty(2 * width, inputs))
        nn.init.xavier_uniform_(self.V)
        self.b = nn.Parameter(torch.zeros(width))
        self.W = nn.Parameter(_product(width))

    @property
    def weights(self) -> State:
        return self.V, self.b, self.augmented(self.W)

    def augmented(self, W: Tensor) -> Tensor:
        """What a row [Re h, Im h] is multiplied by, (2 n, 2 n)."""
        A, B = W.unbind(0)
        C, D = (A.detach(), B.detach()) if self.released else (A, B)
        return torch.cat([torch.cat([A, B], dim=1), torch.cat([-D, C], dim=1)])


@torch.no_grad()
def _product(width: int) -> Tensor:
    """The uRNN's matrix at random: the rows of the identity, turned."""
    _, _, *parts = unitary.Unitary(1, width).weights
    rows = unitary.turned(torch.eye(width, dtype=parts[0].dtype, device=parts[0].device), *parts)
    return torch.view_as_real(rows).movedim(2, 0).contiguous()


class FullUnitaryNetwork(unitary.Begun):
    """As Begun."""

    def __init__(self, shape: Shape, width: int, *, released: bool = False) -> None:
        super().__init__(FullUnitary(shape.inputs, width, released), shape, width)

    def trained_as(self) -> dict[str, dict[str, Any]]:
        return {"rnn.W": {"rate": 0.001, "step": turned}}


FULL_U_RNN = ModelSpec(
    "full-urnn",
    "full-capacity uRNN",
    FullUnitaryNetwork,
    paper_width=512,
    what="one complex state that any unitary matrix may turn, moved by steps along these matrices",
    cite="Wisdom, Powers, Hershey, Le Roux, Atlas: Full-capacity unitary recurrent neural networks, NIPS 2016",
    source="https://github.com/stwisdom/urnn",
    licence="none",
    start="W as the uRNN's at random, V Glorot-uniform, b zero, classifier Glorot-uniform: the authors' code",
    head="glorot",
)
