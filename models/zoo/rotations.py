"""GORU, gated orthogonal recurrent unit: a GRU whose candidate reads a state that an orthogonal matrix turns.

    r, g = sigmoid(U x_t + W h_{t-1} + b);  a = r (Q h_{t-1}) + U_c x_t
    c = sign(a) max(0, |a| + 0.001 + b_c);  h_t = g h_{t-1} + (1 - g) c;  the answer is linear in h_T
    Q a product of layers of rotations of pairs of units, y_p' = cos y_p - sin y_q, y_q' = sin y_p + cos y_q

Jing, Gulcehre, Peurifoy, Shen, Tegmark, Soljacic, Bengio: Gated orthogonal recurrent units: On learning to forget,
arXiv 1706.02761, 2017.

`capacity` layers, in turns of the pairs (1, 2), (3, 4), .. and (2, 3), (4, 5), ..; `style=fft` has the pairs of a
Fourier transform instead, log2 of the width layers, where the width is a power of 2.

Weights start as in the authors' code: angles U(-pi, pi), U and W U(-0.01, 0.01), b_r 2, b_c 0.01, b_g Glorot-uniform,
TensorFlow's default for any variable. The classifier is torch's.

Departures: none of the equations. Q is multiplied out once a pass, and then a matrix as W is. Two layers of each kind,
a capacity of 4, are ours, since any width has them.
"""

import math

import torch
from torch import Tensor, nn

from ..engine.scan import Recurrence, State
from ..parts import cells
from ..spec import ModelSpec, Shape

STYLES = ("tunable", "fft")


def step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
    """Parts c, r, g."""
    _, _, W, b_c = weights
    (h,) = state
    turned, for_r, for_g = torch.mm(h, W.t()).chunk(3, dim=1)
    c, r, g = projected.chunk(3, dim=1)
    a = torch.addcmul(c, torch.sigmoid(r + for_r), turned)
    c = torch.sign(a) * torch.relu(a.abs() + 0.001 + b_c)
    h = torch.lerp(c, h, torch.sigmoid(g + for_g))
    return (h,), (h,)


RECURRENCE = Recurrence(step, cells.project)


def rotated(p: Tensor, q: Tensor, angles: Tensor, dim: int) -> Tensor:
    """Both, each as a row of a new axis."""
    cos, sin = torch.cos(angles), torch.sin(angles)
    return torch.stack([cos * p - sin * q, sin * p + cos * q], dim=dim)


def layer(v: Tensor, angles: Tensor, number: int, style: str) -> Tensor:
    """One layer of rotations of v (rows, h), the first of them numbered 0."""
    if style == "fft":
        blocks = 1 << number
        p, q = v.unflatten(1, (blocks, 2, -1)).unbind(2)
        return rotated(p, q, angles.view(-1, blocks).t(), 2).flatten(1)
    first, last = number % 2, number % 2 + 2 * len(angles)
    p, q = v[:, first:last].unflatten(1, (-1, 2)).unbind(2)
    return torch.cat([v[:, :first], rotated(p, q, angles, 2).flatten(1), v[:, last:]], dim=1)


class Orthogonal(cells.Layer, nn.Module):
    """U (3 h, d) and b (3 h), parts c, r, g; W (2 h, h), r and g; theta: all angles, layer after layer."""

    recurrence = RECURRENCE

    def __init__(self, inputs: int, width: int, style: str, capacity: int) -> None:
        super().__init__()
        self.style = style
        every = [width // 2] * (width.bit_length() - 1)
        self.angles = every if style == "fft" else [(width - i % 2) // 2 for i in range(capacity)]
        self.U = nn.Parameter(torch.empty(3 * width, inputs))
        self.W = nn.Parameter(torch.empty(2 * width, width))
        self.b = nn.Parameter(torch.empty(3 * width))
        self.theta = nn.Parameter(torch.empty(sum(self.angles)))
        glorot = math.sqrt(3 / width)
        c, r, g = self.b.detach().chunk(3)
        for weight, limit in ((self.U, 0.01), (self.W, 0.01), (self.theta, math.pi), (g, glorot)):
            nn.init.uniform_(weight, -limit, limit)
        nn.init.constant_(c, 0.01)
        nn.init.constant_(r, 2.0)

    @property
    def rotation(self) -> Tensor:
        """The image of each unit vector in a row."""
        turned = torch.eye(self.W.shape[1], dtype=self.W.dtype, device=self.W.device)
        for number, angles in enumerate(self.theta.split(self.angles)):
            turned = layer(turned, angles, number, self.style)
        return turned

    @property
    def weights(self) -> State:
        """b_c is inside the relu, apart from U_c x."""
        b_c, b = self.b.split([self.W.shape[1], len(self.W)])
        return self.U, torch.cat([torch.zeros_like(b_c), b]), torch.cat([self.rotation.t(), self.W]), b_c


class OrthogonalNetwork(cells.Classified):
    """One layer; shapes as Classified, state: h (batch, width). capacity: of the style tunable alone."""

    def __init__(self, shape: Shape, width: int, *, style: str = "tunable", capacity: int = 4) -> None:
        if style not in STYLES:
            raise ValueError(f"style is '{style}'; choose one of {', '.join(STYLES)}")
        if capacity < 1 or capacity != int(capacity):
            raise ValueError(f"capacity is {capacity}; give a whole number of at least 1")
        if style == "fft" and width & (width - 1):
            raise ValueError(f"the width is {width}; style=fft takes a power of 2")
        super().__init__(Orthogonal(shape.inputs, width, style, capacity), shape, width)


GORU = ModelSpec(
    "goru",
    "GORU",
    OrthogonalNetwork,
    what="one layer of GRU whose candidate reads a state that an orthogonal matrix turns",
    cite="Jing et al.: Gated orthogonal recurrent units: On learning to forget, arXiv 1706.02761, 2017",
    source="https://github.com/jingli9111/GORU-tensorflow",
    licence="MIT",
    start="angles U(-pi, pi), U and W U(-0.01, 0.01), b_r 2: the authors' code; classifier as torch's Linear",
    head="default",
    opening=("capacity", (4, 2, 8)),
)
