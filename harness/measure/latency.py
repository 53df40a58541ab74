"""Timing of functions: alone, and two in turn (A B B A), so that a slow minute of the machine falls on both.

A Clock times a block of calls and waits for the device once, at its end. On a GPU each call also lies
between two events, which the device itself stamps: the wall time a call less that is what launching costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch

from ..records.kinds import Latency
from ..stats import ratios
from ..train.graph import REHEARSALS

Call = Callable[[], None]
WARM_UP = 2
FEWEST, MOST = 4, 40
LEAST, WINDOW, WINDOWS, AGREEMENT = 10, 3, 3, 0.02  # of a warm-up that goes on until it is stable
BLOCK = 10  # calls of a block on a GPU


@dataclass(frozen=True, slots=True)
class Block:
    """Milliseconds of some calls in a row: by the wall, a call; by the device, each call, or none."""

    wall: float
    device: tuple[float, ...] = ()


class Clock(Protocol):
    """What times a block of calls."""

    def block(self, function: Call) -> Block: ...


class WallClock:
    """One call a block, by the wall; `synchronize` waits until the device has done it."""

    def __init__(self, synchronize: Call = lambda: None) -> None:
        self.synchronize = synchronize

    def block(self, function: Call) -> Block:
        start = time.perf_counter()
        function()
        self.synchronize()
        return Block((time.perf_counter() - start) * 1000)


class EventClock:
    """So many calls a block; `event` makes what has record() and elapsed_time(other) in milliseconds."""

    def __init__(self, calls: int, event: Callable[[], Any], synchronize: Call) -> None:
        self.calls, self.event, self.synchronize = calls, event, synchronize

    def block(self, function: Call) -> Block:
        events = [self.event() for _ in range(self.calls + 1)]
        self.synchronize()  # nothing from before may run into this block
        start = time.perf_counter()
        events[0].record()
        for event in events[1:]:
            function()
            event.record()
        self.synchronize()
        wall = (time.perf_counter() - start) * 1000 / self.calls
        return Block(wall, tuple(before.elapsed_time(after) for before, after in pairwise(events)))


def clock_for(device: torch.device, calls: int = 1) -> Clock:
    """The clock of a device; a CPU has no launches to hide, so each call is a block of its own there."""
    if device.type != "cuda":
        return WallClock()

    def synchronize() -> None:
        torch.cuda.synchronize(device)

    if calls == 1:
        return WallClock(synchronize)
    return EventClock(calls, lambda: torch.cuda.Event(enable_timing=True), synchronize)


def settle(functions: Sequence[Call], seconds: float, clock: Clock) -> bool:
    """Call functions in turn until each is stable, for so many seconds at most; were they?

    Stable: after LEAST blocks, the last medians of WINDOW blocks each agree within AGREEMENT.
    """
    found: list[list[float]] = [[] for _ in functions]
    end = time.perf_counter() + seconds
    while True:
        for samples, function in zip(found, functions, strict=True):
            samples.append(clock.block(function).wall)
        if len(found[0]) >= LEAST and all(map(_stable, found)):
            return True
        if time.perf_counter() >= end and len(found[0]) >= REHEARSALS + 1:
            return False


def _stable(samples: Sequence[float]) -> bool:
    last = np.array(samples[-WINDOW * WINDOWS :]).reshape(WINDOWS, WINDOW)
    medians = np.median(last, axis=1)
    return bool(medians.max() <= (1 + AGREEMENT) * medians.min())


def pair_blocks(
    function: Call, yardstick: Call, seconds: float, clock: Clock, *, fewest: int, most: int
) -> tuple[list[Block], list[Block]]:
    """The two timed in turn, A B B A: at least and at most so many rounds, else for so many seconds.

    Equal places in the lists are neighbours in time.
    """
    mine: list[Block] = []
    theirs: list[Block] = []
    end = time.perf_counter() + seconds
    while len(mine) < 2 * fewest or (time.perf_counter() < end and len(mine) < 2 * most):
        mine.append(clock.block(function))
        theirs += clock.block(yardstick), clock.block(yardstick)
        mine.append(clock.block(function))
    return mine, theirs


def blocks(function: Call, seconds: float, clock: Clock) -> list[Block]:
    """Blocks of one function, FEWEST to MOST of them."""
    found: list[Block] = []
    end = time.perf_counter() + seconds
    while len(found) < FEWEST or (time.perf_counter() < end and len(found) < MOST):
        found.append(clock.block(function))
    return found


def in_turn(functions: Sequence[Call], seconds: float, clock: Clock) -> list[list[Block]]:
    """Blocks of each function, there and back again, so that no function has a slow minute to itself."""
    found: list[list[Block]] = [[] for _ in functions]
    end = time.perf_counter() + seconds
    while len(found[0]) < FEWEST or (time.perf_counter() < end and len(found[0]) < MOST):
        for place in (*range(len(functions)), *reversed(range(len(functions)))):
            found[place].append(clock.block(functions[place]))
    return found


def walls(found: Sequence[Block]) -> list[float]:
    """The wall times of blocks, a call."""
    return [block.wall for block in found]


def pair_samples(
    function: Call,
    yardstick: Call,
    seconds: float,
    device: torch.device,
    *,
    rounds: int = FEWEST // 2,
    warm_up: int = WARM_UP,
) -> tuple[list[float], list[float]]:
    """Milliseconds of single calls of the two in turn, after a short warm-up."""
    for _ in range(_warm_up(warm_up, device)):
        function()
        yardstick()
    mine, theirs = pair_blocks(function, yardstick, seconds, clock_for(device), fewest=rounds, most=MOST // 2)
    return walls(mine), walls(theirs)


def time_alone(function: Call, seconds: float, device: torch.device) -> Latency:
    """The latency of `function`, after a short warm-up."""
    for _ in range(_warm_up(WARM_UP, device)):
        function()
    return ratios.latency(walls(blocks(function, seconds, clock_for(device))))


def _warm_up(least: int, device: torch.device) -> int:
    """A step that is recorded on a GPU is replayed after its rehearsals and the recording."""
    return max(least, REHEARSALS + 1) if device.type == "cuda" else least
