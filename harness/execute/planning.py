"""What a plan will cost: parameters, and time from two tried steps. Rows for `bench plan` and `params`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from .. import machine
from ..catalog import find_model, find_task, sequence_shape, shared_data, strange_model, strange_task
from ..engine import backend
from ..errors import BenchError, sentence
from ..measure import steps as measure
from ..measure.forecast import TooLarge, check_fits, forecast
from ..plan import Budget, Cell, Group
from ..prepare.budget import misses, solve
from ..prepare.modules import Skip, Where, first_batch, load_splits, made, resolved
from ..process import prepare_process
from ..records.store import Store
from ..seeds import global_stream
from ..stats import power
from ..train.fitting import at_once
from ..train.graph import REHEARSALS, recorder_for
from ..write.words import DASH, clock, count, mib, number
from .apart import asked_apart, look_at
from .group import part_done
from .surroundings import kept
from .worker import nothing_left

if TYPE_CHECKING:
    from ..catalog import Shape


EVALUATED = 1.2  # times training, with evaluation


class Untimed(Exception):
    """No step can be tried, and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one task, model and budget that differ in the seed alone. seconds: all of them."""

    task: str
    model: str
    cells: int
    width: float | None
    params: int | None
    steps: int | None
    seconds: float | None
    peak_bytes: int | None = None  # of those that train together, beside the data
    note: str = ""


def rows(cells: Sequence[Cell], where: Where, *, timing: bool) -> list[Row]:
    """One row for each task, model and budget. With `timing`, two training steps of each are tried."""
    groups: dict[Group, int] = {}
    for cell in cells:
        groups[cell.group] = groups.get(cell.group, 0) + 1
    prepare_process(where.device, 1)
    tasks = {group.task for group in groups}
    with nothing_left(groups), asked_apart(tasks, where.device):  # for data that are kept no more
        return [_tried(group, count, where, timing) for group, count in groups.items()]


def _tried(group: Group, count: int, where: Where, timing: bool) -> Row:
    """A row, also where a stranger's model raises or exits; what it changes in this process is put back."""
    if not strange_model(group.model):
        return _row(group, count, where, timing)
    try:
        with kept():
            return _row(group, count, where, timing)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Row(group.task, group.model, count, None, None, None, 0.0, note=f"cannot be tried: {sentence(error)}")


def _row(group: Group, count: int, where: Where, timing: bool) -> Row:
    try:
        return _planned(group, count, where, timing)
    except Skip as reason:
        note = f"skipped: {reason}"
    except BenchError:
        raise
    except Exception as error:  # a stranger's model may raise anything
        note = f"will not run: {sentence(error)}"
    return Row(group.task, group.model, count, None, None, None, 0.0, note=note)


def _planned(group: Group, count: int, where: Where, timing: bool) -> Row:
    task_name, model = group.task, group.model
    *_, found = resolved(group, where)
    if not timing:
        return Row(task_name, model, count, found.width, found.params, None, None)
    together = min(count, where.replicas)
    peak = None if (foreseen := forecast(group, where)) is None else together * foreseen.total
    try:
        check_fits(group, where)
    except TooLarge as reason:
        return Row(task_name, model, count, found.width, found.params, None, 0.0, peak, f"will not run: {reason}")
    try:
        steps, one = _timed(group, where)
    except Untimed as reason:
        return Row(task_name, model, count, found.width, found.params, None, None, peak, str(reason))
    turns = math.ceil(count / where.replicas)  # seeds that train together take about the time of one
    return Row(task_name, model, count, found.width, found.params, steps, turns * steps * one, peak)


def _timed(group: Group, where: Where) -> tuple[int, float]:
    """The training steps of a cell, and the seconds of the second one. Raises Untimed where it has none."""
    protocol, task, spec, found = resolved(group, where)
    splits = load_splits(group.task, protocol.scale, protocol.data_seed, where)
    x, y = first_batch(splits, protocol.batch)
    module = made(spec, task.shape, found.width, where.device, frame=task.frame)
    if at_once(module):
        raise Untimed("it is fitted to the data at once, and how long that takes is not foreseen")
    recorder = recorder_for(where.device, where.backend)
    with global_stream(0, "noise"), backend(where.backend, where.recompute):
        step = measure.training_step(module, x, y, protocol.clip, recorder)
        for _ in range(1 if recorder is None else REHEARSALS + 1):
            step()
        begin = time.perf_counter()
        step()
        if where.device != "cpu":
            torch.cuda.synchronize()
        one = time.perf_counter() - begin
    return protocol.steps(len(splits.train.y)), one


def seconds_left(cells: Sequence[Cell], where: Where) -> dict[Cell, float]:
    """What each cell will still take: as other seeds took on such a processor, else as two tried steps say.

    Less the part that its checkpoint has. What cannot be tried is not there: the run itself will say what is wrong. Nor
    is a stranger's that has no other seeds, since one that hangs would hold up all.
    """
    store, left = Store(where.results), dict[Cell, float]()
    prepare_process(where.device, 1)
    for group in dict.fromkeys(cell.group for cell in cells):
        mine = [cell for cell in cells if cell.group == group]
        took = [
            run.seconds
            for run in store.load(group.protocol, [group.task]).runs
            if run.cell.group == group and run.status == "ok" and run.machine.get("cpu") == machine.cpu_name()
        ]
        if not took:
            if strange_model(group.model) or strange_task(group.task):
                continue
            try:
                steps, one = _timed(group, where)
            except Exception:
                continue
            took = [EVALUATED * steps * one]
        for cell in mine:
            left[cell] = sum(took) / len(took) * (1 - part_done(cell, where, store))
    return left


def shown(plan: Sequence[Row]) -> pd.DataFrame:
    """The rows as people read them."""
    return pd.DataFrame(
        {
            "Task": row.task,
            "Model": row.model,
            "Cells": row.cells,
            "Width": number(row.width, "g"),
            "Parameters": count(row.params),
            "Steps": count(row.steps),
            "Peak, MiB": number(mib(row.peak_bytes), ",.1f"),
            "Training": clock(row.seconds) if row.seconds else DASH,
            "Note": row.note,
        }
        for row in plan
    )


def total(plan: Sequence[Row], workers: int) -> str:
    """The whole time in a sentence."""
    seconds = sum(row.seconds or 0.0 for row in plan)
    return f"about {clock(seconds / workers)} of training on {workers} workers, evaluation and measurements aside"


def promise(seeds: int, models: int, tasks: Sequence[str]) -> str:
    """What the plan can show, in a sentence."""
    return power.sentence(seeds, models, [shared_data(task) for task in tasks], rng=np.random.default_rng(0))


def shape_of(task: str, scale: str, data_root: Path | None) -> Shape:
    """The shape of a task, which a stranger's must be asked for."""
    look_at((), (task,))
    with asked_apart((task,)):
        return find_task(task, scale, data_root).shape


MOST = 10**6  # time steps, inputs or outputs of a shape


def parse_shape(text: str) -> Shape:
    """'784x1x10' -> 784 steps, 1 input, 10 classes."""
    try:
        length, inputs, outputs = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise BenchError(f"'{text}' is no shape; write LENGTHxINPUTSxOUTPUTS, such as 784x1x10") from None
    if not all(1 <= number <= MOST for number in (length, inputs, outputs)):
        raise BenchError(f"'{text}' is no shape; each number must be from 1 to {MOST:,}")
    return sequence_shape(length, inputs, outputs)


def parameter_table(models: Sequence[str], shape: Shape, budget: Budget) -> pd.DataFrame:
    """Width and count of each model on a shape."""
    table = []
    for name in models:
        spec = find_model(name)
        row = {"Model": name, "Title": spec.title, "Width": DASH, "Parameters": DASH, "Note": spec.why_not(shape) or ""}
        if not row["Note"]:
            try:
                found = solve(spec, shape, budget)
            except Exception as error:  # a stranger's model may raise anything
                table.append({**row, "Note": sentence(error)})
                continue
            row |= {"Width": f"{found.width:g}", "Parameters": f"{found.params:,}", "Note": misses(found, budget) or ""}
        table.append(row)
    return pd.DataFrame(table)
