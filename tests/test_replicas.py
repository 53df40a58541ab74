"""Seeds that train together give what each gives alone."""

import io
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness import catalog, checks
from harness.budget import as_width
from harness.protocol import Protocol
from harness.record import Point
from harness.replicas import Alone, Stacked, difference
from harness.seeds import global_stream
from harness.train import Training, evaluate, loss_of
from models import MODELS
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


def numbers(point: Point) -> tuple[Any, ...]:
    return (
        point.step,
        point.samples,
        pytest.approx(point.train_loss, rel=1e-10, abs=1e-10),
        pytest.approx(point.valid_metric, rel=1e-10, abs=1e-10),
    )


def assert_each_is_as_alone(build: Callable[[int], nn.Module], seeds: list[int], **changes: Any) -> Training:
    """Curves, final weights, best steps and test metrics of a group are those of its seeds alone."""
    group = training([build(seed) for seed in seeds], seeds, **changes)
    curves = ended(group, 99)
    final = [group.model.weights(place) for place in range(len(seeds))]
    tested = group.test()
    for place, seed in enumerate(seeds):
        alone = training([build(seed)], [seed], **changes)
        curve = [points[0] for points in ended(alone, seed)]
        assert [(p.step, p.samples, p.train_loss, p.valid_metric) for p in (points[place] for points in curves)] == [
            numbers(point) for point in curve
        ]
        weights = alone.model.weights(0)
        assert weights.keys() == final[place].keys()
        for name, value in weights.items():
            torch.testing.assert_close(final[place][name], value, rtol=1e-10, atol=1e-10, msg=name)
        ours, theirs = group.replicas[place], alone.replicas[0]
        assert (ours.best_step, ours.diverged) == (theirs.best_step, theirs.diverged)
        assert tested[place] == pytest.approx(alone.test()[0], rel=1e-10)
    return group


@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("name", MODELS)
def test_a_replica_of_every_model_is_what_its_seed_is_alone(name, backend):
    with catalog.backend(backend):
        assert_each_is_as_alone(partial(built, name), [3, 8])
