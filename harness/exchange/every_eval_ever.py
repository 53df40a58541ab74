"""A run in the schema of Every Eval Ever (version 0.3.0, github.com/evaleval/every_eval_ever, MIT licence)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .. import __version__
from ..catalog import MODELS
from ..plan import split_options
from ..records.fields import RANGES
from ..records.kinds import RunRecord
from ..records.typed import LARGEST

SCHEMA = "0.3.0"
LIBRARY, AUTHORS = "multiscale-rnn-bench", "The multiscale RNN bench authors"  # as in CITATION.cff


def evaluation(run: RunRecord) -> dict[str, Any] | None:
    """The run as one object of the schema; None where it has no test result, as the schema has no place for that.

    The same run gives the same object: both timestamps are those of the run.
    """
    if run.task is None or run.test_metric is None or not run.finished:
        return None
    cell, epoch = run.cell, f"{datetime.fromisoformat(run.finished).timestamp():.0f}"
    scores = {cell.task: run.test_metric} | {f"{cell.task}, {name}": more for name, more in run.more_metrics.items()}
    ours = split_options(cell.model)[0] in MODELS
    facts = {
        "deployment_type": "self_deployed",
        "model_availability": "unknown",  # weights are not kept
        "budget": cell.budget,
        "params": run.params,
        "width": run.width,
        "source": run.source,
        "trained_from": f"seed {cell.seed}",
    }
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{cell.protocol}/{cell.task}/{cell.model}/{cell.budget}-{cell.seed}/{epoch}",
        "evaluation_timestamp": run.finished,
        "retrieved_timestamp": epoch,
        "source_metadata": {
            "source_name": LIBRARY,
            "source_type": "evaluation_run",
            "source_organization_name": AUTHORS,
            "evaluator_relationship": "third_party" if ours else "other",
        },
        "eval_library": {
            "name": LIBRARY,
            "version": str(run.machine.get("bench") or __version__),
            "additional_details": _texts({key: run.machine.get(key) for key in ("commit", "torch", "cpu", "gpu")}),
        },
        "model_info": {
            "name": run.title or cell.model,
            "id": f"{LIBRARY}/{cell.model}",
            "additional_details": _texts(facts),
        },
        "evaluation_results": [_result(run, name, score) for name, score in scores.items() if score is not None],
    }


def _result(run: RunRecord, name: str, score: float) -> dict[str, Any]:
    assert run.task is not None
    low, high = RANGES.get(run.task.metric, (-LARGEST, LARGEST))
    task, settings = run.task, {f"protocol.{key}": value for key, value in run.settings.items()}
    return {
        "evaluation_name": name,
        "source_data": {
            "dataset_name": task.title,
            "source_type": "other",
            "additional_details": _texts({"detail": task.detail, "checksum": run.data, "split": "test"}),
        },
        "evaluation_timestamp": run.finished,
        "metric_config": {
            "evaluation_description": f"{task.title}, sequences of {task.length} steps",
            "metric_id": task.metric,
            "metric_name": task.metric.replace("_", " "),
            "lower_is_better": not task.higher_is_better,
            "score_type": "continuous",
            "min_score": "-Infinity" if low == -LARGEST else low,
            "max_score": "Infinity" if high == LARGEST else high,
            "additional_details": _texts({"chance": task.chance, "target": task.target, "reference": task.reference}),
        },
        "score_details": {
            "score": score,
            "details": _texts({"seed": run.cell.seed, "best_step": run.best_step, "valid_metric": run.valid_metric}),
        },
        "generation_config": {"additional_details": _texts({"protocol": run.cell.protocol, **settings})},
    }


def _texts(facts: Mapping[str, Any]) -> dict[str, str]:
    """The facts that are known, as texts, which is all that the schema takes beside its own fields."""
    return {key: str(value) for key, value in facts.items() if value not in (None, "")}
