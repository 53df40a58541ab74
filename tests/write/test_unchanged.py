"""A report that nothing has changed since is not made again, and any change makes it."""

import shutil
import sys
from types import ModuleType

import pytest
from support.records import made_run

from harness.cli import report
from harness.records.store import Store
from harness.write import unchanged


@pytest.fixture
def made(bench, tmp_path, monkeypatch):
    """`made()` says whether the report was made, and what it said; its first making lies behind us."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    module = ModuleType("a_stranger")
    module.__file__ = str(tmp_path / "a_stranger.py")
    (tmp_path / "a_stranger.py").touch()
    monkeypatch.setitem(sys.modules, "a_stranger", module)
    store, calls = Store(tmp_path / "results"), []
    for seed in (0, 1):
        store.save_run(made_run("gru", seed, 0.7))
    monkeypatch.setattr(report, "_report", lambda *words, real=report._report: calls.append(1) or real(*words))

    def call(*words):
        calls.clear()
        outcome = bench("report", *words)
        assert outcome.code == 0, outcome.err
        return bool(calls), outcome.out

    call.first = call()
    return call


def test_what_nothing_has_changed_stands_and_says_the_same(made, tmp_path):
    assert made.first[0]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "reports").rglob("*.md")}
    assert made() == (False, made.first[1]) != (False, "")
    assert {path: path.stat().st_mtime_ns for path in before} == before


def _another_record(tmp_path):
    Store(tmp_path / "results").save_run(made_run("gru", 2, 0.9))


def _a_changed_record(tmp_path):
    Store(tmp_path / "results").save_run(made_run("gru", 0, 0.9))


def _a_lost_record(tmp_path):
    next((tmp_path / "results").rglob("*-1.json")).unlink()


def _an_edited_page(tmp_path):
    with (tmp_path / "reports" / "smoke" / "sfc.md").open("a") as page:
        page.write("a word\n")


def _a_lost_page(tmp_path):
    (tmp_path / "reports" / "smoke" / "report.html").unlink()


def _a_page_beside(tmp_path):
    (tmp_path / "reports" / "smoke" / "sti.md").write_text("# another\n")


def _a_module(tmp_path):
    (tmp_path / "a_stranger.py").write_text("WIDTH = 20\n")


def _a_damaged_note(tmp_path):
    for note in (tmp_path / "cache").rglob("reports/*.json"):
        note.write_bytes(note.read_bytes()[:100])


def _no_cache(tmp_path):
    shutil.rmtree(tmp_path / "cache" / "multiscale-rnn-bench" / "reports")


CHANGES = [
    _another_record,
    _a_changed_record,
    _a_lost_record,
    _an_edited_page,
    _a_lost_page,
    _a_page_beside,
    _a_module,
    _a_damaged_note,
    _no_cache,
]


def test_any_change_makes_the_report_anew(made, tmp_path):
    for change in CHANGES:
        change(tmp_path)
        assert made()[0], change.__name__
        assert not made()[0], change.__name__


def test_a_record_behind_a_link_to_a_folder_counts(made, tmp_path):
    folder, place = tmp_path / "results" / "runs" / "smoke", tmp_path / "elsewhere"
    folder.rename(place)
    folder.symlink_to(place)
    made()
    assert not made()[0]
    Store(tmp_path / "results").save_run(made_run("gru", 1, 0.4))
    assert made()[0]


def test_another_question_is_another_report(made, tmp_path, monkeypatch):
    assert made("--task", "sfc")[0]
    assert made("--format", "csv")[0]
    assert made("--reports", tmp_path / "others")[0]
    monkeypatch.chdir(tmp_path)
    assert made()[0]


def test_a_report_that_left_something_out_says_so_every_time(made, tmp_path, bench):
    (tmp_path / "results" / "runs" / "smoke" / "sfc" / "gru" / "3k-9.json").write_text("{")
    for _ in range(2):
        assert made()[0]
    assert "left out" in bench("report").err


def test_what_changes_while_the_report_is_made_counts_as_a_change(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, page = tmp_path / "results", tmp_path / "a.md"
    folder.mkdir()
    record = folder / "a.json"
    record.write_text("1")
    page.write_text("one\n")
    question = unchanged.Question(["report"], [folder])
    record.write_text("2")
    question.keep(unchanged.Standing(["one"], ""), [page])
    assert unchanged.Question(["report"], [folder]).standing() is None
    record.write_text("1")
    assert unchanged.Question(["report"], [folder]).standing() == unchanged.Standing(["one"], "")
