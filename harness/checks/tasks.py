"""What any task must satisfy. Our tests and `bench check --task` walk over the tasks with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..errors import sentence
from .models import CheckFailed

if TYPE_CHECKING:
    from ..catalog import TaskSpec


def check_task(task: TaskSpec, data_root: Path | None = None) -> None:
    """The data fits the shape, depends on the data seed alone, and the splits do not overlap."""
    splits, again, other = (task.load(seed, data_root) for seed in (0, 0, 1))
    shape = task.shape
    row, kind = ((shape.length,), torch.int64) if shape.vocabulary else ((shape.length, shape.inputs), torch.float32)
    for name, split, same, fresh in zip(("train", "valid", "test"), splits, again, other, strict=True):
        if tuple(split.x.shape[1:]) != row or split.x.dtype != kind:
            raise CheckFailed(f"{task.name}: {name} x is {tuple(split.x.shape)} {split.x.dtype}")
        if split.y.is_floating_point():
            fits = tuple(split.y.shape[1:]) == (shape.outputs,)
        else:
            low, high = int(split.y.min()), int(split.y.max())
            fits = split.y.ndim == 1 + shape.per_step and low >= 0 and high < (shape.vocabulary or shape.outputs)
        if len(split.x) != len(split.y) or not fits:
            raise CheckFailed(f"{task.name}: {name} y is {tuple(split.y.shape)} {split.y.dtype} and does not fit")
        if not torch.equal(split.x, same.x) or not torch.equal(split.y, same.y):
            raise CheckFailed(f"{task.name}: the same data seed gives other data")
        if not task.data and torch.equal(split.x, fresh.x):  # what lies on a disk is the same for all
            raise CheckFailed(f"{task.name}: another data seed gives the same data")
    if torch.equal(splits.train.x[: len(splits.test.x)], splits.test.x[: len(splits.train.x)]):
        raise CheckFailed(f"{task.name}: train and test are the same sequences")


def problems(task: TaskSpec, data_root: Path | None = None) -> list[str]:
    """A sentence where the task does not pass."""
    try:
        check_task(task, data_root)
    except CheckFailed as error:
        return [str(error)]
    except Exception as error:  # a stranger's task may raise anything
        return [f"{task.name}: {sentence(error)}"]
    return []
