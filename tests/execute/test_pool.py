"""Workers from the runner's side: what one of them does, or is done to it, costs its own cells."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import deadly
from support.cells import apart_from_times, cell, executed
from support.processes import is_gone

from harness import catalog, machine
from harness.execute import pool as pools
from harness.execute.group import Progress
from harness.execute.local import shares_of
from harness.execute.pool import Pool, Worker
from harness.execute.run import run_cell
from harness.execute.worker import Share
from harness.plan import Cell
from harness.prepare.modules import Where
from harness.records.kinds import RunRecord
from harness.records.running import running, signs_of
from harness.records.store import Store


@pytest.fixture(autouse=True)
def deadly_models_leave_notes_here(tmp_path, monkeypatch):
    monkeypatch.setenv("DEADLY", str(tmp_path))


def named(model: str) -> str:
    return f"{deadly.__name__}:{model}" if hasattr(deadly, model) else cell(model).model


def ran(models: list[str], where: Where, workers: int = 1, limit: float | None = None) -> dict[str, RunRecord]:
    """The records of one seed of each, by the model's name."""
    records = executed([cell(named(model)) for model in models], replace(where, limit=limit), workers)
    done = {record.cell.model.rpartition(":")[2]: record for record in records}
    assert list(done) == models or workers > 1
    for record in done.values():
        assert Store(where.results).find_run(record.cell) == record
    return done


def test_models_that_end_their_process_cost_their_own_cells(where, tmp_path):
    alone = run_cell(cell("gru"), Where(tmp_path / "alone"))
    done = ran(["Leaves", "ChangesAll", "LeavesAChildAndDies", "gru"], where, workers=2)
    assert (done["Leaves"].status, done["Leaves"].reason) == ("failed", "its process ended with exit code 3")
    assert (done["LeavesAChildAndDies"].status) == "failed"
    assert done["ChangesAll"].status == "ok"
    assert apart_from_times(done["gru"]) == apart_from_times(alone)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_a_process_that_is_killed_once_trains_again(where, tmp_path):
    alone = run_cell(cell("Plain"), Where(tmp_path / "alone"))
    (once,) = ran(["IsKilledOnce"], where).values()
    assert (once.status, once.test_metric) == ("ok", alone.test_metric)
    assert once.notes.startswith("its process ended with signal 9 (SIGKILL); the system kills a process that takes")


def test_a_model_that_hangs_is_ended_and_said_to(where):
    done = ran(["Hangs"], where, limit=3)
    assert done["Hangs"].status == "timed-out"
    assert done["Hangs"].reason.startswith("it hangs: its process gave no sign for 0:0")


def test_a_worker_that_does_not_answer_a_stop_is_ended_and_its_cell_interrupted(where, tmp_path, monkeypatch):
    monkeypatch.setattr(pools, "STOP_SECONDS", 0.5)
    done: list[RunRecord] = []
    pool = Pool(where, 1, lambda kind, what: done.append(what) if kind == "done" else None)
    pool.run(deque(shares_of([cell(named("Hangs")), cell("gru")], 1)), (tmp_path / "hangs").exists)
    (record,) = done
    assert (record.status, record.reason) == ("interrupted", "its process did not answer a stop within 0 s")


def test_a_full_disk_stops_all_and_nothing_is_final(where, monkeypatch):
    """The worker's own file system says so: its results folder is a file by then."""
    results = where.results
    results.mkdir()
    (results / "runs").write_text("in the way")
    told: list[Any] = []
    pool = Pool(where, 1, lambda kind, what: told.append(what) if kind == "done" else None)
    pool.run(deque(shares_of([cell("gru"), cell("lstm-s")], 1)), lambda: False)
    assert "3k-0.json cannot be written" in pool.unwritable
    assert told == []


def test_the_processes_are_gone_when_the_runner_is_done(where):
    pids: list[int] = []

    class Watched(Pool):
        def _start(self, owner: tuple[str, str]) -> Worker:
            worker = super()._start(owner)
            pids.append(worker.process.pid or 0)
            return worker

    pool = Watched(where, 1, lambda kind, what: None)
    stop = threading.Event()
    pool.listen = lambda kind, what: stop.set() if isinstance(what, Progress) else None
    pool.run(deque(shares_of([cell("gru", protocol="smoke@max_steps=100000")], 1)), stop.is_set)
    assert len(pids) == 1
    assert all(map(is_gone, pids))
    (record,) = Store(where.results).load().runs
    assert record.reason.startswith("stopped at step ")


# ----------------------------------------------------------------------------- what is lost with a process


def lost(
    where: Where, code: int, share: Share, *, stopping: bool = False, told_before: Collection[Cell | None] = ()
) -> tuple[list[Share], list[RunRecord]]:
    """What runs again after a process ended with a share, and what is recorded of the rest."""
    told: list[RunRecord] = []
    pool = Pool(where, 1, lambda kind, what: told.append(what))
    pool.stopping = 0.0 if stopping else None
    return pool._lost(share, code, None, told_before), told


ONE, TWO = (cell("gru"),), (cell("gru"), cell("gru", seed=1))


@pytest.mark.parametrize("code", [-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP])
def test_what_is_killed_from_outside_runs_again_once_and_failed_the_second_time(where, code):
    (again,), told = lost(where, code, Share(cells=ONE))
    assert (again.cells, told) == (ONE, [])
    again_after, (record,) = lost(where, code, again)
    assert again_after == []
    assert record.status == "failed"
    assert signal.Signals(-code).name in record.reason
    assert record.reason.endswith(", twice")


@pytest.mark.parametrize("code", [1, 3, -signal.SIGSEGV, -signal.SIGABRT])
def test_what_ends_by_its_own_fault_failed_at_once(where, code):
    again, (record,) = lost(where, code, Share(cells=ONE))
    assert (again, record.status) == ([], "failed")


@pytest.mark.parametrize("code", [1, -signal.SIGKILL, -signal.SIGTERM])
def test_what_ends_while_all_are_told_to_stop_is_interrupted_and_keeps_its_checkpoint(where, code):
    store = Store(where.results)
    for each in TWO:
        store.save_checkpoint(each, {}, {"step": 3})
    again, told = lost(where, code, Share(cells=TWO), stopping=True)
    assert again == []
    assert [record.status for record in told] == ["interrupted"] * 2
    assert [store.find_run(each).status for each in TWO] == ["interrupted"] * 2
    assert all(store.checkpoint_path(each).exists() for each in TWO)


@pytest.mark.parametrize("status", ["ok", "diverged", "failed"])
def test_a_group_that_is_lost_runs_one_by_one_but_for_what_is_done(where, status):
    done = replace(run_cell(TWO[1], where), status=status)
    Store(where.results).save_run(done)
    (again,), told = lost(where, 1, Share(cells=TWO))
    assert again.cells == ONE
    assert "ended with exit code 1; each ran alone" in again.note
    assert told == [done]
    assert lost(where, 1, Share(cells=TWO), told_before={TWO[1]})[1] == []


def test_a_measurement_that_is_lost_says_so(where):
    group = ONE[0].group
    again, (found,) = lost(where, 7, Share(measured=group))
    assert (again, found.status, found.reason) == ([], "failed", "its process ended with exit code 7")
    assert Store(where.results).find_measurement(group, machine.slug("cpu")) == found
    assert lost(where, 7, Share(measured=group), told_before={None}) == ([], [])
    (again,), told = lost(where, -signal.SIGKILL, Share(measured=group))
    assert told == []
    assert again.killed == 1


def test_what_is_lost_says_of_which_code_it_was_and_runs_no_more(where):
    ours = cell(named("Leaves"))
    with signs_of(Store(where.results), [ours]):
        _, (record,) = lost(where, 3, Share(cells=(ours,)))
        assert running(Store(where.results)) == []
    _, (found,) = lost(where, 3, Share(measured=ours.group))
    assert found.source == record.source == catalog.source_digest(ours.model) != ""
    assert Store(where.results).load().left_out == []


# ----------------------------------------------------------------------------- whose processes


def test_a_process_has_one_owner():
    group = ("smoke", "sfc", "gru", "3k")
    assert Share(measured=group).owner == ("", "")
    assert Share(cells=(Cell(*group, 0),)).owner == ("", "")
    assert Share(cells=(cell("addition-200"),)).owner[0] == "addition-200"  # no model of the house
    assert Share(measured=("smoke", "addition-200", "gru", "3k")).owner == ("", "")
    assert Share(measured=("smoke", "mine.py:task", "a.py:Net", "3k")).owner == ("a.py:Net", "mine.py:task")
    assert Share(measured=("smoke", "mine.py:task@k=1", "gru", "3k")).owner == ("", "mine.py:task@k=1")


class Fake:
    """A pool whose workers are no processes."""

    def __init__(self, monkeypatch, workers: int) -> None:
        self.pool = Pool(Where(Path("nowhere")), workers, lambda kind, what: None)
        self.started: list[str] = []
        monkeypatch.setattr(pools, "_send", lambda connection, message: None)
        monkeypatch.setattr(machine, "cpu_seconds", lambda pid: 0.0)
        self.pool._start = self.start  # type: ignore[method-assign]
        self.pool._dismiss = self.dismiss  # type: ignore[method-assign]

    def start(self, owner: tuple[str, str]) -> Worker:
        worker = Worker(SimpleNamespace(pid=0), None, "", owner)  # type: ignore[arg-type]
        self.pool.all.append(worker)
        self.started.append(owner[0])
        return worker

    def dismiss(self, worker: Worker) -> None:
        self.pool.all.remove(worker)

    def all_in_order(self, models: str) -> None:
        self.pool.shares = deque(Share(cells=(cell(model, seed=n),)) for n, model in enumerate(models.split()))
        while self.pool.shares:
            self.pool._feed()
            next(worker for worker in self.pool.all if worker.share).share = None
        self.pool._feed()


@pytest.mark.parametrize(
    ("models", "started"),
    [
        ("gru a.py:A lstm-s b.py:B gru gru a.py:A", ["", "a.py:A", "b.py:B", "a.py:A"]),
        ("a.py:A gru a.py:A gru a.py:A", ["a.py:A", ""]),
    ],
)
def test_models_of_the_house_share_a_process_and_seeds_of_a_stranger_share_their_own(monkeypatch, models, started):
    fake = Fake(monkeypatch, 1)
    fake.all_in_order(models)
    assert (fake.started, fake.pool.all) == (started, [])


# ----------------------------------------------------------------------------- out of time


def out_of_time(monkeypatch, limit: float | None = None, cells: int = 1, **facts: float) -> str | None:
    """The status of a share of a worker of which these facts are known."""
    pool = Pool(Where(Path("nowhere"), limit=limit), 1, lambda kind, what: None)
    monkeypatch.setattr(machine, "cpu_seconds", lambda pid: facts.get("cpu", 0.0))
    monkeypatch.setattr(machine, "runnable_seconds", lambda pid: facts.get("work", 0.0))
    worker = Worker(SimpleNamespace(pid=0), None, "", ("", ""))  # type: ignore[arg-type]
    worker.silent, worker.step_seconds = facts.get("silent", 0.0), facts.get("step", 0.0)
    found = pool._out_of_time(worker, Share(cells=tuple(cell(seed=seed) for seed in range(cells))))
    return None if found is None else found[0]


@pytest.mark.parametrize(
    ("limit", "facts", "ended"),
    [
        (None, {"silent": 299, "step": 1}, False),
        (None, {"silent": 301, "step": 1}, True),  # five minutes
        (None, {"silent": 301, "step": 1, "work": 301}, True),
        (None, {"silent": 599, "step": 12}, False),
        (None, {"silent": 601, "step": 12}, True),  # fifty steps
        (None, {"silent": 301}, True),  # before its first step, asleep
        (None, {"silent": 301, "work": 200}, False),  # at work
        (None, {"silent": 3601, "work": 3600}, True),
        (None, {"silent": 1, "cpu": 1e6, "step": 1}, False),
        (100, {"cpu": 99}, False),
        (100, {"cpu": 104}, False),  # a cell that makes steps ends itself
        (100, {"cpu": 106}, True),
        (100, {"cpu": 204, "cells": 2}, False),
        (100, {"cpu": 406, "cells": 2}, True),
        (100, {"silent": 99, "step": 1}, False),
        (100, {"silent": 101, "step": 1}, True),  # a whole cell may not take longer
        (100, {"silent": 101, "step": 3}, False),
        (100, {"silent": 99, "work": 99, "cpu": 99}, False),
    ],
)
def test_a_worker_without_a_sign_for_long_hangs_and_a_limit_is_of_cpu_time_and_of_a_silence(
    monkeypatch, limit, facts, ended
):
    assert out_of_time(monkeypatch, limit, **facts) == ("timed-out" if ended else None)


def test_the_pace_of_steps_is_counted_from_what_is_told(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    worker = Worker(SimpleNamespace(pid=os.getpid()), None, "", ("", ""))  # type: ignore[arg-type]
    for step in (7, 7, 9):
        worker.heard(Progress(cell(), step, 100))
        now[0] += 5
    assert worker.step_seconds == pytest.approx(10 / 2)
    assert worker.silent == 0.0


@pytest.mark.parametrize(
    ("code", "words", "outside"),
    [
        (3, "exit code 3", False),
        (None, "exit code None", False),
        (-signal.SIGTERM, "signal 15 (SIGTERM)", True),
        (-signal.SIGABRT, "signal 6 (SIGABRT)", False),
        (-200, "signal 200 (unknown)", True),
    ],
)
def test_how_a_process_ended_is_said_by_name(code, words, outside):
    assert pools._cause(code) == (words, outside)


def test_a_worker_whose_runner_dies_while_it_begins_ends_without_a_word(tmp_path, capfd):
    context = pools.multiprocessing.get_context("spawn")
    process = context.Process(target=pools.work, args=(deadly.Broken(Share(cells=(cell(),))), Where(tmp_path)))
    process.start()
    process.join(60)
    assert process.exitcode == 1
    assert "Traceback" not in capfd.readouterr().err
    assert not list(tmp_path.rglob("*.json"))
