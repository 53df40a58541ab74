"""LMU, Legendre memory unit: a tanh layer that reads the Legendre coefficients of a window of the past.

    u_t = e_x x_t [+ e_h h_{t-1}] [+ e_m m_{t-1}];  m_t = A' m_{t-1} + B' u_t;  h_t = tanh(W [m_t, x_t] + U h_{t-1} + b)
    A_ij = (2 i + 1) (-1 if i < j else (-1)^{i-j+1}), B_i = (2 i + 1) (-1)^i, i, j = 0 .. q - 1
    exp([[A, B], [0, 0]] / theta) = [[A', B'], [0, 1]];  the answer is linear in h_T

Voelker, Kajic, Eliasmith: Legendre memory units: Continuous-time representation in recurrent neural networks, NeurIPS
2019.

m are the first q coefficients of the last theta steps of u, of each of `memory_d` of them. A' and B' are not trained.
Where u reads x alone, what h reads of m is a convolution of u, and is computed in stretches.

The authors' code has a licence of its own and was not read: this is from the equations, and there is no case of theirs.
Weights start as that code is said to: W Glorot-uniform, U and e_m orthogonal, b zero, e_x ones as in their example on
permuted digits, or Glorot-uniform as e_h (`init=glorot`); the classifier Glorot-uniform.

Departures: e_h and e_m, trained in the paper, are off as in their example (`hidden_to_memory`, `memory_to_memory`). As
there, theta is the length of a sequence, memory_d 1, and q 256 where there are 212 units; of other widths q is such a
part. Their code can train theta and has a bias in u; ours has neither.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...engine.scan import Recurrence, State, scan
from ...parts import cells
from ...spec import ModelSpec, Shape
from . import deep

ORDER = 256 / 212  # of a unit
STRETCH = 16  # steps
INITS = ("ones", "glorot")


def discrete(order: int, theta: float) -> tuple[Tensor, Tensor]:
    """A' (q, q) and B' (q), in float64."""
    i = torch.arange(order, dtype=torch.float64, device="cpu")
    sign = 1 - 2 * (i % 2)
    below = -torch.outer(sign, sign)  # (-1)^{i-j+1}
    A_B = torch.zeros(order + 1, order + 1, dtype=i.dtype, device="cpu")
    A_B[:order, :order] = torch.where(i.unsqueeze(1) < i, -1.0, below)
    A_B[:order, order] = sign
    A_B[:order] *= (2 * i + 1).unsqueeze(1) / theta
    whole = torch.linalg.matrix_exp(A_B)
    return whole[:order, :order].contiguous(), whole[:order, order].contiguous()


def remembered(A: Tensor, B: Tensor, m: Tensor, u: Tensor) -> Tensor:
    """A' m + B' u: m (batch, p q), u (batch, p) -> m."""
    driven = u.unsqueeze(2) * B
    return torch.addmm(driven.flatten(0, 1), m.reshape(-1, len(B)), A.t()).view_as(m)


def step(weights: State, state: State, u: Tensor, z: Tensor) -> tuple[State, State]:
    """u and z are what memory and h see of x."""
    A, B, e_h, e_m, W_m, U = weights
    h, m = state
    m = remembered(A, B, m, torch.addmm(torch.addmm(u, h, e_h.t()), m, e_m.t()))
    h = torch.tanh(torch.addmm(torch.addmm(z, m, W_m.t()), h, U.t()))
    return (h, m), (h,)


def memory_step(weights: State, state: State, u: Tensor) -> tuple[State, State]:
    A, B, W_m = weights
    m = remembered(A, B, state[0], u)
    return (m,), (m @ W_m.t(),)


def memory(weights: State, state: State, u: Tensor) -> tuple[State, State]:
    """memory_step at all steps: m itself at the first of every stretch alone, and W_m m from that and from u since."""
    A, B, W_m = weights
    (time, batch, p), q = u.shape, len(B)
    starts = range(0, time, STRETCH)
    last = time - starts[-1]
    W = [W_m.unflatten(1, (p, q))]
    for _ in range(STRETCH):
        W.append(W[-1] @ A)  # of a later m what W_m reads
    reads = torch.stack(W[1:])  # (k, h, p, q)
    seen = torch.stack(W[:-1]) @ B  # (k, h, p), of a u as many steps ago
    kept = [B]
    for _ in range(STRETCH - 1):
        kept.append(A @ kept[-1])
    of_u = torch.stack(kept[::-1])  # (k, q), what the last k u leave in m
    u = F.pad(u, (0, 0, 0, 0, 0, STRETCH - last)).unflatten(0, (len(starts), STRETCH))
    driven = torch.einsum("ckbp,kq->cbpq", u, of_u).flatten(1, 2)
    leap = torch.linalg.matrix_power(A, STRETCH).t()
    every = [state[0].reshape(-1, q)]
    for added in driven[:-1].unbind(0):
        every.append(torch.addmm(added, every[-1], leap))
    lags = torch.arange(STRETCH, device=u.device)
    lags = lags.unsqueeze(1) - lags  # of the answer at k to the u at l
    of_lags = torch.where((lags >= 0)[:, :, None, None], seen[lags.clamp(min=0)], 0.0)  # (k, l, h, p)
    z = torch.einsum("cblp,klhp->ckbh", u.transpose(1, 2), of_lags)
    z = z + torch.einsum("cbpq,khpq->ckbh", torch.stack(every).unflatten(1, (batch, p)), reads)
    after = torch.einsum("kbp,kq->bpq", u[-1, :last], of_u[STRETCH - last :]).flatten(0, 1)
    after = torch.addmm(after, every[-1], torch.linalg.matrix_power(A, last).t())
    return (after.view_as(state[0]),), (z.flatten(0, 1)[:time],)


# not as `library`, which the eager back end takes too: FLOPs are counted on the loop of the steps
MEMORY = Recurrence(memory_step, native=memory)
RECURRENCE = Recurrence(step)


class Legendre(nn.Module):
    """e_x (p, d), W (h, p q), or (h, p q + d) with x, U (h, h), b (h); e_h (p, h) and e_m (p, p q) or None.

    x (batch, time, d) -> h (batch, time, h); state: h (batch, h), m (batch, p q), the q of a u together.
    """

    A: Tensor
    B: Tensor

    def __init__(self, d: int, h: int, p: int, order: int, theta: float, reads: tuple[bool, bool, bool]) -> None:
        super().__init__()
        of_x, from_h, from_m = reads
        size = p * order
        self.e_x = nn.Parameter(torch.empty(p, d))
        self.e_h = nn.Parameter(torch.empty(p, h)) if from_h else None
        self.e_m = nn.Parameter(torch.empty(p, size)) if from_m else None
        self.W = nn.Parameter(torch.empty(h, size + d if of_x else size))
        self.U = nn.Parameter(torch.empty(h, h))
        self.b = nn.Parameter(torch.zeros(h))
        limit = math.sqrt(6 / (d + p + (h if from_h else 0)))
        for e in (self.e_x, self.e_h):
            if e is not None:
                nn.init.uniform_(e, -limit, limit)
        nn.init.xavier_uniform_(self.W)
        for matrix in (self.U, self.e_m):
            if matrix is not None:
                nn.init.orthogonal_(matrix)
        sizes = (order, order), (order,)
        made = [torch.empty(size, device="meta") for size in sizes] if self.b.is_meta else discrete(order, theta)
        for name, value in zip("AB", made, strict=True):
            self.register_buffer(name, value.to(self.b.device), persistent=False)

    def initial_state(self, batch: int) -> State:
        return self.b.new_zeros(batch, len(self.b)), self.b.new_zeros(batch, len(self.e_x) * len(self.B))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        h, m = self.initial_state(len(x)) if state is None else state
        x = x.transpose(0, 1)
        A, B = self.A.to(m.dtype), self.B.to(m.dtype)
        W_m, W_x = self.W.split([m.shape[1], self.W.shape[1] - m.shape[1]], dim=1)
        u = F.linear(x, self.e_x)
        z = F.linear(x, W_x, self.b) if W_x.shape[1] else self.b.expand(*x.shape[:2], -1)
        if self.e_h is None and self.e_m is None:
            (m,), (read,) = scan(MEMORY, (A, B, W_m), (m,), (u,))
            (h,), (every,) = scan(cells.PROJECTED, (self.U,), (h,), (read + z,))
        else:
            e_h = self.b.new_zeros(u.shape[2], len(self.b)) if self.e_h is None else self.e_h
            e_m = self.b.new_zeros(u.shape[2], m.shape[1]) if self.e_m is None else self.e_m
            (h, m), (every,) = scan(RECURRENCE, (A, B, e_h, e_m, W_m, self.U), (h, m), (u, z))
        return every.transpose(0, 1), (h, m)


class LegendreNetwork(cells.Classified):
    """One layer; shapes as Classified, state: h (batch, width), m (batch, memory_d order).

    order: q, None: 256 for 212 units. theta: steps, None: of a sequence. An eighth of a unit is some coefficients more.
    Raises ValueError.
    """

    def __init__(
        self,
        shape: Shape,
        width: float,
        *,
        order: int | None = None,
        theta: float | None = None,
        memory_d: int = 1,
        input_to_hidden: bool = True,
        hidden_to_memory: bool = False,
        memory_to_memory: bool = False,
        init: str = "ones",
    ) -> None:
        for name, number in (("order", order), ("memory_d", memory_d)):
            if number is not None and (number < 1 or number != int(number)):
                raise ValueError(f"{name} is {number}; give a whole number of at least 1")
        theta = shape.length if theta is None else theta
        if theta <= 0:
            raise ValueError(f"theta is {theta}; give a number of steps above 0")
        if init not in INITS:
            raise ValueError(f"init is '{init}'; choose one of {', '.join(INITS)}")
        h, eighths = deep.whole(width)
        growth, q = (ORDER, ORDER * h) if order is None else (0.0, order)
        unit = memory_d * q + shape.inputs * input_to_hidden + 2 * h + 1 + shape.outputs  # its weights
        q = max(1, round(q + eighths / deep.STEPS * (growth + unit / (memory_d * h))))
        reads = input_to_hidden, hidden_to_memory, memory_to_memory
        super().__init__(Legendre(shape.inputs, h, memory_d, q, theta, reads), shape, h)
        if init == "ones":
            nn.init.ones_(self.rnn.e_x)


LMU = ModelSpec(
    "lmu",
    "LMU",
    LegendreNetwork,
    paper_width=212,
    layers=deep.STEPS,
    what="one layer of tanh that reads the Legendre coefficients of a window of the past",
    cite="Voelker, Kajic, Eliasmith: Legendre memory units: Continuous-time representation in recurrent neural "
    "networks, NeurIPS 2019",
    source="https://github.com/nengo/keras-lmu",
    licence="proprietary",
    start="e_x ones, W Glorot-uniform, U orthogonal, classifier Glorot-uniform: what the authors' code is said to do",
    head="glorot",
    opening=("init", ("ones", "glorot")),
    further=("memory_d", (1, 4)),
)
