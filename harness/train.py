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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .errors import BenchError
from .graph import Recorder, Repeated
from .protocol import Protocol
from .record import Point
from .replicas import Alone, Stacked, State
from .seeds import stream_seed

if TYPE_CHECKING:
    from .catalog import Splits

EVALUATION_BATCH = 500


class WrongOutput(BenchError):
    """A model's answer does not have the shape that the task needs."""


def loss_of(outputs: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    """Cross-entropy for labels, squared error for real targets; labels are (batch,) or (batch, time)."""
    if y.is_floating_point():
        return F.mse_loss(outputs, y, reduction=reduction)
    return F.cross_entropy(outputs.flatten(0, -2), y.flatten(), reduction=reduction)


def check_output(outputs: Tensor, y: Tensor, classes: int) -> None:
    """Raise WrongOutput unless outputs fit the targets y of a batch."""
    wanted = tuple(y.shape) if y.is_floating_point() else (*y.shape, classes)
    if not isinstance(outputs, Tensor) or tuple(outputs.shape) != wanted:
        found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise WrongOutput(f"the model answers with {found} where {wanted} is needed")


@torch.no_grad()
def evaluate(model: Alone | Stacked, x: Tensor, y: Tensor, metric: str) -> list[float]:
    """accuracy, mse or cross_entropy of each replica over a whole split, in evaluation mode.

    A model that draws noise here draws it batch by batch, so a group and a seed alone draw the same only
    where the split is no longer than a group's batch.
    """

    def score(outputs: Tensor, answers: Tensor) -> Tensor:
        if metric == "accuracy":
            return (outputs.argmax(dim=-1) == answers).sum()
        return loss_of(outputs, answers, reduction="sum").double()

    model.module.eval()
    total = torch.zeros(model.count, dtype=torch.float64, device=x.device)
    batch = max(1, EVALUATION_BATCH // model.count)  # a group takes no more memory than one
    with model.noise():
        for inputs, answers in zip(x.split(batch), y.split(batch), strict=True):
            total += model.scores_of_all(score, inputs, answers)
    model.module.train()
    return [value / y.numel() for value in total.tolist()]


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
        stop: Callable[[], bool] = lambda: False,
        recorder: Recorder | None = None,
    ) -> None:
        self.splits, self.protocol = splits, protocol
        self.metric, self.classes, self.stop = metric, classes, stop
        self.sign = 1.0 if higher_is_better else -1.0
        self.replicas = [Replica(seed) for seed in seeds]
        self.train_sequences = len(splits.train.y)
        if self.train_sequences < protocol.batch:
            raise BenchError(
                f"a batch of {protocol.batch} needs more than the {self.train_sequences} training sequences"
            )
        self.steps = protocol.steps(self.train_sequences)
        self.pauses = set(protocol.evaluation_steps(self.train_sequences))
        device = splits.train.x.device
        self.model = Alone(modules[0], device) if len(modules) == 1 else Stacked(modules, seeds, device)
        self.optimizer = _optimizer(protocol, self.model.leaves, device.type == "cuda" or recorder is not None)
        self.tell_progress: Callable[[float], None] | None = getattr(self.model.module, "set_progress", None)
        self.step = 0
        self.seconds = 0.0
        self.evaluation_seconds = 0.0
        # a recorded step finds these at their places
        self.rows = torch.zeros(len(seeds), protocol.batch, dtype=torch.int64, device=device)
        self.loss_sum = torch.zeros(len(seeds), dtype=torch.float64, device=device)
        self.loss_steps = 0
        self.update = Repeated(self._update, recorder, self.model.module, self.model.leaves, self.model.generators)
        self.stopped = False

    @property
    def alive(self) -> list[int]:
        """The places of the replicas that have not diverged."""
        return [place for place, replica in enumerate(self.replicas) if not replica.diverged]

    def __iter__(self) -> Iterator[dict[int, Point]]:
        self.model.module.train()
        clock = time.perf_counter()
        while self.step < self.steps and self.alive:
            if self.stop():
                self.stopped = True
                break
            self._train_step()
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
        self.rows.copy_(self._next_rows())
        if self.tell_progress is not None:
            self.tell_progress(self.step / self.steps)
        rate = self.protocol.learning_rate_at(self.step, self.train_sequences)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        self.update()
        self.loss_steps += 1
        self.step += 1

    def _update(self) -> None:
        """All that a step does on the device; it never waits for it, and every tensor keeps its place."""
        x, y = self.splits.train.x[self.rows], self.splits.train.y[self.rows]
        self.optimizer.zero_grad(set_to_none=True)
        with self.model.noise():
            losses = self.model.scores(self._loss, x, y)
            losses.sum().backward()
        if self.protocol.clip:
            self.model.clip(self.protocol.clip)
        self.optimizer.step()
        self.loss_sum += losses.detach()

    def _loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        if self.step == 0:
            check_output(outputs, y, self.classes)
        return loss_of(outputs, y)

    def _next_rows(self) -> Tensor:
        """The next batch's rows of the data, (R, batch); an epoch's order depends on seed and epoch alone."""
        batches = self.train_sequences // self.protocol.batch
        epoch, place = divmod(self.step, batches)
        if place == 0 or not hasattr(self, "_orders"):
            orders = []
            for replica in self.replicas:
                order = torch.Generator().manual_seed((stream_seed(replica.seed, "order") + epoch) % 2**63)
                orders.append(torch.randperm(self.train_sequences, generator=order))
            self._orders = torch.stack(orders).to(self.rows.device)
        return self._orders[:, place * self.protocol.batch : (place + 1) * self.protocol.batch]

    def _evaluate(self, losses: list[float]) -> dict[int, Point]:
        alive = self.alive
        metrics = [math.nan] * len(losses)
        if any(math.isfinite(losses[place]) for place in alive):
            metrics = evaluate(self.model, *self.splits.valid, self.metric)
        self.loss_sum.zero_()
        self.loss_steps = 0
        return {place: self._judge(place, losses[place], metrics[place]) for place in alive}

    def _judge(self, place: int, loss: float, metric: float) -> Point:
        replica = self.replicas[place]
        known = loss if math.isfinite(loss) else None
        samples = self.step * self.protocol.batch
        if known is None or not math.isfinite(metric):
            replica.diverged = f"the loss is no finite number at step {self.step}"
            return Point(self.step, samples, self.seconds, known, None)
        if replica.best is None or self.sign * metric > self.sign * replica.best:
            replica.best, replica.best_step = metric, self.step
            replica.best_weights = self.model.weights(place)
        return Point(self.step, samples, self.seconds, known, metric)

    def test(self) -> list[float]:
        """The test metric of each replica at its best validation checkpoint."""
        clock = time.perf_counter()
        best = [replica.best_weights for replica in self.replicas]
        self.model.load([self.model.weights(place) if kept is None else kept for place, kept in enumerate(best)])
        tested = evaluate(self.model, *self.splits.test, self.metric)
        self.evaluation_seconds += time.perf_counter() - clock
        return tested

    def state(self, place: int) -> dict[str, Any]:
        """All that `restore` needs to go on with one replica from here, alone or in a group."""
        replica = self.replicas[place]
        kept = ("step", "seconds", "evaluation_seconds", "loss_steps")
        return {
            **{name: getattr(self, name) for name in kept},
            "loss_sum": float(self.loss_sum[place]),
            "best": replica.best,
            "best_step": replica.best_step,
            "best_weights": replica.best_weights,
            "weights": self.model.weights(place),
            "optimizer": [
                {name: (value if name == "step" else self._own(value, place)).clone() for name, value in entry.items()}
                for entry in (self.optimizer.state.get(leaf, {}) for leaf in self.model.leaves)
            ],
            "random": self.model.random_state(place),
        }

    def _own(self, value: Tensor, place: int) -> Tensor:
        return value if self.model.count == 1 else value[place]

    def restore(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from the states of all replicas, which stand at one step.

        A single replica goes on inside a stream of random numbers as the run's.
        """
        first = states[0]
        self.step, self.loss_steps = first["step"], first["loss_steps"]
        self.seconds = max(state["seconds"] for state in states)
        self.evaluation_seconds = max(state["evaluation_seconds"] for state in states)
        self.loss_sum.copy_(torch.tensor([state["loss_sum"] for state in states], dtype=torch.float64))
        for replica, state in zip(self.replicas, states, strict=True):
            replica.best, replica.best_step = state["best"], state["best_step"]
            replica.best_weights = state["best_weights"]
        self.model.load([state["weights"] for state in states])
        self.model.set_random_states([state["random"] for state in states])
        for leaf, entries in zip(self.model.leaves, zip(*(s["optimizer"] for s in states), strict=True), strict=True):
            for name, value in entries[0].items():
                on_host = name == "step" and not self.optimizer.param_groups[0]["capturable"]
                if name != "step" and self.model.count > 1:
                    value = torch.stack([entry[name] for entry in entries])
                self.optimizer.state[leaf][name] = value.clone() if on_host else value.to(leaf.device, copy=True)


def _optimizer(protocol: Protocol, leaves: Sequence[Tensor], recordable: bool) -> torch.optim.Optimizer:
    """Adam or RMSprop over leaves of any shape; recordable: its learning rate and counts are on the device."""
    rate: float | Tensor = protocol.learning_rate
    if recordable:
        rate = torch.tensor(rate, dtype=leaves[0].dtype, device=leaves[0].device)
    optimizer: torch.optim.Optimizer
    if protocol.optimizer == "rmsprop":
        # one tensor at a time it would read a rate on the device from the host
        several = True if recordable else None
        optimizer = torch.optim.RMSprop(leaves, lr=rate, alpha=0.9, capturable=recordable, foreach=several)
    else:
        optimizer = torch.optim.Adam(leaves, lr=rate, capturable=recordable)
    optimizer._warned_capturable_if_run_uncaptured = True  # a few steps are
    return optimizer
