"""The page on what the models' scales do."""

from typing import Any

import pytest
from support import charts
from support.pages import table_of
from support.records import made_insight, made_run

from harness.compare.material import Material
from harness.report.insight import scales

pytestmark = pytest.mark.filterwarnings("error")
ORDER = ["hm-lstm", "aslstm", "gru"]


def page(*runs: Any) -> Any:
    return scales.sheet(Material(runs, [], ORDER))


def test_models_that_tell_of_their_scales_have_rows_and_plots():
    found = page(
        made_run("aslstm", insight=made_insight(signal=[float(t) for t in range(40)])),
        made_run("hm-lstm", insight=made_insight(kind="attention", meaning="weight", labels=["low", "high"])),
        made_run("gru", insight=made_insight(kind="none")),
    )
    assert set(found.pictures) == {"scales-sfc-3k.svg"}
    assert table_of(found.text) == [
        ["Model", "Scale", "Mean", "Note"],
        ["HM-LSTM", "low", "0.75", "weight"],
        ["HM-LSTM", "high", "0.25", "weight"],
        ["ASLSTM", "scale 0", "0.75", "share of sequences in which the scale is chosen"],
        ["ASLSTM", "scale 1", "0.25", "share of sequences in which the scale is chosen"],
    ]
    assert "![Plots show what the scales of HM-LSTM, ASLSTM do over the 40 time steps of Counting," in found.text
    assert [run.cell.model for run in found.records] == ["hm-lstm", "aslstm"]
    picture = found.pictures["scales-sfc-3k.svg"]
    assert {"low", "high", "scale 0", "scale 1"} <= charts.words(picture)
    assert {"mean0", "ridge0", "mean1", "span1", "signal1"} == set(picture.spec["datasets"])
    assert len(charts.rows(picture, "span1")) == 20  # every fourth step is of the other scale
    assert [y for _, y in charts.rows(picture, "signal1")] == list(range(40))


def test_ridges_are_drawn_once_where_they_stay_the_same():
    found = page(made_run("hm-lstm", insight=made_insight(kind="attention")))
    rows = found.pictures["scales-sfc-3k.svg"].spec["datasets"]["ridge0"]
    first, second = rows[0]["scale"], rows[-1]["scale"]
    edges = [(row["x"], row["low"], row["high"]) for row in rows if row["scale"] == first]
    assert edges == [(0.5, 0, 0.2125), (40.5, 0, 0.2125)]
    heights = [(row["x"], row["high"]) for row in rows if row["scale"] == second]
    assert heights[:4] == [(0.5, 1), (3.5, 1.85), (4.5, 1), (7.5, 1.85)]
    assert heights[-1] == (40.5, 1.85)


def test_one_step_and_a_constant_signal_can_be_drawn():
    for signal in ([1.0] * 4, [None] * 4):
        assert page(made_run("aslstm", insight=made_insight(steps=4, signal=signal))).pictures
    assert page(made_run("aslstm", insight=made_insight(steps=1))).pictures


def test_what_cannot_be_read_is_said():
    found = page(made_run("aslstm", insight=made_insight(labels=["one"])))
    assert "Left out: the insight into aslstm on sfc, seed 0, cannot be read (ValueError:" in found.text
    assert not found.pictures


def test_without_scales_there_is_no_page():
    assert page(made_run("gru", insight=made_insight(kind="none")), made_run("aslstm")) is None
