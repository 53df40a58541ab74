"""Timing of functions in turn, there and back (A B B A), so that a slow minute of the machine falls on all.

A Clock times a block of calls and waits for the device once, at its end. On a GPU each call also lies
between two events, which the device itself stamps: the wall time a call less that is what launching costs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ..train.graph import REHEARSALS

Call = Callable[[], object]
WARM_UP = 2
FEWEST, MOST = 2, 20  # rounds, of two blocks each
LEAST, WINDOW, WINDOWS, AGREEMENT = 10, 3, 3, 0.02  # of a warm-up that goes on until it is stable
BLOCK = 10  # calls of a block on a GPU


@dataclass(frozen=True, slots=True)
class Block:
    """Milliseconds of some calls in a row: by the wall, a call; by the device, each call, or none."""

    wall: float
    device: tuple[float, ...] = ()


Clock = Callable[[Call], Block]
"""What times a block of calls."""


def wall_clock(synchronize: Call = lambda: None) -> Clock:
    """One call a block, by the wall; `synchronize` waits until the device has done it."""

    def block(function: Call) -> Block:
        start = time.perf_counter()
        function()
        synchronize()
        return Block((time.perf_counter() - start) * 1000)

    return block


def event_clock(calls: int, event: Callable[[], Any], synchronize: Call) -> Clock:
    """So many calls a block; `event` makes what has record() and elapsed_time(other) in milliseconds."""

    def block(function: Call) -> Block:
        events = [event() for _ in range(calls + 1)]
        synchronize()  # nothing from before may run into this block
        start = time.perf_counter()
        events[0].record()
        for one in events[1:]:
            function()
            one.record()
        synchronize()
        wall = (time.perf_counter() - start) * 1000 / calls
        return Block(wall, tuple(before.elapsed_time(after) for before, after in pairwise(events)))

    return block


def clock_for(device: torch.device, calls: int = 1) -> Clock:
    """The clock of a device; a CPU has no launches to hide, so each call is a block of its own there."""
    if device.type != "cuda":
        return wall_clock()
    synchronize = partial(torch.cuda.synchronize, device)
    if calls == 1:
        return wall_clock(synchronize)
    return event_clock(calls, partial(torch.cuda.Event, enable_timing=True), synchronize)


def settle(functions: Sequence[Call], seconds: float, clock: Clock) -> bool:
    """Call functions in turn until each is stable, for so many seconds at most; were they?

    Stable: after LEAST blocks, the last medians of WINDOW blocks each agree within AGREEMENT.
    """
    found: list[list[float]] = [[] for _ in functions]
    end = time.perf_counter() + seconds
    while True:
        for samples, function in zip(found, functions, strict=True):
            samples.append(clock(function).wall)
        if len(found[0]) >= LEAST and all(map(_stable, found)):
            return True
        if time.perf_counter() >= end and len(found[0]) >= REHEARSALS + 1:
            return False


def _stable(samples: Sequence[float]) -> bool:
    last = np.array(samples[-WINDOW * WINDOWS :]).reshape(WINDOWS, WINDOW)
    medians = np.median(last, axis=1)
    return bool(medians.max() <= (1 + AGREEMENT) * medians.min())


def in_turn(
    functions: Sequence[Call], seconds: float, clock: Clock, *, fewest: int = FEWEST, most: int = MOST
) -> list[list[Block]]:
    """Blocks of each function, there and back again (A B B A), so that no function has a slow minute to itself.

    At least and at most so many rounds, else for so many seconds. Equal places in the lists are neighbours in time.
    """
    found: list[list[Block]] = [[] for _ in functions]
    places, rounds = range(len(functions)), 0
    end = time.perf_counter() + seconds
    while rounds < fewest or (time.perf_counter() < end and rounds < most):
        for place in (*places, *reversed(places)):
            found[place].append(clock(functions[place]))
        rounds += 1
    return found


def walls(found: Sequence[Block]) -> list[float]:
    """The wall times of blocks, a call."""
    return [block.wall for block in found]


def samples(
    functions: Sequence[Call], seconds: float, device: torch.device, *, rounds: int = FEWEST, warm_up: int = WARM_UP
) -> list[list[float]]:
    """Milliseconds of single calls of each function, in turn, after a short warm-up."""
    # a step that is recorded on a GPU is replayed after its rehearsals and the recording
    for _ in range(max(warm_up, REHEARSALS + 1) if device.type == "cuda" else warm_up):
        for function in functions:
            function()
    return [walls(found) for found in in_turn(functions, seconds, clock_for(device), fewest=rounds)]
