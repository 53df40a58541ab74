"""Addition: the sum of two marked numbers among T (Hochreiter and Schmidhuber 1997, as TP-RNN uses it).

A sequence has two features: T values, uniform in [0, 1], and a marker that is 1 at two steps and
0 elsewhere. The target is the sum of the two marked values. 100,000 sequences to train on and
10,000 to test; T = 200, 500 and 1,000.

    markers="halves"     one in each half of the sequence, uniform there (default)
    markers="anywhere"   two different steps, uniform over the sequence

The paper says "random locations" and names the setup of Le et al. (2015) and Arjovsky et al.
(2016); the code of the latter draws one in each half, so that is the default.

Chance is what the constant answer 1 earns: the variance of a sum of two uniform numbers,
2 / 12 = 0.1667, whatever T and the markers. The paper prints "around 0.1767" for this baseline.
No reading of the task gives that: on 10,000 test sequences the standard error is 0.002, five
times less than the gap, so we take it for a misprint of 0.1667.

Departures: the papers name no validation set; ours are 10,000 further sequences.
"""

from functools import partial

import numpy as np

from .spec import SequenceShape, TaskSpec, check_sizes, generated

CITE = "Hochreiter, Schmidhuber: Long short-term memory, Neural Computation 9(8), 1997"
CHANCE = 2 / 12
MARKERS = {"halves": "a marker in each half", "anywhere": "two markers anywhere"}
SCALES = {
    "quick": {"train": 5_000, "valid": 1_000, "test": 1_000},
    "smoke": {"train": 200, "valid": 50, "test": 50},
}


def addition(
    length: int = 200,
    *,
    markers: str = "halves",
    train: int = 100_000,
    valid: int = 10_000,
    test: int = 10_000,
) -> TaskSpec:
    """The sum of two marked values in a sequence."""
    if length < 2:
        raise ValueError(f"length is {length}; two markers need at least 2 steps")
    if markers not in MARKERS:
        raise ValueError(f"markers is '{markers}'; choose one of {', '.join(MARKERS)}")
    check_sizes(train, valid, test)
    return TaskSpec(
        name=f"addition-{length}",
        title=f"Addition, T = {length}",
        shape=SequenceShape(length, inputs=2, outputs=1),
        load=partial(generated, partial(generate, length=length, markers=markers), 0xADD, (train, valid, test)),
        metric="mse",
        higher_is_better=False,
        chance=CHANCE,
        target=CHANCE / 10,
        target_why="a tenth of chance: well below what ignoring one of the two values leaves, which is half of chance",
        cite=CITE,
        scales=SCALES,
        detail=f"{length:,} steps, {MARKERS[markers]}, "
        f"{train:,} training, {valid:,} validation and {test:,} test sequences",
        training={"paper": {"batch": 50}, "desk": {"max_steps": 12_000}},
    )


def generate(rng: np.random.Generator, *, sequences: int, length: int, markers: str) -> tuple[np.ndarray, np.ndarray]:
    """x (sequences, length, 2) float32: values, markers; and the targets (sequences, 1) float32."""
    if markers == "halves":
        first = rng.integers(length // 2, size=sequences)
        second = rng.integers(length // 2, length, size=sequences)
    else:
        first = rng.integers(length, size=sequences)
        second = rng.integers(length - 1, size=sequences)
        second += second >= first
    x = np.zeros((sequences, length, 2), np.float32)
    x[..., 0] = rng.random((sequences, length), np.float32)
    row = np.arange(sequences)
    x[row, first, 1] = x[row, second, 1] = 1.0
    return x, (x[row, first, 0] + x[row, second, 0])[:, None]
