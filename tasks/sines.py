"""Sines of all periods, read at random times: does one repeat every 5 to 6 ms? (Neil et al. 2016, first task.)

A step has two inputs: the sine's value sin(2 pi t / P - a), and its time t in ms, which the shape calls its stamp. A
sequence lasts D ms from some time on:

    D in U(15, 125), its beginning in U(0, 125 - D), a in U(0, D)
    P in U(5, 6) for one half; for the other exp(U(log 1, log 100)), which is in [5, 6] now and then and then counts so
    15 to 124 steps at times uniform in it, in their order;  `step=1.0`: one step a ms instead, `step=0.1`: ten

Shorter sequences have zeros in front, their time 0. Chance is the share of the class asked for, 52 %.

All is as in the authors' code, which trains for 70 epochs of 5,000 sequences, batches of 32, with Adam at 0.001.

Departures: there the sequences of each epoch are drawn anew, and exactly half of a batch has P from U(5, 6); here there
is one training set, and each sequence has with probability one half. There a mask leaves out what fills a sequence up.
"""

import math
from functools import partial

import numpy as np

from .spec import SequenceShape, TaskSpec, check_sizes, generated

CITE = (
    "Neil, Pfeiffer, Liu: Phased LSTM: Accelerating recurrent network training for long or event-based sequences, "
    "NeurIPS 2016"
)
LONGEST, SHORTEST = 125.0, 15.0  # ms
FEWEST, MOST = 15, 125  # steps at random times; fewer than the second
ASKED, PERIODS = (5.0, 6.0), (1.0, 100.0)  # ms
CHANCE = 0.5 + 0.5 * math.log(ASKED[1] / ASKED[0]) / math.log(PERIODS[1] / PERIODS[0])
SCALES = {
    "quick": {"train": 5_000, "valid": 1_000, "test": 1_000},
    "smoke": {"train": 200, "valid": 50, "test": 50},
}


def async_sines(*, step: float | None = None, train: int = 20_000, valid: int = 2_000, test: int = 2_000) -> TaskSpec:
    """Does a sine that is read at random times repeat every 5 to 6 ms?"""
    if step is not None and not 0 < step <= SHORTEST:
        raise ValueError(f"step is {step}; give a number of ms above 0 and at most {SHORTEST:g}, or None")
    check_sizes(train, valid, test)
    length = MOST - 1 if step is None else math.ceil(LONGEST / step)
    return TaskSpec(
        name="async-sines",
        title="Sines at random times" if step is None else "Sines at regular times",
        shape=SequenceShape(length, inputs=2, outputs=2, stamps=1),
        load=partial(generated, partial(generate, step=step, length=length), 0x51E5, (train, valid, test)),
        metric="accuracy",
        higher_is_better=True,
        chance=CHANCE,
        target=0.75,
        target_why="halfway, to the nearest 5 %, between chance (0.520) and no error",
        cite=CITE,
        scales=SCALES,
        class_names=("other periods", "5 to 6 ms"),
        detail=f"{f'{FEWEST} to {MOST - 1} steps at random times' if step is None else f'a step each {step:g} ms'} in "
        f"{SHORTEST:g} to {LONGEST:g} ms, {train:,} training, {valid:,} validation and {test:,} test sequences",
        training={"paper": {"batch": 32}},
    )


def generate(
    rng: np.random.Generator, *, sequences: int, step: float | None, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """x (sequences, length, 2) float32: values, times; and y (sequences,), 1 where the period is the one asked for."""
    lasts = rng.uniform(SHORTEST, LONGEST, sequences)
    begins, shift = rng.uniform(0, LONGEST - lasts), rng.uniform(0, lasts)
    any_period = np.exp(rng.uniform(*np.log(PERIODS), sequences))
    period = np.where(rng.random(sequences) < 0.5, rng.uniform(*ASKED, sequences), any_period)
    if step is None:
        steps = rng.integers(FEWEST, MOST, sequences)
        times = rng.random((sequences, length)) * lasts[:, None] + begins[:, None]
    else:
        steps = np.minimum(np.ceil(lasts / step).astype(int), length)
        times = begins[:, None] + step * (np.arange(length) - (length - steps[:, None]))
    there = np.arange(length) >= length - steps[:, None]
    times = np.sort(np.where(there, times, 0.0), axis=1)
    values = np.sin(2 * np.pi * times / period[:, None] - shift[:, None])
    x = np.where(there[:, :, None], np.stack([values, times], axis=2), 0.0)
    return x.astype(np.float32), ((period >= ASKED[0]) & (period <= ASKED[1])).astype(np.int64)
