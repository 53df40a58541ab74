import io
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from support.cells import after
from support.training import training as training_of
from torch import Tensor, nn

from harness.errors import BenchError
from harness.prepare.modules import first_batch
from harness.protocol import Protocol
from harness.records.kinds import Point
from harness.seeds import global_stream, stream_seed
from harness.train import evaluate as evaluation
from harness.train.evaluate import WrongOutput, evaluate, loss_of
from harness.train.loop import Training
from harness.train.replicas import Alone, Stacked
from tasks.spec import Split, Splits

CLASSES = 3


def data(sequences: int = 14, *, dtype: torch.dtype = torch.float64) -> Splits:
    """Random x (sequences, 2, 2) and labels; x[i, 0, 0] of the training set is i, so that a row can be known."""
    source = torch.Generator().manual_seed(5)

    def split(count: int) -> Split:
        x = torch.randn(count, 2, 2, generator=source, dtype=dtype)
        return Split(x, torch.randint(CLASSES, (count,), generator=source))

    splits = Splits(split(sequences), split(10), split(10))
    splits.train.x[:, 0, 0] = torch.arange(sequences)
    return splits


class One:
    """A training of a single seed, without the axis of replicas."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def __iter__(self) -> Iterator[Point]:
        return (points[0] for points in self.training)

    def __getattr__(self, name: str) -> Any:
        if name in ("best", "best_step", "diverged"):
            return getattr(self.training.replicas[0], name)
        return getattr(self.training, name)

    def test(self) -> float:
        return self.training.test()[0]


def trained(module: nn.Module, splits: Splits, **changes: Any) -> One:
    usual = {"max_steps": 12, "evaluations": 3, "learning_rate": 0.05, "clip": 3.0}
    usual |= {"metric": "accuracy", "higher_is_better": True, "classes": CLASSES}
    return One(training_of([module], [changes.pop("seed", 0)], splits, **(usual | changes)))


def evaluated(module: nn.Module, x: Tensor, y: Tensor, metric: str) -> float:
    return evaluate(Alone(module, x.device), x, y, metric)[0]


class Watched(nn.Module):
    """A linear classifier that remembers the rows of each training batch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, CLASSES, dtype=torch.float64)
        self.batches: list[list[int]] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.batches.append([int(row) for row in x[:, 0, 0]])
        return self.linear(x.flatten(1))


class Scripted(nn.Module):
    """After k training steps it answers the first script[k][n] of ten sequences of split n rightly, whatever it has
    learnt.

    x[i, 0] holds the label of a sequence, its place and the number of its split.
    """

    def __init__(self, script: dict[int, tuple[int, ...]]) -> None:
        super().__init__()
        self.script = script
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.logits = nn.Parameter(torch.zeros(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.steps += 1
            return self.logits.expand(len(x), CLASSES)
        label, place, split = x[:, 0, 0].long(), x[:, 0, 1], int(x[0, 0, 2])
        right = place < self.script[int(self.steps)][split]
        return nn.functional.one_hot(torch.where(right, label, (label + 1) % CLASSES), CLASSES).float()


def scripted_data() -> Splits:
    """Validation is split 0, test split 1."""
    y, place = torch.arange(10) % CLASSES, torch.arange(10)
    valid, test = (Split(torch.stack([y, place, torch.full((10,), n)], dim=1).float()[:, None], y) for n in (0, 1))
    return Splits(valid, valid, test)


# ----------------------------------------------------------------------------- the loop by hand


def by_hand(
    weight: Tensor, bias: Tensor, splits: Splits, batches: list[list[int]], settings: Protocol
) -> tuple[Tensor, Tensor, list[float]]:
    """Softmax regression with its gradient written out, the gradient clipped, Adam as in its paper or RMSprop with
    ASRNN's decay of 0.9.
    """
    parameters = [weight.clone(), bias.clone()]
    first = [torch.zeros_like(p) for p in parameters]
    second = [torch.zeros_like(p) for p in parameters]
    losses = []
    for step, rows in enumerate(batches):
        x, y = splits.train.x[rows].flatten(1), splits.train.y[rows]
        scores = (x @ parameters[0].T + parameters[1]).exp()
        chance = scores / scores.sum(dim=1, keepdim=True)
        losses.append(float(-chance[range(len(rows)), y].log().mean()))
        error = (chance - torch.eye(CLASSES, dtype=torch.float64)[y]) / len(rows)
        gradient = [error.T @ x, error.sum(dim=0)]
        norm = math.sqrt(sum(float(g.square().sum()) for g in gradient))
        if settings.clip and norm > settings.clip:
            gradient = [g * settings.clip / norm for g in gradient]
        rate = settings.learning_rate_at(step, len(splits.train.y))
        for i, g in enumerate(gradient):
            if settings.optimizer == "rmsprop":
                second[i] = 0.9 * second[i] + 0.1 * g.square()
                parameters[i] -= rate * g / (second[i].sqrt() + 1e-8)
                continue
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g.square()
            mean, square = first[i] / (1 - 0.9 ** (step + 1)), second[i] / (1 - 0.999 ** (step + 1))
            parameters[i] -= rate * mean / (square.sqrt() + 1e-8)
    return parameters[0], parameters[1], losses


@pytest.mark.parametrize(("optimizer", "clip"), [("adam", 0.0), ("adam", 0.3), ("rmsprop", 0.3)])
def test_training_agrees_with_the_loop_written_by_hand(optimizer, clip):
    torch.manual_seed(0)
    module, splits = Watched(), data()
    start = [p.detach().clone() for p in module.linear.parameters()]
    training = trained(module, splits, optimizer=optimizer, clip=clip)
    points = list(training)
    weight, bias, losses = by_hand(start[0], start[1], splits, module.batches, training.protocol)
    # clip_grad_norm_ divides by norm + 1e-6
    torch.testing.assert_close(module.linear.weight.detach(), weight, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(module.linear.bias.detach(), bias, rtol=1e-5, atol=1e-7)
    since = 0
    for point in points:
        assert point.train_loss == pytest.approx(sum(losses[since : point.step]) / (point.step - since), rel=1e-5)
        since = point.step


def test_clipping_and_the_schedule_change_the_weights():
    """What the test above compares does depend on both."""

    def weights(**fields: Any) -> Tensor:
        torch.manual_seed(0)
        module = Watched()
        list(trained(module, data(), **fields))
        return module.linear.weight.detach()

    assert not torch.allclose(weights(clip=0.3), weights(clip=0.0))
    assert not torch.allclose(weights(schedule="constant"), weights(schedule="hold-decay"))
    assert not torch.allclose(weights(optimizer="rmsprop"), weights())


def test_frozen_parameters_stay():
    module = Watched()
    module.linear.bias.requires_grad_(False)
    before = module.linear.bias.clone()
    list(trained(module, data()))
    assert torch.equal(module.linear.bias, before)


# ----------------------------------------------------------------------------- order of the data


def batches_of(**changes: Any) -> list[list[int]]:
    module = Watched()
    list(trained(module, data(), **changes))
    return module.batches


def test_an_epoch_shows_each_sequence_once_and_leaves_a_short_batch_out():
    batches = batches_of()  # 14 sequences: 3 batches of 4 an epoch
    assert all(len(batch) == 4 for batch in batches)
    for epoch in range(4):
        rows = list(itertools.chain(*batches[3 * epoch : 3 * epoch + 3]))
        assert len(set(rows)) == 12


def test_each_epoch_has_an_order_of_its_own():
    batches = batches_of()
    assert len({tuple(map(tuple, batches[3 * epoch : 3 * epoch + 3])) for epoch in range(4)}) == 4


def test_the_order_depends_on_the_seed():
    assert batches_of(seed=0) == batches_of(seed=0)
    assert batches_of(seed=0)[:3] != batches_of(seed=1)[:3]


def test_the_order_comes_from_the_stream_of_orders():
    first = [batch for seed in (0, 5) for batch in batches_of(seed=seed)[3:6]]
    expected = []
    for seed in (0, 5):
        generator = torch.Generator().manual_seed(stream_seed(seed, "order") + 1)  # the second epoch
        expected += torch.randperm(14, generator=generator)[:12].view(3, 4).tolist()
    assert first == expected


def test_the_order_depends_on_nothing_but_seed_and_epoch():
    usual = batches_of()
    torch.manual_seed(99)
    assert batches_of(learning_rate=0.5, max_steps=7, evaluations=1, optimizer="rmsprop") == usual[:7]


# ----------------------------------------------------------------------------- validation and test


def test_validation_is_measured_at_the_protocols_steps():
    training = trained(Watched(), data())
    points = list(training)
    assert [point.step for point in points] == training.protocol.evaluation_steps(14) == [1, 2, 4, 8, 12]
    assert [point.samples for point in points] == [4, 8, 16, 32, 48]


@pytest.mark.parametrize(
    ("valid", "test", "higher_is_better", "at"),
    [
        ((3, 6, 5), (9, 2, 8), True, 2),
        ((6, 6, 2), (1, 4, 7), True, 1),  # of equally good ones the earlier
        ((3, 6, 1), (2, 0, 9), False, 3),
    ],
)
def test_the_best_validation_picks_the_checkpoint_that_is_tested_whatever_the_test_set_says(
    valid, test, higher_is_better, at
):
    module = Scripted(dict(enumerate(zip(valid, test, strict=True), 1)))
    training = trained(module, scripted_data(), batch=10, max_steps=3, higher_is_better=higher_is_better)
    assert [point.valid_metric for point in training] == [number / 10 for number in valid]
    assert (training.best, training.best_step, training.test()) == (valid[at - 1] / 10, at, test[at - 1] / 10)


def test_the_checkpoint_does_not_change_while_training_goes_on():
    module = Watched()
    training = trained(module, data(), evaluations=1)
    seen = {}
    for point in training:
        seen[point.step] = module.linear.weight.detach().clone()
    training.test()
    assert torch.equal(module.linear.weight, seen[training.best_step])


def test_accuracy_is_the_share_of_right_answers_over_all_batches(monkeypatch):
    monkeypatch.setattr(evaluation, "EVALUATION_BATCH", 4)  # 4, 4 and 2 sequences
    module = Scripted({0: (9,)})
    assert evaluated(module, *scripted_data().valid, "accuracy") == 0.9


def test_mse_is_the_mean_over_all_targets(monkeypatch):
    monkeypatch.setattr(evaluation, "EVALUATION_BATCH", 2)
    x = torch.tensor([[[1.0]], [[2.0]], [[3.0]]])
    y = torch.zeros(3, 1)
    assert evaluated(nn.Flatten(), x, y, "mse") == pytest.approx((1 + 4 + 9) / 3)


def test_cross_entropy_of_labels_at_each_step_is_the_mean_over_all_steps(monkeypatch):
    monkeypatch.setattr(evaluation, "EVALUATION_BATCH", 1)
    x = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]], [[0.0, math.log(3)], [0.0, 0.0]]])  # sure: 1/2, 3/4, 1/4, 1/2
    y = torch.zeros(2, 2, dtype=torch.int64)
    expected = -(math.log(1 / 2) + math.log(3 / 4) + math.log(1 / 4) + math.log(1 / 2)) / 4
    assert evaluated(nn.Identity(), x, y, "cross_entropy") == pytest.approx(expected)
    assert float(loss_of(x, y)) == pytest.approx(expected)
    assert evaluated(nn.Identity(), x, y, "accuracy") == 0.75  # a tie goes to the first class


def test_evaluation_is_without_noise_and_gradients_and_training_goes_on_after_it():
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, CLASSES, dtype=torch.float64))
    split = data().valid
    assert evaluated(module, *split, "cross_entropy") == evaluated(module, *split, "cross_entropy")
    assert module[2].weight.grad is None
    assert module.training


# ----------------------------------------------------------------------------- going on from a state


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def without_seconds(points: list[Point]) -> list[tuple[object, ...]]:
    return [(point.step, point.samples, point.train_loss, point.valid_metric) for point in points]


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.parametrize("stopped_at", [0, 3, 4, 11])
def test_a_run_restored_from_its_state_ends_bit_for_bit_as_an_undisturbed_one(stopped_at, optimizer):
    def begin(seed_of_weights: int, stop: Callable[[], bool] = lambda: False) -> One:
        torch.manual_seed(seed_of_weights)
        return trained(Noisy(), data(dtype=torch.float32), optimizer=optimizer, stop=stop)

    with global_stream(0, "noise"):
        whole = begin(1)
        expected = list(whole)

    with global_stream(0, "noise"):
        first = begin(1, stop=after(stopped_at))
        points = list(first)
        assert first.stopped
        assert first.step == stopped_at
        file = io.BytesIO()
        torch.save(first.state(0), file)
    file.seek(0)
    with global_stream(7, "noise"):
        second = begin(2)
        second.restore([torch.load(file, weights_only=True)])
        points += list(second)

    assert without_seconds(points) == without_seconds(expected)
    for name, value in whole.model.weights(0).items():
        assert torch.equal(second.model.weights(0)[name], value), name
    assert (second.best, second.best_step, second.test()) == (whole.best, whole.best_step, whole.test())


def test_seconds_go_on_from_a_state():
    first = trained(Watched(), data(), stop=after(2))
    list(first)
    first.training.seconds, first.training.evaluation_seconds = 100.0, 10.0
    second = trained(Watched(), data())
    second.restore([first.state(0)])
    assert list(second)[-1].seconds > 100.0
    assert second.evaluation_seconds > 10.0


# ----------------------------------------------------------------------------- what a module is told and asked


def test_a_module_that_asks_is_told_the_progress_before_each_step():
    class Asks(Watched):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[float] = []

        def set_progress(self, fraction: float) -> None:
            assert len(self.told) == len(self.batches)
            self.told.append(fraction)

    module = Asks()
    list(trained(module, data(), max_steps=8))
    assert module.told == [step / 8 for step in range(8)]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (lambda x: x.new_zeros(len(x), CLASSES + 1), r"\(4, 4\)"),
        (lambda x: x.new_zeros(len(x), 2, CLASSES), r"\(4, 2, 3\)"),
        (lambda x: (x.new_zeros(len(x), CLASSES), None), "tuple"),
    ],
)
def test_a_wrong_output_is_named_at_the_first_step(answer, found):
    class Wrong(Watched):
        def forward(self, x: Tensor) -> Any:
            return answer(x)

    with pytest.raises(WrongOutput, match=rf"the model answers with {found} where \(4, 3\) is needed"):
        list(trained(Wrong(), data()))


def test_targets_must_have_the_outputs_shape():
    x = torch.randn(8, 2, 2)
    split = Split(x, torch.randn(8, 1))
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))  # (8, 2) would broadcast against (8, 1)
    with pytest.raises(WrongOutput, match=r"\(4, 2\) where \(4, 1\)"):
        list(trained(module, Splits(split, split, split), metric="mse", higher_is_better=False, classes=1))


def test_fewer_sequences_than_a_batch_are_refused():
    with pytest.raises(BenchError, match="a batch of 4 needs more than the 3 training sequences"):
        trained(Watched(), data(sequences=3))


class Breaks(Watched):
    """Its answers are not finite from some training step on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def forward(self, x: Tensor) -> Tensor:
        answers = super().forward(x)
        return answers * float("nan") if self.training and len(self.batches) > self.at else answers


def test_a_run_whose_loss_is_no_number_ends_at_the_next_evaluation():
    training = trained(Breaks(at=5), data())
    points = list(training)
    assert [point.step for point in points] == [1, 2, 4, 8]
    assert training.diverged == "the loss is no finite number at step 8"
    assert points[-1].valid_metric is None
    assert points[-1].train_loss is None
    assert training.best_step in (1, 2, 4)


@pytest.mark.parametrize(
    ("metric", "factor"),
    [("cross_entropy", math.inf), ("accuracy", math.nan)],  # argmax names a class for NaN as well
)
def test_a_validation_metric_that_is_no_number_ends_a_run(metric, factor):
    class BreaksInEvaluation(Watched):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1.0 if self.training else factor)

    training = trained(BreaksInEvaluation(), data(), metric=metric, higher_is_better=metric == "accuracy")
    (point,) = training
    assert training.diverged == "the validation metric is no finite number at step 1"
    assert (point.valid_metric, training.best) == (None, None)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize(
    ("value", "at", "accuracy"),
    [
        (math.nan, (2, 0), math.nan),
        (math.nan, (2, slice(None)), math.nan),
        (math.inf, (2, 1), math.nan),
        (-math.inf, (2, slice(None)), math.nan),
        (-math.inf, (2, 1), 1.0),  # a class that is ruled out
    ],
)
def test_an_answer_that_is_no_finite_number_is_never_right(value, at, accuracy, stacked):
    class Answers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            return x[:, 0] * self.scale

    x = torch.zeros(4, 1, CLASSES)
    x[:, 0, 0] = 1.0
    x[at[0], 0, at[1]] = value
    y = torch.zeros(4, dtype=torch.int64)
    modules = [Answers() for _ in range(1 + stacked)]
    model = Stacked(modules, [0, 1], x.device) if stacked else Alone(modules[0], x.device)
    assert evaluate(model, x, y, "accuracy") == pytest.approx([accuracy] * (1 + stacked), nan_ok=True)


def test_a_model_that_writes_into_its_input_changes_nobodys_data():
    class Writes(Watched):
        def forward(self, x: Tensor) -> Tensor:
            answer = super().forward(x.clone())
            x.fill_(math.nan)
            return answer

    splits, whole = data(), data()
    first_batch(splits, 4)[0].fill_(math.nan)
    training = trained(Writes(), splits)
    list(training)
    training.test()
    assert not training.diverged
    for split, kept in zip(splits, whole, strict=True):
        assert torch.equal(split.x, kept.x)


# ----------------------------------------------------------------------------- clocks


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Timed(Watched):
    """A training step takes 1 second, an evaluation 100."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def forward(self, x: Tensor) -> Tensor:
        self.clock.now += 1.0 if self.training else 100.0
        return super().forward(x)


def test_seconds_are_those_of_training_alone(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("harness.train.loop.time.perf_counter", clock)
    training = trained(Timed(clock), data())
    for point in training:
        clock.now += 1000.0  # what is done between evaluation and the next step is no training either
        assert point.seconds == point.step
    assert training.seconds == 12.0
    assert training.evaluation_seconds == 5 * 100.0


def test_seconds_of_a_stopped_run_include_its_last_steps(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("harness.train.loop.time.perf_counter", clock)
    training = trained(Timed(clock), data(), stop=after(7))
    assert [point.step for point in training] == [1, 2, 4]
    assert training.seconds == 7.0
