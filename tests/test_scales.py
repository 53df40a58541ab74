"""The page on what the models' scales do."""

import warnings
from typing import Any

import numpy as np
from made_records import made_insight, made_run

from harness import insight_figures, scales
from harness.figures import svg
from harness.sheet import Material

ORDER = ["hm-lstm", "aslstm", "gru"]


def page(*runs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return scales.sheet(Material(runs, [], ORDER))


def test_models_that_tell_of_their_scales_have_rows_and_plots(monkeypatch):
    drawn: list[Any] = []
    monkeypatch.setattr(insight_figures, "svg", lambda figure: drawn.append(figure) or svg(figure))
    found = page(
        made_run("aslstm", insight=made_insight(signal=[float(t) for t in range(40)])),
        made_run("hm-lstm", insight=made_insight(kind="attention", meaning="weight", labels=["low", "high"])),
        made_run("gru", insight=made_insight(kind="none")),
    )
    assert set(found.pictures) == {"scales-sfc-3k.svg"}
    lines = [line for line in found.text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells == [
        ["Model", "Scale", "Mean", "Note"],
        ["HM-LSTM", "low", "0.75", "weight"],
        ["HM-LSTM", "high", "0.25", "weight"],
        ["ASLSTM", "scale 0", "0.75", "share of sequences in which the scale is chosen"],
        ["ASLSTM", "scale 1", "0.25", "share of sequences in which the scale is chosen"],
    ]
    assert "![Plots show what the scales of HM-LSTM, ASLSTM do over the 40 time steps of Counting," in found.text
    assert [run.cell.model for run in found.records] == ["hm-lstm", "aslstm"]
    (figure,) = drawn
    (_, ridges), (shares, bands) = figure.axes[:2], figure.axes[2:]
    assert [patch.get_label() for patch in ridges.patches] == ["low", "high"]
    assert len(shares.collections) == 2
    assert [entry.get_label() for entry in bands.collections] == ["scale 0", "scale 1"]
    assert len(bands.collections[1].get_paths()) == 10  # every fourth step
    assert bands.lines[0].get_ydata().tolist() == list(range(40))


def test_ridges_are_drawn_once_where_they_stay_the_same(monkeypatch):
    drawn: list[Any] = []
    monkeypatch.setattr(insight_figures, "svg", lambda figure: drawn.append(figure) or svg(figure))
    page(made_run("hm-lstm", insight=made_insight(kind="attention")))
    same, second = drawn[0].axes[1].patches
    values, edges, baseline = same.get_data()
    assert (values.tolist(), edges.tolist(), baseline) == ([0.85 * 0.25], [0.5, 40.5], 0)
    values, edges, _ = second.get_data()
    assert values.tolist() == [1, 1.85] * 10
    assert edges.tolist() == sorted([*np.arange(0.5, 40, 4), *np.arange(3.5, 40, 4), 40.5])


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
