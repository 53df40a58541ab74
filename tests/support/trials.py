"""A made-up tuning: trials in a folder, without any training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.catalog import source_digest
from harness.records.store import Store
from harness.tune.space import point_at, seeds_of, trial_of

from .records import made_run

Scores = Mapping[tuple[str, str], Sequence[Sequence[float | None]]]  # (task, model) -> points -> seeds


def made_trials(root: Path, scores: Scores, protocol: str = "smoke", **changes: Any) -> Store:
    """A folder with a trial for each validation metric; None is one that diverged, with a metric from before."""
    store = Store(root)
    for (task, model), points in scores.items():
        for number, seeds in enumerate(points):
            trial = trial_of(protocol, number, len(points))
            at = point_at(protocol, len(points), number, model)
            for seed, score in zip(seeds_of(protocol), seeds, strict=False):
                facts: dict[str, Any] = {
                    "protocol": trial.name,
                    "protocol_version": trial.version,
                    "task_name": task,
                    "status": "diverged" if score is None else "ok",
                    "reason": "the loss is no finite number at step 3" if score is None else "",
                    "valid_metric": 0.99 if score is None else score,
                    "point": at.facts(),
                    "source": source_digest(model),
                    "settings": {"learning_rate": at.learning_rate or 0.001},
                }
                store.save_run(made_run(model, seed, None, **(facts | changes)))
    return store
