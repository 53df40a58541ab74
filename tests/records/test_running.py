"""Which cells run now, and what the dead have left."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support.records import made_curve, made_run

from harness import machine
from harness.records.running import SILENT, Signs, running, signs_of, sweep


@pytest.fixture
def dead():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left(store, **changes):
    """The sign of a cell as another process has left it."""
    cell = made_run(seed=7).cell
    signs = Signs(store, [cell])
    signs.last[cell] = replace(signs.last[cell], **changes)
    signs.begin()


def test_a_cell_runs_from_its_begin_to_its_end(store):
    cells = [made_run(seed=seed).cell for seed in (0, 1)]
    with signs_of(store, cells) as signs:
        assert [sign.cell for sign in running(store)] == cells
        assert "smoke sfc gru 3k seed 0: running, before its first step" in str(running(store)[0])
        signs(cells[0], 1234, 5000)
        assert "running, step 1,234 of 5,000, since 20" in str(running(store)[0])
        signs.end(cells[0])
        assert [sign.cell for sign in running(store)] == cells[1:]
    assert running(store) == []
    assert not list((store.root / "running").iterdir())


def test_a_sign_is_written_now_and_then_alone(store, monkeypatch):
    cell = made_run().cell
    with signs_of(store, [cell]) as signs:
        for step in range(1, 50):
            signs(cell, step, 50)
        assert running(store)[0].step == 1
        monkeypatch.setattr("harness.records.running.EVERY", 0.0)
        signs(cell, 49, 50)
        assert running(store)[0].step == 49


def test_a_cell_ends_with_an_error_as_well(store):
    with pytest.raises(ZeroDivisionError), signs_of(store, [made_run().cell]):
        raise ZeroDivisionError
    assert running(store) == []


def test_the_signs_of_the_dead_are_no_cells_and_are_swept(store, dead):
    for changes in ({"pid": dead}, {"born": 1}):  # a later process may have the number of the one that ran
        left(store, **changes)
        assert running(store) == []
        sweep(store)
        assert not list((store.root / "running").iterdir())


def test_another_machines_cells_run_as_long_as_they_say_so(store):
    left(store, here="elsewhere", pid=1)
    assert len(running(store)) == 1
    sweep(store)
    assert len(running(store)) == 1
    left(store, here="elsewhere", pid=1, said=time.time() - SILENT - 1)
    assert running(store) == []
    sweep(store)
    assert not list((store.root / "running").iterdir())


def test_rubbish_is_no_sign(store):
    (store.root / "running").mkdir(parents=True)
    for name, text in (("a", ""), ("b", "[]"), ("c", "{}"), ("d", '{"cell": 3}')):
        (store.root / "running" / f"{name}.json").write_text(text)
    assert running(store) == []
    sweep(store)
    assert not list((store.root / "running").iterdir())


def test_temporary_files_of_the_dead_are_swept_and_those_of_the_living_stay(store, dead):
    folder = store.run_path(made_run().cell).parent
    folder.mkdir(parents=True)
    names = {
        f".{machine.here()}-{dead}-x.tmp": False,
        f".{machine.here()}-{os.getpid()}-x.tmp": True,
        ".elsewhere-5-x.tmp": True,
        ".x7.tmp": False,
        "mine.tmp": True,
    }
    for name in names:
        (folder / name).write_text("half")
    old = time.time() - SILENT - 1
    os.utime(folder / ".x7.tmp", (old, old))
    sweep(store)
    assert {name: (folder / name).exists() for name in names} == names


def test_a_sign_names_no_machine(store):
    left(store)
    (path,) = (store.root / "running").iterdir()
    assert os.uname().nodename not in path.read_text()


def test_a_sign_has_the_curve_so_far_and_says_when_the_cell_ends(store, monkeypatch):
    cell = made_run().cell
    monkeypatch.setattr("harness.records.running.EVERY", 0.0)
    with signs_of(store, [cell]) as signs:
        assert running(store)[0].seconds_left is None
        before, after = made_curve([0.5, None, 0.75])[:2], made_curve([0.5, None, 0.75])[2:]
        signs(cell, 200, 1000, before)  # it goes on from a checkpoint
        assert running(store)[0].seconds_left is None
        signs.last[cell] = replace(signs.last[cell], since=time.time() - 10)
        signs(cell, 300, 1000, after)
        (sign,) = running(store)
        assert sign.curve == ((100, 0.5), (300, 0.75))
        assert sign.seconds_left == pytest.approx(70, abs=2)  # 100 steps in ten seconds, and 700 are left
        assert "step 300 of 1,000, validation 0.75, since" in str(sign)


def test_a_curve_of_rubbish_is_no_sign(store):
    left(store)
    (path,) = (store.root / "running").iterdir()
    for curve in ("3", "[3]", '[["a", 1]]', "[[1, null]]"):
        path.write_text(path.read_text().replace('"curve": []', f'"curve": {curve}'))
        assert running(store) == []
        path.write_text(path.read_text().replace(f'"curve": {curve}', '"curve": []'))
    assert len(running(store)) == 1
