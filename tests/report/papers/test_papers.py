"""The published numbers are those that were handed over, and every name leads somewhere."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import ROOT
from support.records import FACTS, made_run, runs_of

from harness.catalog import find_model, find_task
from harness.checks.models import Example
from harness.errors import BenchError
from harness.records.kinds import RunRecord
from harness.report.papers import agreement
from harness.report.papers import book as papers
from harness.report.papers.agreement import verdict, verdicts
from harness.report.papers.book import Published, book
from harness.report.papers.recorded import Recorded, recorded

SOURCE = Path(os.environ.get("BENCH_REFERENCE", ROOT.parent / "shared" / "reference")) / "published.yaml"
PAPER = {"protocol": "paper", "protocol_version": 2, "budget": "paper", "task_name": "smnist"}
FIELDS = ("paper", "table", "task", "model", "params", "metric", "value", "status", "note")


def number(table: str, task: str, model: str, paper: str = "TP-RNN") -> Published:
    (found,) = [
        entry
        for entry in book().results
        if (entry.paper, entry.table, entry.task, entry.model) == (paper, table, task, model)
    ]
    return found


def here(*runs: RunRecord) -> Recorded:
    return recorded(runs)


def paper_run(model: str, seed: int, score: float | None, **changes: object) -> RunRecord:
    return made_run(model, seed, score, **(PAPER | changes))


def of_seeds(model: str, scores: list[float | None], **changes: object) -> list[RunRecord]:
    return runs_of({model: scores}, **(PAPER | changes))


# ----------------------------------------------------------------------------- the data


def test_every_number_of_the_source_is_there_and_unchanged():
    if not SOURCE.exists():
        pytest.skip(f"there is no {SOURCE}; BENCH_REFERENCE names its folder")
    yaml = pytest.importorskip("yaml")
    rows = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["results"]
    wanted = [tuple(repr(row.get(key)) for key in FIELDS) for row in rows]
    assert [tuple(repr(getattr(entry, key)) for key in FIELDS) for entry in book().results] == wanted


def test_the_data_are_whole_without_the_source():
    results = book().results
    assert len(results) == 238
    assert len({(entry.paper, entry.table, entry.task, entry.model) for entry in results}) == 238
    known = {"R", "2nd", "D", "M", "digitised", "not_recovered", "not_reported", "not_applicable"}
    assert {entry.status for entry in results} <= known
    assert all((entry.value is None) == entry.status.startswith("not_") for entry in results)


def test_every_number_stands_on_exactly_one_page():
    placed = [entry for page in book().pages for entry in page.numbers]
    assert len(placed) == len(set(placed))
    assert set(placed) == set(book().results)


def test_a_misquoted_number_has_the_original_that_its_note_names():
    originals = book().originals
    assert originals == {
        ("TP-RNN", "T1", "pMNIST", "uRNN"): 91.4,
        ("TP-RNN", "T1", "MNIST", "BN-LSTM"): 99.0,
        ("TP-RNN", "T1", "pMNIST", "BN-LSTM"): 95.4,
    }
    for (paper, table, task, model), value in originals.items():
        assert str(value) in (number(table, task, model, paper).note or "")


# ----------------------------------------------------------------------------- names


def test_every_task_of_the_papers_is_in_the_registry():
    assert {entry.task for entry in book().results} == set(book().tasks)
    for task in book().tasks.values():
        assert find_task(task.name).name == task.name


@pytest.mark.parametrize("name", sorted({name for name in book().models.values() if name}))
def test_every_model_that_is_named_can_be_built(name):
    spec = find_model(name)
    assert spec.build(Example(64, 1, 10), 6) is not None


def test_every_model_of_the_papers_is_named_or_said_to_be_missing():
    assert {(entry.paper, entry.model) for entry in book().results} == set(book().models)
    assert book().ours(number("T1", "MNIST", "r-LSTM")) is None
    assert book().ours(number("T1", "MNIST", "iRNN")) == ("smnist", "irnn")
    assert book().ours(number("T3", "VCTK-raw-1000Hz", "TP-RNN-M")) == ("vctk-raw-1000", "tp-rnn-m")
    assert book().ours(number("T4", "pMNIST", "TP-RNN-S/mean_pool")) == ("pmnist", "tp-rnn-s@aggregation=mean")
    assert book().ours(number("T5", "MNIST", "TP-RNN-M/wo_OAC")) == ("smnist", "tp-rnn-m@output=no")
    assert book().ours(number("T1", "LDSTI", "GRU", "ASRNN")) == ("low-density", "gru")


def test_the_levels_of_the_supplements_figure_are_the_ones_that_are_built():
    for levels in (1, 2, 3, 6):
        _, name = book().ours(number("S-F2a", "pMNIST", f"TP-RNN-S L=64 J={levels}")) or ("", "")
        (layer,) = find_model(name).build(Example(784, 1, 10), 4).layers
        assert layer.window == 64
        assert layer.g**levels == 64


def test_robust_tasks_are_those_that_come_at_that_scale():
    for task in book().tasks.values():
        if task.robust:
            find_task(task.name, "robust")
        else:
            with pytest.raises(BenchError, match="does not come at the scale"):
                find_task(task.name, "robust")


def test_margins_follow_the_rule_that_is_stated():
    """The binomial half width at the lowest accuracy of the papers' own models, rounded up to half a point."""
    for name, task in book().tasks.items():
        if task.margin is None:
            continue
        entries = [
            entry
            for entry in book().results
            if entry.task == name and entry.paper in papers.DIFFERENCES and entry.metric == "acc_pct"
        ]
        own = [e.value for e in entries if e.paper == "TP-RNN" and e.model[:4] in ("LSTM", "HM-L", "Dila", "TP-R")]
        accuracies = [value / 100 for value in own if isinstance(value, (int, float))]
        p = min(accuracies, default=0.5)
        half = 196 * math.sqrt(p * (1 - p) / task.tested)
        assert task.margin == math.ceil(2 * half) / 2, (name, half)


# ----------------------------------------------------------------------------- what is shown of a number


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (("T1", "MNIST", "iRNN"), "97.0"),
        (("T1", "MNIST", "SAB"), "–"),
        (("T1", "pMNIST", "uRNN"), "94.0 (original 91.4)"),
        (("T1", "MNIST", "uRNN"), "95.1"),
        (("T2", "signals-STI", "Dilated LSTM"), "100"),
        (("T3", "VCTK-raw-1000Hz", "LSTM-S"), "div"),
        (("T5", "MNIST", "TP-RNN-S/wo_OAC"), "–"),
        (("S-F4", "noisyMNIST-T1000", "TP-RNN-S"), "ca. 97-98"),
        (("S-F2a", "pMNIST", "TP-RNN-S L=64 J=1"), "ca. 96.3"),
        (("F3", "adding-T1000", "TP-RNN-S"), "ca. 16,700"),
        (("T1", "LDSTI", "LSTM", "ASRNN"), "not recovered"),
        (("T2", "MNIST", "iRNN", "ASRNN"), "97.0 (second hand)"),
        (("T2", "pMNIST", "full-capacity uRNN (row name stripped)", "ASRNN"), "94.1 (from memory, unverified)"),
    ],
)
def test_a_number_says_how_it_was_read_and_nothing_is_invented(place, text):
    assert book().shown(number(*place)) == text


# ----------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("scores", "word", "why"),
    [
        ([0.986, 0.987, 0.988], "reproduced", "of further seeds up to 63% may fail"),
        ([0.970, 0.971, 0.972], "not reproduced", "ours is lower"),
        ([0.9985, 0.9986, 0.9987], "not reproduced", "ours is higher"),
        ([0.970, 0.987, 0.999], "cannot tell", "3 seeds spread too wide for the margin"),
        ([0.987], "cannot tell", "one seed has no spread"),
        ([0.986, 0.987, 0.988, None], "cannot tell", "1 of 4 seeds have no result or did not learn"),
        ([0.9985, 0.9986, None], "cannot tell", "1 of 3 seeds have no result or did not learn"),
        ([0.986, 0.987, 0.1135], "cannot tell", "1 of 3 seeds have no result or did not learn"),
        ([0.987] * 3, "cannot tell", "without any spread nothing is proved"),
        ([None, None], "not reproduced", "every seed diverged"),
    ],
)
def test_the_verdict_follows_the_seeds(scores, word, why):
    """TP-RNN-S has 98.7 on MNIST; the margin is half a point."""
    found = verdict(number("T1", "MNIST", "TP-RNN-S"), here(*of_seeds("tp-rnn-s", scores)))
    assert (found.word, found.why) == (word, why)
    results = [score for score in scores if score is not None and score > 0.5]  # of those that did not learn it says so
    expected = None if not results else pytest.approx(100 * np.mean(results) - 98.7)
    assert found.difference == expected


def test_what_was_skipped_or_failed_is_no_verdict_on_the_paper():
    runs = [paper_run("tp-rnn-s", 0, None, status="skipped"), paper_run("tp-rnn-s", 1, None, status="failed")]
    found = verdict(number("T1", "MNIST", "TP-RNN-S"), here(*runs))
    assert (found.word, found.why) == ("cannot tell", "1 failed, 1 skipped")


def test_an_interrupted_run_was_not_run():
    run = paper_run("tp-rnn-s", 0, None, status="interrupted")
    assert verdict(number("T1", "MNIST", "TP-RNN-S"), here(run)).word == "not run"


@pytest.mark.parametrize(
    ("place", "task", "model", "word"),
    [
        (("T1", "LDSTI", "LSTM", "ASRNN"), "low-density", "lstm-s", "unknown in the source"),
        (("T3", "VCTK-raw-1000Hz", "LSTM-S"), "vctk-raw-1000", "lstm-s", "cannot tell"),
        (("S-F2a", "pMNIST", "TP-RNN-S L=64 J=2"), "pmnist", "tp-rnn-s@window=64+granularity=8", "cannot tell"),
        (("T2", "MNIST", "ASLSTM", "ASRNN"), "smnist", "aslstm", "reproduced"),
    ],
)
def test_only_a_number_that_was_read_is_tested(place, task, model, word):
    runs = of_seeds(model, [0.9829, 0.983, 0.9831], task_name=task)
    assert verdict(number(*place), here(*runs)).word == word


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": "quick", "protocol_version": 3},
        {"protocol": "paper@max_steps=10"},
        {"budget": "42k"},
    ],
)
def test_under_another_protocol_or_budget_nothing_is_comparable(change):
    shelf = here(*of_seeds("tp-rnn-s", [0.986, 0.987, 0.988], **change))
    assert {found.word for _, _, found in verdicts(shelf)} == {"not comparable"}
    page = agreement.text(shelf)
    assert "**Not comparable as values.**" in page
    assert "reproduced" not in page.partition("Where `paper` differs")[0]
    assert "| TP-RNN-S " in page
    assert "| LSTM-S " not in page


@pytest.mark.parametrize(
    ("task", "place", "scores", "word", "why"),
    [
        ("smnist", ("T1", "MNIST", "TP-RNN-S"), [0.986, 0.987, 0.988], "reproduced", "after 10 epochs, not 200 epochs"),
        (
            "sfc",
            ("T2", "signals-SFC", "TP-RNN-S"),
            [0.517, 0.518, 0.519],
            "not reproduced",
            "lower, after 40 epochs",
        ),
        ("pmnist", ("T1", "pMNIST", "LSTM-S"), [0.2, 0.5, 0.9], "cannot tell", "3 seeds spread too wide"),
    ],
)
def test_under_desk_a_second_verdict_says_of_how_much_of_the_papers_time_it_is(task, place, scores, word, why):
    facts = replace(FACTS, chance=None)  # no share of seeds that learned
    desk = here(*of_seeds(number(*place).model.lower(), scores, protocol="desk", task_name=task, task=facts))
    found = verdict(number(*place), desk)
    assert found.word == word
    assert why in found.why
    page = agreement.text(desk)
    assert "**A second verdict.**" in page
    assert "not run" not in page.partition("Where `paper` differs")[0].partition("**A second verdict.**")[2]
    assert recorded(of_seeds("gru", [0.9], protocol="desk", task_name="addition-200")).length("addition-200") == (
        "12,000 training steps, not 200 epochs"
    )


def test_a_number_in_several_tables_is_judged_once():
    shelf = here(*of_seeds("tp-rnn-s", [0.986, 0.987, 0.988]))
    (where,) = [w for w, n, _ in verdicts(shelf) if (n.task, n.model, n.paper) == ("MNIST", "TP-RNN-S", "TP-RNN")]
    assert where == ["T1", "T4", "T5"]
    assert agreement.counts(shelf) == "1 reproduced, 118 not run, 49 unknown in the source"


def test_the_page_says_what_differs_and_what_is_missing_here():
    page = agreement.text(here(*of_seeds("tp-rnn-s", [0.986, 0.987, 0.988])))
    for sentences in papers.DIFFERENCES.values():
        assert all(f"- {sentence}\n" in page for sentence in sentences)
    assert "Not in this harness: r-LSTM, " in page
    row = next(line for line in page.splitlines() if line.startswith("| MNIST ") and "T1, T4, T5" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][:7] == [
        "MNIST", "TP-RNN-S", "TP-RNN T1, T4, T5", "98.7", "98.7 ± 0.2 (3,004)", "+0.0", "0.5",
    ]  # fmt: skip
