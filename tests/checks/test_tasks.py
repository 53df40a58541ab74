"""The shared check of tasks, over the whole registry, and what it notices."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from harness import catalog
from harness.checks import tasks as checks
from harness.errors import BenchError
from harness.prepare.data import check_data, prepare_data
from tasks import TASKS
from tasks.spec import Split, Splits

REAL = Path(os.environ.get("BENCH_DATA", "/nowhere"))


@pytest.mark.parametrize("name", TASKS)
def test_every_task_passes(name):
    task = catalog.find_task(name, "smoke")
    try:
        check_data(task, REAL)
    except BenchError as error:
        pytest.skip(str(error).partition(";")[0])
    prepare_data(task, REAL, lambda done, total: None)
    assert checks.problems(task, REAL) == []


def broken(change):
    """The adding problem with data that were changed: change(splits, data_seed) -> splits."""
    task = catalog.find_task("addition-20", "smoke")
    return replace(task, load=lambda seed, root: change(task.load(seed, root), seed))


def with_train(splits, x=None, y=None):
    return Splits(Split(splits.train.x if x is None else x, splits.train.y if y is None else y), *list(splits)[1:])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda splits, seed: with_train(splits, x=splits.train.x[:, 1:]), "train x is"),
        (lambda splits, seed: with_train(splits, x=splits.train.x.double()), "train x is"),
        (lambda splits, seed: with_train(splits, y=splits.train.y[1:]), "does not fit"),
        (lambda splits, seed: with_train(splits, y=splits.train.y.squeeze(1).long() + 1), "does not fit"),
        (lambda splits, seed: with_train(splits, x=torch.rand_like(splits.train.x)), "the same data seed gives other"),
        (
            lambda splits, seed: with_train(splits, x=torch.zeros_like(splits.train.x)),
            "another data seed gives the same",
        ),
        (lambda splits, seed: with_train(splits, x=splits.test.x, y=splits.test.y), "are the same sequences"),
        (lambda splits, seed: splits.train, "AttributeError"),
    ],
    ids=["length", "double", "count", "labels", "random", "constant", "overlap", "raises"],
)
def test_what_is_wrong_with_a_task_is_a_sentence(change, sentence):
    (problem,) = checks.problems(broken(change))
    assert problem.startswith("addition-20: ")
    assert sentence in problem
