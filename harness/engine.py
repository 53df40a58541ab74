"""The door to models/engine: how recurrences run, and the native code that they run on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
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


def build_native() -> Generator[str, None, str]:
    """Build the native CPU kernels where they are not there; gives what a user should know before that takes its time.

    Returns why they cannot be built, or an empty string.
    """
    from models.engine.native import build, kernels

    if not kernels.is_built() and build.compiler() is not None:
        yield "building native code for the recurrences (once, about ten seconds)"
    return kernels.why_not()
