"""The papers' figures on what trained models do, drawn from ours, or why not."""

from typing import Any

import pytest
from support import charts
from support.records import made_insight, made_run

from harness.compare.material import Material
from harness.records.kinds import NO_INSIGHT
from harness.report.index import PAGES
from harness.report.papers import book as papers
from harness.report.papers.scales import KINDS, sheet

pytestmark = pytest.mark.filterwarnings("error")
ORDER = ["aslstm", "asgru", "gru"]
SIGNAL = [0.1 * t for t in range(40)]


def page(number: int, *runs: Any) -> Any:
    return sheet(f"asrnn-figure-{number}", Material(runs, [], ORDER))


def seen_run(model: str, task: str, **changes: Any) -> Any:
    return made_run(model, task_name=task, insight=made_insight(**changes))


def test_every_figure_of_the_data_has_a_page_and_names_that_lead_somewhere():
    from harness.catalog import find_model, find_task

    book = papers.book()
    assert {name for name in PAGES if "figure" in name} == {f"{name}.md" for name in book.figures}
    for figure in book.figures.values():
        assert PAGES[f"{figure.name}.md"][0] == figure.title
        assert figure.shows in KINDS
        for task in (book.tasks[figure.task].name, *figure.stand_ins):
            assert find_task(task).name == task
        for model in figure.models:
            assert hasattr(find_model(book.models[figure.paper, model]).build(find_task("sfc").shape, 4), "scale_use")


def test_figure_1_shows_the_signal_and_the_chosen_scales():
    found = page(1, *(seen_run(model, "low-density", signal=SIGNAL) for model in ("aslstm", "asgru", "gru")))
    assert set(found.pictures) == {"asrnn-figure-1-low-density-3k.svg"}
    assert "The first test sequence, of the class sine, by its 40 steps." in found.text
    assert "each step on the colour of the scale that ASLSTM and ASGRU chose there: the highest means" in found.text
    assert "| ASLSTM  |      75.0 |      25.0 |" in found.text
    assert "GRU " not in found.text.replace("ASGRU ", "")
    assert "bench run" not in found.text
    assert len(found.records) == 2


def test_figure_1_says_where_only_a_part_of_the_sequence_is_shown():
    data = made_insight(steps=80, signal=SIGNAL)
    data["scales"]["example"] |= {"steps": 40, "chosen": [0, 1] * 20}
    found = page(1, made_run("aslstm", task_name="low-density", insight=data))
    assert "by the first 40 of its 80 steps." in found.text


def test_figure_3_shows_the_classes_and_stand_ins_are_called_so():
    runs = [seen_run(model, task) for model in ("aslstm", "asgru") for task in ("fsdd-mfcc", "fma-mfcc", "fma-raw")]
    found = page(3, *runs)
    headings = [line for line in found.text.splitlines() if line.startswith("## ")]
    assert [heading.partition("(`")[2].partition("`")[0] for heading in headings] == [
        "fma-mfcc",
        "fma-raw",
        "fsdd-mfcc",
    ]
    own, raw, digits = found.text.split("\n## ")[1:]
    assert "stand-in" not in own
    assert all("This is a stand-in: other data than the paper's, which is `fma-mfcc`" in part for part in (raw, digits))
    assert "Of 64 test sequences, spread over the whole test set." in own
    assert "| sine (30)   |      50.0 |      50.0 |" in own
    assert "| square (34) |     100.0 |       0.0 |" in own
    assert len(found.pictures) == 3


def test_figure_3_without_the_papers_data_names_the_command_and_shows_stand_ins():
    found = page(3, seen_run("aslstm", "fsdd-raw@part=0.5"))
    assert "`bench run --task fma-mfcc --models aslstm,asgru --protocol smoke` makes it." in found.text
    assert "This is a stand-in" in found.text
    assert set(found.pictures) == {"asrnn-figure-3-fsdd-raw@part=0.5-3k.svg"}


WORDS = [*["the", "film", ",", "<eos>", "a|b", "$x$", "`", "Ō"] * 5]


def test_figure_4_shows_words_and_the_changes_of_the_scale():
    found = page(4, seen_run("aslstm", "wikitext-2", words=WORDS))
    assert set(found.pictures) == {"asrnn-figure-4-wikitext-2-3k.svg"}
    # of each eight the scale changes at the first (not the very first), the fourth, the fifth and the last
    assert "ASLSTM: at 14 of 24 words and 5 of 15 others." in found.text
    lines = found.text.splitlines()
    assert sum("\\<eos>" in line and "scale 1" in line for line in lines) == 5
    assert any("a\\|b" in line for line in lines)
    assert any("\\` |" in line for line in lines)
    assert {"<eos>", "$x$"} <= charts.words(found.pictures["asrnn-figure-4-wikitext-2-3k.svg"])


TASKS = {1: "low-density", 3: "fma-mfcc", 4: "wikitext-2"}


@pytest.mark.parametrize("number", TASKS)
def test_where_nothing_was_recorded_the_page_names_the_command(number):
    found = page(number, made_run("gru"), seen_run("aslstm", "sfc", signal=SIGNAL))
    task = TASKS[number]
    assert f"Nothing of `{task}` that this figure needs is recorded under this protocol." in found.text
    assert f"`bench run --task {task} --models aslstm,asgru --protocol smoke` makes it." in found.text
    assert not found.pictures
    assert not found.records
    assert "Of it the paper says:" in found.text


@pytest.mark.parametrize("number", TASKS)
def test_runs_without_a_result_or_an_insight_are_said(number):
    task = TASKS[number]
    found = page(
        number,
        made_run("aslstm", task_name=task, status="diverged", reason="no finite number"),
        made_run("aslstm", 1, task_name=task, status="failed", reason="by itself"),
        made_run("asgru", task_name=task),
        made_run("gru", task_name=task, status="skipped", reason="no"),
    )
    assert "ASLSTM: diverged (no finite number)." in found.text
    assert "by itself" not in found.text
    assert "GRU: skipped" not in found.text
    assert f"The records `smoke/{task}/asgru/3k-0` are from before it was recorded" in found.text
    why = f"{NO_INSIGHT} asgru: ValueError: oh"
    found = page(number, made_run("asgru", task_name=task, notes=f"one thing\n{why}"))
    assert f"N{why[1:]}." in found.text
    assert "from before" not in found.text


@pytest.mark.parametrize("number", TASKS)
def test_insight_that_cannot_be_read_is_said_and_no_other_tasks(number):
    found = page(
        number,
        made_run("aslstm", task_name=TASKS[number], insight={"steps": "x"}),
        made_run("aslstm", task_name="sfc", insight={"steps": "x"}),
    )
    assert found.text.count("Left out: the insight into aslstm") == 1
    assert not found.pictures


def test_what_a_figure_does_not_need_is_not_shown():
    """No signal, no classes, no words; and scales that are no choice."""
    assert not page(1, seen_run("aslstm", "low-density")).pictures
    assert not page(3, seen_run("aslstm", "fma-mfcc", classes=[])).pictures
    assert not page(4, seen_run("aslstm", "wikitext-2")).pictures
    assert not page(1, seen_run("aslstm", "low-density", kind="attention", signal=SIGNAL)).pictures


def test_a_figure_whose_task_does_not_come_at_a_scale_has_no_page():
    run = made_run("gru", protocol="robust")
    assert page(1, run) is None
    assert page(4, run) is None
    assert "fma-mfcc" in page(3, run).text


def test_records_of_a_protocol_that_is_not_known_here_have_pages():
    assert "--protocol another" in page(1, made_run("gru", protocol="another")).text
