import errno
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import ROOT
from support.records import made_measurement, made_run

from harness.errors import BenchError, CorruptRecord, Unwritable
from harness.plan import Cell, Group
from harness.records import store as store_module
from harness.records import writing
from harness.records.store import Loaded, Store


def files(store: Store) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())


def test_a_saved_measurement_is_found_and_loaded(store):
    measurement = made_measurement()
    store.save_measurement(measurement, "some-machine")
    group = Group("smoke", "sfc", "gru", "3k")
    assert store.find_measurement(group, "some-machine") == measurement
    assert store.find_measurement(group, "other-machine") is None
    assert store.load().measurements == [measurement]


def test_a_records_path_says_which_cell_it_is(store):
    store.save_run(made_run(seed=4))
    store.save_measurement(made_measurement(), "two-cores")
    assert files(store) == ["measures/smoke/sfc/gru/3k-two-cores.json", "runs/smoke/sfc/gru/3k-4.json"]


def test_a_cell_without_a_record_is_not_found_nor_one_whose_record_is_deleted(store):
    for prepare in (lambda: None, lambda: store.save_run(made_run()).unlink()):
        prepare()
        assert store.find_run(made_run().cell) is None
        assert store.load().runs == []


def test_a_later_record_replaces_an_earlier_one(store):
    store.save_run(made_run(status="interrupted"))
    store.save_run(made_run(status="ok"))
    assert [run.status for run in store.load().runs] == ["ok"]


def test_records_copied_from_another_folder_are_merged(store, tmp_path):
    other = Store(tmp_path / "other")
    store.save_run(made_run(seed=0))
    path = other.save_run(made_run(seed=1))
    path.rename(store.run_path(made_run(seed=1).cell))
    assert [run.cell.seed for run in store.load().runs] == [0, 1]


def test_the_record_of_another_cell_is_an_error(store):
    path = store.save_run(made_run(seed=0))
    other = made_run(seed=1).cell
    path.rename(store.run_path(other))
    with pytest.raises(CorruptRecord, match=r"3k-1\.json is the record of another cell"):
        store.find_run(other)


def test_two_files_of_one_name_do_not_pass_for_each_other(store):
    one, two = made_run("one/mine.py:Net", test_metric=0.6), made_run("two/mine.py:Net", test_metric=0.7)
    store.save_run(one)
    assert store.find_run(two.cell) is None
    store.save_run(two)
    assert (store.find_run(one.cell), store.find_run(two.cell)) == (one, two)
    assert len(store.load().runs) == 2


def test_a_measurement_in_a_runs_place_is_an_error(store):
    record = made_run()
    path = store.save_measurement(made_measurement(), "m")
    store.run_path(record.cell).parent.mkdir(parents=True)
    path.rename(store.run_path(record.cell))
    with pytest.raises(CorruptRecord, match="another cell"):
        store.find_run(record.cell)


# ----------------------------------------------------------------------------- what is loaded


def test_load_takes_one_protocol_or_some_tasks(store):
    for protocol in ("smoke", "quick@batch=5"):
        for task in ("sfc", "sti", "copy-120"):
            store.save_run(made_run(protocol=protocol, task_name=task))
            store.save_measurement(made_measurement(protocol=protocol, task=task), "m")
    assert len(store.load().runs) == len(store.load().measurements) == 6
    assert {run.cell.protocol for run in store.load("quick@batch=5").runs} == {"quick@batch=5"}
    some = store.load("smoke", ["sfc", "copy-120"])
    assert [run.cell.task for run in some.runs] == ["copy-120", "sfc"]
    assert [m.task for m in some.measurements] == ["copy-120", "sfc"]


def test_a_stray_file_in_the_folder_is_named_and_nothing_else_suffers(store):
    record = made_run()
    store.save_run(record)
    (store.root / "runs" / "stray.json").write_text("{}")
    (store.root / "runs" / "notes.txt").write_text("mine")
    assert store.load().runs == [record]
    assert len(store.load().left_out) == 1
    assert store.load(None, ["sfc"]).runs == [record]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"schema": 1, "kind": "run"}'])
def test_a_corrupt_record_is_named_and_stays_in_its_place(store, content):
    good, bad = made_run(seed=0), made_run(seed=1)
    store.save_run(good)
    path = store.save_run(bad)
    path.write_bytes(content)
    loaded = store.load()
    assert loaded.runs == [good]
    assert len(loaded.left_out) == 1
    assert str(path) in loaded.left_out[0]
    with pytest.raises(CorruptRecord, match=r"3k-1\.json"):
        store.find_run(bad.cell)
    assert path.read_bytes() == content


def test_a_corrupt_measurement_is_taken_again(store):
    store.save_measurement(made_measurement(), "m").write_text("{")
    assert store.find_measurement(Group("smoke", "sfc", "gru", "3k"), "m") is None


@pytest.mark.parametrize(
    "name", ["3k-0 copy.json", "3k-0 (conflicted copy).json", ".3k-0.json", "3k-1.json", "3k-00.json"]
)
def test_a_copy_of_a_record_is_named_and_does_not_count(store, name):
    record = made_run(seed=0)
    path = store.save_run(record)
    path.with_name(name).write_bytes(path.read_bytes())
    loaded = store.load()
    assert loaded.runs == [record]
    (said,) = loaded.left_out
    assert said == f"{path.with_name(name)} does not lie at its cell's place, {path}; move or delete it"


@pytest.mark.parametrize("part", ["smoke", "smoke/sfc", "smoke/sfc/gru"])
def test_a_copied_folder_of_records_does_not_count(store, part):
    record, measurement = made_run(seed=0), made_measurement()
    store.save_run(record)
    store.save_measurement(measurement, "m")
    for kind in ("runs", "measures"):
        folder = store.root / kind / part
        shutil.copytree(folder, folder.with_name(f"{folder.name}... .bak"))
    loaded = store.load()
    assert (loaded.runs, loaded.measurements) == ([record], [measurement])
    assert len(loaded.left_out) == 2


def test_a_copy_of_a_measurement_is_named_and_another_machines_counts(store):
    path = store.save_measurement(made_measurement(), "two-cores")
    store.save_measurement(made_measurement(), "four-cores")
    path.with_name("3k-two-cores (1).json").write_bytes(path.read_bytes())
    path.with_name("6k-two-cores.json").write_bytes(path.read_bytes())
    loaded = store.load()
    assert len(loaded.measurements) == 2
    assert len(loaded.left_out) == 2


@pytest.mark.parametrize(
    "link", ["runs", "runs/smoke", "runs/smoke/sfc", "runs/smoke/sfc/gru", "runs/smoke/sfc/gru/3k-0.json"]
)
def test_links_are_followed_by_whatever_reads(store, tmp_path, link):
    record = made_run()
    store.save_run(record)
    (store.root / link).rename(tmp_path / "elsewhere")
    (store.root / link).symlink_to(tmp_path / "elsewhere")
    assert store.find_run(record.cell) == record
    assert store.load().runs == [record]


def test_a_link_to_nothing_is_named(store):
    store.save_run(made_run())
    store.run_path(made_run(seed=1).cell).symlink_to("gone.json")
    assert len(store.load().runs) == 1
    assert re.search(r"3k-1\.json is a link to a file that is not there", store.load().left_out[0])


def test_links_in_a_circle_are_an_error(store):
    store.save_run(made_run())
    (store.root / "runs" / "smoke" / "again").symlink_to(store.root / "runs")
    with pytest.raises(BenchError, match=r"again is a link that leads back to .*runs"):
        store.load()
    (store.root / "runs" / "smoke" / "again").unlink()
    (store.root / "runs" / "smoke" / "again").symlink_to("again")
    with pytest.raises(BenchError, match="again cannot be followed"):
        store.load()


def test_what_is_no_folder_is_not_a_folder_without_records(tmp_path):
    assert Store(tmp_path / "missing").load() == Loaded()
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "loop", "file/below"):
        with pytest.raises(BenchError, match="cannot be read as a folder of records"):
            Store(tmp_path / name).load()


def test_a_folder_that_the_system_refuses_is_an_error_for_those_who_need_it(store, monkeypatch):
    for task in ("sfc", "sti"):
        store.save_run(made_run(task_name=task))
        store.save_run(made_run(task_name=task, protocol="quick"))
    scan = os.scandir

    def refused(folder):
        if str(folder).endswith("smoke/sfc"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(store_module.os, "scandir", refused)
    with pytest.raises(BenchError, match=r"runs/smoke/sfc cannot be read .*Permission denied"):
        store.load()
    assert len(store.load("quick").runs) == 2


def test_a_name_that_cannot_be_printed_is_said_as_it_can(store):
    store.save_run(made_run())
    try:
        (store.root / "runs" / os.fsdecode(b"bad\xff\n.json")).write_text("{")
    except OSError:
        pytest.skip("this file system takes no such name")
    (said,) = store.load().left_out
    assert said.isprintable()


# ----------------------------------------------------------------------------- written whole or not at all


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_earlier_record_and_no_rubbish(store, monkeypatch, call):
    store.save_run(made_run(test_metric=0.1))
    before = files(store)

    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing.os, call, fail)
    with pytest.raises(Unwritable, match=r"3k-0\.json cannot be written \(No space left on device\)"):
        store.save_run(made_run(test_metric=0.9))
    assert store.load().runs == [made_run(test_metric=0.1)]
    assert files(store) == before


@pytest.mark.parametrize("earlier", [True, False])
def test_a_process_that_dies_while_it_writes_leaves_no_half_record(store, earlier):
    if earlier:
        store.save_run(made_run(test_metric=0.1))
    code = (
        "import os, sys; from pathlib import Path; from harness.records.store import Store;"
        "from support.records import made_run;"
        "os.replace = lambda *names: os._exit(9);"
        "Store(Path(sys.argv[1])).save_run(made_run(test_metric=0.9))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    died = subprocess.run([sys.executable, "-c", code, str(store.root)], env=environment, cwd=ROOT)
    assert died.returncode == 9
    assert [name for name in files(store) if name.endswith(".tmp")]  # it died in the middle
    assert store.load().runs == ([made_run(test_metric=0.1)] if earlier else [])
    assert store.load().left_out == []
    store.save_run(made_run(test_metric=0.9))
    assert store.load().runs == [made_run(test_metric=0.9)]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_umask_holds(store, mask, mode):
    before = os.umask(mask)
    try:
        path = store.save_run(made_run())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode
    assert path.parent.stat().st_mode & 0o777 == 0o777 & ~mask


def test_a_record_is_complete_before_it_has_its_name(store, monkeypatch):
    seen = []

    def move(source: str, target: Path) -> None:
        seen.append((Path(source).parent == Path(target).parent, Path(source).read_bytes(), Path(target).exists()))

    monkeypatch.setattr(writing.os, "replace", move)
    store.save_run(made_run())
    ((beside, content, there),) = seen
    assert beside
    assert not there
    assert content.endswith(b"}\n")


# ----------------------------------------------------------------------------- a folder that cannot be used


def test_a_writable_folder_passes_and_is_made(store):
    store.check_writable()
    assert store.root.is_dir()
    assert files(store) == []


def test_a_file_in_the_folders_place_is_an_error(tmp_path):
    (tmp_path / "results").write_text("a file")
    for root in (tmp_path / "results", tmp_path / "results" / "below"):
        with pytest.raises(
            BenchError, match=r"the results folder .*results.* cannot be written \(.+\); choose another"
        ):
            Store(root).check_writable()


def test_a_file_in_the_place_of_a_cells_folder_is_an_error(store):
    cell = made_run().cell
    store.check_writable([cell])
    assert files(store) == []
    store.root.joinpath("runs").mkdir()
    store.root.joinpath("runs", "smoke").write_text("")
    with pytest.raises(BenchError, match=r"runs/smoke cannot be written"):
        store.check_writable([cell])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_an_error(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(BenchError, match="cannot be written"):
            Store(tmp_path).check_writable()
    finally:
        tmp_path.chmod(0o700)


# ----------------------------------------------------------------------------- checkpoints

MADE_FOR = {"width": 20.5, "shape": "Shape(length=40)", "model file": ""}


def test_a_checkpoint_comes_back_and_goes_away(store):
    cell = made_run().cell
    assert store.load_checkpoint(cell, MADE_FOR) is None
    store.save_checkpoint(cell, MADE_FOR, {"step": 3, "weights": torch.arange(4.0), "best": None})
    kept = store.load_checkpoint(cell, MADE_FOR)
    assert kept is not None
    assert (kept["step"], kept["best"]) == (3, None)
    assert torch.equal(kept["weights"], torch.arange(4.0))
    store.drop_checkpoint(cell)
    assert store.load_checkpoint(cell, MADE_FOR) is None
    store.drop_checkpoint(cell)  # twice does no harm


def test_each_cell_has_a_checkpoint_of_its_own_and_none_is_a_record(store):
    cells = [Cell("smoke", "sfc", "gru", "3k", seed) for seed in (0, 1)]
    for cell in cells:
        store.save_checkpoint(cell, MADE_FOR, {"seed": cell.seed})
    assert [store.load_checkpoint(cell, MADE_FOR) for cell in cells] == [{"seed": 0}, {"seed": 1}]
    assert store.load().runs == []


def test_what_is_put_aside_is_no_record_and_nothing_of_it_is_lost(store):
    record = made_run()
    for test_metric in (0.1, 0.2):
        place = store.put_aside(store.save_run(replace(record, test_metric=test_metric)))
        assert f'"test_metric": {test_metric}' in place.read_text()
    assert store.find_run(record.cell) is None
    assert store.load().runs == store.load().left_out == []
    assert not [name for name in files(store) if name.endswith(".json")]
    assert len(files(store)) == 2
    gone = store.run_path(record.cell)
    assert store.put_aside(gone) == gone  # does no harm


@pytest.mark.parametrize("budget", ["/abs/3k", "../../3k", "3k/.."])
def test_no_budget_leads_outside(store, budget):
    cell = Cell("smoke", "sfc", "gru", budget, 0)
    for path in (store.run_path(cell), store.measure_path(cell.group, "machine"), store.checkpoint_path(cell)):
        assert path.parent.parent.parent.parent.parent == store.root
        assert ".." not in path.parts
