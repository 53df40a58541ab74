"""The page on gradients over time."""

from typing import Any

import numpy as np
import pytest
from support import charts
from support.pages import other_pages, table_of
from support.records import made_insight, made_run

from harness.compare.material import Material
from harness.records.store import Loaded
from harness.report.insight import frames, gradients

pytestmark = pytest.mark.filterwarnings("error")
ORDER = ["lstm-s", "gru"]


def page(*runs: Any) -> Any:
    return gradients.sheet(Material(runs, [], ORDER))


def insight_of(trained: list[float | None]) -> dict[str, Any]:
    data = made_insight(steps=len(trained), kind="none")
    data["gradient"]["trained"] = trained
    return data


def test_the_ratio_is_of_the_first_tenth_to_the_last():
    assert gradients.ratio(np.array([1.0, 3, *[100] * 16, 4, 4])) == 0.5
    assert gradients.ratio(np.array([2.0, 9, 4])) == 0.5
    assert gradients.ratio(np.array([2.0])) == 1
    assert np.isnan(gradients.ratio(np.array([1.0, 0])))
    assert np.isnan(gradients.ratio(np.array([np.nan, 1])))


def test_each_task_has_a_picture_and_a_table():
    found = page(
        made_run("gru", insight=made_insight()),
        made_run("lstm-s", insight=insight_of([1e-7] * 20 + [2.0] * 20)),
        made_run("gru", 1),
        made_run("gru", task_name="copy-120", insight=made_insight(kind="attention")),
    )
    text = found.text
    assert set(found.pictures) == {"gradients-sfc-3k.svg", "gradients-copy-120-3k.svg"}
    assert all(picture.svg.startswith("<svg ") for picture in found.pictures.values())
    assert table_of(text)[-2:] == [["LSTM-S", "1e-36", "5e-08"], ["GRU", "1e-36", "0.5355"]]
    assert all(line.startswith("|:--") and line.endswith("-:|") for line in text.splitlines() if line.startswith("|:"))
    assert "## Counting (`sfc`), budget 3k\n\nMean over 64 test sequences of 40 steps." in text
    assert (
        "![Two plots show, before and after training, how much gradient reaches each of the 40 time steps of Counting, "
        "on a logarithmic axis, with a line for each of 2 models; after training the first tenth of them gets, of the "
        "last tenth's, from 5e-08 times (LSTM-S) to 0.535 times (GRU).](gradients-sfc-3k.svg)" in text
    )
    assert [(run.cell.model, run.cell.task) for run in found.records] == [
        ("gru", "copy-120"),
        ("lstm-s", "sfc"),
        ("gru", "sfc"),
    ]
    assert "one seed alone" in text


def test_a_line_has_the_recorded_values_and_gaps_where_there_is_no_logarithm():
    values = [0, 1e-30, None, 2.0, 1e-3]
    found = page(made_run("gru", insight=insight_of(values)), made_run("lstm-s", insight=insight_of([1.0] * 5)))
    picture = found.pictures["gradients-sfc-3k.svg"]
    assert charts.domain(picture.spec) == ["LSTM-S", "GRU"]
    edge = 2.0 * frames.SMALLEST / 2
    # what lies below runs along the edge
    assert charts.of(picture, "line1", "GRU") == [(1, None), (2, edge), (3, None), (4, 2), (5, 1e-3)]
    limits = {(s["domainMin"], s["domainMax"], s["type"]) for c, s in charts.scales(picture.spec) if c == "y"}
    assert limits == {(edge, 4.0, "log")}


@pytest.mark.parametrize("values", [[0, 0, 0], [None, None, None], [1e-300, 1, 1e300]])
def test_any_numbers_can_be_drawn(values):
    data = insight_of(values)
    data["gradient"]["initial"] = values
    found = page(made_run("gru", insight=data))
    assert found.pictures["gradients-sfc-3k.svg"].svg.startswith("<svg ")


def test_what_cannot_be_read_is_said_and_the_rest_is_shown():
    found = page(made_run("gru", insight=made_insight()), made_run("lstm-s", insight={"steps": 3}))
    assert "| GRU " in found.text
    assert "Left out: the insight into lstm-s on sfc, seed 0, cannot be read (KeyError: 'bin')." in found.text
    alone = page(made_run("lstm-s", insight={"steps": 3}))
    assert "Left out: the insight into lstm-s" in alone.text
    assert not alone.pictures


def test_without_insight_there_is_no_page():
    assert page(made_run("gru"), made_run("lstm-s", status="diverged", insight=made_insight())) is None
    assert page() is None


def test_a_report_has_the_page_with_the_records_it_is_from():
    runs = [made_run("gru", insight=made_insight()), made_run("gru", 1), made_run("lstm-s")]
    sheets = other_pages(Loaded(runs), ORDER)
    text = sheets["gradients.md"].text
    assert sheets["gradients.md"].pictures["gradients-sfc-3k.svg"].svg.startswith("<svg ")
    assert "protocol `smoke` version 1; 1 run with seed 0 on 2 cores of Some processor" in text
    assert "commit 0123456789. Records: `smoke/sfc/gru/3k-0`." in text
    assert "[How much gradient reaches each time step](gradients.md)" in sheets["index.md"].text
