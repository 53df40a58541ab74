"""The page of all models from the best on, which is there where models of other papers ran."""

import pytest
from support.pages import rows_of
from support.records import FACTS, made_curve, made_run, runs_of

from harness.compare.material import Material
from harness.report.overall.zoo import sheet

POINT = {"number": 3, "of": 6, "learning_rate": 0.00312, "options": {"head": "normal"}}


def page(runs):
    made = sheet(Material(runs, [], ["gru", "urnn", "tcn", "lem"]))
    return None if made is None else made.text


def test_models_of_the_papers_alone_have_no_such_page():
    assert page(runs_of({"gru": [0.9], "lstm-s": [0.8]})) is None
    assert page([]) is None


def test_models_stand_from_the_best_on_with_what_they_are_and_how_they_were_trained():
    runs = runs_of({"gru": [0.6, 0.7], "urnn": [0.9, 0.95], "lem": [None, None]})
    runs += [made_run("tcn", seed, 0.8, point=POINT) for seed in range(2)]
    rows = rows_of(page(runs))
    assert list(rows) == ["Model", "URNN", "TCN", "GRU", "LEM"]
    places, kinds, ways, trained = ([row[place] for row in list(rows.values())[1:]] for place in (0, 1, 3, 5))
    assert places == ["1", "2", "3", "–"]
    assert kinds == ["another paper", "no recurrence", "the two papers", "since 2019"]
    assert ways == ["0.85", "0.60", "0.30", "–"]
    assert trained == ["0.001", "0.00312, head=normal", "0.001", "0.001"]
    assert "2 diverged" in rows["LEM"]
    assert rows["URNN"][-1].startswith("one complex state that a unitary matrix turns")


def test_where_less_is_better_the_least_stands_first():
    less = FACTS.__class__("Addition", "mse", False, chance=0.1667, target=0.01, length=40)
    rows = rows_of(page(runs_of({"urnn": [0.1], "tcn": [0.002]}, task=less)))
    assert list(rows) == ["Model", "TCN", "URNN"]


def test_places_are_of_the_mean_of_all_runs_and_equal_means_share_one():
    """One that diverged counts as the worst of the task: 0.5, though what learned has 0.9."""
    scores = {"urnn": [0.9, 0.9, None], "tcn": [0.8, 0.8, 0.8], "lem": [0.75, 0.85, 0.8], "gru": [0.5, 0.6, 0.55]}
    rows = rows_of(page(runs_of(scores)))
    assert list(rows) == ["Model", "TCN", "LEM", "URNN", "GRU"]
    assert [row[0] for row in list(rows.values())[1:]] == ["1", "1", "3", "4"]
    assert [row[3] for row in list(rows.values())[1:]] == ["0.60", "0.60", "0.53", "0.10"]
    assert rows["URNN"][2] == "90.0 ± 0.0 (2 of 3)"


def test_a_model_that_is_fitted_at_once_has_neither_rate_nor_steps():
    runs = runs_of({"urnn": [0.9, 0.95]})
    runs += [made_run("gmm", seed, 0.8, curve=made_curve([0.8], every=1)) for seed in range(2)]
    row = rows_of(page(runs))["GMM"]
    assert row[4:6] == ["–", "–"]


def test_each_task_and_budget_has_a_section_and_those_of_the_papers_alone_have_none():
    runs = runs_of({"urnn": [0.9], "gru": [0.8]}) + runs_of({"gru": [0.8]}, task_name="sti")
    text = page(runs + runs_of({"urnn": [0.9]}, budget="6k"))
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Counting (`sfc`), budget 3k",
        "## Counting (`sfc`), budget 6k",
    ]
    assert "2 models, 1 seed each." in text
    assert "judges nothing" in text


def test_a_strangers_file_is_not_run_for_a_page(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n\ndef Model(shape, width): ...\n")
    rows = rows_of(page(runs_of({"urnn": [0.9], f"{mine}:Model": [0.8]})))
    assert [row[-1] for row in rows.values()][-1] == "–"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["somebody-elses", "urnn@units=9"])
def test_a_model_that_this_registry_lacks_is_listed_all_the_same(name):
    rows = rows_of(page(runs_of({"urnn": [0.9], name: [0.8]})))
    assert list(rows) == ["Model", "URNN", name.upper()]
