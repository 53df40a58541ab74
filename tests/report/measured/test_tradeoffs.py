"""Accuracy against cost: fronts, the table, the picture and what is said of what is missing."""

import re
from dataclasses import replace

import numpy as np
import pytest
from support import charts
from support.pages import other_pages, rows_of
from support.records import FACTS, made_measurement, made_run, runs_of

from harness.compare.material import Material
from harness.draw.look import look
from harness.records.kinds import TaskFacts
from harness.records.store import Loaded
from harness.report.measured import tradeoffs

ORDER = ["lstm-s", "gru", "aslstm"]
ERRORS = TaskFacts("Errors", "mse", False, chance=0.2, target=None, length=4)


def study(**changes):
    """GRU is best and dearest, LSTM-S cheapest, ASLSTM worse than GRU at the same cost."""
    runs = runs_of({"gru": [0.9, 0.9], "lstm-s": [0.7, 0.8], "aslstm": [0.85, 0.85]}, **changes)
    measured = [
        made_measurement("gru", ratio=2.0, peak_bytes=4 * 2**20),
        made_measurement("lstm-s", ratio=1.0, peak_bytes=2 * 2**20),
        made_measurement("aslstm", ratio=2.0, peak_bytes=3 * 2**20),
    ]
    return runs, measured


def sheet(runs, measured):
    return tradeoffs.sheet(Material(runs, measured, ORDER))


# ----------------------------------------------------------------------------- work


def test_the_work_of_a_step_is_a_column_where_a_record_has_it():
    runs, measured = study()
    assert "MFLOP a step |" not in sheet(runs, measured).text
    text = sheet(runs, [replace(measured[0], flops=12_500_000), *measured[1:]]).text
    assert [rows_of(text)[name][-2] for name in ("Model", "GRU", "LSTM-S")] == ["MFLOP a step", "12.5", "–"]


# ----------------------------------------------------------------------------- fronts


def test_a_front_by_hand():
    good = [0.9, 0.8, 0.8, 0.7, np.nan, 0.95]
    cost = [2.0, 1.0, 1.5, 1.0, 0.1, np.nan]
    assert list(tradeoffs.front(good, cost)) == [True, True, False, False, False, False]
    assert list(tradeoffs.front([0.9, 0.9, 0.5], [1, 1, 0.5])) == [True, True, True]  # equals together


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_what_sorting_finds(seed):
    """From the cheapest on, a model is on the front if it is better than every cheaper one."""
    draw = np.random.default_rng(seed)
    good, cost = draw.permutation(40).astype(float), draw.permutation(40).astype(float)
    best, expected = -np.inf, np.zeros(40, dtype=bool)
    for place in np.argsort(cost):
        expected[place], best = good[place] > best, max(best, good[place])
    assert np.array_equal(tradeoffs.front(good, cost), expected)


# ----------------------------------------------------------------------------- the page


def test_a_table_with_scores_costs_and_fronts():
    found = sheet(*study())
    table = rows_of(found.text)
    assert table["Model"] == ["Accuracy, %", "Seeds", "Step / yardstick", "Peak, MiB", "On the front of"]
    assert table["GRU"] == ["90.0 ± 0.0", "2/2", "2.00", "4.0", "latency, memory"]
    assert table["LSTM-S"] == ["75.0 (11.5 to 100.0)", "2/2", "1.00", "2.0", "latency, memory"]
    assert table["ASLSTM"] == ["85.0 ± 0.0", "2/2", "2.00", "3.0", "memory"]
    assert "Measured on an unknown machine; yardstick: lstm-s." in found.text


def test_the_picture_stands_on_the_page_with_a_sentence():
    found = sheet(*study())
    assert (
        "![Counting, budget 3k: the scores of 3 models against the time of a training step on the left and peak memory "
        "on the right; on a front: LSTM-S; GRU; ASLSTM.](tradeoffs-sfc-3k.svg)" in found.text
    )
    picture = found.pictures["tradeoffs-sfc-3k.svg"]
    assert {"GRU", "peak memory, MiB", "Accuracy, %"} <= charts.words(picture)
    assert len(charts.rows(picture, "ring0")) == 2


def test_where_lower_is_better_the_lowest_is_on_the_front():
    runs = runs_of({"gru": [0.01], "lstm-s": [0.1], "aslstm": [0.05]}, task=ERRORS)
    found = sheet(runs, study()[1])
    table = rows_of(found.text)
    assert [table[model][-1] for model in ("GRU", "LSTM-S", "ASLSTM")] == ["latency, memory"] * 2 + ["memory"]
    picture = found.pictures["tradeoffs-sfc-3k.svg"]
    assert "MSE (lower is better)" in charts.words(picture)
    assert {scale["reverse"] for channel, scale in charts.scales(picture.spec) if channel == "y"} == {True}
    assert sheet(runs_of({"gru": [0.0], "lstm-s": [0.1]}, task=ERRORS), study()[1])  # no logarithm of 0


def test_a_model_with_a_lost_run_is_on_no_front_and_takes_nobody_from_it():
    runs, measured = study()
    runs = [replace(r, status="diverged", test_metric=None) if r.cell == runs[0].cell else r for r in runs]
    table = rows_of(sheet(runs, measured).text)
    assert table["GRU"] == ["90.0", "1/2", "2.00", "4.0", "–"]
    assert table["ASLSTM"][-1] == "latency, memory"


def test_models_without_a_result_or_a_measurement_are_named():
    runs, measured = study()
    runs += runs_of({"hm-lstm": [None, None]})
    runs += [made_run("clockwork", 0, None, status="skipped")]
    found = sheet([run for run in runs if run.cell.model != "gru"] + runs_of({"gru": [0.9, 0.9]}), measured[1:])
    assert "Without a result: CLOCKWORK; HM-LSTM. Not measured: GRU." in found.text
    assert rows_of(found.text)["GRU"][2:] == ["–", "–", "–"]
    assert "HM-LSTM" not in rows_of(found.text)


def test_of_several_machines_the_latest_counts():
    runs, measured = study()
    old = made_measurement("gru", ratio=9.0, finished="2024-01-01", machine={"cpu": "Old"})
    new = replace(measured[0], finished="2025-01-01", machine={"gpu": "New", "cpu": "Other"})
    found = sheet(runs, [new, old, *measured[1:]])
    assert rows_of(found.text)["GRU"][2] == "2.00"
    assert "Measured on New and an unknown machine, each model beside a yardstick of its own; yardstick" in found.text


def test_a_measurement_that_lacks_one_side_counts_for_the_other():
    runs, measured = study()
    table = rows_of(sheet(runs, [replace(measured[0], peak_bytes=None), *measured[1:]]).text)
    assert table["GRU"][2:] == ["2.00", "–", "latency"]
    failed = replace(measured[0], status="failed", ratio=None, step=None, peak_bytes=None)
    assert "Not measured: GRU." in sheet(runs, [failed, *measured[1:]]).text


def test_budgets_and_tasks_have_sections_and_a_model_the_same_colour_in_all():
    runs, measured = study()
    other = [made_measurement(model, task="sti", ratio=ratio) for model, ratio in (("gru", 2.0), ("aslstm", 1.0))]
    runs += runs_of({"gru": [0.9], "aslstm": [0.8]}, task_name="sti")
    found = sheet(runs, [*measured, *other])
    assert list(found.pictures) == ["tradeoffs-sfc-3k.svg", "tradeoffs-sti-3k.svg"]
    colours = [s["range"] for c, s in charts.scales(found.pictures["tradeoffs-sti-3k.svg"].spec) if c == "color"]
    assert colours[0] == [look(1).colour, look(2).colour]  # ASLSTM is the third of all models


@pytest.mark.parametrize(
    ("runs", "measured"),
    [([], []), (study()[0], []), ([], study()[1]), (runs_of({"gru": [None]}), study()[1])],
)
def test_without_scores_and_measurements_there_is_no_page(runs, measured):
    assert sheet(runs, measured) is None


def test_one_model_is_enough():
    assert "on a front: GRU." in sheet(runs_of({"gru": [0.9]}), study()[1]).text


def test_names_of_tasks_become_names_of_files():
    runs, measured = study(task_name="my/sfc@length=5", task=FACTS)
    measured = [replace(m, task="my/sfc@length=5") for m in measured]
    sheets = other_pages(Loaded(runs, measured), ORDER)
    assert "[Accuracy against cost](tradeoffs.md)" in sheets["index.md"].text
    ((name, picture),) = sheets["tradeoffs.md"].pictures.items()
    assert re.fullmatch(r"tradeoffs-my_sfc@length=5~\w+-3k\.svg", name)
    assert picture.svg.startswith("<svg ")
