"""Records flat: what the columns are, and that each form gives back what was kept."""

import csv
import io
import json

import pytest
from support import ROOT
from support.records import made_run

from harness.exchange.columns import COLUMNS, as_csv, as_json, as_parquet, rows
from harness.records.kinds import RunRecord

ODD = made_run(
    "lstm-s", 1, None, status="diverged", reason='the "loss", is\nno number', title="Ä", task=None, curve=(), machine={}
)
RUNS = [made_run(more_metrics={"noise": 0.5}, machine={"cpu": "A, B", "cores": 2, "dirty": False}), ODD]


def test_a_row_says_what_the_record_says():
    first, second = rows(RUNS)
    assert list(first) == list(second) == list(COLUMNS)
    assert (first["task"], first["seed"], first["test_metric"], first["metric"]) == ("sfc", 0, 0.75, "accuracy")
    assert (first["steps"], first["evaluations"], first["more_metrics"]) == (300, 3, '{"noise": 0.5}')
    assert (first["cpu"], first["cores"], first["dirty"]) == ("A, B", 2, False)
    assert [second[name] for name in ("status", "test_metric", "metric", "steps", "cores", "dirty")] == [
        "diverged",
        *[None] * 5,
    ]


def test_every_field_of_a_record_is_a_column_but_what_is_not_flat():
    flat = {"cell", "task", "title", "curve", "insight", "machine", "evaluation_seconds"}
    assert set(RunRecord.__dataclass_fields__) - flat <= set(COLUMNS)


def test_every_value_is_of_its_columns_kind():
    for row in rows(RUNS):
        for name, value in row.items():
            kinds = (int, float) if COLUMNS[name].kind is float else COLUMNS[name].kind
            assert value is None or isinstance(value, kinds), name


def test_csv_and_json_give_the_rows_back():
    found = rows(RUNS)
    assert json.loads(as_json(found)) == found
    heads, *lines = csv.reader(io.StringIO(as_csv(found)))
    assert heads == list(COLUMNS)
    for row, line in zip(found, lines, strict=True):
        said = ["" if v is None else str(v).lower() if isinstance(v, bool) else str(v) for v in row.values()]
        assert line == said


def test_parquet_gives_the_rows_back_with_their_types():
    pytest.importorskip("pyarrow", reason="the extra export is not installed")
    from pyarrow import BufferReader, parquet

    found = rows(RUNS)
    table = parquet.read_table(BufferReader(as_parquet(found)))
    assert table.to_pylist() == found
    assert str(table.schema.field("test_metric").type) == "double"
    assert table.schema.field("seed").metadata == {b"description": COLUMNS["seed"].what.encode()}


def test_the_document_has_a_line_for_every_column():
    text = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")
    shown = [line.split("|")[1].strip(" `") for line in text.splitlines() if line.startswith("| `")]
    assert shown == list(COLUMNS)
