"""The door to models/engine: how recurrences run, and the native code that they run on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from models.engine.scan import Used


def backend(name: str, recompute: int = 0) -> AbstractContextManager[Used]:
    """Run recurrences on this back end inside the block; gives those that were used, with notes."""
    from models.engine import scan

    return scan.backend(name, recompute)


def noise_streams(generators: Sequence[torch.Generator]) -> AbstractContextManager[None]:
    """Draw the noise of replica k, under vmap, from generators[k] inside the block."""
    from models.engine import replicas

    return replicas.streams(generators)


def native_is_built() -> bool:
    """Are the native CPU kernels there already? Where there is no compiler, there is nothing to build."""
    from models.engine.native import kernels as native

    return native.is_built() or native.compiler() is None


def build_native() -> str:
    """Build the native CPU kernels where they are not there; why they cannot be, or an empty string."""
    from models.engine.native import kernels as native

    return native.why_not()
