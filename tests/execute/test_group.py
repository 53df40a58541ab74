"""Cells that train together leave the records that they would leave alone."""

import os
import re
import signal
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from support.cells import after, apart_from_times, cell, cells, executed
from torch import Tensor, nn

from harness.execute.local import shares_of
from harness.execute.run import Progress, run_cell, run_group
from harness.plan import Cell, plan
from harness.prepare.modules import Where
from harness.records.kinds import RunRecord
from harness.records.store import Store

HERE = "test_group"


class Small(nn.Module):
    """A network that can be stacked, and that counts its training steps."""

    def __init__(self, shape: Any, width: int) -> None:
        super().__init__()
        self.top = nn.Sequential(
            nn.Linear(shape.inputs * shape.length, width), nn.Tanh(), nn.Linear(width, shape.outputs)
        )
        self.steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += self.training
        return self.top(x.flatten(1))

    @property
    def together(self) -> bool:
        """Is it the stacked one?"""
        return torch._C._functorch.is_batchedtensor(self.top[0].weight)


class NeedsMuch(Small):
    def forward(self, x: Tensor) -> Tensor:
        answers = super().forward(x)
        if self.together and self.steps > 5:
            raise torch.OutOfMemoryError("tried to allocate 1 TiB")
        return answers


class OneIsBad(Small):
    """The second seed raises when it runs alone, and so it does in the group."""

    def forward(self, x: Tensor) -> Tensor:
        answers = super().forward(x)
        if self.steps > 3 and (self.together or os.environ.get("BAD") == str(torch.initial_seed())):
            raise ZeroDivisionError("oops")
        return answers


class BreaksAboveTwo(Small):
    def forward(self, x: Tensor) -> Tensor:
        answers = super().forward(x)
        if self.together and torch._C._functorch.get_unwrapped(self.top[0].weight).shape[0] > 2:
            raise torch.OutOfMemoryError("tried to allocate 1 TiB")
        return answers


class DiesTogether(Small):
    def forward(self, x: Tensor) -> Tensor:
        if self.together and self.steps > 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)


class DivergesWhereFirstWeightIsPositive(Small):
    """So does about every other seed."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * torch.where(self.top[0].weight.flatten()[0] > 0, torch.nan, 1.0)


def numbers(record: RunRecord) -> tuple[Any, ...]:
    """What must be the same, to float32's tolerance, whether a cell trains alone or not."""
    curve = [(p.step, pytest.approx(p.train_loss, rel=1e-4), pytest.approx(p.valid_metric)) for p in record.curve]
    return record.status, record.best_step, pytest.approx(record.test_metric), curve


def plainly(record: RunRecord) -> tuple[Any, ...]:
    curve = [(p.step, p.train_loss, p.valid_metric) for p in record.curve]
    return record.status, record.best_step, record.test_metric, curve


@pytest.mark.parametrize("model", ["gru", "aslstm"])
def test_each_cell_of_a_group_has_the_record_that_it_has_alone(where, tmp_path, model):
    records = run_group(cells(model), where)
    assert [record.cell.seed for record in records] == [0, 1, 2]
    assert len({record.train_seconds for record in records}) == 1
    for record in records:
        alone = run_cell(record.cell, Where(tmp_path / "alone"))
        assert plainly(record) == numbers(alone)
        assert (record.replicas, alone.replicas, record.notes) == (3, 1, "")
        assert Store(where.results).find_run(record.cell) == record


def test_a_cell_that_diverges_ends_early_and_the_others_go_on(where, tmp_path):
    group = cells(f"{HERE}:DivergesWhereFirstWeightIsPositive", 4)
    records = run_group(group, where, stop=after(6))
    assert {record.status for record in records} == {"diverged", "interrupted"}
    checkpoints = [Store(where.results).checkpoint_path(record.cell).exists() for record in records]
    assert checkpoints == [record.status == "interrupted" for record in records]
    records = run_group(group, Where(tmp_path / "again"))
    assert {record.status for record in records} == {"diverged", "ok"}
    for record in records:
        alone = run_cell(record.cell, Where(tmp_path / "alone"))
        assert (record.status, record.reason) == (alone.status, alone.reason)
        assert len(record.curve) == len(alone.curve)
        assert (record.test_metric is None) == (record.status == "diverged")


def test_progress_is_told_of_every_cell(where):
    told: list[Progress] = []
    records = run_group(cells("gru", 2), where, report=told.append)
    for record in records:
        own = [progress for progress in told if progress.cell == record.cell]
        assert (own[0].step, own[0].steps, own[0].point, own[-1].step) == (0, 12, None, 12)
        assert tuple(progress.point for progress in own if progress.point) == record.curve


@pytest.mark.parametrize("stops", [[5], [2, 4]])
def test_an_interrupted_group_goes_on_to_the_records_of_an_undisturbed_one(where, tmp_path, stops):
    group = cells("aslstm")
    whole = run_group(group, Where(tmp_path / "undisturbed"))
    done = 0
    for steps in stops:
        done += steps
        for record in run_group(group, where, stop=after(steps)):
            assert record.status == "interrupted"
            assert record.reason == f"stopped at step {done} of 12; the same command goes on from there"
            assert Store(where.results).checkpoint_path(record.cell).exists()
    assert apart_from_times(run_group(group, where)) == apart_from_times(whole)
    assert not list((where.results / "checkpoints").rglob("*.pt"))


def test_cells_at_different_steps_go_on_in_groups_of_one_step(where, tmp_path):
    first, _, third = group = cells("gru")
    run_group([first, third], where, stop=after(5))
    records = run_group(group, where)
    assert [record.replicas for record in records] == [2, 1, 2]
    for record in records:
        assert plainly(record) == numbers(run_cell(record.cell, Where(tmp_path / "alone")))


def test_a_model_that_cannot_be_stacked_trains_seed_by_seed_and_says_so(where, tmp_path):
    group, store, told = cells("Plain", 2), Store(where.results), []

    def finished(record: RunRecord) -> None:
        told.append(record)
        assert [store.find_run(one) for one in group] == [*told, *[None] * (len(group) - len(told))]

    for record in run_group(group, where, finished=finished):
        assert record in told
        assert record.replicas == 1
        assert record.notes.startswith(f"the seeds of {record.cell.model} ran one after the other: RuntimeError: ")
        alone = run_cell(record.cell, Where(tmp_path / "alone"))
        assert apart_from_times(replace(record, notes="")) == apart_from_times(alone)


@pytest.mark.parametrize("model", ["Raises", "NoUse", "Coarse", "GivesNaN", "WrongShape", "OutOfMemory"])
def test_what_goes_wrong_with_every_seed_is_said_in_every_record(where, tmp_path, model):
    group = cells(model, 2)
    for record in run_group(group, where):
        alone = run_cell(record.cell, Where(tmp_path / "alone"))
        assert (record.status, record.reason) == (alone.status, alone.reason)


def test_a_group_that_runs_out_of_memory_goes_on_cell_by_cell(where):
    for record in run_group(cells(f"{HERE}:NeedsMuch"), where):
        assert (record.status, record.replicas) == ("ok", 1)
        why = f"the seeds of {HERE}:NeedsMuch ran one after the other: OutOfMemoryError: tried to allocate 1 TiB"
        assert re.fullmatch(rf"{why} \(test_group\.py:\d+\)", record.notes)


def test_an_error_in_a_group_costs_one_cell_at_most(where, monkeypatch):
    from harness.seeds import on_task, stream_seed

    monkeypatch.setenv("BAD", str(stream_seed(on_task(1, cell().task), "noise")))
    records = run_group(cells(f"{HERE}:OneIsBad"), where)
    assert [record.status for record in records] == ["ok", "failed", "ok"]
    assert all("ZeroDivisionError" in record.notes for record in records)


# ----------------------------------------------------------------------------- trials at several points


def trials(model: str, points: Iterable[int] = (0, 1, 2)) -> list[Cell]:
    return [
        cell(model, protocol=f"smoke@point={point}+points=4", seed=seed) for point in points for seed in (1000, 1001)
    ]


def test_trials_that_differ_in_rate_and_start_train_together_and_have_the_records_of_each_alone(where, tmp_path):
    records = run_group(trials("gru"), where)
    assert len({record.settings["learning_rate"] for record in records}) == 3
    assert len({record.point["options"].get("head") for record in records}) == 3
    for record in records:
        alone = run_cell(record.cell, Where(tmp_path / "alone"))
        assert plainly(record) == numbers(alone)
        assert (record.replicas, record.notes, record.test_metric) == (6, "", None)
        assert (record.settings, record.point) == (alone.settings, alone.point)


def test_trials_that_compute_something_else_train_apart(where):
    records = run_group(trials("mist", (0, 1, 2, 3)), where)
    delays = [record.point["options"].get("delays", [1, 2, 4, 8, 16, 32, 64, 128]) for record in records]
    assert [record.replicas for record in records] == [2 * delays[::2].count(one) for one in delays]
    assert {record.replicas for record in records} == {2, 4}
    assert not any(record.notes for record in records)


def test_interrupted_trials_go_on_as_they_stand(where, tmp_path):
    group = trials("gru", (0, 1))
    whole = run_group(group, Where(tmp_path / "undisturbed"))
    run_group(group[:3], where, stop=after(5))
    records = run_group(group, where)
    assert [record.replicas for record in records] == [3, 3, 3, 1]
    for record, expected in zip(records, whole, strict=True):
        assert plainly(record) == numbers(expected)


def test_trials_that_break_together_train_point_by_point(where):
    for record in run_group(trials(f"{HERE}:BreaksAboveTwo"), where):
        assert (record.status, record.replicas, record.notes) == ("ok", 2, "")


# ----------------------------------------------------------------------------- in workers


def test_shares_hold_the_trials_of_all_points():
    todo = [*trials("a", (0, 1)), *trials("b", (0, 1)), *cells("a", 2)]
    shares = shares_of(todo, 3)
    assert [[(c.model, c.seed) for c in share.cells] for share in shares] == [
        [("a", 1000), ("a", 1001), ("a", 1000)],
        [("a", 1001)],
        [("b", 1000), ("b", 1001), ("b", 1000)],
        [("b", 1001)],
        [("a", 0), ("a", 1)],
    ]
    assert [share.turns for share in shares] == [9, 1, 9, 1, 4]


def test_shares_hold_so_many_seeds_at_most_in_the_order_of_the_plan():
    todo = plan("smoke", ["sfc"], ["a", "b"], "3k", range(3))
    shares = shares_of(todo, 2)
    assert [[(c.model, c.seed) for c in share.cells] for share in shares] == [
        [("a", 0), ("a", 1)],
        [("b", 0), ("b", 1)],
        [("a", 2)],
        [("b", 2)],
    ]
    assert [share.cells for share in shares_of(todo, 1)] == [(one,) for one in todo]


def test_groups_run_in_this_process(where):
    done = executed([*cells("gru", 3), *cells("lstm-s", 2)], replace(where, replicas=2), workers=0)
    together = {(record.title, record.cell.seed): record.replicas for record in done}
    assert together == {("GRU", 0): 2, ("GRU", 1): 2, ("GRU", 2): 1, ("LSTM-S", 0): 2, ("LSTM-S", 1): 2}
    assert {record.status for record in done} == {"ok"}


def test_a_process_that_dies_with_a_group_costs_time_and_no_cell(where):
    done = executed([*cells(f"{HERE}:DiesTogether", 2), *cells("gru", 2)], replace(where, replicas=2), workers=1)
    together = {(record.title, record.cell.seed): record.replicas for record in done}
    assert together == {("DiesTogether", 0): 1, ("DiesTogether", 1): 1, ("GRU", 0): 2, ("GRU", 1): 2}
    assert {record.status for record in done} == {"ok"}
    why = f"the process that trained several cells of {HERE}:DiesTogether ended with signal 9"
    for record in done:
        assert record.notes.startswith(why if record.title == "DiesTogether" else "")
        assert bool(record.notes) == (record.title == "DiesTogether")
