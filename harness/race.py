"""Steps of two commits timed in turn, until it is known which is faster or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .judge import CANNOT_TELL, FEWEST, Round, Times, times
from .workers import Worker

BLOCK = 0.08  # seconds of a block of steps
FEWEST_STEPS, MOST_STEPS = 3, 100


@dataclass(frozen=True, slots=True)
class Racers:
    """Processes that wait while one of them works; control is of the same commit as base."""

    base: Worker
    head: Worker
    control: Worker


def race(
    racers: Racers, model: str, seconds: float, margin: float, *, clock: Callable[[], float] = time.monotonic
) -> Times:
    """The verdict on one model's step. Raises Broken where a commit fails.

    A round is base, head, control, control, head, base: whatever drifts over it falls on all three alike.
    """
    in_turn = (racers.base, racers.head, racers.control)
    steps = _steps(racers.base, model)
    for worker in in_turn[1:]:
        worker.ask(ask="block", model=model, steps=1)  # whatever a process does only once
    rounds: list[Round] = []
    end = clock() + seconds
    while True:
        there = [_least(worker, model, steps) for worker in in_turn]
        back = [_least(worker, model, steps) for worker in reversed(in_turn)]
        rounds.append(Round(*(min(pair) for pair in zip(there, reversed(back), strict=True))))
        if len(rounds) < FEWEST:
            continue
        found = times(rounds, margin)
        if found.verdict != CANNOT_TELL or clock() > end:
            return found


def _steps(worker: Worker, model: str) -> int:
    """So many steps take about as long as a block is to take."""
    taken: list[float] = worker.ask(ask="block", model=model, steps=FEWEST_STEPS)["milliseconds"]
    return min(MOST_STEPS, max(FEWEST_STEPS, round(1000 * BLOCK / min(taken))))


def _least(worker: Worker, model: str, steps: int) -> float:
    return float(min(worker.ask(ask="block", model=model, steps=steps)["milliseconds"]))
