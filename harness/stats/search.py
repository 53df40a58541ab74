"""What a search of k points comes to, from n points that were tried: the best of k, its spread, and its bias.

Of all subsets of k of the n points, each as likely, the i-th smallest value is the best in C(i-1, k-1) of C(n, k).
The mean of that is the unbiased estimate for points drawn independently (Tang et al., ACL 2020, arXiv
2004.13705). Dodge et al. (EMNLP 2019, arXiv 1909.03004) draw with replacement, which tries some point twice and is
biased low, by `plug_in_bias`; both agree at k = 1.
"""

from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

BAND = (0.1, 0.9)


class BestOf(NamedTuple):
    """For k = 1 .. n each: the expected best of k, and the ends of the middle four fifths of such searches."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def best_of(values: ArrayLike) -> BestOf:
    """The best of k of these values (n,), higher being better."""
    x = np.sort(np.asarray(values, dtype=np.float64))
    shares = np.array([_shares(len(x), k) for k in range(1, len(x) + 1)])
    below = shares.cumsum(axis=1)
    low, high = (x[(below < end - 1e-12).sum(axis=1)] for end in BAND)
    return BestOf(shares @ x, low, high)


def plug_in_bias(values: ArrayLike) -> NDArray[np.float64]:
    """By how much Dodge et al.'s estimate is off for k = 1 .. n: at most 0."""
    x = np.sort(np.asarray(values, dtype=np.float64))
    n = len(x)
    ends = np.arange(n + 1) / n
    k = np.arange(1, n + 1)[:, None]
    return np.asarray(np.diff(ends**k, axis=1) @ x - best_of(x).mean)


def _shares(n: int, k: int) -> list[float]:
    """In which part of the subsets of k each of n values, in order, is the best."""
    return [comb(i, k - 1) / comb(n, k) for i in range(n)]


def window(rates: ArrayLike, values: ArrayLike, margin: float) -> tuple[float, float]:
    """The least and the greatest rate whose value is within the margin of the best."""
    x, y = np.asarray(rates, dtype=np.float64), np.asarray(values, dtype=np.float64)
    good = x[y >= y.max() - margin - 1e-12]
    return float(good.min()), float(good.max())
