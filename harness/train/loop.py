"""The training loop. It knows tensors and a protocol, but no files and no names.

The seeds of one model train together, each as it would alone: R replicas with initial weights, an
order of the data, noise, clipping, a best checkpoint and an early end of their own. Iterating over a
Training yields, after each evaluation, the Points of the replicas that are still alive. Validation
picks the checkpoint; the test set is read once, by `test`. `state` and `restore` make a run resumable
at any step with the same result, bit for bit on a CPU.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import BenchError
from ..protocol import Protocol
from ..records.kinds import Point
from ..seeds import stream_seed
from .evaluate import check_output, evaluate, loss_of
from .feed import Feed, needs_feed
from .fitting import at_once, fit
from .graph import Recorder, Repeated
from .optimizer import Optimizer
from .replicas import Alone, Stacked, State

if TYPE_CHECKING:
    from ..catalog import Splits


@dataclass(slots=True)
class Replica:
    """What is known of one of the seeds that train together."""

    seed: int
    best: float | None = None
    best_step: int | None = None
    best_weights: State | None = None
    diverged: str = ""  # why it ended early


class Training:
    """One model on one task with one seed or several.

    modules: one a seed, with its initial weights. A single one runs as it is and draws its noise from
    torch's global generators; several must be such that replicas.difference finds nothing.
    rates: the learning rate of each, where it is not the protocol's.
    carried: the data are pieces of one text; the batch's rows are as many streams through it, and a model
    takes up its state from piece to piece until the text begins anew.
    recorder: records the training step after a few steps; None: it runs from Python every time.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        splits: Splits,
        protocol: Protocol,
        *,
        seeds: Sequence[int],
        metric: str,
        higher_is_better: bool,
        classes: int,
        rates: Sequence[float] = (),
        carried: bool = False,
        stop: Callable[[], bool] = lambda: False,
        recorder: Recorder | None = None,
    ) -> None:
        self.splits, self.protocol = splits, protocol
        self.metric, self.classes, self.stop, self.beat = metric, classes, stop, lambda: None
        self.sign = 1.0 if higher_is_better else -1.0
        self.replicas = [Replica(seed) for seed in seeds]
        self.train_sequences = len(splits.train.y)
        if self.train_sequences < protocol.batch:
            raise BenchError(
                f"a batch of {protocol.batch} needs more than the {self.train_sequences} training sequences"
            )
        self.fitted = list(modules) if at_once(modules[0]) else []
        self.steps = 1 if self.fitted else protocol.steps(self.train_sequences)
        self.batches = self.train_sequences // protocol.batch  # an epoch; a last short one is left out
        self._ordered, self._orders = -1, torch.empty(0)
        self.pauses = {1} if self.fitted else set(protocol.evaluation_steps(self.train_sequences))
        device = splits.train.y.device
        self.model = Alone(modules[0], device) if len(modules) == 1 else Stacked(modules, seeds, device)
        recordable = device.type == "cuda" or recorder is not None
        differ = rates if len(set(rates)) > 1 else list(rates[:1]) or [protocol.learning_rate]
        self.rated = [replace(protocol, learning_rate=rate) for rate in differ]
        self.optimizer = Optimizer(self.model, protocol.optimizer, differ, protocol.clip, recordable)
        self.tell_progress: Callable[[float], None] | None = getattr(self.model.module, "set_progress", None)
        self.step = self.loss_steps = 0
        self.seconds = self.evaluation_seconds = 0.0
        # a recorded step finds these at their places
        self.rows = torch.zeros(len(seeds), protocol.batch, dtype=torch.int64, device=device)
        self.loss_sum = torch.zeros(len(seeds), dtype=torch.float64, device=device)
        self.carried, self.beginning = self._states() if carried else ((), ())
        self.order_device = torch.device("cpu") if needs_feed(splits) else device
        fed = needs_feed(splits) and not self.fitted
        self.feed = Feed(splits, self._rows_and_keys, self.steps, device) if fed else None
        self.update = Repeated(self._update, recorder, self.model.module, self.model.leaves, self.model.generators)
        self.stopped = False
        self.tested_more: dict[str, list[float]] = {}

    def _states(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Two copies of the state at the beginning of a text, (R, batch, ...) each: one to change, one to keep."""
        initial: Callable[[int], tuple[Tensor, ...]] = self.model.module.initial_state  # type: ignore[assignment]
        state = initial(self.protocol.batch)
        first, second = ([s.repeat(self.model.count, *[1] * s.ndim) for s in state] for _ in range(2))
        return tuple(first), tuple(second)

    @property
    def alive(self) -> list[int]:
        """The places of the replicas that have not diverged."""
        return [place for place, replica in enumerate(self.replicas) if not replica.diverged]

    def __iter__(self) -> Iterator[dict[int, Point]]:
        self.model.module.train()
        if self.feed is not None:
            self.feed.begin(self.step)
        clock = time.perf_counter()
        while self.step < self.steps and self.alive:
            self.seconds += time.perf_counter() - clock
            self.stopped = self.stop()
            clock = time.perf_counter()
            if self.stopped:
                break
            self._fit() if self.fitted else self._train_step()
            if self.step in self.pauses:
                sums: list[float] = self.loss_sum.tolist()  # the one wait for the device
                now = time.perf_counter()
                self.seconds += now - clock
                points = self._evaluate([total / max(1, self.loss_steps) for total in sums])
                self.evaluation_seconds += time.perf_counter() - now
                yield points
                clock = time.perf_counter()
        self.seconds += time.perf_counter() - clock

    def _train_step(self) -> None:
        if self.feed is not None:
            self.feed.take()
        else:
            self.rows.copy_(self._rows_at(self.step))
        if self.step % self.batches == 0:
            for state, beginning in zip(self.carried, self.beginning, strict=True):
                state.copy_(beginning)
        if self.tell_progress is not None:
            self.tell_progress(self.step / self.steps)
        self.optimizer.set_rates([at.learning_rate_at(self.step, self.train_sequences) for at in self.rated])
        self.update()
        if self.feed is not None:
            self.feed.fetch()
        self.loss_steps += 1
        self.step += 1

    def _fit(self) -> None:
        """All that there is of training for modules that are fitted at once; nothing where it is stopped meanwhile."""
        for replica, module in zip(self.replicas, self.fitted, strict=True):
            if not fit(module, replica.seed, self.splits.train, self.stop):
                return
        self.model.load([module.state_dict() for module in self.fitted])
        x, y = self.splits.train
        with torch.no_grad():
            check_output(self.fitted[0](x[:1].to(y.device, copy=True)), y[:1], self.classes)
        loss = "mse" if y.is_floating_point() else "cross_entropy"
        losses = evaluate(self.model, x, y, loss, self.beginning, self.protocol.batch, self.beat)
        self.loss_sum.copy_(torch.tensor(losses, dtype=torch.float64))
        self.loss_steps = self.step = 1

    def _update(self) -> None:
        """All that a step does on the device; it never waits for it, and every tensor keeps its place."""
        if self.feed is not None:
            x, y = self.feed.x, self.feed.y
        else:
            x, y = self.splits.train.x[self.rows], self.splits.train.y[self.rows]
        self.optimizer.zero_grad()
        with self.model.noise():
            if self.carried:
                losses, states = self.model.scores_and_state(self._loss, x, y, self.carried)
            else:
                losses, states = self.model.scores(self._loss, x, y), ()
            losses.sum().backward()
        for state, new in zip(self.carried, states, strict=True):
            state.copy_(new.detach())
        self.optimizer.step()
        self.loss_sum += losses.detach()

    def _loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        if self.step == 0:
            check_output(outputs, y, self.classes)
        return loss_of(outputs, y)

    def _rows_at(self, step: int) -> Tensor:
        """The rows of the data that a step takes, (R, batch)."""
        epoch, place = divmod(step, self.batches)
        if epoch != self._ordered:
            self._ordered = epoch
            orders = [self._order(replica.seed, epoch) for replica in self.replicas]
            self._orders = torch.stack(orders).to(self.order_device)
        return self._orders[:, place * self.protocol.batch : (place + 1) * self.protocol.batch]

    def _order(self, seed: int, epoch: int) -> Tensor:
        """An epoch's order depends on seed and epoch alone; a text is read from its beginning, in streams."""
        if self.beginning:
            return torch.arange(self.batches * self.protocol.batch).view(self.protocol.batch, -1).t().flatten()
        order = torch.Generator().manual_seed((stream_seed(seed, "order") + epoch) % 2**63)
        return torch.randperm(self.train_sequences, generator=order)

    def _rows_and_keys(self, step: int) -> tuple[Tensor, Tensor]:
        """What a step takes of the data, and a number for each that no other epoch and seed has; (R, batch) each."""
        rows = self._rows_at(step)
        first = torch.tensor([[stream_seed(replica.seed, "augment") // 2] for replica in self.replicas])
        return rows, first + step // self.batches * self.train_sequences + rows

    def _evaluate(self, losses: list[float]) -> dict[int, Point]:
        alive = self.alive
        metrics = [math.nan] * len(losses)
        if any(math.isfinite(losses[place]) for place in alive):
            metrics = self._metric(*self.splits.valid)
        self.loss_sum.zero_()
        self.loss_steps = 0
        return {place: self._judge(place, losses[place], metrics[place]) for place in alive}

    def _metric(self, x: Tensor, y: Tensor) -> list[float]:
        return evaluate(self.model, x, y, self.metric, self.beginning, self.protocol.batch, self.beat)

    def _judge(self, place: int, loss: float, metric: float) -> Point:
        replica = self.replicas[place]
        known = loss if math.isfinite(loss) else None
        samples = self.train_sequences if self.fitted else self.step * self.protocol.batch
        if known is None or not math.isfinite(metric):
            what = "loss" if known is None else "validation metric"
            replica.diverged = f"the {what} is no finite number at step {self.step}"
            return Point(self.step, samples, self.seconds, known, None)
        if replica.best is None or self.sign * metric > self.sign * replica.best:
            replica.best, replica.best_step = metric, self.step
            replica.best_weights = self.model.weights(place)
        return Point(self.step, samples, self.seconds, known, metric)

    def test(self) -> list[float]:
        """The test metric of each replica at its best validation checkpoint; `tested_more`: of further test sets."""
        clock = time.perf_counter()
        best = [replica.best_weights for replica in self.replicas]
        self.model.load([self.model.weights(place) if kept is None else kept for place, kept in enumerate(best)])
        tested = self._metric(*self.splits.test)
        self.tested_more = {name: self._metric(*split) for name, split in self.splits.more.items()}
        self.evaluation_seconds += time.perf_counter() - clock
        return tested

    def state(self, place: int) -> dict[str, Any]:
        """All that `restore` needs to go on with one replica from here, alone or in a group."""
        replica = self.replicas[place]
        kept = ("step", "seconds", "evaluation_seconds", "loss_steps")
        return {
            **{name: getattr(self, name) for name in kept},
            "loss_sum": float(self.loss_sum[place]),
            "waited": 0.0 if self.feed is None else self.feed.waited,
            "best": replica.best,
            "best_step": replica.best_step,
            "best_weights": replica.best_weights,
            "weights": self.model.weights(place),
            "carried": [state[place].clone() for state in self.carried],
            "optimizer": self.optimizer.state(place),
            "random": self.model.random_state(place),
        }

    def restore(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from the states of all replicas, which stand at one step.

        A single replica goes on inside a stream of random numbers as the run's.
        """
        first = states[0]
        if self.fitted and not first["step"]:
            return  # it is fitted anew
        self.step, self.loss_steps = first["step"], first["loss_steps"]
        self.seconds = max(state["seconds"] for state in states)
        self.evaluation_seconds = max(state["evaluation_seconds"] for state in states)
        if self.feed is not None:
            self.feed.waited = max(state["waited"] for state in states)
        self.loss_sum.copy_(torch.tensor([state["loss_sum"] for state in states], dtype=torch.float64))
        for replica, state in zip(self.replicas, states, strict=True):
            replica.best, replica.best_step = state["best"], state["best_step"]
            replica.best_weights = state["best_weights"]
        self.model.load([state["weights"] for state in states])
        for place, state in enumerate(states):
            for here, kept in zip(self.carried, state["carried"], strict=True):
                here[place].copy_(kept)
        self.model.set_random_states([state["random"] for state in states])
        self.optimizer.load([state["optimizer"] for state in states])
