import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import charts
from support.records import FACTS, made_curve, made_measurement, made_run

from harness.compare.order import ordered, places
from harness.draw.curves import learning
from harness.draw.picture import Picture
from harness.errors import BenchError
from harness.records.baselines import Baselines
from harness.records.kinds import RunRecord
from harness.records.store import Loaded
from harness.report.task.page import comparisons, task_pages
from harness.write import formats
from harness.write.sheet import Sheet
from harness.write.words import factor

pytestmark = pytest.mark.filterwarnings("error")
ORDER = ["lstm-s", "gru"]


def loaded(*runs: RunRecord) -> Loaded:
    return Loaded(list(runs), [made_measurement("gru")])


def pair(**changes: Any) -> list[RunRecord]:
    return [made_run(model, seed, 0.7 + seed / 10, **changes) for model in ORDER for seed in (0, 1)]


def page(*runs: RunRecord) -> Sheet:
    """The page of the only task of these runs."""
    (sheet,) = task_pages(loaded(*runs), ORDER, {}).values()
    return sheet


def frame_of(sheet: Sheet) -> pd.DataFrame:
    """The table for machines of the page on sfc."""
    return pd.read_csv(io.StringIO(sheet.files["sfc.csv"]))


# ----------------------------------------------------------------------------- reports


def test_each_task_has_a_page_a_table_for_machines_and_one_for_papers():
    sheets = task_pages(loaded(*pair(), *pair(task_name="copy-120")), ORDER, {})
    assert list(sheets) == ["copy-120.md", "sfc.md"]
    assert set(formats.files(sheets, formats.FORMATS)) == {
        f"{task}{ending}"
        for task in ("sfc", "copy-120")
        for ending in (".md", ".csv", ".tex", "-3k-results.svg", "-3k-curves.svg")
    }


def test_a_page_of_tuned_models_says_at_which_point_each_trained_and_names_no_rate_for_all():
    at = {"lstm-s": (0.05, {"number": 3, "learning_rate": 0.05, "options": {"head": "normal"}}), "gru": (0.012, {})}
    settings = {"batch": 20, "optimizer": "adam", "track": "portable"}
    runs = [
        made_run(model, seed, 0.7, settings={**settings, "learning_rate": rate}, point=point)
        for model, (rate, point) in at.items()
        for seed in (0, 1)
    ]
    lost = made_run("gru", 0, None, status="failed", settings={}, task=None, curve=())  # nothing is known of it
    text = page(lost, *runs[:2], runs[3]).text
    assert "batch 20, adam 0.012 to 0.05, 300 training steps." in text
    assert "one for all its tasks; learning rates: LSTM-S 0.05, head=normal; GRU 0.012 (not tuned)." in text
    assert "bench tune" not in page(*pair()).text


def test_a_page_says_how_far_one_comes_without_a_memory_on_the_data_of_its_runs():
    runs = pair(settings={"scale": "quick", "data_seed": 0})
    known = Baselines("sfc", "quick", 0, "accuracy", {"mean over time": 0.975, "last step alone": 0.5})
    for said, record in ((True, known), (False, replace(known, scale="smoke"))):
        (sheet,) = task_pages(Loaded(runs, baselines=[record]), ORDER, {}).values()
        line = "Without a memory, Accuracy, %: mean over time 97.5, last step alone 50.0; by logistic regression"
        assert (line in sheet.text) == said
        assert "No memory is needed here" not in sheet.text


def test_the_page_of_a_task_that_needs_no_memory_says_that_it_does_not_count():
    assert "No memory is needed here, so that this task does not count" in page(*pair(task_name="fsdd-raw")).text


def test_a_page_says_all_that_a_reader_must_know():
    text = page(*pair()).text
    for said in (
        "# Counting (`sfc`)",
        "Budget: 3k parameters",
        "Protocol `smoke`, version 1: 40 steps a sequence, batch 20, adam 0.001, 300 training steps.",
        "Chance: 0.5. Target: 0.7.",
        "| GRU",
        "75.0 (11.5 to 100.0)",
        "exact permutation test of the runs' labels",
        "![Validation accuracy, % over training steps, 2 models, means in bands of all seeds; at the end ",
        "](sfc-3k-curves.svg)",
        "protocol `smoke` version 1; 4 runs with seeds 0, 1 on 2 cores of Some processor, torch 2.9.0, 2025-03-01, "
        "commit 0123456789. Records: `smoke/sfc/{gru,lstm-s}/3k-{0,1}`.",
        "One row is one model",
    ):
        assert said in text, said


def test_the_picture_that_a_page_shows_is_there():
    sheet = page(*pair(task_name="sfc@length=50"))
    shown = sheet.text.partition("![")[2].partition("](")[2].partition(")")[0]
    assert sheet.pictures[shown].svg.startswith("<svg ")


def test_uncommitted_changes_and_several_machines_and_days_are_named():
    first, second = made_run("gru", 0), made_run("gru", 1)
    second = replace(
        second,
        machine={"gpu": "Some GPU", "torch": "2.10.0", "commit": "fedcba9876543210", "dirty": True},
        finished="2025-03-04T00:00:00+00:00",
    )
    expected = (
        "2 runs with seeds 0, 1 on 2 cores of Some processor; Some GPU, torch 2.10.0, 2.9.0, 2025-03-01 to 2025-03-04, "
        "commit 0123456789, fedcba9876* (* with uncommitted changes)."
    )
    assert expected in page(first, second).text


def test_a_task_with_two_budgets_has_two_tables_on_one_page():
    sheet = page(*pair(), *pair(budget="paper"))
    assert "Budget: 3k parameters" in sheet.text
    assert "Budget: each model at its paper's width" in sheet.text
    assert list(frame_of(sheet)["budget"]) == ["3k", "3k", "paper", "paper"]
    assert set(formats.files({"sfc.md": sheet}, ["tex"])) == {"sfc.tex", "sfc-2.tex"}


def test_the_table_for_machines_has_numbers_in_full():
    third = 1 / 3
    sheet = page(made_run("gru", 0, third), made_run("lstm-s", 0, None, status="failed"))
    frame = frame_of(sheet).set_index("name")
    assert frame.loc["gru", "metric"] == third
    assert np.isnan(frame.loc["lstm-s", "metric"])
    assert frame.loc["lstm-s", "status"] == "1 failed"
    assert set(frame["task"]) == {"sfc"}


def test_records_that_cannot_be_read_are_named_on_the_page():
    everything = loaded(*pair())
    everything.left_out.append("runs/smoke/sfc/gru/3k-7.json is no record that can be read")
    (sheet,) = task_pages(everything, ORDER, {}).values()
    assert "- runs/smoke/sfc/gru/3k-7.json is no record" in sheet.text


def test_without_records_there_is_nothing_to_report():
    with pytest.raises(BenchError, match="there is no record to report on"):
        task_pages(Loaded(), ORDER, {})


def test_two_versions_of_a_protocol_are_refused():
    with pytest.raises(BenchError, match="cannot share a table"):
        page(made_run("gru", 0), made_run("gru", 1, protocol_version=2))


def test_the_same_records_give_the_same_files():
    one, two = (formats.contents({"index.md": page(*pair())}, formats.FORMATS) for _ in range(2))
    assert one == two


def test_a_report_of_nothing_but_failures_can_be_written():
    runs = [made_run("gru", 0, None, status="failed", reason="no", curve=(), machine={}, settings={}, finished="")]
    text = page(*runs).text
    assert "gru: failed (all seeds): no." in text
    assert "no training steps" in text


def test_each_budget_of_a_task_is_a_comparison_with_its_own_measurements():
    everything = Loaded([*pair(), *pair(budget="10k")], [made_measurement("gru", budget="10k", ratio=7.0)])
    small, large = sorted(comparisons(everything, ORDER), key=lambda comparison: comparison.budget != "3k")
    assert small.frame.set_index("name")["ratio"].isna().all()
    assert large.frame.set_index("name").loc["gru", "ratio"] == 7.0


# ----------------------------------------------------------------------------- figures


def drawn(runs: list[RunRecord], facts: Any = FACTS, order: list[str] = ORDER) -> Picture:
    """The learning curves of these runs."""
    names = ordered({run.cell.model for run in runs}, order)
    groups = [(name, [run for run in runs if run.cell.model == name]) for name in names]
    models = [(name, group[0].title, group) for name, group in groups]
    picture, words = learning(models, places(names, order), facts, factor(facts.metric))
    assert words.endswith(".")
    return picture


def test_the_line_is_the_mean_in_percent_and_the_band_has_all_seeds():
    runs = [made_run("gru", 0, curve=made_curve([0.5, 0.6])), made_run("gru", 1, curve=made_curve([0.7, 1.0]))]
    picture = drawn(runs)
    assert charts.of(picture, "line0", "GRU") == [(100, 60), (200, 80)]
    assert charts.rows(picture, "band0") == [("GRU", 100, 50, 70), ("GRU", 200, 60, 100)]


def test_the_mean_ends_where_the_first_seed_ends():
    runs = [made_run("gru", 0, curve=made_curve([0.5, None])), made_run("gru", 1, curve=made_curve([0.7, 0.9]))]
    assert charts.of(drawn(runs), "line0", "GRU") == [(100, 60), (200, None)]


def test_chance_and_target_are_drawn():
    assert charts.rows(drawn(pair()), "level0") == [("chance", 50), ("target", 70)]
    assert "level0" not in drawn(pair(), replace(FACTS, chance=None, target=None)).spec["datasets"]


def test_the_legend_has_the_models_in_order():
    assert charts.domain(drawn([made_run("z"), made_run("gru"), made_run("lstm-s")]).spec) == ["LSTM-S", "GRU", "Z"]


def test_models_of_one_title_are_drawn_and_named_apart():
    picture = drawn([made_run("gru", title="Mine"), made_run("lstm-s", title="Mine")])
    assert charts.domain(picture.spec) == ["Mine (lstm-s)", "Mine (gru)"]


def test_an_error_has_a_logarithmic_axis_and_its_own_scale():
    facts = replace(FACTS, metric="mse", higher_is_better=False, chance=0.2, target=0.01)
    picture = drawn([made_run("gru", curve=made_curve([0.1, 0.02]))], facts)
    assert charts.of(picture, "line0", "GRU") == [(100, 0.1), (200, 0.02)]
    assert "validation mse" in charts.words(picture)
    assert {scale["type"] for channel, scale in charts.scales(picture.spec) if channel == "y"} == {"log"}


def test_the_sentence_says_who_ends_where_and_who_reaches_the_target():
    runs = [made_run("gru", curve=made_curve([0.5, 0.9])), made_run("lstm-s", curve=made_curve([0.5, 0.6]))]
    names = ("lstm-s", "gru")
    models = [(name, name.upper(), [run for run in runs if run.cell.model == name]) for name in names]
    _, words = learning(models, places(names, ORDER), FACTS, 100)
    assert words == (
        "Validation accuracy, % over training steps, 2 models, means in bands of all seeds; at the end from 60 "
        "(LSTM-S) to 90 (GRU); 1 of 2 means reach the target, 70."
    )


def test_runs_without_a_curve_are_left_out():
    nothing = [made_run("gru", 0, None, status="failed", curve=())]
    diverged = [made_run("gru", 1, None, status="diverged", curve=made_curve([None]))]
    for runs in (nothing, diverged):
        assert charts.domain(drawn(runs).spec) == []
    assert "nothing to draw" in charts.words(drawn(nothing, replace(FACTS, chance=None, target=None)))


@pytest.mark.parametrize(
    ("changes", "seeds", "command"),
    [
        ({}, (0, 1), "bench run --task sfc --models gru,aslstm --protocol smoke"),
        ({}, (0, 3), "bench run --task sfc --models gru,aslstm --protocol smoke --seeds 0,3"),
        ({}, (5,), "bench run --task sfc --models gru,aslstm --protocol smoke --seeds 5-5"),
        ({"budget": "9k"}, (0, 1), "bench run --task sfc --models gru,aslstm --protocol smoke --budget 9k"),
        (
            {"protocol": "smoke@batch=7", "task_name": "copy-5@train=9"},
            (0, 1),
            "bench run --task copy-5@train=9 --models gru,aslstm --protocol smoke@batch=7",
        ),
    ],
)
def test_a_page_names_the_command_that_makes_it(changes, seeds, command):
    settings = {"batch": 20, "seeds": 2, "budget": "3k"}
    runs = [made_run(model, seed, settings=settings, **changes) for model in ("gru", "aslstm") for seed in seeds]
    assert f"`{command}`: protocol `{runs[0].cell.protocol}` version 1; {len(runs)} runs" in page(*runs).text


def test_a_page_of_a_whole_group_names_the_group():
    pages = task_pages(loaded(made_run("gru"), made_run("aslstm")), ORDER, {"all": ["aslstm", "gru"]})
    assert "`bench run --task sfc --models all --protocol" in pages["sfc.md"].text
