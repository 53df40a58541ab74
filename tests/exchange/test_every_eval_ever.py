"""Runs in the schema of Every Eval Ever, of which schema/ has a copy."""

import json
from pathlib import Path

import pytest
from support.records import FACTS, made_run

from harness.exchange.every_eval_ever import SCHEMA, evaluation

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
PUBLISHED = json.loads((Path(__file__).parent / "schema" / "every_eval_ever.json").read_text(encoding="utf-8"))


def test_a_run_is_an_object_of_the_published_schema():
    check = jsonschema.Draft7Validator(PUBLISHED)
    assert PUBLISHED["version"] == SCHEMA
    loss = {name: getattr(FACTS, name) for name in ("title", "chance", "target", "length")}
    odd = type(FACTS)(**loss, metric="mse", higher_is_better=False)
    own = type(FACTS)(**loss, metric="hits", higher_is_better=True)
    for run in (
        made_run(more_metrics={"noise": 0.5, "silence": None}),
        made_run("mine.py:Net", task=odd, machine={}, width=None, settings={}),
        made_run(task=own, title=""),
    ):
        assert list(check.iter_errors(evaluation(run))) == []


def test_the_numbers_are_the_runs():
    found = evaluation(made_run(more_metrics={"noise": 0.5, "silence": None}))
    scores = {one["evaluation_name"]: one["score_details"]["score"] for one in found["evaluation_results"]}
    assert scores == {"sfc": 0.75, "sfc, noise": 0.5}
    metric = found["evaluation_results"][0]["metric_config"]
    assert (metric["lower_is_better"], metric["min_score"], metric["max_score"]) == (False, 0.0, 1.0)
    assert found["evaluation_timestamp"] == "2025-03-01T12:00:00+00:00"
    assert found["retrieved_timestamp"] == "1740830400"
    assert found["source_metadata"]["evaluator_relationship"] == "third_party"
    assert evaluation(made_run("mine.py:Net"))["source_metadata"]["evaluator_relationship"] == "other"


def test_a_run_without_a_test_result_has_no_place_there():
    assert evaluation(made_run(test_metric=None, status="diverged")) is None
