"""Complex numbers as pairs of real halves, since states of models are real."""

import torch
from torch import Tensor


def as_complex(parts: Tensor) -> Tensor:
    """[Re, Im] (.., 2 n) -> (.., n)."""
    return torch.complex(*parts.chunk(2, dim=-1))


def as_real(z: Tensor) -> Tensor:
    """(.., n) -> [Re, Im] (.., 2 n)."""
    return torch.cat([z.real, z.imag], dim=-1)
