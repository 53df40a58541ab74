"""Records made by hand, for the tests of what reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.plan import Cell
from harness.records.kinds import Latency, Measurement, Point, RunRecord, TaskFacts
from harness.records.typed import SEAL

FACTS = TaskFacts("Counting", "accuracy", True, chance=0.5, target=0.7, length=40)


def unsealed(text: str) -> str:
    """The text of a record without its checksum, as records of before have none: it may be changed."""
    return text.rpartition(SEAL)[0] + "\n}\n"


def made_curve(values: Sequence[float | None], every: int = 100) -> tuple[Point, ...]:
    """A curve with these validation metrics, one each `every` steps, two samples and 0.5 seconds a step."""
    steps = [every * (place + 1) for place in range(len(values))]
    return tuple(Point(step, 2 * step, step / 2, 1.0, value) for step, value in zip(steps, values, strict=True))


def made_run(model: str = "gru", seed: int = 0, test_metric: float | None = 0.75, **changes: Any) -> RunRecord:
    """The record of a run that went well; `protocol`, `task` and `budget` change its cell."""
    cell = Cell(
        changes.pop("protocol", "smoke"), changes.pop("task_name", "sfc"), model, changes.pop("budget", "3k"), seed
    )
    usual: dict[str, Any] = {
        "status": "ok",
        "protocol_version": 1,
        "title": model.upper(),
        "task": FACTS,
        "width": 20,
        "params": 3004,
        "slack": 0.0013,
        "test_metric": test_metric,
        "valid_metric": test_metric,
        "best_step": 300,
        "curve": made_curve([0.5, 0.75, 0.8]),
        "train_seconds": 150.0,
        "evaluation_seconds": 3.0,
        "settings": {"batch": 20, "optimizer": "adam", "learning_rate": 0.001},
        "machine": {
            "cpu": "Some processor",
            "cores": 2,
            "torch": "2.9.0",
            "commit": "0123456789abcdef",
            "dirty": False,
        },
        "finished": "2025-03-01T12:00:00+00:00",
    }
    return RunRecord(cell, **(usual | changes))


def runs_of(scores: Mapping[str, Sequence[float | None]], **changes: Any) -> list[RunRecord]:
    """A run for each score of a model, one a seed; None is a run that diverged."""
    return [
        made_run(model, seed, score, **({"status": "diverged"} if score is None else {}), **changes)
        for model, values in scores.items()
        for seed, score in enumerate(values)
    ]


def made_measurement(model: str = "gru", **changes: Any) -> Measurement:
    usual: dict[str, Any] = {
        "protocol": "smoke",
        "protocol_version": 1,
        "task": "sfc",
        "budget": "3k",
        "status": "ok",
        "batch": 20,
        "forward": Latency(1.0, 0.9, 1.1, 12),
        "step": Latency(4.0, 3.5, 4.5, 40),
        "yardstick": "lstm-s",
        "ratio": 2.0,
        "peak_bytes": 3 * 2**20,
    }
    return Measurement(model=model, **(usual | changes))


def made_insight(steps: int = 40, kind: str = "exclusive", **changes: Any) -> dict[str, Any]:
    """What insight.py records: two scales, of which the second is in use at every fourth step.

    kind: exclusive, attention or none. changes: of the entry `scales`; `words` and `signal` are its example's.
    """
    bins = min(steps, 40)
    second = [float(t % 4 == 3) for t in range(steps)]
    example: dict[str, Any] = {"steps": steps, "class": "sine"}
    example |= {key: changes.pop(key) for key in ("words", "signal") if key in changes}
    example |= {"chosen": [int(u) for u in second]} if kind == "exclusive" else {"use": [[0.25] * steps, second]}
    scales: dict[str, Any] = {
        "labels": ["scale 0", "scale 1"],
        "meaning": "share of sequences in which the scale is chosen",
        "exclusive": kind == "exclusive",
        "mean": [[0.75] * bins, [0.25] * bins],
        "overall": [0.75, 0.25],
        "example": example,
        "classes": [
            {"name": "sine", "sequences": 30, "use": [0.5, 0.5]},
            {"name": "square", "sequences": 34, "use": [1, 0]},
        ],
    }
    gradient = {"initial": [10.0 ** (t - bins) for t in range(bins)], "trained": [1 + t / bins for t in range(bins)]}
    return {
        "sequences": 64,
        "steps": steps,
        "bin": steps // bins,
        "gradient": gradient,
        "scales": None if kind == "none" else scales | changes,
    }
