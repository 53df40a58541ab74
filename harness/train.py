"""The training loop. It knows tensors and a protocol, but no files and no names.

Iterating over a Training yields a Point after each evaluation. Validation picks the checkpoint;
the test set is read once, by `test`. `state` and `restore` make a run resumable at any step with
the same result, bit for bit on a CPU.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .errors import BenchError
from .protocol import Protocol
from .record import Point
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
def evaluate(module: nn.Module, x: Tensor, y: Tensor, metric: str) -> float:
    """accuracy, mse or cross_entropy over a whole split, in evaluation mode."""
    module.eval()
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    for inputs, answers in zip(x.split(EVALUATION_BATCH), y.split(EVALUATION_BATCH), strict=True):
        outputs = module(inputs)
        if metric == "accuracy":
            total += (outputs.argmax(dim=-1) == answers).sum()
        else:
            total += loss_of(outputs, answers, reduction="sum").double()
    module.train()
    return float(total) / y.numel()


class Training:
    """One model on one task with one seed."""

    def __init__(
        self,
        module: nn.Module,
        splits: Splits,
        protocol: Protocol,
        *,
        seed: int,
        metric: str,
        higher_is_better: bool,
        classes: int,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.module, self.splits, self.protocol = module, splits, protocol
        self.seed, self.metric, self.classes, self.stop = seed, metric, classes, stop
        self.sign = 1.0 if higher_is_better else -1.0
        self.train_sequences = len(splits.train.y)
        if self.train_sequences < protocol.batch:
            raise BenchError(
                f"a batch of {protocol.batch} needs more than the {self.train_sequences} training sequences"
            )
        self.steps = protocol.steps(self.train_sequences)
        self.pauses = set(protocol.evaluation_steps(self.train_sequences))
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = _optimizer(protocol, self.parameters)
        self.tell_progress: Callable[[float], None] | None = getattr(module, "set_progress", None)
        self.step = 0
        self.seconds = 0.0
        self.evaluation_seconds = 0.0
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=splits.train.x.device)
        self.loss_steps = 0
        self.best: float | None = None
        self.best_step: int | None = None
        self.best_weights: dict[str, Tensor] | None = None
        self.diverged = ""
        self.stopped = False

    def __iter__(self) -> Iterator[Point]:
        self.module.train()
        clock = time.perf_counter()
        while self.step < self.steps and not self.diverged:
            if self.stop():
                self.stopped = True
                break
            self._train_step()
            if self.step in self.pauses:
                loss = float(self.loss_sum) / max(1, self.loss_steps)  # the one wait for the device
                now = time.perf_counter()
                self.seconds += now - clock
                point = self._evaluate(loss)
                self.evaluation_seconds += time.perf_counter() - now
                yield point
                clock = time.perf_counter()
        self.seconds += time.perf_counter() - clock

    def _train_step(self) -> None:
        x, y = self._batch()
        if self.tell_progress is not None:
            self.tell_progress(self.step / self.steps)
        rate = self.protocol.learning_rate_at(self.step, self.train_sequences)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        outputs = self.module(x)
        if self.step == 0:
            check_output(outputs, y, self.classes)
        loss = loss_of(outputs, y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.protocol.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.protocol.clip)
        self.optimizer.step()
        self.loss_sum += loss.detach()
        self.loss_steps += 1
        self.step += 1

    def _batch(self) -> tuple[Tensor, Tensor]:
        """The next batch; each epoch has an order of its own that depends on seed and epoch alone."""
        batches = self.train_sequences // self.protocol.batch
        epoch, place = divmod(self.step, batches)
        if place == 0 or not hasattr(self, "_order"):
            order = torch.Generator().manual_seed((stream_seed(self.seed, "order") + epoch) % 2**63)
            self._order = torch.randperm(self.train_sequences, generator=order).to(self.splits.train.x.device)
        rows = self._order[place * self.protocol.batch : (place + 1) * self.protocol.batch]
        return self.splits.train.x[rows], self.splits.train.y[rows]

    def _evaluate(self, loss: float) -> Point:
        metric: float | None = None
        if math.isfinite(loss):
            metric = evaluate(self.module, *self.splits.valid, self.metric)
        if metric is None or not math.isfinite(metric):
            self.diverged = f"the loss is no finite number at step {self.step}"
        elif self.best is None or self.sign * metric > self.sign * self.best:
            self.best, self.best_step = metric, self.step
            self.best_weights = copy.deepcopy(self.module.state_dict())
        self.loss_sum.zero_()
        self.loss_steps = 0
        samples = self.step * self.protocol.batch
        known = loss if math.isfinite(loss) else None
        return Point(self.step, samples, self.seconds, known, None if self.diverged else metric)

    def test(self) -> float:
        """The test metric at the best validation checkpoint."""
        if self.best_weights is not None:
            self.module.load_state_dict(self.best_weights)
        return evaluate(self.module, *self.splits.test, self.metric)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on from here; it shares tensors with the run, so save it at once."""
        kept = ("step", "seconds", "evaluation_seconds", "loss_steps", "best", "best_step", "best_weights")
        return {
            **{name: getattr(self, name) for name in kept},
            "loss_sum": self.loss_sum,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; call it inside the same stream of random numbers as the run."""
        state = dict(state)
        self.module.load_state_dict(state.pop("module"))
        self.optimizer.load_state_dict(state.pop("optimizer"))
        torch.set_rng_state(state.pop("rng").cpu())
        cuda = [entry.cpu() for entry in state.pop("cuda_rng")]
        if torch.cuda.is_available() and cuda:
            torch.cuda.set_rng_state_all(cuda)
        self.loss_sum.copy_(state.pop("loss_sum"))
        for name, value in state.items():
            setattr(self, name, value)


def _optimizer(protocol: Protocol, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if protocol.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=protocol.learning_rate, alpha=0.9)
    return torch.optim.Adam(parameters, lr=protocol.learning_rate)
