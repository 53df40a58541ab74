"""(1) of asrnn.py: Haar's wavelet over the last inputs, at one scale."""

import math
from collections.abc import Collection

import torch
from torch import Tensor

NORMALISATIONS = {"1": lambda K: 1.0, "1/K": lambda K: 1 / K, "1/sqrt(K)": lambda K: 1 / math.sqrt(K)}


def haar(taps: int, normalisation: str) -> list[float]:
    """phi(0), ..., phi(K - 1)."""
    if taps < 1 or (taps > 1 and taps % 2):
        raise ValueError(f"taps is 1 or even, as Haar's wavelet has two equal halves, not {taps}")
    one_of("normalisation", normalisation, NORMALISATIONS)
    size = NORMALISATIONS[normalisation](taps)
    return [size if 2 * k < taps else -size for k in range(taps)]


def reach(phi: list[float], scale: int) -> int:
    """How many steps the filter looks back."""
    return 2**scale * (len(phi) - 1)


def filtered(x: Tensor, phi: list[float], scale: int, past: Tensor | None = None) -> Tensor:
    """(1) at one scale for all steps: (time, ...) -> (time, ...). past: `reach` or more steps before x; None: zeros."""
    steps, back, dilation = len(x), reach(phi, scale), 2**scale
    padded = torch.cat([x.new_zeros(back, *x.shape[1:]) if past is None else past[len(past) - back :], x])
    # sums of shifted sequences, not a convolution: exact on every device, and cheap beside the loop
    terms = [p * padded[back - dilation * k :][:steps] for k, p in enumerate(phi)]
    return torch.stack(terms).sum(0)


def one_of(option: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        raise ValueError(f"{option} is one of {', '.join(choices)}, not '{value}'")
