"""TP-RNN's aggregation function theta: M state vectors become one (Ma et al., AAAI 2020, Eqs. 7-10).

    E = [e_1, ..., e_M];  S = (f_2(W_2 f_1(W_1 E^T)))^T;  theta(E)^d = f(sum_m S_m^d e_m^d)
    f_1 = ReLU, f_2 = sigmoid, f = tanh; W_1 is D x M and W_2 is M x D with D = 3 M, without biases

`attention` is theta; `mean` and `max` pool the nodes, and `senet` computes one weight a node from
the node's mean over its dimensions (Table 4). All keep f, so that they differ in the weights alone.

Departures: the paper leaves D open, the released code has 3 M. For n < M nodes the corner of the
matrices that belongs to n nodes is used, as in the released code. That code also lacks the
transpose of Eq. 8: it computes S for rows (sequence, dimension) and reshapes it to (node,
dimension), so that a weight lands on another element. `released` does the same.
"""

import torch
from torch import Tensor, nn

from ..engine.native import recurrences
from ..engine.replicas import lifted
from ..engine.scan import takes_native

KINDS = ("attention", "mean", "max", "senet")
GROWTH = 3  # D / M


class Aggregation(nn.Module):
    """`sets` aggregations of up to `nodes` nodes at once, each with weights of its own.

    forward: (sets, n, batch, h) with n <= nodes -> (sets, batch, h).
    """

    def __init__(
        self, nodes: int, *, sets: int = 1, kind: str = "attention", released: bool = False, squash: bool = True
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"no aggregation '{kind}'; choose one of {', '.join(KINDS)}")
        self.kind, self.released, self.squash = kind, released, squash
        if kind in ("attention", "senet"):
            self.w_in = nn.Parameter(torch.empty(sets, nodes, GROWTH * nodes))
            self.w_out = nn.Parameter(torch.empty(sets, GROWTH * nodes, nodes))
            for weight in (self.w_in, self.w_out):
                nn.init.trunc_normal_(weight, std=0.1, a=-0.2, b=0.2)

    @property
    def matrices(self) -> tuple[Tensor, ...]:
        """W_1^T and W_2^T of all sets; none where the nodes are pooled."""
        return (self.w_in, self.w_out) if self.kind in ("attention", "senet") else ()

    def forward(self, E: Tensor) -> Tensor:
        return self.aggregate(E, *self.matrices)

    def aggregate(self, E: Tensor, *matrices: Tensor) -> Tensor:
        """forward as a function of the matrices."""
        if self.kind == "attention" and takes_native(E):
            return lifted(self._native, E, *matrices)[0]
        if self.kind == "mean":
            summed = E.mean(dim=1)
        elif self.kind == "max":
            summed = E.amax(dim=1)
        else:
            summed = (self.weights(E, *matrices) * E).sum(dim=1)
        return torch.tanh(summed) if self.squash else summed

    def _native(self, replicas: int | None, *tensors: Tensor) -> tuple[Tensor]:
        if replicas is None:
            return (recurrences.Attention.apply(*tensors, self.released, self.squash),)
        # replicas are more sets
        summed = recurrences.Attention.apply(*(tensor.flatten(0, 1) for tensor in tensors), self.released, self.squash)
        return (summed.unflatten(0, (replicas, -1)),)

    def weights(self, E: Tensor, w_in: Tensor, w_out: Tensor) -> Tensor:
        """S, (sets, n, batch, h), or (sets, n, batch, 1) for senet."""
        sets, n, batch, h = E.shape
        squeezed = E.mean(dim=3) if self.kind == "senet" else E.reshape(sets, n, batch * h)
        w_in, w_out = w_in[:, :n, : GROWTH * n], w_out[:, : GROWTH * n, :n]
        hidden = torch.bmm(w_in.transpose(1, 2), squeezed).relu_()  # in place: the largest tensor here
        S = torch.bmm(w_out.transpose(1, 2), hidden).sigmoid_()
        if self.kind == "senet":
            return S.unsqueeze(3)
        if self.released:
            return S.transpose(1, 2).reshape(sets, batch, n, h).transpose(1, 2)
        return S.view(sets, n, batch, h)


class OutputAggregation(nn.Module):
    """The output head of K layers: o = theta([o_1 M_1, ..., o_K M_K]) without the outer tanh.

    forward: K tensors (..., h_k) -> (..., h_K). The maps M_k, h_k x h_K without bias, are in the
    released code and not in the paper, as is the missing tanh.
    """

    def __init__(self, widths: list[int], *, kind: str = "attention", released: bool = False) -> None:
        super().__init__()
        self.maps = nn.ParameterList(torch.empty(width, widths[-1]) for width in widths)
        for weight in self.maps:
            nn.init.trunc_normal_(weight, std=0.1, a=-0.2, b=0.2)
        self.theta = Aggregation(len(widths), kind=kind, released=released, squash=False)

    def forward(self, outputs: list[Tensor]) -> Tensor:
        mapped = self._mapped(outputs)
        nodes = mapped.flatten(1, -2).unsqueeze(0)
        return self.theta(nodes).view(mapped.shape[1:])

    def weights(self, outputs: list[Tensor]) -> Tensor | None:
        """How much the head takes of each layer, (K, batch), mean over units, of K outputs (batch, h_k).

        None where it pools them.
        """
        if not self.theta.matrices:
            return None
        return self.theta.weights(self._mapped(outputs).unsqueeze(0), *self.theta.matrices)[0].mean(2)

    def _mapped(self, outputs: list[Tensor]) -> Tensor:
        return torch.stack([o @ M for o, M in zip(outputs, self.maps, strict=True)])
