"""All that is measured of one (task, model, budget) in an otherwise idle process: `bench measure`."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..records.kinds import Growth, Latency
from ..stats import ratios
from . import board as energy
from . import latency
from . import steps as measure
from .board import conditions
from .flops import matmul_rate
from .forecast import forecast
from .fresh import fresh_facts
from .latency import BLOCK, clock_for, in_turn, settle, walls
from .memory import cuda_peaks, peak_bytes
from .subject import Subject, exact

CONTROLS = 3  # the yardstick beside itself, so often with every model
PARTS = (8, 4, 2, 1)  # sizes of a growth: the whole divided by these
NO_STATE = "the model has no initial_state(batch), so it cannot go on from one time step to the next"


class Whole:
    """The measurement of a Subject, as fields of a Measurement.

    seconds: of each latency, at most, and of its warm-up; lengths: of the growth, in time steps; None: parts of the
    task's own.
    """

    def __init__(self, seconds: float | None = None, lengths: Sequence[int] | None = None) -> None:
        self.seconds, self.lengths = seconds, lengths
        self.rate = 0.0  # the most that a matrix product reached so far; other processes can only take from it

    def __call__(self, subject: Subject) -> dict[str, Any]:
        seconds = subject.protocol.measure_seconds if self.seconds is None else self.seconds
        clock = clock_for(subject.device, BLOCK)
        facts = exact(subject)
        before = conditions(subject.where.device)
        facts |= (
            subject.tried("rss_bytes", lambda: fresh_facts(subject.group, subject.where, subject.x, subject.y)) or {}
        )
        step = subject.step(subject.module)
        facts |= _beside_yardstick(subject, step, seconds, clock)
        facts |= _parts(subject, seconds / 3, clock)
        facts["conditions"] = {"before": before, "after": conditions(subject.where.device)}
        facts |= _memory(subject, step)
        self.rate = max(self.rate, matmul_rate(subject.device))
        if facts["flops"] is not None:
            fastest = min(facts["step"].values) / 1000
            facts["flops_share"] = facts["flops"] / fastest / self.rate
        facts["joules"] = subject.tried("joules", lambda: _joules(subject, step))
        facts["over_length"] = subject.tried("over_length", lambda: self._over_length(subject, seconds, clock))
        facts["over_batch"] = subject.tried("over_batch", lambda: _over_batch(subject, seconds, clock))
        return facts

    def _over_length(self, subject: Subject, seconds: float, clock: latency.Clock) -> Growth:
        lengths = self.lengths or parts_of(subject.task.shape.length)
        per_step = subject.task.shape.per_step
        batches = [
            (of_length(subject.x, length), of_length(subject.y, length) if per_step else subject.y)
            for length in lengths
        ]
        return _growth(subject, lengths, batches, seconds, clock)


def _over_batch(subject: Subject, seconds: float, clock: latency.Clock) -> Growth:
    sizes = parts_of(len(subject.y))
    return _growth(subject, sizes, [(subject.x[:n], subject.y[:n]) for n in sizes], seconds, clock)


def _beside_yardstick(
    subject: Subject, step: Callable[[], None], seconds: float, clock: latency.Clock
) -> dict[str, Any]:
    """The step and the yardstick's in rounds A B B A, and as many rounds of the yardstick beside itself."""
    other, again = (subject.step(module) for module in (subject.yardstick, copy.deepcopy(subject.yardstick)))
    settled = settle((step, other, again), 3 * seconds, clock)
    mine, theirs = in_turn((step, other), seconds, clock, fewest=ratios.FEWEST)
    rounds = len(mine) // 2
    pairs = [in_turn((again, other), 0.0, clock, fewest=rounds) for _ in range(CONTROLS)]
    device = [taken for block in mine for taken in block.device]
    compared = ratios.of_rounds(walls(mine), walls(theirs))
    return {
        "step": ratios.latency(walls(mine)),
        "device_step": ratios.latency(device) if device else None,
        "ratio": compared.median,
        "compared": compared,
        "controls": tuple(ratios.of_rounds(walls(one), walls(two)) for one, two in pairs),
        "settled": settled,
    }


def _parts(subject: Subject, seconds: float, clock: latency.Clock) -> dict[str, Latency | None]:
    """The parts of a step, and one time step as in use."""

    def taken(function: Callable[[], None]) -> Latency:
        settle((function,), seconds, clock)
        (found,) = in_turn((function,), seconds, clock)
        return ratios.latency(walls(found))

    found: dict[str, Latency | None] = {
        "forward": taken(measure.forward(subject.module, subject.x)),
        "backward": taken(measure.backward(subject.module, subject.x, subject.y)),
    }
    for name, x in (("inference", subject.x[:1]), ("inference_batch", subject.x)):
        one = measure.inference(subject.module, x)
        if one is None:
            subject.missing[name] = NO_STATE
        else:
            found[name] = subject.tried(name, partial(taken, one))
    return found


def _memory(subject: Subject, step: Callable[[], None]) -> dict[str, int | None]:
    foreseen = forecast(subject.group, subject.where)
    allocated, reserved = cuda_peaks(step, subject.device) or (None, None)
    return {
        "peak_bytes": peak_bytes(subject.plain_step(), subject.device),
        "predicted_bytes": foreseen.step if foreseen is not None and foreseen.exact else None,
        "allocated_bytes": allocated,
        "reserved_bytes": reserved,
    }


def _joules(subject: Subject, step: Callable[[], None]) -> float:
    counter = energy.counter_for(subject.where.device)
    return energy.joules(step, counter, lambda: torch.cuda.synchronize(subject.device))


def _growth(
    subject: Subject,
    sizes: Sequence[int],
    batches: Sequence[tuple[Tensor, Tensor]],
    seconds: float,
    clock: latency.Clock,
) -> Growth:
    steps = [subject.step(subject.module, x, y) for x, y in batches]
    settle(steps, seconds, clock)
    ms = [ratios.latency(walls(found)).median for found in in_turn(steps, seconds, clock)]
    held = [peak_bytes(subject.plain_step(x, y), subject.device) for x, y in batches]
    slopes = ratios.exponent(sizes, ms), ratios.exponent(sizes, held)
    return Growth(tuple(sizes), tuple(float(f"{value:.4g}") for value in ms), tuple(held), *slopes)


def parts_of(whole: int) -> list[int]:
    """An eighth, a quarter, a half and all of it, at least 1 and each once."""
    return sorted({max(1, whole // part) for part in PARTS})


def of_length(sequences: Tensor, length: int) -> Tensor:
    """(batch, time, ...) cut to so many steps, or repeated where there are fewer."""
    turns = -(-length // sequences.shape[1])
    return sequences.repeat(1, turns, *[1] * (sequences.ndim - 2))[:, :length].contiguous()
