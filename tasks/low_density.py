"""Low-density signal type identification: which type of signal stands here and there in noise? (Hu et al., AAAI 2019)

A sequence of T = 1,000 steps holds p in {3, 4, 5} subsequences of one type, each 20, 40, 60 or 80
steps long, at random places without overlap; the rest is noise, uniform in [-1, 1].

    x_t = a s(t)    s   sine, square or saw-tooth, the type that is asked for; chance 1/3
                    a   the amplitude, uniform in [-7, 7], drawn for every subsequence

A type has 1,600 sequences to train on and 400 to test: 4,800 and 1,200 in all, each type as often.

The paper's text, as far as we have it, gives the three types, one type to a sequence, no overlap,
different amplitudes, and noise elsewhere. Its numbers are lost in our copy: T, p, the lengths, both
ranges and the counts are recalled, not checked. TP-RNN calls its signals inspired by this task and
has the same T, p, lengths and noise; nothing supports the amplitude's range. All are options.

Departures: the form of a subsequence is TP-RNN's with peak 1, as in signals.py: half a period of a
sine, a constant, one ramp from 0. p, the lengths and the places are drawn uniformly. The validation
set, 200 further sequences of each type, is ours.
"""

from functools import partial

import numpy as np

from .signals import check_room, places, setting, shapes
from .spec import SequenceShape, TaskSpec, generated

CITE = "Hu, Wang, Qi: Learning to Adaptively Scale Recurrent Neural Networks, AAAI 2019"
TYPES = 3
SCALES = {
    "quick": {"length": 170, "lengths": (4, 8, 16, 32), "train": 4_200, "valid": 600, "test": 1_200},
    "smoke": {"length": 40, "lengths": (3, 4, 5, 6), "train": 150, "valid": 30, "test": 60},
}


def low_density(
    *,
    length: int = 1000,
    signals: tuple[int, ...] = (3, 4, 5),
    lengths: tuple[int, ...] = (20, 40, 60, 80),
    amplitude: float = 7.0,
    noise: float = 1.0,
    train: int = 4_800,
    valid: int = 600,
    test: int = 1_200,
) -> TaskSpec:
    """Low-density signal type identification: sine (0), square (1) or saw-tooth (2), of any amplitude?

    train, valid and test count the sequences of all types.
    """
    check_room(length, signals, lengths)
    if min(amplitude, noise) < 0:
        raise ValueError(f"amplitude is {amplitude} and noise is {noise}; both are half a range, and not negative")
    for name, size in (("train", train), ("valid", valid), ("test", test)):
        if size < TYPES or size % TYPES:
            raise ValueError(f"{name} is {size}; it must be a multiple of {TYPES}, as many sequences of each type")
    drawn = partial(generate, length=length, signals=signals, lengths=lengths, amplitude=amplitude, noise=noise)
    return TaskSpec(
        name="low-density",
        title="Low-density signal type identification",
        shape=SequenceShape(length, inputs=1, outputs=TYPES),
        load=partial(generated, drawn, 0x10D, (train, valid, test)),
        metric="accuracy",
        higher_is_better=True,
        chance=1 / TYPES,
        class_names=("sine", "square", "saw-tooth"),
        target=0.90,
        target_why="as for sti, which asks the same of much the same signals; the paper's own numbers are lost",
        cite=CITE,
        scales=SCALES,
        detail=f"{setting(length, signals, lengths)}, amplitudes to {amplitude:g}, noise to {noise:g}, "
        f"{train:,} training, {valid:,} validation and {test:,} test sequences",
        training={"paper": {"optimizer": "rmsprop", "clip": 0.0}, "quick": {"max_steps": 1000}},
    )


def generate(
    rng: np.random.Generator,
    *,
    sequences: int,
    length: int,
    signals: tuple[int, ...],
    lengths: tuple[int, ...],
    amplitude: float,
    noise: float,
) -> tuple[np.ndarray, np.ndarray]:
    """x (sequences, length, 1) float32 and the type (sequences,) int64, each type as often as the others."""
    kind = rng.permutation(np.arange(sequences) % TYPES)
    start, size = places(rng, sequences=sequences, length=length, signals=signals, lengths=lengths)
    a = rng.uniform(-amplitude, amplitude, size=size.shape)
    x = rng.uniform(-noise, noise, size=(sequences, length)).astype(np.float32)
    for f in lengths:
        row, column = np.nonzero(size == f)
        steps = start[row, column][:, None] + np.arange(f)
        # the signals of signals.py have the peak 2
        x[row[:, None], steps] = a[row, column][:, None] * (shapes(f) / 2)[kind[row]]
    return x[..., None], kind
