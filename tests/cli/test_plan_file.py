"""`bench run --plan`: what a file wants, in its order, in parts, and giving way."""

import re
import subprocess
import sys
import time

import pytest
from support import ROOT
from support.cells import cell
from support.sentences import one_sentence

from harness.execute import planning
from harness.plan import Cell
from harness.prepare.modules import Where
from harness.records.store import Store

PLAN = """
[[block]]
name = "first"
task = "sfc"
models = "lstm-s"
protocol = "smoke"
seeds = "2"

[[block]]
name = "second"
task = "sti,sfc"
models = "gru,lstm-s"
protocol = "smoke"
seeds = "0,0"
"""
ORDER = [
    Cell("smoke", "sfc", "lstm-s", "3k", 0),
    Cell("smoke", "sfc", "lstm-s", "3k", 1),
    Cell("smoke", "sti", "gru", "3k", 0),
    Cell("smoke", "sti", "lstm-s", "3k", 0),
    Cell("smoke", "sfc", "gru", "3k", 0),
]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "results" / "plan.toml"
    path.parent.mkdir()
    path.write_text(PLAN)
    (path.parent / "campaign.toml").touch()
    return path


def ran(folder):
    return Store(folder).load().runs


def test_a_plan_runs_block_by_block_once_each_and_its_records_lie_beside_it(bench, file, tmp_path):
    told = bench("run", "--plan", file, "--dry-run", "--results", file.parent)
    assert (told.code, ran(file.parent)) == (0, [])
    lines = [line for line in told.out.splitlines() if "to run" in line or "next" in line]
    assert [re.sub(r"\d:\d\d", "-", line) for line in lines] == [
        "2 cells to run, about - of one core",
        "4 cells to run, about - of one core",
        "next: sfc lstm-s 3k seed 0",
    ]
    done = bench("run", "--plan", file, "--workers", "0", "--no-measure")
    assert done.code == 0, done.err
    said = [line.partition("] ")[2].partition(":")[0] for line in done.out.splitlines() if line.startswith("[")]
    assert said == [str(one) for one in ORDER]
    assert {run.cell for run in ran(file.parent)} == set(ORDER)
    assert done.out.splitlines()[-1] == "5 ok"
    again = bench("run", "--plan", file, "--dry-run")
    assert again.out.count("nothing is left to run") == 2


def test_idle_runs_have_one_worker_and_measure_nothing(bench, file):
    file.write_text(PLAN.partition('[[block]]\nname = "second"')[0])
    assert ", 1 worker;" in bench("run", "--plan", file, "--idle", "--dry-run").out
    assert bench("run", "--plan", file, "--idle", "--workers", "0").code == 0
    assert [run.status for run in ran(file.parent)] == ["ok", "ok"]
    assert not list((file.parent / "measures").rglob("*.json"))


GIVES_WAY = """
import os
from pathlib import Path
from harness.execute import worker
from harness.prepare.modules import Where

def look(*_):
    group = Path("/proc/self/autogroup")
    nice = int(group.read_text().split()[-1]) if group.exists() else 19
    idle = os.sched_getscheduler(0) == os.SCHED_IDLE
    print(os.getsid(0) == os.getpid(), idle, nice, os.nice(0), flush=True)
    os._exit(0)

worker.prepare_process = look
worker.work(os.fdopen(0), Where(Path("results"), idle=True))
"""


def test_an_idle_worker_gives_way_to_everything_else(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", GIVES_WAY], cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert done.stderr.split() == ["True", "True", "19", "19"]  # a worker's standard output is the runner's


def test_a_plan_says_itself_what_to_run(bench, file):
    for words in (("--task", "sfc"), ("--models", "gru"), ("--seeds", "3"), ("--set", "batch=3"), ("--budget", "3k")):
        said = one_sentence(bench("run", "--plan", file, *words))
        assert said == f"error: a plan says itself what to run; leave {words[0]} or --plan out"
    file.write_text(PLAN.replace("second", "first"))
    assert "has two blocks called 'first'" in one_sentence(bench("run", "--plan", file))
    file.write_text(PLAN.replace("gru", "grü"))
    assert "there is no model called 'grü'" in one_sentence(bench("run", "--plan", file))
    assert "cannot be read" in one_sentence(bench("run", "--plan", file.with_name("missing")))
    assert "--task is missing" in one_sentence(bench("run"))


def test_a_time_that_is_over_checkpoints_what_runs_and_begins_nothing_that_would_not_end(bench, file, monkeypatch):
    left = dict.fromkeys(ORDER, 1000000.0) | {ORDER[3]: 0.0}
    monkeypatch.setattr(planning, "seconds_left", lambda cells, where: left)
    done = bench("run", "--plan", file, "--limit", "1h", "--no-measure", "--workers", "1")
    assert done.code == 0
    assert [run.cell for run in ran(file.parent)] == [ORDER[3]]  # all others would take too long
    assert "the time is over; 4 cells left, the same command goes on" in done.out
    monkeypatch.setattr(planning, "seconds_left", lambda cells, where: dict.fromkeys(cells, 1e6))
    done = bench("run", "--plan", file, "--limit", "1s", "--no-measure", "--workers", "1")
    assert "the time is over; 4 cells left" in done.out  # the first began, as none would end, and left its checkpoint
    assert len(ran(file.parent)) == 1
    assert bench("run", "--plan", file, "--no-measure", "--workers", "0").code == 0
    assert {run.cell for run in ran(file.parent)} == set(ORDER)


def test_the_time_that_is_left_is_that_of_other_seeds_less_what_a_checkpoint_has(where, monkeypatch):
    from dataclasses import replace

    from support.records import made_run

    from harness import machine

    store, here = Store(where.results), {"cpu": machine.cpu_name()}
    first = cell("gru")
    others = [replace(first, seed=seed) for seed in (1, 2)]
    for seed, seconds in ((0, 10.0), (3, 30.0)):
        store.save_run(made_run("gru", seed, train_seconds=seconds, evaluation_seconds=2.0, machine=here))
    monkeypatch.setattr(planning, "part_done", lambda cell, where, store: 0.25 if cell.seed == 2 else 0.0)
    assert planning.seconds_left(others, where) == {others[0]: 22.0, others[1]: 16.5}
    start = time.monotonic()
    (tried,) = planning.seconds_left([cell("lstm-s")], where).values()
    assert 0 < tried < 60 + time.monotonic() - start


def test_what_cannot_begin_is_in_no_forecast(bench, file, tmp_path):
    block = file.read_text().partition("[[block]]")[2].partition("[[block]]")[0]
    file.write_text(f"[[block]]{block.replace('sfc', 'sfc,pmnist')}")
    told = bench("run", "--plan", file, "--dry-run", "--data", tmp_path / "nothing")
    (line,) = [line for line in told.out.splitlines() if "to run" in line]
    assert line.endswith("of one core without 2 of which no time can be told; `bench plan` tries them")


def test_a_stranger_that_hangs_holds_up_no_forecast(tmp_path):
    (tmp_path / "hangs.py").write_text("import time\n\n\ndef build(shape, width):\n    time.sleep(600)\n")
    began = time.monotonic()
    assert planning.seconds_left([cell(f"{tmp_path / 'hangs.py'}:build")], Where(tmp_path / "results")) == {}
    assert time.monotonic() - began < 60
