"""Seeds that train together give what each gives alone."""

import copy
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from support.cells import after
from support.registry import EVERY, STEPPED
from support.training import BATCH, SHAPE, built, data, ended, saved, training
from torch import Tensor, nn

from harness import catalog, engine
from harness.checks import models as checks
from harness.records.kinds import Point
from harness.seeds import global_stream
from harness.train.evaluate import loss_of
from harness.train.loop import Training
from harness.train.replicas import difference


def numbers(point: Point) -> tuple[Any, ...]:
    values = (point.train_loss, point.valid_metric)
    near = (None if value is None else pytest.approx(value, rel=1e-10, abs=1e-10) for value in values)
    return point.step, point.samples, *near


def assert_each_is_as_alone(build: Callable[[int], nn.Module], seeds: list[int], **changes: Any) -> Training:
    """Curves, best steps, ends, final weights and test metrics of a group are those of its seeds alone."""
    group = training([build(seed) for seed in seeds], seeds, **changes)
    curves = ended(group, 99)
    final = [group.model.weights(place) for place in range(len(seeds))]
    tested = group.test()
    for place, seed in enumerate(seeds):
        alone = training([build(seed)], [seed], **changes)
        with global_stream(seed, "noise"):
            curve = [points[0] for points in alone]
            weights, expected = alone.model.weights(0), alone.test()[0]
        own = [points[place] for points in curves if place in points]
        assert [(p.step, p.samples, p.train_loss, p.valid_metric) for p in own] == [numbers(point) for point in curve]
        ours, theirs = group.replicas[place], alone.replicas[0]
        assert (ours.best_step, ours.diverged) == (theirs.best_step, theirs.diverged)
        if ours.diverged:  # it goes on with the others, but nobody looks
            continue
        assert tested[place] == pytest.approx(expected, rel=1e-10)
        assert weights.keys() == final[place].keys()
        for name, value in weights.items():
            torch.testing.assert_close(final[place][name], value, rtol=1e-10, atol=1e-10, msg=name)
    return group


@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("name", EVERY)
def test_a_replica_of_every_model_is_what_its_seed_is_alone(name, backend):
    # six layers that are normalised: at the usual rate a rounding error grows tenfold in five steps
    changes = {"learning_rate": 0.002} if name in ("indrnn", "s5") else {}
    with engine.backend(backend):
        assert_each_is_as_alone(partial(built, name), [3, 8], **changes)


def seeded(kind: Callable[[], nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return kind()


def linear(seed: int, *, break_at: float = math.inf) -> nn.Module:
    return seeded(partial(Sums, break_at), seed)


class Sums(nn.Module):
    """A linear classifier of the sum over time; its answers are not finite where the first weight is large."""

    def __init__(self, break_at: float) -> None:
        super().__init__()
        self.top = nn.Linear(SHAPE.inputs, SHAPE.outputs, dtype=torch.float64)
        self.factor = nn.Parameter(torch.ones((), dtype=torch.float64))
        self.break_at = break_at

    def forward(self, x: Tensor) -> Tensor:
        answers = self.factor * self.top(x.sum(1))
        return torch.where(self.top.weight.flatten()[0].abs() > self.break_at, torch.nan, answers)


def test_clipping_changes_these_trainings():
    weights = []
    for clip in (0.0, 0.1):
        run = training([built("gru", 0), built("gru", 1)], [0, 1], clip=clip)
        ended(run, 0)
        weights.append(run.model.weights(1)["rnn.weight_hh_l0"])
    assert not torch.allclose(*weights)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_replicas_train_as_alone_with_each_optimizer_and_without_clipping(optimizer):
    assert_each_is_as_alone(linear, [0, 1, 2, 3], optimizer=optimizer, clip=0.0)


def test_a_replica_that_diverges_ends_early_and_disturbs_nobody():
    group = assert_each_is_as_alone(partial(linear, break_at=0.68), [0, 1, 2, 4], learning_rate=0.05, clip=0.0)
    assert [replica.diverged for replica in group.replicas] == [
        "",
        "the validation metric is no finite number at step 4",
        "",
        "the loss is no finite number at step 50",
    ]


def test_training_stops_when_all_have_diverged():
    group = training([linear(seed, break_at=0.0) for seed in (0, 1)], [0, 1])
    (points,) = group
    assert [point.valid_metric for point in points.values()] == [None, None]
    assert group.alive == []
    assert group.step < group.steps


def test_noise_in_evaluation_is_each_seeds_own():
    spec = catalog.find_model("aslstm@evaluation=sample+tau=2.0")
    assert_each_is_as_alone(lambda seed: checks.built(spec, SHAPE, seed=seed, width=4), [2, 5], max_steps=12)


# ----------------------------------------------------------------------------- going on from a state


def without_seconds(points: dict[int, Point]) -> dict[int, tuple[Any, ...]]:
    return {k: (p.step, p.samples, p.train_loss, p.valid_metric) for k, p in points.items()}


@pytest.mark.parametrize(
    ("name", "optimizer"), [("aslstm", "adam"), ("hm-lstm", "rmsprop"), ("gru", "adam"), ("indrnn", "adam")]
)
def test_a_restored_group_ends_bit_for_bit_as_an_undisturbed_one(name, optimizer):
    def begin(first: int, stop: Callable[[], bool] = lambda: False) -> Training:
        modules = [built(name, first + k) for k in (0, 1)]
        return training(modules, [0, 1], data(40), max_steps=14, optimizer=optimizer, stop=stop)

    whole = begin(0)
    expected = ended(whole, 0)
    first = begin(0, stop=after(7))
    points = ended(first, 1)
    assert first.stopped
    second = begin(10)
    second.restore([saved(first, place) for place in (0, 1)])
    points += ended(second, 2)
    assert list(map(without_seconds, points)) == list(map(without_seconds, expected))
    for place in (0, 1):
        for key, value in whole.model.weights(place).items():
            assert torch.equal(second.model.weights(place)[key], value), key
    assert second.test() == whole.test()


def test_a_replica_of_a_group_can_go_on_alone_and_the_other_way_round():
    group = training([built("asgru", seed) for seed in (0, 1)], [0, 1], max_steps=14, stop=after(7))
    ended(group, 9)
    kept = saved(group, 1)
    whole = training([built("asgru", 1)], [1], max_steps=14)
    expected = ended(whole, 1)
    alone = training([built("asgru", 7)], [1], max_steps=14)
    with global_stream(3, "noise"):
        alone.restore([kept])
        points = list(alone)
    assert points[-1][0].train_loss == pytest.approx(expected[-1][0].train_loss, rel=1e-10)
    again = training([built("asgru", seed) for seed in (7, 8)], [1, 1], max_steps=14)
    again.restore([kept, kept])
    last = ended(again, 4)[-1]
    assert last[0].train_loss == pytest.approx(expected[-1][0].train_loss, rel=1e-10)
    assert last[0].valid_metric == last[1].valid_metric


class Scheduled(nn.Module):
    """A buffer that a schedule changes and that is saved with the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Linear(SHAPE.inputs, SHAPE.outputs, dtype=torch.float64)
        self.register_buffer("factor", torch.ones((), dtype=torch.float64))

    def set_progress(self, fraction: float) -> None:
        self.factor.fill_(1 + fraction)

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * self.top(x.sum(1))


def test_a_scheduled_buffer_is_that_of_each_replicas_best_step():
    group = assert_each_is_as_alone(partial(seeded, Scheduled), [0, 1, 2, 3], learning_rate=0.3, clip=0.0)
    assert len({replica.best_step for replica in group.replicas}) > 1


class Tied(nn.Module):
    """One weight under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(SHAPE.inputs, SHAPE.inputs, bias=False, dtype=torch.float64)
        self.second = nn.Linear(SHAPE.inputs, SHAPE.inputs, bias=False, dtype=torch.float64)
        self.second.weight = self.first.weight
        self.top = nn.Linear(SHAPE.inputs, SHAPE.outputs, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.top(self.second(torch.tanh(self.first(x))).sum(1))


def test_tied_weights_stay_tied():
    group = assert_each_is_as_alone(partial(seeded, Tied), [0, 1])
    weights = group.model.weights(1)
    assert torch.equal(weights["first.weight"], weights["second.weight"])


# ----------------------------------------------------------------------------- what can be stacked


def unlike(modules: list[nn.Module], dtype: torch.dtype = torch.float64) -> str:
    x, y = (tensor[:BATCH] for tensor in data(dtype=dtype).train)
    return difference(modules, list(range(len(modules))), x, y, loss_of)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("name", STEPPED)
def test_every_model_can_be_stacked(name, backend, dtype):
    with engine.backend(backend):
        assert unlike([built(name, seed).to(dtype) for seed in (0, 1)], dtype) == ""


class Wrapped(nn.Module):
    """Something before a linear classifier."""

    def __init__(self, inner: nn.Module, width: int = SHAPE.inputs) -> None:
        super().__init__()
        self.inner, self.top = inner, nn.Linear(width, SHAPE.outputs)

    def forward(self, x: Tensor) -> Tensor:
        inside = self.inner(x)
        return self.top((inside[0] if isinstance(inside, tuple) else inside).mean(1))


class Projection(nn.Module):
    """Random numbers that are not trained."""

    def __init__(self, *, buffer: bool) -> None:
        super().__init__()
        drawn = torch.randn(SHAPE.inputs, SHAPE.inputs)
        if buffer:
            self.register_buffer("drawn", drawn)
        else:
            self.drawn = nn.Parameter(drawn, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.drawn


class Counter(nn.Module):
    """Changes a buffer in place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return x * self.seen


class Looks(nn.Module):
    """Its course depends on a number that it reads."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Secret(nn.Module):
    """Has a number of its own in Python, drawn like an initial weight."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = float(torch.rand(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


STRANGE: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "lstm": (lambda: Wrapped(nn.LSTM(2, 4, batch_first=True), 4), "Batching rule not implemented"),
    "dropout": (lambda: Wrapped(nn.Dropout(0.5)), "random"),
    "buffer": (lambda: Wrapped(Projection(buffer=True)), "'inner.drawn' is not trained and is another for each seed"),
    "frozen": (lambda: Wrapped(Projection(buffer=False)), "'inner.drawn' is not trained and is another for each seed"),
    "counter": (lambda: Wrapped(Counter()), "'inner.seen' changes while it answers"),
    "looks": (lambda: Wrapped(Looks()), "data-dependent control flow"),
    "secret": (lambda: Wrapped(Secret()), "other numbers than each seed alone"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_cannot_be_stacked_is_found_before_training_and_stays_as_it_was(kind):
    make, reason = STRANGE[kind]
    modules = [seeded(make, seed).double() for seed in (0, 1)]
    before = copy.deepcopy([module.state_dict() for module in modules])
    torch.manual_seed(5)
    stream = torch.get_rng_state()
    try:
        found = unlike(modules)
    except RuntimeError as error:
        found = str(error)
    assert re.search(reason, found)
    assert torch.equal(torch.get_rng_state(), stream)
    for module, then in zip(modules, before, strict=True):
        assert module.training
        assert all(p.grad is None for p in module.parameters())
        for name, value in module.state_dict().items():
            assert torch.equal(value, then[name])


def test_batch_normalisation_counts_for_each_seed_apart():
    def build(seed: int) -> nn.Module:
        return seeded(lambda: Wrapped(nn.BatchNorm1d(SHAPE.length)), seed).double()

    assert unlike([build(seed) for seed in (0, 1)]) == ""
    group = assert_each_is_as_alone(build, [3, 8])
    first, second = (group.model.weights(place)["inner.running_mean"] for place in (0, 1))
    assert not torch.equal(first, second)


def test_a_model_that_gives_no_numbers_is_stacked_and_diverges():
    assert unlike([linear(seed, break_at=0.0) for seed in (0, 1)]) == ""
