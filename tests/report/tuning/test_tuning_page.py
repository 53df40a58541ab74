"""The page of a tuning, from made-up trials whose numbers can be worked out by hand."""

import re
from dataclasses import replace

import numpy as np
import pytest
from support import charts
from support.records import made_curve, runs_of
from support.trials import made_trials

from harness.plan import Group
from harness.records.store import Loaded
from harness.report.task.page import task_pages
from harness.report.tuning import page
from harness.report.tuning.outcomes import outcomes
from harness.tune import choices, space
from harness.tune.choice import chosen
from harness.tune.space import point_at
from harness.tune.trials import read

SCORES = {  # chance is 0.5, so that 0.6 is 20 % of the way
    ("sfc", "gru"): [[0.5, 0.6], [0.9, 0.9], [0.8, 0.9], [0.5, 0.5]],
    ("sfc", "lstm-s"): [[0.5, 0.5], [0.5, 0.5], [0.52, 0.5], [None, 0.4]],
    ("sti", "gru"): [[0.6, 0.6], [0.6, 0.6], [0.5, 0.5], [0.5, 0.5]],
}
RATES = [0.001, *(point_at("smoke", 4, number, "gru").learning_rate for number in (1, 2, 3))]


@pytest.fixture
def trials(tmp_path):
    return read(made_trials(tmp_path, SCORES), "smoke", 4)


@pytest.fixture
def sheet(trials):
    return page.sheet(trials, chosen(trials), ["lstm-s", "gru"])


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(text, title):
    lines = [line for line in section(text, title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_page_says_what_the_points_are(sheet, tmp_path):
    assert "Latin hypercube" in sheet.text
    assert "`runs/smoke@point=*`" in sheet.text
    name = "desk@epochs=20"
    trials = read(made_trials(tmp_path / "grid", {("sfc", "gru"): [[0.5]] * 5 + [[0.9]]}, name), name, 6)
    text = page.sheet(trials, chosen(trials), ["gru"]).text.replace("\n", " ")
    assert (
        "each of the learning rates 0.0003, 0.001, 0.003 with each start of the classifier, `default` or `normal`"
        in text
    )
    assert "each run to its end with the seed 1000, which" in text
    assert "--points" not in text
    assert "`bench tune --task sfc --models gru --protocol desk@epochs=20`" in text
    assert "`runs/desk@epochs=20+point=*`" in text


def test_the_page_says_that_the_space_was_widened(tmp_path, monkeypatch):
    monkeypatch.setitem(space.WIDER, "smoke", (0.05, 0.15, 1))
    trials = read(made_trials(tmp_path, {("sfc", "gru"): [[0.5, 0.5]] * 12 + [[0.9, 0.9]]}), "smoke", 13)
    text = page.sheet(trials, chosen(trials), ["gru"]).text.replace("\n", " ")
    assert "all models then had 1 point more at rates from 0.05 to 0.15." in text
    assert re.search(r"GRU on `sfc` at point 12: the greatest learning rate, 0\.\d+", text)


def test_what_was_chosen_stands_beside_the_sources_own(sheet):
    table = rows(sheet.text, "What was chosen")
    at = point_at("smoke", 4, 1, "gru")
    assert ["sfc", "GRU", "1", f"{at.learning_rate:.3g}", f"head={at.options['head']}", "10.0", "80.0"] in table
    assert ["sti", "GRU", "0", "the protocol's", "the source's", "20.0", "20.0"] in table
    assert [row[:2] for row in table[:3]] == [["sfc", "LSTM-S"], ["sfc", "GRU"], ["sti", "GRU"]]


def test_the_point_for_all_tasks_is_that_of_the_mean_over_them(sheet):
    (gru,) = (row for row in rows(sheet.text, "What was chosen") if "sfc, sti" in row)
    assert (gru[2], gru[5], gru[6]) == ("1", "15.0", "50.0")


def test_the_best_of_k_is_that_of_the_points_after_the_sources(sheet):
    (gru, _) = (row for row in rows(sheet.text, "What a search of k points comes to") if row[1] == "GRU")
    # 80, 70 and 0: all three pairs hold one of the first two
    assert gru[2:] == ["10.0", "50.0 (0.0 to 80.0)", "76.7 (70.0 to 80.0)", "80.0 (80.0 to 80.0)"]


def test_the_window_of_good_rates_and_winners_at_the_edge_are_named(sheet, trials):
    found = {one.key[:2]: one for one in outcomes(trials, chosen(trials), ["lstm-s", "gru"])}
    gru = found["sfc", "gru"]
    assert gru.rates.tolist() == RATES
    assert gru.window() == (min(RATES[1:3]), max(RATES[1:3]))
    assert found["sfc", "lstm-s"].window() is None
    text = section(sheet.text, "How much the learning rate matters")
    assert f"{min(RATES[1:3]):.3g} to {max(RATES[1:3]):.3g}" in text
    named = re.findall(r"^- (\S+) on `(\w+)` at point (\d): (.*)$", text, flags=re.MULTILINE)
    expected = [("sfc", 1, RATES[1])] * (RATES[1] in (min(RATES), max(RATES)))
    expected += [("sti", 0, RATES[0])] * (RATES[0] in (min(RATES), max(RATES)))
    assert [(task, int(point)) for _, task, point, _ in named] == [one[:2] for one in expected]
    assert expected  # of these rates at least one winner's is at an edge
    assert all(f"learning rate, {rate:.3g}" in said for (*_, said), (*_, rate) in zip(named, expected, strict=True))


def test_failed_trials_are_counted_with_their_reason_and_cost_time(sheet):
    table = {row[0]: row[1:] for row in rows(sheet.text, "Cost and failed trials")}
    assert table["LSTM-S"] == ["8", "0.34", "1 diverged"]  # 153 s each
    assert table["GRU"] == ["16", "0.68", "0"]
    assert "- 1 trial of lstm-s: diverged: the loss is no finite number at step 3" in sheet.text


def test_a_failed_trial_counts_as_the_worst_and_not_as_what_it_had(trials):
    found = {one.key[:2]: one for one in outcomes(trials, chosen(trials), [])}
    assert found["sfc", "lstm-s"].means[3] == pytest.approx(-0.2)
    assert chosen(trials).find("tuned", Group("smoke", "sfc", "lstm-s", "3k")).point.number == 2


def test_pictures_show_every_model_and_the_page_says_what_makes_it(sheet):
    assert set(sheet.pictures) == {"smoke-best-of.svg", "smoke-rates.svg"}
    for name, picture in sheet.pictures.items():
        assert charts.domain(picture.spec) == ["LSTM-S", "GRU"]
        assert f"({name})" in sheet.text
    assert "`bench tune --task sfc,sti --models lstm-s,gru --protocol smoke --points 4`" in sheet.text


def test_what_has_not_run_is_said_and_not_chosen(tmp_path):
    some = {**SCORES, ("sti", "lstm-s"): [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5]]}
    trials = read(made_trials(tmp_path, some), "smoke", 4)
    text = page.sheet(trials, chosen(trials), []).text
    assert "not run yet, so that nothing is chosen: lstm-s on sti, 1" in text
    assert not any(row[:2] == ["sti", "LSTM-S"] for row in rows(text, "What was chosen"))


def test_a_tuning_without_any_result_has_a_page_that_says_so(tmp_path):
    made = made_trials(tmp_path, {("sfc", "gru"): [[None, None], [None, None]]}, status="failed")
    trials = read(made, "smoke", 2)
    text = page.sheet(trials, chosen(trials), []).text
    assert "4 failed" in text
    assert "## What was chosen" not in text


@pytest.mark.parametrize(
    ("values", "said"), [((1, 2, 4), ["the greatest order, 4"]), (("none", "some", "all"), []), ((2, 4), [])]
)
def test_an_edge_is_that_of_numbers_and_of_what_was_tried(values, said, tmp_path, monkeypatch):
    """Words have no least and no greatest, and of two values both are edges."""
    trials = read(made_trials(tmp_path, {("sfc", "gru"): [[0.6, 0.6], [0.9, 0.9], [0.5, 0.5]]}), "smoke", 3)
    (one,) = outcomes(trials, chosen(trials), [])
    monkeypatch.setattr("harness.report.tuning.outcomes.varied", lambda model: {"order": values})
    point = replace(one.choice.point, options={"order": values[-1]})
    at = replace(one, choice=replace(one.choice, point=point), rates=np.array([0.001, 0.002, 0.003]))
    assert at.edges() == said
    text = page.sheet(trials, chosen(trials), []).text
    assert "the edge of what was tried" in text
    assert "tried by all" not in text  # this space is not widened


def test_a_model_that_is_fitted_at_once_has_no_rate(tmp_path):
    at_once = {"curve": made_curve([0.8], every=1)}
    store = made_trials(tmp_path, {("sfc", "gmm"): [[0.8, 0.8], [0.9, 0.9]]}, **at_once)
    made_trials(tmp_path, {("sfc", "gru"): [[0.8, 0.8], [0.9, 0.9]]})
    trials = read(store, "smoke", 2)
    (gmm,) = (row for row in rows(page.sheet(trials, chosen(trials), []).text, "What was chosen") if row[1] == "GMM")
    assert gmm[2:4] == ["1", "–"]
    (one,) = (one for one in outcomes(trials, chosen(trials), []) if one.title == "GMM")
    assert (one.fitted, one.window()) == (True, None)
    assert not any("rate" in said for said in one.edges())


def test_the_command_names_the_folder_of_the_trials_where_it_is_not_the_usual_one(trials, tmp_path):
    named = page.sheet(trials, chosen(trials), [], page.HERE.parent / "zoo" / "tuning").text
    assert "--protocol smoke --points 4 --results results/zoo/tuning`" in named
    for root in (page.HERE, tmp_path):  # a folder elsewhere is nobody else's
        assert "--results" not in page.sheet(trials, chosen(trials), [], root).text


def test_each_task_s_page_has_its_own_sensitivity(tmp_path):
    store = made_trials(tmp_path / "tuning", SCORES)
    choices.save(chosen(read(store, "smoke", 4)), store.root)
    shown = page.on_tasks("smoke", tmp_path, ["lstm-s", "gru"])
    assert set(shown) == {("sfc", "3k"), ("sti", "3k")}
    picture, words = shown["sti", "3k"]
    assert charts.domain(picture.spec) == ["GRU"]
    assert "of each of 4 points of the tuning over its learning rate" in words
    assert page.on_tasks("paper", tmp_path, []) == {}
    runs = runs_of({"gru": [0.9, 0.9]}, task_name="sti")
    (sheet,) = task_pages(Loaded(runs), ["gru"], {}, shown).values()
    assert sheet.pictures["sti-3k-rates.svg"] == picture
    assert f"![{words}](sti-3k-rates.svg)" in sheet.text
