"""Folders of records become one, or nothing happens."""

import json
from dataclasses import replace

import pytest
from support.commands import records
from support.records import made_measurement, made_run, unsealed

from harness.cli.bench import cli
from harness.errors import BenchError, CorruptRecord
from harness.records.merge import merged, write
from harness.records.store import Store


def folder(path, *runs):
    store = Store(path)
    for run in runs:
        store.save_run(run)
    return store


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_of_each_cell_there_is_one_record_whoever_brought_it(tmp_path):
    mine = folder(tmp_path / "mine", made_run("gru", 0), made_run("gru", 1))
    other = folder(tmp_path / "other", made_run("gru", 1), made_run("gru", 2))
    third = folder(tmp_path / "third", made_run("gru", 2), made_run("lstm-s", 0))
    for machine in ("one", "two"):
        other.save_measurement(made_measurement("gru", machine={"cpu": machine}), machine)
    mine.save_measurement(made_measurement("gru", machine={"cpu": "three"}), "three")
    found = merged(mine, [other.root, third.root])
    assert dict(found.added) == {"run": 2, "measurement": 2}
    assert dict(found.there) == {"run": 2}
    write(found, mine)
    loaded = mine.load()
    assert sorted((run.cell.model, run.cell.seed) for run in loaded.runs) == [
        ("gru", 0),
        ("gru", 1),
        ("gru", 2),
        ("lstm-s", 0),
    ]
    assert {one.machine["cpu"] for one in loaded.measurements} == {"one", "two", "three"}
    again = merged(mine, [other.root, third.root])
    assert not again.files
    assert dict(again.there) == {"run": 4, "measurement": 2}


@pytest.mark.parametrize("between", ["mine", "others"])
def test_two_of_one_cell_that_differ_are_named_and_nothing_is_written(tmp_path, between):
    one = folder(tmp_path / "one", made_run("gru", 0, 0.7))
    two = folder(tmp_path / "two", made_run("aslstm", 0), made_run("gru", 0, 0.8))
    into = one if between == "mine" else Store(tmp_path / "three")
    before = contents(tmp_path)
    with pytest.raises(BenchError) as fault:
        merged(into, [two.root] if between == "mine" else [one.root, two.root])
    cell = made_run("gru", 0).cell
    said = "are of one cell and differ; nothing was written: keep one of them"
    assert str(fault.value) == f"{two.run_path(cell)} and {one.run_path(cell)} {said}"
    assert contents(tmp_path) == before


def test_what_was_interrupted_stays_and_gives_way_to_what_is_finished(tmp_path):
    stopped = {"status": "interrupted", "reason": "stopped at step 3 of 9", "curve": ()}
    mine = folder(tmp_path / "mine", made_run("gru", 0, None, **stopped), made_run("gru", 1))
    mine.save_checkpoint(made_run("gru", 0).cell, {}, {})
    other = folder(tmp_path / "other", made_run("gru", 0), made_run("gru", 1, None, **stopped))
    found = merged(mine, [other.root])
    write(found, mine)
    assert found.unfinished == 1
    assert [run.status for run in mine.load().runs] == ["ok", "ok"]
    assert not mine.checkpoint_path(made_run("gru", 0).cell).exists()


def test_a_record_of_an_older_form_counts_as_what_it_says_today(tmp_path):
    mine = folder(tmp_path / "mine", made_run("gru", 0))
    other = folder(tmp_path / "other", made_run("gru", 0), made_run("gru", 1))
    for seed in (0, 1):
        path = other.run_path(made_run("gru", seed).cell)
        old = json.loads(path.read_text())
        del old["replicas"], old["claims"]  # fields of later
        path.write_text(json.dumps(old))
    found = merged(mine, [other.root])
    write(found, mine)
    assert dict(found.there) == {"run": 1}
    brought, kept = (mine.run_path(made_run("gru", seed).cell).read_text() for seed in (1, 0))
    assert json.loads(brought).keys() == json.loads(kept).keys()


@pytest.mark.parametrize("fault", ["broken", "moved", "newer"])
def test_what_is_no_record_or_lies_elsewhere_is_named_and_nothing_is_written(tmp_path, fault):
    other = folder(tmp_path / "other", made_run("gru", 0), made_run("lstm-s", 0))
    path = other.run_path(made_run("lstm-s", 0).cell)
    text = path.read_text()
    if fault == "moved":
        path = path.rename(path.with_name("3k-7.json"))
    else:
        path.write_text(text[:-9] if fault == "broken" else text.replace('"schema": 1', '"schema": 2'))
    with pytest.raises(CorruptRecord, match=path.name):
        merged(Store(tmp_path / "mine"), [other.root])
    assert not (tmp_path / "mine").exists()


def test_the_claims_that_a_run_served_come_with_it(tmp_path):
    other = folder(tmp_path / "other")
    run = replace(made_run("gru", 0), claims={"one": "0" * 64})
    other.save_run(run)
    path = other.run_path(run.cell)
    path.write_text(unsealed(path.read_text()).replace('"claims": {}', f'"claims": {{"one": "{"0" * 64}"}}'))
    mine = Store(tmp_path / "mine")
    write(merged(mine, [other.root]), mine)
    assert mine.load().runs[0].claims == run.claims


def test_the_command_says_what_it_does_and_a_dry_run_does_nothing(tmp_path, capsys):
    other = folder(tmp_path / "other", made_run("gru", 0), made_run("gru", 1))
    words = ["merge", str(other.root), "--results", str(tmp_path / "mine")]
    assert not cli.main([*words, "--dry-run"], standalone_mode=False)
    assert capsys.readouterr().out == f"{tmp_path / 'mine'}: would add 2 runs\n"
    assert not (tmp_path / "mine").exists()
    assert not cli.main(words, standalone_mode=False)
    assert capsys.readouterr().out == f"{tmp_path / 'mine'}: added 2 runs\n"
    assert len(records(tmp_path / "mine")) == 2
    assert not cli.main(words, standalone_mode=False)
    assert capsys.readouterr().out == f"{tmp_path / 'mine'}: added nothing\nthere already: 2 runs\n"
    for wrong, said in ((tmp_path / "nowhere", "there is no results folder"), (tmp_path / "mine", "leave it out")):
        with pytest.raises(BenchError, match=said):
            cli.main([*words[:1], str(wrong), *words[2:]], standalone_mode=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="there is no record in"):
        cli.main([*words[:1], str(tmp_path / "empty"), *words[2:]], standalone_mode=False)
