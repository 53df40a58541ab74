"""A small training with fixed seeds, as `bench run` does it: its command line, and the numbers in its records.

Numbers are lower the better, and finite: asv hangs on infinity and skips what is no number. This file needs nothing
but the standard library and takes no other file, so that the asv suite can load it beside any commit's harness.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STEPS, SEEDS, STAY = 150, 5, 2
TARGET = 0.6  # validation accuracy; a third is chance, and most models come to it within the steps
SETTINGS = {"max_steps": STEPS, "evaluations": 15, "learning_rate": 0.01}


@dataclass(frozen=True, slots=True)
class Trained:
    """One run. error: of the test set, 1 - accuracy; loss: of training, mean over the last half of the steps, as the
    last few alone differ much from seed to seed; steps: to the target, all of them where it was never reached.
    None: the run has no such number."""

    status: str
    reason: str
    version: int
    params: int | None
    error: float | None
    loss: float | None
    steps: float | None


def words(
    task: str, models: Iterable[str], results: Path, device: str = "cpu", *, steps: int = STEPS, seeds: int = SEEDS
) -> list[str]:
    """What follows `bench`, with options that older commits have too."""
    settings = {**SETTINGS, "max_steps": steps}
    line = ["run", "--task", task, "--models", ",".join(models), "--protocol", "smoke", "--seeds", str(seeds)]
    line += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return [*line, "--device", device, "--workers", "0", "--no-measure", "--results", str(results)]


def read(results: Path) -> dict[str, dict[int, Trained]]:
    """Model -> seed -> run, of all records in a folder."""
    found: dict[str, dict[int, Trained]] = {}
    for path in sorted((results / "runs").rglob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        cell = record["cell"]
        found.setdefault(cell["model"], {})[cell["seed"]] = numbers(record)
    return found


def numbers(record: Mapping[str, Any]) -> Trained:
    status, facts, curve = record["status"], record.get("task") or {}, record.get("curve") or []
    metric = _finite(record.get("test_metric"))
    error = metric if metric is None or not facts.get("higher_is_better", True) else 1 - metric
    whole = status == "ok" and bool(curve)
    return Trained(
        status=status,
        reason=record.get("reason", ""),
        version=record["protocol_version"],
        params=record.get("params"),
        error=error if whole else None,
        loss=_late_loss(curve) if whole else None,
        steps=float(_arrival(curve)) if whole else None,
    )


def mean(values: Sequence[float | None], what: str) -> float:
    """The mean over seeds; of steps to a target, with all the steps for a run that never arrived, it is the
    restricted mean. Raises ValueError where a run has no such number, as one that diverged: that is no number."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        raise ValueError(f"{what}: {len(values) - len(known)} of {len(values)} runs have none")
    return sum(known) / len(known)


def _arrival(curve: Sequence[Mapping[str, Any]]) -> int:
    """The step of the first evaluation from which on the target is held for STAY evaluations, else the last step."""
    hits = [(metric := _finite(point["valid_metric"])) is not None and metric >= TARGET for point in curve]
    for index, point in enumerate(curve):
        if all(hits[index : index + STAY]):
            return int(point["step"])
    return int(curve[-1]["step"])


def _late_loss(curve: Sequence[Mapping[str, Any]]) -> float | None:
    """A point's loss is the mean since the point before it."""
    steps: list[int] = [0, *(point["step"] for point in curve)]
    spans = zip(steps, steps[1:], curve, strict=False)
    late = [(end - begin, _finite(point["train_loss"])) for begin, end, point in spans if 2 * end > steps[-1]]
    if any(loss is None for _, loss in late):
        return None
    return sum(count * (loss or 0.0) for count, loss in late) / sum(count for count, _ in late)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
