"""A training step that is recorded and replayed, with the recording emulated on a CPU."""

from typing import Any

import pytest
import torch
from recording import Emulated, Uncaptured
from test_replicas import Training, built, data, ended, training
from torch import Tensor, nn

from harness import catalog
from harness.graph import REHEARSALS
from models import MODELS


@pytest.fixture(autouse=True)
def _optimizers_that_can_be_recorded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("adam", "rmsprop"):
        monkeypatch.setattr(f"torch.optim.{name}._get_capturable_supported_devices", lambda *_, **__: ["cpu"])


def trained(name: str, replicas: int, recorder: Any, **changes: Any) -> tuple[list[Any], list[Any]]:
    """Curves and final weights of 20 steps: 7 batches an epoch, 4 evaluations, a schedule that falls at step 15."""
    seeds = list(range(replicas))
    run = training([built(name, seed) for seed in seeds], seeds, data(30), max_steps=20, recorder=recorder, **changes)
    curves = [
        [(place, point.step, point.train_loss, point.valid_metric) for place, point in points.items()]
        for points in ended(run, 0)
    ]
    return curves, [run.model.weights(place) for place in range(replicas)]


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_replayed_steps_give_what_the_step_gives_and_it_never_waits(name, replicas):
    recorder, plain = Emulated(), Uncaptured()
    with catalog.backend("eager"):
        curves, weights = trained(name, replicas, recorder)
        expected, wanted = trained(name, replicas, plain)
    assert (recorder.rehearsed, recorder.recorded, recorder.replayed) == (REHEARSALS, 1, 19 - REHEARSALS)
    for seen, right in zip(curves, expected, strict=True):
        for ours, theirs in zip(seen, right, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    for ours, theirs in zip(weights, wanted, strict=True):
        for key, value in theirs.items():
            torch.testing.assert_close(ours[key], value, rtol=1e-12, atol=1e-12, msg=key)
