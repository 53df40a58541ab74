"""`bench vitals`: what has a record is not run again, and the page says what came of each experiment."""

import json

import pytest

from harness import catalog
from harness.catalog import Vital
from harness.compare import alive

EASY = Vital("gru", "sti", "smoke", "3k", 0.05, "a level that any run comes to")
HARD = Vital("hm-lstm", "sti", "smoke", "3k", 1.0, "TP-RNN's Table 2 has 100 %", published=1.0)


@pytest.fixture
def call(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "VITALS", (EASY, HARD))
    monkeypatch.setattr(alive, "VITALS", (EASY, HARD))
    monkeypatch.setattr(alive, "HERE", tmp_path / "vitals")

    def call(*words):
        folders = ("--results", tmp_path / "vitals", "--reports", tmp_path / "pages")
        return bench("vitals", "--workers", 0, *folders, *words)

    return call


def records(tmp_path):
    return {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "vitals" / "runs").rglob("*.json"))}


def test_an_experiment_runs_once_and_its_page_says_what_came_of_it(call, tmp_path, bench):
    first = call("--models", "gru")
    assert first.code == 0
    assert "gru: alive, 3 of 3 seeds" in first.out
    made = records(tmp_path)
    assert [json.loads(path.read_text())["cell"]["seed"] for path in made] == [0, 1, 2]
    text = (tmp_path / "pages" / "vitals.md").read_text()
    assert "1 of 2 models are alive." in text
    (gru,) = (line for line in text.splitlines() if line.startswith("| GRU"))
    assert "≥ 5.0" in gru
    assert "3 of 3" in gru
    assert gru.endswith("| alive    |") or "| alive" in gru
    (other,) = (line for line in text.splitlines() if line.startswith("| hm-lstm"))
    assert "| not run" in other
    assert "`bench vitals --models hm-lstm` does it" in text
    assert "a level that any run comes to" in text
    again = call("--models", "gru")
    assert "3 ok recorded, 0 to run" in again.out
    assert records(tmp_path) == made
    missing = next(iter(made))
    missing.unlink()
    assert "2 ok recorded, 1 to run" in call("--models", "gru").out
    assert len(records(tmp_path)) == 3


def test_runs_of_an_earlier_version_are_named_and_not_mixed(call, tmp_path):
    call("--models", "gru")
    assert "of an earlier version" not in (tmp_path / "pages" / "vitals.md").read_text()
    for path in records(tmp_path):
        said = json.loads(path.read_text())
        path.write_text(json.dumps(said | {"protocol_version": said["protocol_version"] - 1}))
    assert call("--models", "gru", "--no-run").code == 0
    assert "3 of these runs are of an earlier version" in (tmp_path / "pages" / "vitals.md").read_text()
    assert "made under version" in call("--models", "gru").err


def test_a_model_that_is_not_alive_is_marked_wherever_it_is_compared(call, tmp_path, bench):
    call("--models", "gru,hm-lstm")
    text = (tmp_path / "pages" / "vitals.md").read_text()
    (other,) = (line for line in text.splitlines() if line.startswith("| HM-LSTM"))
    assert "0 of 3" in other
    assert "| not alive" in other
    words = ("--task", "sti", "--models", "gru,hm-lstm", "--protocol", "smoke", "--workers", 0, "--no-measure")
    ran = bench("run", *words)
    assert "HM-LSTM ‡" in ran.out
    assert "GRU ‡" not in ran.out
    assert "‡ not shown alive here" in ran.out
    assert bench("report").code == 0
    page = (tmp_path / "reports" / "smoke" / "sti.md").read_text()
    assert "| HM-LSTM ‡" in page
    assert page.count("‡ not shown alive here") == 1
    told = bench("compare", "gru", "hm-lstm", "--results", tmp_path / "results").out
    assert "hm-lstm is not shown alive here: reports/vitals.md" in told
    assert "gru is not shown" not in told


def test_what_belongs_to_no_experiment_is_what_else_was_tried(call, tmp_path, bench):
    call("--models", "gru")
    words = ("--task", "sti", "--models", "hm-lstm@slope_end=3", "--protocol", "smoke", "--workers", 0, "--no-measure")
    bench("run", *words, "--seeds", "1", "--results", tmp_path / "vitals")
    assert call("--no-run", "--models", "gru").code == 0
    tried = (tmp_path / "pages" / "vitals.md").read_text().partition("## What else was tried")[2]
    assert "| hm-lstm@slope_end=3 | sti" in tried


def test_an_unknown_model_is_named(call):
    assert call("--models", "gruu").code == 2
    outcome = call("--models", "tp-rnn-s-released")
    assert outcome.code == 2
    assert "no vital signs" in outcome.err
