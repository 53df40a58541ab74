"""A training step that is recorded and replayed, with the recording emulated on a CPU."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from support.cells import after
from support.recording import Emulated, Uncaptured
from support.registry import STEPPED
from support.training import built, data, ended, training
from torch import Tensor, nn

from harness import engine
from harness.train.graph import REHEARSALS
from harness.train.loop import Training

pytestmark = pytest.mark.usefixtures("recordable_optimizers")


@pytest.fixture(autouse=True)
def _operators_that_can_be_recorded() -> Iterator[None]:
    with engine.backend("eager"):
        yield


def trained(name: str, replicas: int, recorder: Any, **changes: Any) -> tuple[list[Any], list[Any]]:
    """Curves and final weights of 20 steps: 7 batches an epoch, 4 evaluations, a schedule that falls at step 15."""
    seeds = list(range(replicas))
    run = training([built(name, seed) for seed in seeds], seeds, data(30), max_steps=20, recorder=recorder, **changes)
    curves = [
        [(place, point.step, point.train_loss, point.valid_metric) for place, point in points.items()]
        for points in ended(run, 0)
    ]
    assert run.update.note == ""
    return curves, [run.model.weights(place) for place in range(replicas)]


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("name", STEPPED)
def test_replayed_steps_give_what_the_step_gives_and_it_never_waits(name, replicas):
    recorder, plain = Emulated(), Uncaptured()
    curves, weights = trained(name, replicas, recorder)
    expected, wanted = trained(name, replicas, plain)
    assert (recorder.rehearsed, recorder.recorded, recorder.replayed) == (REHEARSALS, 1, 19 - REHEARSALS)
    assert plain.replayed == 20 - REHEARSALS
    for seen, right in zip(curves, expected, strict=True):
        for ours, theirs in zip(seen, right, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    for ours, theirs in zip(weights, wanted, strict=True):
        for key, value in theirs.items():
            torch.testing.assert_close(ours[key], value, rtol=1e-12, atol=1e-12, msg=key)


def test_rmsprop_is_replayed_too():
    recorder = Emulated()
    plain = Uncaptured("lift_fresh")  # how torch counts steps where the counts are on the host
    ours, theirs = (trained("gru", 2, chosen, optimizer="rmsprop") for chosen in (recorder, plain))
    assert recorder.replayed > 0
    assert ours[0] == [[pytest.approx(point, rel=1e-12) for point in points] for points in theirs[0]]


class Refuses(Emulated):
    def record(self, *given: Any) -> Any:
        raise RuntimeError("operation not permitted\n  when stream is capturing")


def test_a_recording_that_fails_costs_nothing_and_says_why():
    run = training([built("aslstm", 0)], [0], data(30), max_steps=20, recorder=Refuses())
    points = ended(run, 0)
    assert not run.update.recorded
    expected = "no graph of the training step: RuntimeError: operation not permitted when stream is capturing"
    assert re.fullmatch(re.escape(expected) + r" \(test_graph\.py:\d+\)", run.update.note)
    plain = training([built("aslstm", 0)], [0], data(30), max_steps=20, recorder=Uncaptured())
    assert [p[0].train_loss for p in points] == [p[0].train_loss for p in ended(plain, 0)]


class Mean(nn.Module):
    """A linear classifier of the mean over time, with something beside its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Linear(2, 3, dtype=torch.float64)
        self.steps, self.factor, self.last = 0, 1.0, torch.zeros(2, dtype=torch.float64)


class Counts(Mean):
    """Keeps a number in Python that its answers depend on."""

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        return self.top(x.mean(1)) * self.steps


class Told(Mean):
    """Changes a number in Python late, when it is told to."""

    def set_progress(self, fraction: float) -> None:
        self.factor = 2.0 if fraction > 0.5 else 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.top(x.mean(1)) * self.factor


class Carries(Mean):
    """Keeps a tensor that is no buffer from step to step."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1) + self.last
        self.last = mean.detach().mean(0)
        return self.top(mean)


@pytest.mark.parametrize(
    ("kind", "name", "rehearsed"), [(Counts, "steps", 2), (Told, "factor", 3), (Carries, "last", 2)]
)
def test_a_module_that_changes_in_python_is_not_replayed_once_it_does(kind, name, rehearsed):
    def run(recorder: Any) -> Any:
        torch.manual_seed(1)
        return training([kind()], [0], data(30), max_steps=20, recorder=recorder)

    recorder = Emulated()
    ours = run(recorder)
    points = ended(ours, 0)
    assert recorder.rehearsed == rehearsed
    assert not ours.update.recorded
    assert ours.update.note == f"no graph of the training step: the module changes '{name}' from step to step"
    expected = ended(run(Refuses()), 0)
    assert [p[0].train_loss for p in points] == pytest.approx([p[0].train_loss for p in expected], rel=1e-12)


def test_a_restored_run_is_recorded_again():
    def begin(initial: list[int], recorder: Emulated, **changes: Any) -> Training:
        modules = [built("gru", seed) for seed in initial]
        return training(modules, [0, 1], data(30), max_steps=20, recorder=recorder, **changes)

    first = begin([0, 1], Emulated(), stop=after(9))
    points = ended(first, 0)
    recorder = Emulated()
    second = begin([5, 6], recorder)
    second.restore([first.state(0), first.state(1)])
    points += ended(second, 0)
    assert (recorder.rehearsed, recorder.recorded, recorder.replayed) == (3, 1, 20 - 9 - 3 - 1)
    whole = ended(begin([0, 1], Emulated()), 0)
    for ours, theirs in zip(points, whole, strict=True):
        assert [ours[k].train_loss for k in (0, 1)] == pytest.approx([theirs[k].train_loss for k in (0, 1)], rel=1e-12)


def test_a_short_run_ends_before_anything_is_recorded():
    recorder = Emulated()
    run: Training = training([built("gru", 0)], [0], data(30), max_steps=3, recorder=recorder)
    ended(run, 0)
    assert (recorder.rehearsed, recorder.recorded) == (3, 0)
    assert not run.update.recorded
    assert run.update.note == ""


@pytest.mark.parametrize("name", ["aslstm", "tp-rnn-s"])
def test_stretches_that_are_computed_again_are_replayed_too(name):
    expected, wanted = trained(name, 2, Uncaptured())
    with engine.backend("eager", 4):
        recorder = Emulated()
        curves, weights = trained(name, 2, recorder)
        trained(name, 2, Uncaptured())  # raises where it waits
    assert recorder.replayed > 0
    assert curves == [[pytest.approx(point, rel=1e-10) for point in points] for points in expected]
    for ours, theirs in zip(weights, wanted, strict=True):
        for key, value in theirs.items():
            torch.testing.assert_close(ours[key], value, rtol=1e-10, atol=1e-10, msg=key)
