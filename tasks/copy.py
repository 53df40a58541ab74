"""Copy memory: say ten digits again T + 10 steps later (Hochreiter and Schmidhuber 1997, as ASRNN uses it).

A sequence has T + 20 steps and ten symbols, given one-hot: digits 0 to 7, blank 8, marker 9.

    step     1 .. 10          11 .. T + 9    T + 10 .. T + 20
    input    random digits    8              9
    answer   8                8              8 at T + 10, then the ten digits

Answers are asked for at every step, over the classes 0 to 8; the measure is the cross-entropy in
nats, averaged over all steps. Chance knows where it is but remembers nothing: it is sure of the 8s
and guesses the ten digits, 10 ln 8 / (T + 20). ASRNN's text gives the layout and this baseline.

Departures: the sizes are lost in our copy of the paper; 10,000 training sequences are recalled,
not checked, and 1,000 to validate and 1,000 to test are ours.
"""

import math
from functools import partial

import numpy as np

from .spec import SequenceShape, TaskSpec, check_sizes, generated

CITE = "Hu, Wang, Qi: Learning to Adaptively Scale Recurrent Neural Networks, AAAI 2019"
DIGITS = 10  # to be remembered
SYMBOLS = 8  # that a digit can be
BLANK, MARKER = 8, 9
SCALES = {
    "quick": {"train": 2_000, "valid": 500, "test": 500},
    "smoke": {"train": 200, "valid": 50, "test": 50},
}


def copy(delay: int = 120, *, train: int = 10_000, valid: int = 1_000, test: int = 1_000) -> TaskSpec:
    """Ten digits, each asked for again after a delay."""
    if delay < 1:
        raise ValueError(f"the delay is {delay}; it must be at least 1 step")
    check_sizes(train, valid, test)
    length = delay + 2 * DIGITS
    chance = DIGITS * math.log(SYMBOLS) / length
    return TaskSpec(
        name=f"copy-{delay}",
        title=f"Copy memory, T = {delay}",
        shape=SequenceShape(length, inputs=MARKER + 1, outputs=BLANK + 1, per_step=True),
        load=partial(generated, partial(generate, delay=delay), 0xC09, (train, valid, test)),
        metric="cross_entropy",
        higher_is_better=False,
        chance=chance,
        target=chance / 10,
        target_why="a tenth of chance: as if nine of the ten digits were known for certain",
        cite=CITE,
        scales=SCALES,
        detail=f"{length:,} steps, {train:,} training, {valid:,} validation and {test:,} test sequences",
        training={"paper": {"optimizer": "rmsprop", "clip": 0.0}},
    )


def generate(rng: np.random.Generator, *, sequences: int, delay: int) -> tuple[np.ndarray, np.ndarray]:
    """x (sequences, delay + 20, 10) float32, one-hot, and the answers (sequences, delay + 20) int64."""
    digits = rng.integers(SYMBOLS, size=(sequences, DIGITS))
    symbols = np.full((sequences, delay + 2 * DIGITS), BLANK)
    answers = symbols.copy()
    symbols[:, :DIGITS] = digits
    symbols[:, -DIGITS - 1 :] = MARKER
    answers[:, -DIGITS:] = digits
    return np.eye(MARKER + 1, dtype=np.float32)[symbols], answers
