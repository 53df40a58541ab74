"""The picture of all runs of a task, and the bands of learning curves."""

from dataclasses import replace

import numpy as np
import pytest
from support.charts import rows
from support.records import FACTS, made_curve, made_run, runs_of

from harness.compare.order import places
from harness.draw.curves import learning, validation
from harness.report.task.frames import results
from harness.report.task.table import compare

ORDER = ["lstm-s", "gru", "TP-RNN-S"]


def picture(runs):
    return results(compare(runs, (), ORDER), runs, places({run.cell.model for run in runs}, ORDER))


def test_rows_are_sorted_and_every_run_is_a_dot():
    reaching = {"curve": made_curve([0.9, 0.9])}
    failed = made_run("tp-rnn-s", 0, None, status="failed", reason="ValueError: no", curve=())
    runs = [*runs_of({"lstm-s": [0.65, 0.75], "gru": [0.9, 0.9]}, **reaching), failed]
    drawn, words = picture(runs)
    assert [row[:3] for row in rows(drawn, "runs")] == [
        ("LSTM-S", "seed 0", 65),
        ("LSTM-S", "seed 1", 75),
        ("GRU", "seed 0", 90),
        ("GRU", "seed 1", 90),
    ]
    assert [row[0] for row in rows(drawn, "ends")] == ["GRU", "LSTM-S", "TP-RNN-S"]
    assert dict(row[:2] for row in rows(drawn, "ends")) == {"GRU": "2 of 2", "LSTM-S": "2 of 2", "TP-RNN-S": "0 of 1"}
    assert [row[2] for row in rows(drawn, "means")] == [90, 70]
    assert rows(drawn, "levels") == [("chance", 100 * FACTS.chance), ("target", 100 * FACTS.target)]
    assert words == (
        f"Every run on {FACTS.title} as a dot, a row for each model with mean and interval: first GRU, 90.0; "
        "last LSTM-S, 70.0; all runs reach the target: GRU, LSTM-S."
    )


def test_a_model_that_does_not_apply_has_no_row_and_one_that_failed_has():
    skipped = [made_run("tp-rnn-s", seed, None, status="skipped", reason="no", curve=()) for seed in (0, 1)]
    failed = [
        made_run("clockwork", 0, None, status="failed", reason="no", curve=()),
        replace(skipped[0], cell=made_run("clockwork", 1).cell),
    ]
    drawn, _ = picture([*runs_of({"gru": [0.9, 0.9]}), *skipped, *failed])
    assert len(rows(drawn, "ends")) == 2


def test_of_more_models_than_colours_the_best_are_drawn_in_colour():
    ends = {f"m{number:02}": number / 20 for number in range(20)}
    models = [
        (name, name.upper(), [made_run(name, seed, curve=made_curve([0.1, end])) for seed in (0, 1)])
        for name, end in ends.items()
    ]
    for higher in (True, False):
        facts = replace(FACTS, higher_is_better=higher, chance=None, target=None)
        drawn, words = learning(models, {name: place for place, name in enumerate(ends)}, facts, 1.0)
        best = sorted(ends, reverse=higher)[:12]
        assert words.endswith("; in colour the 12 that end best.")
        assert sum(f"({name.upper()})" in words for name in ends) == 2  # of all, whatever their colour
        assert {row[0] for row in rows(drawn, "band0")} == {name.upper() for name in best}
        lines = {(row[0], row[1]) for row in rows(drawn, "line0")}
        assert {of for model, of in lines if model == "8 others"} == {name.upper() for name in ends if name not in best}
        assert {model for model, _ in lines} == {*(name.upper() for name in best), "8 others"}
    few, words = learning(models[:16], {name: place for place, name in enumerate(ends)}, facts, 1.0)
    assert "colour" not in words
    assert len({row[0] for row in rows(few, "line0")}) == 16


def test_of_an_error_the_least_is_the_best():
    facts = replace(FACTS, metric="mse", higher_is_better=False, chance=0.2, target=0.01)
    drawn, _ = picture(runs_of({"lstm-s": [0.1, 0.1], "gru": [0.05, 0.05]}, task=facts))
    assert [row[0] for row in rows(drawn, "means")] == ["GRU", "LSTM-S"]
    assert drawn.spec["layer"][0]["encoding"]["x"]["scale"]["type"] == "log"


def test_an_interval_ends_where_its_scale_does():
    drawn, _ = picture(runs_of({"lstm-s": [0.95, 1.0]}))
    assert [row[3:5] for row in rows(drawn, "means")] == [(65.734, 100)]
    facts = replace(FACTS, metric="mse", higher_is_better=False, chance=0.2, target=0.01)
    drawn, _ = picture(runs_of({"lstm-s": [0.01, 0.09]}, task=facts))
    ((low, high),) = (row[3:5] for row in rows(drawn, "means"))
    assert 0 < low < 0.01  # a logarithm has no zero
    assert high > 0.09


def test_without_any_result_it_says_so():
    drawn, words = picture([made_run("gru", 0, None, status="failed", reason="ValueError: no", curve=())])
    assert words == f"No run on {FACTS.title} has a result."
    assert not rows(drawn, "runs")


def test_a_band_goes_from_the_worst_to_the_best_seed_as_far_as_all_of_them_go():
    runs = [made_run(seed=0, curve=made_curve([0.2, 0.4, 0.6])), made_run(seed=1, curve=made_curve([0.4, 0.5]))]
    band, line = (part for _, part in validation(runs, "GRU", 100).groupby("kind", sort=False))
    assert band[["x", "low", "high"]].to_numpy() == pytest.approx(np.array([[100, 20, 40], [200, 40, 50]]))
    assert line["y"].tolist() == pytest.approx([30, 45, float("nan")], nan_ok=True)
    assert set(validation(runs[:1], "GRU")["kind"]) == {"line"}
