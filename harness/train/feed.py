"""Batches on their way to the device.

Data that lie on the device are gathered there, inside the step. All else, what does not fit there and
what is augmented, comes through a Feed: torch's DataLoader makes the batches of the steps to come, on a
GPU in processes of its own and into pinned memory, while the device works. `waited` is the time that
training stood still for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .. import machine

if TYPE_CHECKING:
    from ..catalog import Splits

MOST_PROCESSES = 8
Batch = tuple[Tensor, Tensor]


class Feed:
    """x and y of one training step after the other, at fixed places on the device.

    rows_and_keys: step -> the rows of the data that it takes, and the seed of what happens to each,
    (R, batch) int64 both; a pure function, as it runs in several processes.
    """

    def __init__(self, splits: Splits, rows_and_keys: Callable[[int], Batch], steps: int, device: torch.device) -> None:
        self.source = _Source(splits, rows_and_keys)
        self.steps, self.device = steps, device
        self.waited = 0.0
        self.x, self.y = (tensor.to(device, copy=True) for tensor in self.source[0])
        self.batches: Iterator[Batch] | None = None
        self.next: Batch | None = None

    def begin(self, step: int) -> None:
        """The next batch to be taken is that of this step."""
        self.batches, self.next = iter(self._loader(step)), None
        self.fetch()

    def take(self) -> None:
        """Put the next batch to its place."""
        assert self.next is not None, "there is no further step"
        for place, batch in zip((self.x, self.y), self.next, strict=True):
            place.copy_(batch, non_blocking=True)
        self.next = None

    def fetch(self) -> None:
        """Get the batch after this one, if there is one; the device may be at work meanwhile."""
        began = time.perf_counter()
        self.next = next(self.batches, None) if self.batches is not None else None
        self.waited += time.perf_counter() - began

    def _loader(self, step: int) -> DataLoader[Batch]:
        on_gpu = self.device.type == "cuda"
        processes = min(MOST_PROCESSES, machine.cores() - 1) if on_gpu else 0  # on a CPU the model has the cores
        return DataLoader(
            self.source,
            batch_size=None,
            sampler=range(step, self.steps),
            num_workers=processes,
            multiprocessing_context="fork" if processes else None,
            pin_memory=on_gpu,
            generator=torch.Generator(),  # else it would draw from the model's stream of noise
        )


class _Source(Dataset[Batch]):
    """Step number -> its batch, x (R, batch, time, inputs) and y (R, batch, ...), on the host."""

    def __init__(self, splits: Splits, rows_and_keys: Callable[[int], Batch]) -> None:
        self.x, self.y = splits.train.x, splits.train.y.cpu()
        self.augment, self.rows_and_keys = splits.augment, rows_and_keys

    def __getitem__(self, step: int) -> Batch:
        rows, keys = self.rows_and_keys(step)
        flat = rows.flatten()
        x = self.x[flat] if self.augment is None else self.augment(flat, keys.flatten())
        return x.unflatten(0, rows.shape), self.y[flat].unflatten(0, rows.shape)


def needs_feed(splits: Splits) -> bool:
    """Can a step not simply gather its batch from what lies on the device?"""
    return splits.augment is not None or splits.train.x.device != splits.train.y.device
