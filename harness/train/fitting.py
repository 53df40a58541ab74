"""A model that is fitted to the training data at once, in place of the steps (ModelSpec, `fitted_to`)."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..seeds import global_stream


def at_once(module: nn.Module) -> bool:
    """Is it fitted to the data at once?"""
    return hasattr(module, "fitted_to")


@torch.no_grad()
def fit(module: nn.Module, seed: int, data: tuple[Tensor, Tensor], ended: Callable[[], bool]) -> bool:
    """Fit a module with the seed's stream of noise; False where `ended` said to end, which is asked in its pauses."""
    fitted_to: Callable[..., Iterator[Any] | None] = module.fitted_to  # type: ignore[assignment]
    with global_stream(seed, "noise"):
        return not any(ended() for _ in fitted_to(*data) or ())
