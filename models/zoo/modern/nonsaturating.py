"""NRU, non-saturating recurrent unit: a relu layer beside a memory that several heads add to and take from.

    h_t = relu(W_x x_t + W_h h_{t-1} + W_m m_{t-1} + b);  e = [h_t, m_{t-1}]
    alpha, beta = A e + a (k each);  u, v of alpha and of beta, q each, linear in e, q^2 = k M
    V_alpha = the k rows, M long, of the outer product u v^T, row by row, each over its 5-norm;  V_beta likewise
    m_t = m_{t-1} + (alpha V_alpha - beta V_beta) / k;  the answer is linear in h_T

Chandar, Sankar, Vorontsov, Kahou, Bengio: Towards non-saturating recurrent units for modelling long-term dependencies,
AAAI 2019.

Weights start as in the authors' code: as torch's Linear, the classifier Glorot-normal.

Departures: none of the equations. On permuted digits they have 212 units, a memory of 256 and four heads; of another
width, the memory M is in that ratio, as near as k M is a square: `memory` sets it. `relu=True` is their variant that
cuts alpha, beta and the outer products off below zero; their layer normalisation and further layers are not offered.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import Recurrence, State
from ...parts import cells
from ...spec import ModelSpec, Shape


def recurrence(relu: bool) -> Recurrence:
    def step(weights: State, state: State, projected: Tensor) -> tuple[State, State]:
        _, _, W, A, a, signs = weights
        h, m = state
        h = torch.relu(torch.addmm(projected, torch.cat(state, dim=1), W.t()))
        read = torch.addmm(a, torch.cat([h, m], dim=1), A.t())
        shares, vectors = read.split([len(signs), len(a) - len(signs)], dim=1)
        u, v = vectors.unflatten(1, (2, 2, -1)).unbind(2)
        products = u.unsqueeze(3) * v.unsqueeze(2)
        if relu:
            shares, products = torch.relu(shares), torch.relu(products)
        rows = F.normalize(products.flatten(1).unflatten(1, (len(signs), -1)), p=5, dim=2)
        m = m + ((shares * signs).unsqueeze(2) * rows).sum(1)
        return (h, m), (h,)

    return Recurrence(step, cells.project)


RECURRENCES = {relu: recurrence(relu) for relu in (False, True)}


class NonSaturating(cells.Layer, nn.Module):
    """W_x (h, d), b (h), W (h, h + M) for [h, m]; A (2 k + 4 q, h + M) and a for alpha, beta, u and v of each.

    State: h (batch, h), m (batch, M).
    """

    def __init__(self, inputs: int, width: int, memory: int, heads: int, relu: bool) -> None:
        super().__init__()
        self.recurrence = RECURRENCES[relu]
        self.heads, self.memory = heads, memory
        read = width + memory
        rows = 2 * heads + 4 * math.isqrt(heads * memory)
        self.W_x = nn.Parameter(torch.empty(width, inputs))
        self.b = nn.Parameter(torch.empty(width))
        self.W = nn.Parameter(torch.empty(width, read))
        self.A = nn.Parameter(torch.empty(rows, read))
        self.a = nn.Parameter(torch.empty(rows))
        for size, weights in ((inputs + read, (self.W_x, self.b, self.W)), (read, (self.A, self.a))):
            for weight in weights:
                nn.init.uniform_(weight, -1 / math.sqrt(size), 1 / math.sqrt(size))

    @property
    def weights(self) -> State:
        signs = self.a.new_ones(2, self.heads) / self.heads
        return self.W_x, self.b, self.W, self.A, self.a, torch.cat([signs[0], -signs[1]])

    def initial_state(self, batch: int) -> State:
        return self.b.new_zeros(batch, len(self.b)), self.b.new_zeros(batch, self.memory)


def memory_of(width: int, heads: int) -> int:
    """The M nearest to 256 / 212 of the width, more than `heads`, of which `heads` times as many are a square.

    With no more a row would be v times one entry of u, of which its norm leaves the sign alone.
    """
    wanted = width * 256 / 212
    squares = (q * q for q in range(heads + 1, 3 * heads + 2 * math.isqrt(heads * width)))
    return min((square // heads for square in squares if square % heads == 0), key=lambda M: abs(M - wanted))


class NonSaturatingNetwork(cells.Classified):
    """One layer; shapes as Classified, state: NonSaturating's. heads: k; memory: M, None: as the width."""

    def __init__(
        self, shape: Shape, width: int, *, heads: int = 4, memory: int | None = None, relu: bool = False
    ) -> None:
        if heads < 1 or heads != int(heads):
            raise ValueError(f"heads is {heads}; give a whole number of at least 1")
        memory = memory_of(width, heads) if memory is None else memory
        if memory < 1 or math.isqrt(int(heads * memory)) ** 2 != heads * memory:
            raise ValueError(f"memory is {memory}; give a whole number of which {heads} times as many are a square")
        super().__init__(NonSaturating(shape.inputs, width, memory, heads, relu), shape, width)


NRU = ModelSpec(
    "nru",
    "NRU",
    NonSaturatingNetwork,
    paper_width=212,
    what="one layer of relu beside a memory that four heads add to and take from",
    cite="Chandar et al.: Towards non-saturating recurrent units for modelling long-term dependencies, AAAI 2019",
    source="https://github.com/apsarath/NRU",
    licence="Apache-2.0",
    start="as torch's Linear, classifier Glorot-normal: the authors' code",
    head="glorot-normal",
    opening=("relu", (False, True)),
)
