"""The data of tasks: are they there, are they prepared, and how they are loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .. import forms
from ..errors import BenchError

if TYPE_CHECKING:
    from ..catalog import Splits, TaskSpec

Tell = Callable[[int, int], None]


def check_packages(name: str, needs: Mapping[str, str]) -> None:
    """Raise BenchError, a sentence that says what to do, where a module is missing; needs: module -> pip's name."""
    for module, package in needs.items():
        if importlib.util.find_spec(module) is None:
            raise BenchError(f"{name} needs the package {package}; `pip install {package}` adds it")


def check_data(task: TaskSpec, data_root: Path | None) -> None:
    """Raise BenchError, a sentence that says what to do, where a package or a file that the task needs is missing."""
    from tasks.data import fetch

    check_packages(task.name, task.needs)
    if task.data:
        try:
            fetch.folder(task.data, data_root)
        except fetch.DataError as error:
            raise BenchError(f"{task.name}: {error}") from None


def prepare_data(task: TaskSpec, data_root: Path | None, tell: Tell) -> str:
    """Compute what loading needs and is not there yet; what a user should know of the data, or an empty string.

    Raises BenchError where the data cannot be read.
    """
    from tasks.data import fetch

    try:
        return task.prepare(data_root, tell)
    except fetch.DataError as error:
        raise BenchError(f"{task.name}: {error}") from None


def load_data(task: TaskSpec, data_seed: int, data_root: Path | None) -> Splits:
    """The data of a task, on the host. Raises BenchError where they cannot be read, or are not as the task says."""
    from tasks.data import fetch

    try:
        splits = task.load(data_seed, data_root)
    except fetch.DataError as error:
        raise BenchError(f"{task.name}: {error}") from None
    forms.check(task, splits)
    return splits
