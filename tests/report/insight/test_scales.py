"""The page on what the models' scales do."""

from typing import Any

import pytest
from support.pages import table_of
from support.records import made_insight, made_run

from harness.compare.material import Material
from harness.draw.panels import Panel, Scale
from harness.report.insight import scales

pytestmark = pytest.mark.filterwarnings("error")
ORDER = ["hm-lstm", "aslstm", "gru"]


def page(*runs: Any) -> Any:
    return scales.sheet(Material(runs, [], ORDER))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, dict[str, Any]]]:
    """What is drawn into panels, in values: the kind, the values and the style; frames and keys aside."""
    found: list[tuple[str, Any, dict[str, Any]]] = []

    def followed(kind: str) -> Any:
        original = getattr(Panel, kind)

        def call(panel: Any, *values: Any, **style: Any) -> None:
            original(panel, *values, **style)
            if (panel.x, panel.y) != (Scale(0.0, 1.0), Scale(0.0, 1.0)):
                found.append((kind, values, style))

        return call

    for kind in ("line", "band", "blocks"):
        monkeypatch.setattr(Panel, kind, followed(kind))
    return found


def test_models_that_tell_of_their_scales_have_rows_and_plots(drawn):
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
    kinds = [kind for kind, _, _ in drawn]
    assert kinds == ["line"] * 2 + ["band"] * 2 + ["band"] * 2 + ["blocks"] * 2 + ["line"]
    svg = found.pictures["scales-sfc-3k.svg"].decode()
    assert all(f">{label}</text>" in svg for label in ("low", "high", "scale 0", "scale 1"))
    (_, (spans,), _) = drawn[7]
    assert len(spans) == 10  # every fourth step
    assert drawn[8][1][1].tolist() == list(range(40))


def test_ridges_are_drawn_once_where_they_stay_the_same(drawn):
    page(made_run("hm-lstm", insight=made_insight(kind="attention")))
    (edges, low, high), (more, _, heights) = [values for kind, values, _ in drawn if kind == "band"]
    assert (edges.tolist(), low.tolist(), high.tolist()) == ([0.5, 40.5], [0, 0], [0.85 * 0.25] * 2)
    assert heights.tolist() == [1, 1, 1.85, 1.85] * 10
    assert more.tolist()[:6] == [0.5, 3.5, 3.5, 4.5, 4.5, 7.5]


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
