"""One seed becomes named, independent streams on each task: initial weights, order of the data, noise, augmentation.

The data of a task does not come from here: it depends on the protocol's data seed alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from .plan import split_options

STREAMS = ("init", "order", "noise", "augment")


def on_task(seed: int, task: str) -> int:
    """What all streams of a seed on a task come from, 63 bits: runs of one seed on two tasks share nothing.

    A stranger's task counts by its file and its name in it, in whatever folder that lies.
    """
    name, options = split_options(task)
    sequence = np.random.SeedSequence([seed, *f"{name.rpartition('/')[2]}@{options}".encode()])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def stream_seed(seed: int, stream: str) -> int:
    """A 63-bit seed for one stream of one seed; different streams do not overlap."""
    sequence = np.random.SeedSequence([seed, STREAMS.index(stream)])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def global_stream(seed: int, stream: str) -> Iterator[None]:
    """Torch's global generators, seeded inside the block and restored after it.

    Initialisers and noise inside a stranger's module draw from the global generators.
    """
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(stream_seed(seed, stream))
        yield
