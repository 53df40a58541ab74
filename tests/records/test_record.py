import json
from dataclasses import asdict, replace

import pytest
from support.records import made_curve, made_measurement, made_run

from harness.errors import CorruptRecord
from harness.records.kinds import STATUSES, Latency, Point, from_json, to_json


def strict(text: str) -> dict[str, object]:
    """Parse JSON as the standard has it, without NaN and Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    parsed: dict[str, object] = json.loads(text, parse_constant=refuse)
    return parsed


@pytest.mark.parametrize("status", STATUSES)
def test_a_run_comes_back_as_it_was(status):
    record = made_run(status=status, reason="because", source="abc")
    assert from_json(to_json(record), "here") == record


def test_a_run_that_never_began_comes_back_as_it_was():
    record = replace(made_run(test_metric=None), task=None, width=None, params=None, slack=None, curve=(), machine={})
    assert from_json(to_json(record), "here") == record


@pytest.mark.parametrize("changes", [{}, {"forward": None, "step": None, "ratio": None, "status": "failed"}])
def test_a_measurement_comes_back_as_it_was(changes):
    record = made_measurement(**changes)
    assert from_json(to_json(record), "here") == record


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_become_null(number):
    curve = (*made_curve([0.5]), Point(200, 400, 1.0, number, number))
    record = made_run(test_metric=number, valid_metric=None, curve=curve, settings={"x": [number]})
    data = strict(to_json(record))
    assert data["test_metric"] is None
    assert data["settings"] == {"x": [None]}
    again = from_json(to_json(record), "here")
    assert again.curve[0] == curve[0]
    assert again.curve[1] == Point(200, 400, 1.0, None, None)


def test_a_record_from_before_seeds_trained_together_can_be_read():
    text = changed(replicas="leave out", recompute="leave out", notes="leave out")
    assert from_json(text, "here") == made_run()


def test_what_was_seen_in_a_model_comes_back_and_may_be_missing():
    seen = {"steps": 3, "gradient": {"trained": [0, 1e-30, None]}, "words": ["a [", "\n1]"], "uses": [[1, 2.5], []]}
    record = made_run(insight=seen)
    assert from_json(to_json(record), "here") == record
    assert from_json(changed(insight="leave out"), "here") == made_run()
    assert '"trained": [ 0, 1e-30, null ]' in to_json(record)


def test_the_json_names_every_field():
    record = made_run()
    data = strict(to_json(record))
    assert set(data) == {"schema", "kind", *asdict(record)}


def changed(record: object = None, **changes: object) -> str:
    data = {**strict(to_json(record or made_run())), **changes}
    return json.dumps({key: value for key, value in data.items() if value != "leave out"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        to_json(made_run())[:-20],
        "[]",
        "3",
        changed(schema=0),
        changed(schema=None),
        changed(kind="other"),
        changed(kind="leave out"),
        changed(cell="leave out"),
        changed(cell=None),
        changed(cell={"task": "sfc"}),
        changed(curve=[{"step": 1}]),
        changed(curve=None),
        changed(status="splendid"),
        changed(status="leave out"),
        changed(protocol_version="leave out"),
        changed(surprise=1),
        changed(made_measurement(), step=[1, 2]),
        changed(made_measurement(), status="splendid"),
        changed(made_measurement(), surprise=1),
    ],
)
def test_what_is_no_record_is_named(text):
    with pytest.raises(CorruptRecord, match=r"results/x\.json is no record that can be read .*; mend or delete it"):
        from_json(text, "results/x.json")


def test_a_record_without_the_later_fields_can_be_read():
    """Fields with a default may be missing, so that a record of an earlier program still counts."""
    assert from_json(changed(source="leave out", evaluation_seconds="leave out"), "here").evaluation_seconds is None


OLD_MEASUREMENT = """{"schema": 1, "kind": "measurement", "protocol": "quick", "protocol_version": 3, "task": "sfc",
"model": "gru", "budget": "6k", "status": "ok", "reason": "", "batch": 50,
"forward": {"median": 1.5, "lower": 1.4, "upper": 1.6, "samples": 40},
"step": {"median": 4.5, "lower": 4.4, "upper": 4.6, "samples": 40}, "yardstick": "lstm-s", "ratio": 0.9,
"backend": "native", "peak_bytes": 7390000, "machine": {"cpu": "Some processor"}, "finished": "2025-03-01"}"""


def test_a_measurement_from_before_there_was_a_whole_one_can_be_read():
    record = from_json(OLD_MEASUREMENT, "here")
    assert record.step == Latency(4.5, 4.4, 4.6, 40)
    assert (record.whole, record.compared, record.controls, record.over_length) == (False, None, (), None)
    assert from_json(to_json(record), "here") == record
