"""Interrupted is not failed: cells go on from their checkpoints, and from no others."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.cells import after, apart_from_times, cell, cells

from harness.errors import Unwritable
from harness.execute.run import run_cell, run_group
from harness.prepare.modules import Where
from harness.records import writing
from harness.records.store import Store


@pytest.fixture
def where(tmp_path: Path) -> Where:
    return Where(tmp_path / "results")


def undisturbed(model: str, tmp_path: Path, **changes: Any):
    return run_cell(cell(model, **changes), Where(tmp_path / "undisturbed"))


def begun_anew(where: Where, model: str, why: str, tmp_path: Path, **changes: Any) -> None:
    """The cell has the undisturbed numbers, and says why its checkpoint was not used."""
    record, whole = run_cell(cell(model, **changes), where), undisturbed(model, tmp_path, **changes)
    assert [(p.step, p.train_loss) for p in record.curve] == [(p.step, p.train_loss) for p in whole.curve]
    assert (record.status, record.test_metric) == ("ok", whole.test_metric)
    assert record.notes.startswith(f"the checkpoint of {record.cell} was not used: {why}")
    (aside,) = (path for path in (where.results / "aside").rglob("*") if path.is_file())
    assert f"it lies in {aside.relative_to(where.results)}, and the cell began anew" in record.notes
    assert not Store(where.results).checkpoint_path(record.cell).exists()


def damaged(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 2
    path.write_bytes(bytes(content))


def test_a_flipped_bit_is_noticed_and_said(where, tmp_path):
    run_cell(cell("gru"), where, stop=after(5))
    path = Store(where.results).checkpoint_path(cell("gru"))
    damaged(path, path.stat().st_size // 2)
    begun_anew(where, "gru", "it is damaged: its checksum is another one", tmp_path)


def test_half_a_checkpoint_is_noticed_and_said(where, tmp_path):
    run_cell(cell("Plain"), where, stop=after(5))
    Store(where.results).checkpoint_path(cell("Plain")).write_bytes(b"half")
    begun_anew(where, "Plain", "it is damaged", tmp_path)


def test_another_seeds_checkpoint_is_refused_by_name(where, tmp_path):
    store = Store(where.results)
    run_cell(cell("Plain", seed=1), where, stop=after(5))
    shutil.copy(store.checkpoint_path(cell("Plain", seed=1)), store.checkpoint_path(cell("Plain")))
    begun_anew(where, "Plain", "its seed is 1 where 0 is wanted", tmp_path)


def test_another_shapes_checkpoint_is_refused_by_name(where, tmp_path, monkeypatch):
    run_cell(cell("Plain"), where, stop=after(5))
    monkeypatch.setattr("harness.execute.resuming.str", lambda shape: f"{shape}!", raising=False)
    record = run_cell(cell("Plain"), where)
    assert record.status == "ok"
    assert "its shape is SequenceShape(length=40" in record.notes


def test_in_a_group_the_one_whose_checkpoint_is_damaged_begins_anew(where, tmp_path):
    group = cells("gru", 2)
    run_group(group, where, stop=after(5))
    path = Store(where.results).checkpoint_path(group[1])
    damaged(path, path.stat().st_size // 2)
    first, second = run_group(group, where)
    assert (first.status, second.status) == ("ok", "ok")
    assert not first.notes
    assert "was not used: it is damaged" in second.notes


def test_a_model_with_further_state_goes_on(where, tmp_path):
    whole = undisturbed("KeepsADate", tmp_path)
    assert "goes on from there" in run_cell(cell("KeepsADate"), where, stop=after(5)).reason
    steps: list[int] = []
    resumed = run_cell(cell("KeepsADate"), where, report=lambda progress: steps.append(progress.step))
    assert steps[0] == 5
    assert apart_from_times(resumed) == apart_from_times(whole)


def test_what_cannot_be_saved_promises_nothing_and_trains_all_the_same(where, tmp_path):
    whole = undisturbed("KeepsAFunction", tmp_path)
    record = run_cell(cell("KeepsAFunction"), where, stop=after(5))
    assert record.status == "interrupted"
    assert record.reason.endswith("the same command begins anew, as nothing could be kept")
    assert "its state cannot be saved" in record.notes
    assert apart_from_times(run_cell(cell("KeepsAFunction"), where)) == apart_from_times(whole)


# ----------------------------------------------------------------------------- a full disk


@pytest.fixture
def disk(monkeypatch):
    """A disk that can be full: `disk.full = True`."""

    class Disk:
        full = False

    real = writing.os.fsync

    def fsync(handle: int) -> None:
        if Disk.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(writing.os, "fsync", fsync)
    return Disk


def test_a_full_disk_leaves_nothing_final_and_the_checkpoint_of_before(where, tmp_path, disk):
    whole = undisturbed("gru", tmp_path)
    run_cell(cell("gru"), where, stop=after(5))
    store = Store(where.results)
    before, content = store.find_run(cell("gru")), store.checkpoint_path(cell("gru")).read_bytes()
    disk.full = True
    with pytest.raises(Unwritable, match="No space left on device"):
        run_cell(cell("gru"), where, stop=after(3))
    with pytest.raises(Unwritable, match=r"3k-0\.json cannot be written"):
        run_cell(cell("gru"), where)
    assert store.find_run(cell("gru")) == before
    assert store.checkpoint_path(cell("gru")).read_bytes() == content
    disk.full = False
    assert apart_from_times(run_cell(cell("gru"), where)) == apart_from_times(whole)


def test_a_disk_that_fills_up_between_two_checkpoints_costs_no_cell(where, disk, monkeypatch):
    monkeypatch.setattr("harness.execute.group.CHECKPOINT_SECONDS", -1.0)
    for group in (cells("gru", 2), cells("gru", 1)):
        disk.full = False

        def fill(progress: Any) -> None:
            disk.full = progress.step > 5

        with pytest.raises(Unwritable):
            run_group(group, where, report=fill)
        assert not Store(where.results).load().runs


# ----------------------------------------------------------------------------- CPU time


def test_a_cell_beyond_its_cpu_time_is_timed_out_and_can_go_on(where, tmp_path):
    whole = undisturbed("gru", tmp_path)
    (record,) = run_group([cell("gru")], replace(where, limit=1e-9))
    assert (record.status, record.test_metric, record.is_fault) == ("timed-out", None, True)
    assert record.reason == "its 0:00 of CPU time are over: stopped at step 0 of 12"
    assert Store(where.results).find_run(record.cell) == record
    (again,) = run_group([cell("gru")], replace(where, limit=1000.0))
    assert apart_from_times(again) == apart_from_times(whole)


def test_a_stop_is_no_lack_of_time(where):
    (record,) = run_group([cell("gru")], replace(where, limit=1000.0), stop=after(3))
    assert record.status == "interrupted"
