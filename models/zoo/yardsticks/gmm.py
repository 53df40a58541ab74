"""GMM: a mixture of Gaussians for each class, of single steps and whatever their order.

    log p(x | c) = log sum_k pi_{c,k} N(x; mu_{c,k}, diag(v_{c,k}))
    the answer for class c is (sum_t log p(x_t | c) + log P(c)) / T for T steps;  with pool=sum it is not divided

Reynolds, Rose: Robust text-independent speaker identification using Gaussian mixture speaker models, IEEE Transactions
on Speech and Audio Processing 3(1), 1995. ASRNN's table has such a model on MFCC, and no number of its components.

It is not trained by gradients: `fitted_to` runs EM on the steps of each class, by scikit-learn's GaussianMixture as
that is by default (k-means first, at most 100 rounds, 1e-6 added to each variance). `frames` is how many steps are used
at most, as many of each class, drawn at random. A class with fewer steps than components has as many components as
steps; one without any is never the answer. The width is the number of components a class, and whole; the 16 for the
budget "paper" are ours.

Before it is fitted: mu N(0, 1), v 1, pi and P(c) the same for all.

Departures: the paper's answer is the sum over t, without P(c). Steps that follow each other are far from independent,
so that the sum is much too sure of itself, and a loss of it says little; divided by T it names the same class. Zeros in
front of shorter sequences count as steps.
"""

import math
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...spec import ModelSpec, Shape, carries

POOLS = ("mean", "sum")
AT_ONCE = 2**24  # numbers of a class's components, of all steps in a pass


class Mixtures(nn.Module):
    """x (batch, time, inputs) -> (batch, outputs).

    log_prior (C), log_pi (C, K), mu and v (C, K, d). Raises ValueError for an unknown pool, too few frames or a part of
    a component.
    """

    def __init__(self, shape: Shape, width: int, *, frames: int = 200_000, pool: str = "mean") -> None:
        super().__init__()
        if pool not in POOLS:
            raise ValueError(f"pool is '{pool}'; choose one of {', '.join(POOLS)}")
        if frames < shape.outputs:
            raise ValueError(f"frames is {frames}; give at least one for each of {shape.outputs} classes")
        if width != int(width):
            raise ValueError(f"the width is {width}; it is a number of components, and whole")
        C, K, d = shape.outputs, int(width), shape.inputs
        self.frames, self.pool = frames, pool
        self.log_prior = nn.Parameter(torch.full((C,), -math.log(C)))
        self.log_pi = nn.Parameter(torch.full((C, K), -math.log(K)))
        self.mu, self.v = nn.Parameter(torch.randn(C, K, d)), nn.Parameter(torch.ones(C, K, d))

    def fitted_to(self, x: Tensor, y: Tensor) -> Iterator[None]:
        """Set all from x (n, time, d) and y (n); pauses after each class."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        if y.is_floating_point():
            raise ValueError("it names classes, and the targets of this task are numbers")
        (C, K), y = self.log_pi.shape, y.cpu()
        self.log_prior.copy_((torch.bincount(y, minlength=C).double() / len(y)).log())
        for c in range(C):
            steps = self.drawn(x, (y == c).nonzero()[:, 0], self.frames // C)
            if number := min(K, len(steps)):
                seed = int(torch.randint(2**31, ()))
                mixture = GaussianMixture(number, covariance_type="diag", random_state=seed)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)  # it then is as good as 100 rounds make it
                    mixture.fit(steps.numpy())
                log_pi, mu, v = map(torch.from_numpy, (mixture.weights_, mixture.means_, mixture.covariances_))
                self.log_pi[c] = -math.inf  # of components that there are too few steps for
                self.log_pi[c, :number], self.mu[c, :number], self.v[c, :number] = log_pi.log(), mu, v
            yield

    @staticmethod
    def drawn(x: Tensor, rows: Tensor, most: int) -> Tensor:
        """At most so many of the steps of these sequences, (n, d) float64 on the host."""
        place = torch.randperm(len(rows) * x.shape[1])[:most]
        row, step = rows[place // x.shape[1]], place % x.shape[1]
        return x[row.to(x.device), step.to(x.device)].double().cpu()

    def densities(self, x: Tensor) -> Iterator[Tensor]:
        """log p(x_t | c), (batch, time), class by class."""
        for log_pi, mu, v in zip(self.log_pi.to(x), self.mu.to(x), self.v.to(x), strict=True):
            size = (mu * mu / v).sum(1) + v.log().sum(1) + mu.shape[1] * math.log(2 * math.pi)
            square = (x * x) @ (1 / v).t() - 2 * x @ (mu / v).t() + size  # (batch, time, K)
            yield torch.logsumexp(log_pi - square / 2, dim=2)

    def answers(self, x: Tensor) -> Tensor:
        """In float64, as these are differences of large numbers."""
        each = [p.sum(1) for p in self.densities(x.double())]
        whole = torch.stack(each, dim=1) + self.log_prior.double()
        return (whole / x.shape[1] if self.pool == "mean" else whole).to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.split(max(1, AT_ONCE // (x.shape[1] * self.log_pi.shape[1])))
        if len(parts) == 1 or not torch.is_grad_enabled():
            return torch.cat([self.answers(part) for part in parts])
        return torch.cat([checkpoint(self.answers, part, use_reentrant=False) for part in parts])


def why_not(shape: Shape) -> str | None:
    if shape.outputs == 1:
        return "it names classes, and this task asks for a number"
    if shape.per_step or carries(shape):
        return "it takes a sequence for its steps in any order, and gives one answer to all of them"
    return None


GMM = ModelSpec(
    "gmm",
    "GMM",
    Mixtures,
    paper_width=16,
    why_not=why_not,
    causal=False,
    what="a mixture of Gaussians for the single steps of each class, fitted at once; no recurrence",
    cite="Reynolds, Rose: Robust text-independent speaker identification using Gaussian mixture speaker models, IEEE "
    "Transactions on Speech and Audio Processing 3(1), 1995",
    source="https://github.com/scikit-learn/scikit-learn",
    licence="BSD-3-Clause",
    start="fitted by EM, begun by k-means: scikit-learn; before it means N(0, 1), variances 1, equal weights",
    needs={"sklearn": "scikit-learn"},
)
