"""Cells of the smoke protocol, what is compared of their records, and when they are to stop."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from harness.execute.local import execute
from harness.plan import Cell
from harness.prepare.modules import Where
from harness.records.kinds import RunRecord

from . import faulty

TIMES = {"checksum", "seconds", "train_seconds", "evaluation_seconds", "finished"}


def cell(model: str = "gru", **changes: Any) -> Cell:
    """A cell of the smoke protocol; a model of faulty.py goes by its attribute's name."""
    name = f"{faulty.__name__}:{model}" if hasattr(faulty, model) else model
    return Cell(**({"protocol": "smoke", "task": "sfc", "model": name, "budget": "3k", "seed": 0} | changes))


def cells(model: str, seeds: int = 3, **changes: Any) -> list[Cell]:
    """Those of the first seeds."""
    return [replace(cell(model, **changes), seed=seed) for seed in range(seeds)]


def executed(some: Sequence[Cell], where: Where, workers: int) -> list[RunRecord]:
    """The records of cells in the order in which they were done."""
    done: list[RunRecord] = []

    def listen(kind: str, what: Any) -> None:
        if kind == "done":
            done.append(what)

    assert execute([("cell", one) for one in some], where, workers, listen)
    return done


def after(steps: int) -> Callable[[], bool]:
    """To be asked before each step: were there so many?"""
    calls = itertools.count()
    return lambda: next(calls) >= steps


def apart_from_times(value: Any) -> Any:
    """A record as plain values, without what depends on the clock."""
    if isinstance(value, RunRecord):
        return apart_from_times(asdict(value))
    if isinstance(value, dict):
        return {key: apart_from_times(entry) for key, entry in value.items() if key not in TIMES}
    if isinstance(value, (list, tuple)):
        return [apart_from_times(entry) for entry in value]
    return value
