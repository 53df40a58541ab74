"""Batches that do not lie on the device."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from support.cells import after
from support.recording import Emulated, Uncaptured
from support.training import training
from torch import Tensor, nn

from harness.seeds import global_stream
from harness.train.feed import Feed, needs_feed
from harness.train.loop import Training
from tasks.spec import Split, Splits

INPUTS, CLASSES = 3, 2
SETTINGS = {"max_steps": 6, "evaluations": 2, "learning_rate": 0.05, "clip": 3.0}
SETTINGS |= {"metric": "accuracy", "higher_is_better": True, "classes": CLASSES}


def data(sequences: int = 10) -> Splits:
    source = torch.Generator().manual_seed(0)

    def split() -> Split:
        x = torch.randn(sequences, 4, INPUTS, generator=source, dtype=torch.float64)
        x[:, 0, 0] = torch.arange(sequences)
        return Split(x, torch.randint(CLASSES, (sequences,), generator=source))

    return Splits(split(), split(), split())


def changed(splits: Splits, rows: Tensor, keys: Tensor) -> Tensor:
    """x with noise from each key."""
    sources = [torch.Generator().manual_seed(int(key)) for key in keys]
    noise = [torch.randn(4, INPUTS, generator=source, dtype=torch.float64) for source in sources]
    return splits.train.x[rows] + 0.1 * torch.stack(noise)


def as_it_is(splits: Splits, rows: Tensor, keys: Tensor) -> Tensor:
    return splits.train.x[rows]


class Watched(nn.Module):
    """A linear classifier with dropout that keeps what it saw in training."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4 * INPUTS, CLASSES, dtype=torch.float64)
        self.drop = nn.Dropout(0.5)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.append(x.clone())
        return self.linear(self.drop(x.flatten(1)))


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4 * INPUTS, CLASSES, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1))


def trained(kind: type[nn.Module], splits: Splits, seeds: tuple[int, ...] = (0,), **changes: Any) -> Training:
    modules = []
    for seed in seeds:
        with global_stream(seed, "init"):
            modules.append(kind())
    run = training(modules, list(seeds), splits, **(SETTINGS | changes))
    with global_stream(seeds[0], "noise"):
        list(run)
    return run


def augmented(how: Any) -> Splits:
    splits = data()
    return replace(splits, augment=partial(how, splits))


def test_data_on_the_device_need_no_feed():
    assert not needs_feed(data())
    assert needs_feed(augmented(changed))


@pytest.mark.parametrize("kind", [Watched, Plain])
def test_training_through_a_feed_gives_the_same_weights_bit_for_bit(kind):
    """With dropout, too: the feed draws nothing from the model's stream of noise."""
    gathered, fed = trained(kind, data()), trained(kind, augmented(as_it_is))
    assert gathered.feed is None
    assert fed.feed is not None
    for name, value in gathered.model.weights(0).items():
        assert torch.equal(fed.model.weights(0)[name], value)


def test_replicas_through_a_feed_train_as_each_alone():
    together = trained(Plain, augmented(changed), (3, 8))
    for place, seed in enumerate((3, 8)):
        alone = trained(Plain, augmented(changed), (seed,))
        for name, value in alone.model.weights(0).items():
            torch.testing.assert_close(together.model.weights(place)[name], value, rtol=1e-12, atol=1e-12)


def test_a_sequence_is_changed_anew_in_each_epoch_and_for_each_seed():
    """Ten sequences in batches of four: six steps are three epochs."""
    runs = [trained(Watched, augmented(changed), (seed,)) for seed in (0, 0, 1)]
    clean = data().train.x

    def versions(run: Training) -> dict[int, list[Tensor]]:
        found: dict[int, list[Tensor]] = {}
        for x in torch.cat(run.model.module.seen[:6]):
            nearest = int((clean - x).flatten(1).norm(dim=1).argmin())
            found.setdefault(nearest, []).append(x)
        return found

    first, same, other = map(versions, runs)
    assert max(map(len, first.values())) == 3
    for row, seen in first.items():
        assert not any(torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])
        assert all(torch.equal(a, b) for a, b in zip(seen, same[row], strict=True))
        assert not any(torch.equal(a, b) for a in seen for b in other.get(row, []))


def test_a_restored_run_sees_the_same_augmented_batches():
    whole = trained(Watched, augmented(changed))
    splits = augmented(changed)
    first = trained(Watched, splits, stop=after(3))
    assert first.step == 3
    with global_stream(0, "init"):
        module = Watched()
    second = training([module], [0], splits, **SETTINGS)
    with global_stream(0, "noise"):
        second.restore([first.state(0)])
        list(second)
    for ours, theirs in zip(second.model.module.seen, whole.model.module.seen[3:], strict=True):
        assert torch.equal(ours, theirs)


def test_batches_come_in_order_from_any_step_and_end_with_the_last():
    splits = augmented(as_it_is)

    def rows(step: int) -> tuple[Tensor, Tensor]:
        return torch.tensor([[step, step + 1]]), torch.zeros(1, 2, dtype=torch.int64)

    feed = Feed(splits, rows, 5, torch.device("cpu"))
    feed.begin(2)
    seen = []
    for _ in range(3):
        feed.take()
        seen.append(feed.x[0, :, 0, 0].tolist())
        feed.fetch()
    assert seen == [[2, 3], [3, 4], [4, 5]]
    assert feed.next is None
    assert torch.equal(feed.y[0], splits.train.y[[4, 5]])
    assert feed.waited > 0


def test_batches_lie_at_fixed_places():
    feed = Feed(augmented(as_it_is), lambda step: (torch.tensor([[step]]), torch.zeros(1, 1)), 3, torch.device("cpu"))
    place = feed.x.data_ptr()
    feed.begin(0)
    feed.take()
    assert feed.x.data_ptr() == place


def test_the_time_waited_before_an_interruption_counts():
    first = trained(Plain, augmented(changed), stop=after(3))
    first.feed.waited = 1000.0
    second = trained(Plain, augmented(changed), stop=lambda: True)
    second.restore([first.state(0)])
    second.stop = lambda: False
    list(second)
    assert 1000.0 < second.feed.waited < 1010.0


def test_a_recorded_step_takes_the_batches_of_the_feed(recordable_optimizers):
    plain, recorder = trained(Plain, augmented(changed), recorder=Uncaptured()), Emulated()
    recorded = trained(Plain, augmented(changed), recorder=recorder)
    assert recorder.replayed >= 2
    for name, value in plain.model.weights(0).items():
        torch.testing.assert_close(recorded.model.weights(0)[name], value, rtol=1e-12, atol=1e-12)
