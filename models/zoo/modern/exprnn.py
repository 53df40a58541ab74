"""expRNN: a state that an orthogonal matrix turns, the exponential of a skew-symmetric one.

    h_t = sign(a) max(0, |a| + b),  a = T x_t + W h_{t-1};  the answer is linear in h_T
    W^T = exp(S), or its Cayley transform (I + S)^{-1} (I - S);  S = A - A^T, A strictly upper triangular

Lezcano-Casado, Martinez-Rubio: Cheap orthogonal constraints in neural networks: A simple parametrization of the
orthogonal and unitary group, ICML 2019.

Weights start as in the authors' code: A is zero but for its entries (1, 2), (3, 4), .., so that W turns pairs of units.
`init=cayley`: they are -tan(u / 2), u U(0, pi / 2), also where `map` is the exponential; `init=henaff`: U(-pi, pi). T
is N(0, 2 / inputs), b U(-0.01, 0.01). The classifier is torch's.

Departures: none of the equations. Of A the entries that S reads are kept, and no others. As in their code A is trained
at a tenth of the rate. Their code also has a dynamic mode, of a second paper ("dtriv"): every 100 steps W becomes the
place from which A is counted, and A zero, while the optimizer's memory of A stays. That changes a weight beside the
optimizer and a matrix that is not trained and of each seed its own, between two steps, which no model can ask for
here, so it is left out. The width for the budget "paper" is the 170 units of their digits.
"""

import math

import torch
from torch import Tensor, nn

from ...engine.scan import State
from ...parts import cells
from ...spec import ModelSpec, Shape


def exponential(S: Tensor) -> Tensor:
    return torch.linalg.matrix_exp(S)


def cayley(S: Tensor) -> Tensor:
    one = torch.eye(len(S), dtype=S.dtype, device=S.device)
    return torch.linalg.solve(one + S, one - S)


MAPS = {"exp": exponential, "cayley": cayley}
INITS = ("cayley", "henaff")


class Orthogonal(cells.Layer, nn.Module):
    """T (h, d), b (h), A: its h (h - 1) / 2 entries, row after row."""

    recurrence = cells.MODRELU

    def __init__(self, inputs: int, width: int, map: str, init: str) -> None:
        super().__init__()
        self.map = MAPS[map]
        self.T = nn.Parameter(torch.randn(width, inputs) * math.sqrt(2 / inputs))
        self.b = nn.Parameter(torch.empty(width).uniform_(-0.01, 0.01))
        drawn = torch.rand(width // 2)
        start = torch.zeros(width, width)
        pairs = start.diagonal(1)[::2]
        pairs.copy_(-torch.tan(math.pi / 4 * drawn) if init == "cayley" else math.pi * (2 * drawn - 1))
        self.A = nn.Parameter(start[tuple(self.entries)])

    @property
    def entries(self) -> Tensor:
        """Row and column of each entry of A."""
        return torch.triu_indices(len(self.b), len(self.b), 1, device=self.b.device)

    @property
    def rotation(self) -> Tensor:
        """W, orthogonal."""
        A = self.A.new_zeros(len(self.b), len(self.b)).index_put(tuple(self.entries), self.A)
        return self.map(A - A.t()).t()

    @property
    def weights(self) -> State:
        return self.T, self.b, self.rotation


class OrthogonalNetwork(cells.Classified):
    """One layer; shapes as Classified, state: h (batch, width). Raises ValueError for an unknown map or init."""

    def __init__(self, shape: Shape, width: int, *, map: str = "exp", init: str = "cayley") -> None:
        for name, value, known in (("map", map, MAPS), ("init", init, INITS)):
            if value not in known:
                raise ValueError(f"{name} is '{value}'; choose one of {', '.join(known)}")
        super().__init__(Orthogonal(shape.inputs, width, map, init), shape, width)

    def trained_as(self) -> dict[str, dict[str, float]]:
        return {"rnn.A": {"rate": 0.1}}


EXP_RNN = ModelSpec(
    "exprnn",
    "expRNN",
    OrthogonalNetwork,
    paper_width=170,
    what="one layer of a state that an orthogonal matrix turns, the exponential of a skew-symmetric one",
    cite="Lezcano-Casado, Martinez-Rubio: Cheap orthogonal constraints in neural networks: A simple parametrization "
    "of the orthogonal and unitary group, ICML 2019",
    source="https://github.com/Lezcano/expRNN",
    licence="MIT",
    start="W turns pairs of units by -tan(u / 2), u U(0, pi / 2), T N(0, 2 / inputs), b U(-0.01, 0.01): the authors' "
    "code; classifier as torch's Linear",
    head="default",
    opening=("init", ("cayley", "henaff")),
    further=("map", ("exp", "cayley")),
)
