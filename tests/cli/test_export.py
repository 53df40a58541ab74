"""`bench export`: each form goes where it is told, and what cannot be is one sentence."""

import csv
import json
import sys

import pytest
from support.records import made_run
from support.sentences import one_sentence


def test_all_runs_go_to_the_output_or_a_file(bench, store, tmp_path):
    store.save_run(made_run())
    store.save_run(made_run("lstm-s", test_metric=None, status="diverged"))
    words = ("export", "--results", store.root)
    found = list(csv.DictReader(bench(*words).out.splitlines()))
    assert [(row["model"], row["test_metric"]) for row in found] == [("gru", "0.75"), ("lstm-s", "")]
    assert [row["model"] for row in json.loads(bench(*words, "--format", "json").out)] == ["gru", "lstm-s"]
    outcome = bench(*words, "--format", "every-eval-ever", "--output", tmp_path / "deep" / "runs.jsonl")
    assert outcome.out == ""
    assert "left out: 1 run without a test result" in outcome.err
    (line,) = (tmp_path / "deep" / "runs.jsonl").read_text().splitlines()
    assert json.loads(line)["evaluation_results"][0]["score_details"]["score"] == 0.75


def test_a_record_that_cannot_be_read_is_named(bench, store):
    broken = store.save_run(made_run("lstm-s"))
    broken.write_text("{")
    store.save_run(made_run())
    outcome = bench("export", "--results", store.root)
    assert f"left out: {broken}" in outcome.err
    assert outcome.out.count("\n") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "there is no such run to export in"),
        (("--format", "parquet"), "name a file with --output"),
        (("--format", "croissant", "--task", "sfc"), "name a folder with --output"),
        (("--format", "croissant", "--output", "x"), "is of one task; name it with --task"),
        (("--format", "croissant", "--output", "x", "--task", "sfc,sti"), "is of one task; name it with --task"),
        (("--format", "croissant", "--output", "x", "--task", "smnist"), "`bench data list` names it"),
        (("--output", "."), "is a folder; name another place"),
    ],
)
def test_what_cannot_be_is_one_sentence(bench, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in one_sentence(bench("export", *words))
    assert not list(tmp_path.iterdir())


def test_without_pyarrow_parquet_is_one_sentence(bench, store, tmp_path, monkeypatch):
    store.save_run(made_run())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for words in (("--format", "parquet"), ("--format", "croissant", "--task", "sfc", "--protocol", "smoke")):
        said = one_sentence(bench("export", "--results", store.root, *words, "--output", tmp_path / "x"))
        assert said == "error: Parquet needs the package pyarrow; `pip install pyarrow` adds it"
    assert not (tmp_path / "x").exists()
