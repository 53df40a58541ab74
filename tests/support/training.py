"""Small trainings in float64 of one seed or of several, and what is left of them."""

import io
from typing import Any

import torch
from torch import nn

from harness import catalog
from harness.checks import models as checks
from harness.protocol import Protocol
from harness.records.kinds import Point
from harness.seeds import global_stream
from harness.train.loop import Training
from tasks.spec import Split, Splits

SHAPE = checks.Example(length=9, inputs=2, outputs=3)
BATCH = 4


def protocol(**fields: Any) -> Protocol:
    usual: dict[str, Any] = {"batch": BATCH, "max_steps": 50, "evaluations": 3, "learning_rate": 0.02, "clip": 0.1}
    return Protocol("mine", 1, "smoke", "3k", 3, **(usual | fields))


def data(sequences: int = 90, dtype: torch.dtype = torch.float64) -> Splits:
    """Of 22 batches an epoch, so that 50 steps see three orders."""
    source = torch.Generator().manual_seed(5)

    def split(count: int) -> Split:
        x = torch.randn(count, SHAPE.length, SHAPE.inputs, generator=source, dtype=dtype)
        return Split(x, (x.sum(dim=(1, 2)) > 0).long() + (x[:, 0, 0] > 0))

    return Splits(split(sequences), split(30), split(30))


def built(name: str, seed: int) -> nn.Module:
    return checks.built(catalog.find_model(name), SHAPE, seed=seed, width=5)


def training(modules: list[nn.Module], seeds: list[int], splits: Splits | None = None, **changes: Any) -> Training:
    fields = {key: changes.pop(key) for key in list(changes) if key in Protocol.__dataclass_fields__ and key != "seeds"}
    usual: dict[str, Any] = {"metric": "cross_entropy", "higher_is_better": False, "classes": SHAPE.outputs}
    return Training(modules, splits or data(), protocol(**fields), seeds=seeds, **(usual | changes))


def ended(run: Training, seed: int) -> list[dict[int, Point]]:
    with global_stream(seed, "noise"):
        return list(run)


def saved(run: Training, place: int) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(run.state(place), file)
    file.seek(0)
    return torch.load(file, weights_only=True, map_location="cpu")
