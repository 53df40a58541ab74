"""What every executor of the table promises, and how one of somebody else's is found."""

import pytest

from harness.errors import BenchError
from harness.execute.executors import EXECUTORS, executor
from harness.plan import Cell
from harness.prepare.modules import Where
from harness.records.store import Store

RAISES = """
def Raises(shape, width):
    raise RuntimeError("there is nothing to build")
"""
MINE = """
from harness.execute.run import measure_group, run_group

def backwards(jobs, where, workers, listen):
    for kind, what in reversed(jobs):
        for record in [measure_group(what, where)] if kind == "measure" else run_group([what], where):
            listen("done", record)
    return True

def forgets(jobs, where, workers, listen):
    return True

Net = 3
"""


@pytest.mark.parametrize("name", sorted(EXECUTORS.keys() - {"slurm"}))  # that has its own tests, as it needs a queue
def test_every_cell_leaves_a_record_also_one_that_fails(name, tmp_path):
    (tmp_path / "mine.py").write_text(RAISES)
    models = (f"{tmp_path}/mine.py:Raises", "gru")
    cells = [Cell("smoke@max_steps=3", "sfc", model, "3k", 0) for model in models]
    where, heard = Where(tmp_path / "results"), []
    whole = executor(name)([("cell", cell) for cell in cells], where, 1, lambda kind, what: heard.append((kind, what)))
    assert whole is True
    kept = [Store(where.results).find_run(cell) for cell in cells]
    assert [record and record.status for record in kept] == ["failed", "ok"]
    assert "there is nothing to build" in kept[0].reason
    assert [what for kind, what in heard if kind == "done"] == kept


@pytest.fixture
def run(bench, tmp_path):
    """run(executor, *words) runs two seeds of a small cell on it."""
    (tmp_path / "mine.py").write_text(MINE)
    small = ("--protocol", "smoke", "--seeds", "2", "--set", "max_steps=3", "--no-measure")
    return lambda name, *words: bench("run", "--task", "sfc", "--models", "gru", *small, "--executor", name, *words)


def test_an_executor_may_be_a_function_in_a_file_of_ones_own(run, tmp_path):
    done = run(f"{tmp_path}/mine.py:backwards", "--json")
    assert done.code == 0, done.err
    seeds = [line.partition('"seed": ')[2][0] for line in done.out.splitlines() if '"seed"' in line]
    assert seeds == ["1", "0"]
    assert len(list((tmp_path / "results" / "runs").rglob("*.json"))) == 2


def test_an_executor_that_leaves_a_hole_is_named(run, tmp_path):
    done = run(f"{tmp_path}/mine.py:forgets")
    assert done.code == 2
    assert "mine.py:forgets left no record of 2 cells: sfc gru 3k seed 0" in done.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("locla", r"no executor called 'locla'; the nearest is 'local' \(`bench run --help`"),
        ("{}/mine.py:Net", r"mine\.py:Net' is of type int; an executor is a function \(jobs, where, workers, listen\)"),
        ("{}/mine.py:back", "nearest is 'backwards'"),
        ("{}/none.py:back", r"there is no file .*none\.py"),
    ],
)
def test_what_is_no_executor_is_a_sentence(tmp_path, name, said):
    (tmp_path / "mine.py").write_text(MINE)
    with pytest.raises(BenchError, match=said):
        executor(name.format(tmp_path))
