"""Steps of two commits timed in turn, until it is known which is faster or the time is over.

On a shared machine two blocks of half a second differ hardly less than two steps that follow each other, so a long
turn averages little away. So turns are as short as they can be: the noise of all three is nearly the same, and there
are many. Base, head, control, base, head, control: each always follows another one, as a step after one's
own would find its data in the cache. In a round the modules stay; the next round makes them anew, since where a
module lies in memory makes it faster or slower for as long as it lives.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence

from ..stats.verdicts import CANNOT_TELL
from .judge import FEWEST, Round, Times, times
from .workers import Worker

TURN = 0.002  # seconds; steps that are shorter are timed some together
ROUND = 0.3  # seconds
FEWEST_TURNS, MOST_TURNS, MOST_STEPS = 5, 50, 100
TRIAL = 5  # steps, to see how long they take


def race(
    racers: Sequence[Worker],
    model: str,
    seconds: float,
    margin: float,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Times:
    """The verdict on one model's step. Raises Broken where a commit fails.

    racers: base, head, and the control, which is of base's commit; all wait while one of them works.
    """
    end = clock() + seconds
    _make(racers, model)
    step = min(racers[0].ask(ask="steps", count=TRIAL)["milliseconds"]) / 1000
    steps = min(MOST_STEPS, max(1, round(TURN / step)))
    turns = min(MOST_TURNS, max(FEWEST_TURNS, round(ROUND / (3 * steps * step))))
    rounds: list[Round] = []
    while True:
        _make(racers, model)
        rounds.append(_round(racers, steps, turns))
        if len(rounds) < FEWEST:
            continue
        found = times(rounds, margin)
        if found.verdict != CANNOT_TELL or clock() > end:
            return found


def _make(racers: Sequence[Worker], model: str) -> None:
    for worker in racers:
        worker.ask(ask="make", model=model)


def _round(racers: Sequence[Worker], steps: int, turns: int) -> Round:
    """The median step of base, and those of the others by the medians of their ratios to it, turn by turn."""
    taken = []
    for _ in range(turns):
        sides = (worker.ask(ask="steps", count=steps) for worker in racers)
        taken.append([math.log(statistics.fmean(side["milliseconds"])) for side in sides])
    base = statistics.median(turn[0] for turn in taken)
    return Round(*(math.exp(base + statistics.median(turn[k] - turn[0] for turn in taken)) for k in range(3)))
