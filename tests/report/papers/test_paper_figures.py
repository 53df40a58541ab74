"""The papers' figures with ours: which pages have a picture, and what is on it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import charts
from support.pages import other_pages, paper_page
from support.records import made_curve, made_run

from harness.compare.material import Material
from harness.records.kinds import RunRecord, TaskFacts
from harness.records.store import Loaded
from harness.report.papers import book as papers
from harness.report.papers import figures as paper_figures
from harness.report.papers.book import book
from harness.report.papers.recorded import recorded
from harness.report.papers.tables import text

ORDER = ["lstm-s", "gru", "tp-rnn-s"]
SUM = TaskFacts("Addition", "mse", False, chance=1 / 6, target=1 / 60, length=50)
COPY = TaskFacts("Copy memory", "cross_entropy", False, chance=0.15, target=0.015, length=40)
FALLS, STAYS = [0.15, 0.1, 0.01, 0.005], [0.17, 0.16, 0.17, 0.16]


def quick(model: str, seed: int, values: list[float | None], **changes) -> RunRecord:
    usual = {"protocol": "quick", "protocol_version": 3, "budget": "6k", "curve": made_curve(values)}
    return made_run(model, seed, changes.pop("score", 0.5), **(usual | changes))


def addition(**changes):
    made = {"task_name": "addition-200", "task": SUM, **changes}
    return [
        *[quick("tp-rnn-m", seed, FALLS, **made) for seed in range(2)],
        *[quick("lstm-s", seed, STAYS, **made) for seed in range(2)],
    ]


def sheet(name: str, runs):
    return paper_figures.sheet(paper_page(name), recorded(runs), Material(runs, [], ORDER).places())


def drawn(name: str, runs) -> set[str]:
    """The words of the picture."""
    return charts.words(sheet(name, runs).pictures[f"{name}.svg"])


# ----------------------------------------------------------------------------- which pages


def test_figures_are_those_of_the_papers():
    assert {entry.name: entry.picture for entry in book().pages if entry.picture} == {
        "tp-rnn-figure-3": "curves",
        "tp-rnn-supplement-figure-2a": "lines",
        "tp-rnn-supplement-figure-2b": "lines",
        "tp-rnn-supplement-figure-4": "curves",
        "asrnn-figure-2": "curves",
    }
    assert {entry.picture for entry in book().pages} - {""} == set(paper_figures.DRAWN)
    assert all("picture" in entry or "figure" not in entry["name"] for entry in published()["pages"])


def published():
    return json.loads(Path(papers.__file__).with_name("published.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [entry.name for entry in book().pages])
def test_a_page_of_which_nothing_was_run_is_the_table_alone(name):
    here = recorded([quick("gru", 0, FALLS, task_name="sdigits")])
    found = paper_figures.sheet(paper_page(name), here, {})
    assert not found.pictures
    assert found.text == text(paper_page(name), here)


# ----------------------------------------------------------------------------- curves


def test_curves_of_what_was_run_stand_below_the_table():
    found = sheet("tp-rnn-figure-3", addition())
    assert list(found.pictures) == ["tp-rnn-figure-3.svg"]
    (shown,) = [line for line in found.text.splitlines() if line.startswith("![")]
    assert shown == (
        "![TP-RNN, Figure 3: validation mse over training steps for T = 200, a line for each of 2 models of ours; at "
        "the end of T = 200 from 0.005 (TP-RNN-M) to 0.16 (LSTM-S).](tp-rnn-figure-3.svg)"
    )
    assert found.text.index("| TP-RNN-M") < found.text.index(shown) < found.text.index("Beside each published number")
    assert "Ours are curves of the validation set" in found.text
    assert "No curve of ours: T = 500, T = 1000." in found.text


def test_a_panel_says_its_length_here_and_the_baseline_has_the_papers_name():
    picture = drawn("tp-rnn-figure-3", addition())
    for words in ("T = 200, here 50 steps a sequence", "TP-RNN-M", "LSTM-S", "always 1", "MSE (validation)"):
        assert words in picture, words
    assert "HM-LSTM" not in picture
    copied = [quick("gru", 0, STAYS, task_name="copy-120", task=COPY)]
    assert "memoryless, 10 ln 8 / (T + 20)" in drawn("asrnn-figure-2", copied)


def test_published_steps_are_marked_only_where_they_can_be_compared():
    found = sheet("tp-rnn-figure-3", addition())
    assert "mark0" not in found.pictures["tp-rnn-figure-3.svg"].spec["datasets"]
    assert "published, read off" not in charts.words(found.pictures["tp-rnn-figure-3.svg"])
    assert "The published steps are not drawn" in found.text
    papers = {"protocol": "paper", "protocol_version": 2, "budget": "paper", "task": replace(SUM, length=200)}
    found = sheet("tp-rnn-figure-3", addition(**papers))
    picture = charts.words(found.pictures["tp-rnn-figure-3.svg"])
    assert "T = 200" in picture
    assert "A triangle: where the paper's curve comes down" in found.text


def test_published_steps_stand_at_our_target():
    papers = {"protocol": "paper", "protocol_version": 2, "budget": "paper"}
    picture = sheet("tp-rnn-figure-3", addition(**papers)).pictures["tp-rnn-figure-3.svg"]
    marks = [(row["x"], row["y"]) for row in picture.spec["datasets"]["mark0"]]
    assert marks == [(steps, 0.016667) for steps in (7900, 6900, 7000, 4000, 4200, 2800)]  # in the order of the rows
    assert [y for _, y in charts.of(picture, "line0", "TP-RNN-M")] == FALLS


def test_texts_among_published_values_are_no_marks():
    made = {"task_name": "noisy-mnist-1000", "protocol": "paper", "protocol_version": 2, "budget": "paper"}
    runs = [quick("tp-rnn-s", 0, [0.2, 0.9], **made)]
    picture = sheet("tp-rnn-supplement-figure-4", runs).pictures["tp-rnn-supplement-figure-4.svg"]
    assert "mark0" not in picture.spec["datasets"]
    assert "Accuracy, % (validation)" in drawn("tp-rnn-supplement-figure-4", runs)


@pytest.mark.parametrize("status", ["diverged", "out-of-memory", "failed", "interrupted", "skipped", "timed-out"])
def test_runs_that_broke_off_are_drawn_as_far_as_they_went(status):
    made = {"task_name": "addition-200", "task": SUM, "score": None, "status": status}
    none = [quick("tp-rnn-m", 0, [], **made), quick("lstm-s", 0, [None], **made)]
    assert not sheet("tp-rnn-figure-3", none).pictures
    assert not sheet("tp-rnn-figure-3", [quick("tp-rnn-m", 0, FALLS, **(made | {"task": None}))]).pictures
    assert "TP-RNN-M" in drawn("tp-rnn-figure-3", [*none, quick("tp-rnn-m", 1, [0.1, None], **made)])


def test_without_chance_or_target_there_is_no_line_for_it():
    runs = addition(task=replace(SUM, chance=None, target=None), protocol="paper", protocol_version=2, budget="paper")
    assert "always 1" not in drawn("tp-rnn-figure-3", runs)
    assert "mark0" not in sheet("tp-rnn-figure-3", runs).pictures["tp-rnn-figure-3.svg"].spec["datasets"]


# ----------------------------------------------------------------------------- lines


def test_ours_and_the_published_numbers_over_the_number_of_layers():
    ours = {book().ours(number)[1]: row for row, number in enumerate(paper_page("tp-rnn-supplement-figure-2b").numbers)}
    runs = [
        quick(model, seed, [0.5], score=0.8 + 0.01 * row, task_name="pmnist")
        for model, row in ours.items()
        if row != 1
        for seed in range(2)
    ]
    picture = sheet("tp-rnn-supplement-figure-2b", runs).pictures["tp-rnn-supplement-figure-2b.svg"]
    # what was not run breaks the line
    assert charts.of(picture, "line0", "ours") == list(zip(range(1, 7), [80, None, 82, 83, 84, 85], strict=True))
    theirs = [96.0, 96.2, 96.7, 96.5, 96.7, 96.7]
    assert charts.of(picture, "line0", "published, read off") == list(zip(range(1, 7), theirs, strict=True))


def test_a_page_of_lines_says_what_may_be_compared():
    runs = [quick("tp-rnn-m", seed, [0.5], score=0.8, task_name="pmnist") for seed in range(2)]
    found = sheet("tp-rnn-supplement-figure-2b", runs)
    picture = charts.words(found.pictures["tp-rnn-supplement-figure-2b.svg"])
    for words in ("Layers K", "pMNIST", "Accuracy, %", "published, read off"):
        assert words in picture, words
    assert "pMNIST over Layers K, ours and the paper's as lines; ours 80 (pMNIST, Layers K 3).](" in found.text
    assert "Shapes may be compared, not heights" in found.text
    one = sheet("tp-rnn-supplement-figure-2b", runs[:1])  # without an interval
    assert "bar0" not in one.pictures["tp-rnn-supplement-figure-2b.svg"].spec["datasets"]


def test_a_run_without_a_score_is_not_on_a_line():
    runs = [quick("tp-rnn-m", 0, [0.5], score=None, status="diverged", task_name="pmnist")]
    assert not sheet("tp-rnn-supplement-figure-2b", runs).pictures


def test_the_report_has_the_pictures():
    sheet = other_pages(Loaded(addition()), ORDER)["tp-rnn-figure-3.md"]
    assert sheet.pictures["tp-rnn-figure-3.svg"].svg.startswith("<svg ")
    assert "(tp-rnn-figure-3.svg)" in sheet.text
