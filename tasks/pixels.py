"""MNIST, one pixel a step: in order, permuted, or with noise behind it (Le et al. 2015, as TP-RNN uses it).

    smnist           the 28 x 28 pixels row by row, T = 784
    pmnist           the same pixels in one fixed random order
    noisy-mnist-N    the pixels in order, then uniform [0, 1] noise up to step N = 1,000, 2,000 or 3,000

The only input is a pixel in [0, 1]; the question is the digit. The first 5,000 images of the training
file validate and the other 55,000 train, as in TP-RNN's released code; the test file has 10,000.
Fewer are the first n of each part, whatever n is of the others.

    side=14 or 7     means of 2 x 2 or 4 x 4 pixels: T is 196 or 49, and N becomes N / 4 or N / 16

The papers' permutations differ. Step t sees pixel p(t), where p for n pixels is

    tprnn            numpy's RandomState(10).permutation(n), TP-RNN's released code
    wisdom           RandomState(92916), as the code of Wisdom et al. (2016) and others after it
    bit-reversal     0, 1, 2, ... with their bits in reverse, of as many bits as n - 1 has (10 for 784),
                     less those that are not below n; the structured order of HiPPO and S4

Chance is the share of 1, the commonest digit of the training file, in the whole test file: 1,135 of
10,000. The first 2,000 test images hold 11.7 % of them.

Sources: LeCun, Cortes, Burges: The MNIST database of handwritten digits (the original IDX files).
TP-RNN's Table 1 has smnist and pmnist; noisy MNIST is in its supplement, as validation curves only,
so that no value is quoted. The supplement gives one row of windows (L, g) for pixels; that it is
meant for noisy MNIST too is our reading, and sides 14 and 7 have it as well.

Departures: none known at side 28. The noise is drawn once, from the data seed; the paper does not say.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .data import idx
from .data.fetch import DataError, folder
from .spec import SequenceShape, Split, Splits, TaskSpec, streams

CITE = "Le, Jaitly, Hinton: A Simple Way to Initialize Recurrent Networks of Rectified Linear Units, 2015"
NOISY_CITE = "Ma, Lin, Chen, Cottrell: Temporal Pyramid Recurrent Neural Network, AAAI 2020, supplement"
SIDE = 28
SIDES = tuple(side for side in range(1, SIDE + 1) if SIDE % side == 0)
DIGITS = 10
FILES = {"train": 60_000, "t10k": 10_000}  # images of each
TRAIN, VALID, TEST = 55_000, 5_000, 10_000
CHANCE = 0.1135
WINDOWS = ((49, 7), (16, 4), (4, 2))  # TP-RNN's row for pixels
SEEDS = {"tprnn": 10, "wisdom": 92916}
PERMUTATIONS = (*SEEDS, "bit-reversal")
SCALES = {
    "quick": {"side": 14, "train": 10_000, "valid": 1_000, "test": 2_000},
    "smoke": {"side": 7, "train": 200, "valid": 50, "test": 50},
}
TRAINING = {"paper": {"batch": 50}, "desk": {"epochs": 10}, "quick": {"max_steps": 1000}}


def smnist(*, side: int = SIDE, train: int = TRAIN, valid: int = VALID, test: int = TEST) -> TaskSpec:
    """The digit, from its pixels row by row."""
    return _task(
        side,
        (train, valid, test),
        name="smnist",
        title="Pixel-by-pixel MNIST",
        target=0.95,
        target_why="below every number of the paper's Table 1, whose lowest is the uRNN's 0.951",
        reference=0.992,
        cite=CITE,
    )


def pmnist(
    *, permutation: str = "tprnn", side: int = SIDE, train: int = TRAIN, valid: int = VALID, test: int = TEST
) -> TaskSpec:
    """The digit, from its pixels in an order that is the same for all images."""
    if permutation not in PERMUTATIONS:
        raise ValueError(f"permutation is '{permutation}'; choose one of {', '.join(PERMUTATIONS)}")
    return _task(
        side,
        (train, valid, test),
        permutation,
        name="pmnist",
        title="Permuted pixel-by-pixel MNIST",
        target=0.90,
        target_why="below the paper's LSTM-S (0.913) and every other number of its Table 1 but the iRNN's (0.820)",
        reference=0.967,
        cite=CITE,
        said=f" in the order '{permutation}'",
    )


def noisy_mnist(
    length: int = 1000, *, side: int = SIDE, train: int = TRAIN, valid: int = VALID, test: int = TEST
) -> TaskSpec:
    """The digit, from its pixels and the noise that follows them."""
    if length < SIDE * SIDE:
        raise ValueError(f"the length is {length}; the pixels alone take {SIDE * SIDE} steps")
    steps = length * side**2 // SIDE**2
    return _task(
        side,
        (train, valid, test),
        length=steps,
        name=f"noisy-mnist-{length}",
        title=f"Noisy MNIST, T = {length}",
        target=0.90,
        target_why="between the paper's LSTMs, which do not learn it, and the 0.97 and more of models that do",
        cite=NOISY_CITE,
        said=f", then noise to step {steps:,}",
    )


def _task(
    side: int,
    sizes: tuple[int, int, int],
    permutation: str = "",
    length: int | None = None,
    said: str = "",
    **fields: Any,
) -> TaskSpec:
    """What the tasks share. length: None: of the pixels alone; said: of what becomes of them, for `detail`."""
    if side not in SIDES:
        raise ValueError(f"side is {side}; choose one that divides {SIDE}: {', '.join(map(str, SIDES))}")
    steps, block = side * side if length is None else length, SIDE // side
    pixels = f"{side} x {side} pixels" + (f" (means of {block} x {block})" if block > 1 else "")
    windows = WINDOWS if side * side % WINDOWS[0][0] == 0 else None
    return TaskSpec(
        shape=SequenceShape(steps, inputs=1, outputs=DIGITS, windows=windows),
        load=partial(_load, side, permutation, steps, sizes),
        metric="accuracy",
        higher_is_better=True,
        chance=CHANCE,
        scales=SCALES,
        detail=f"{pixels}{said}, {images_of(sizes, (TRAIN, VALID, TEST))}",
        training=TRAINING,
        data="mnist",
        **fields,
    )


def images_of(sizes: tuple[int, int, int], full: tuple[int, int, int]) -> str:
    """How many images train, validate and test, in words. Raises ValueError where there are not so many."""
    for name, size, most in zip(("train", "valid", "test"), sizes, full, strict=True):
        if not 1 <= size <= most:
            raise ValueError(f"{name} is {size}; there are 1 to {most:,} images for it")
    train, valid, test = sizes
    first = "" if sizes == full else "the first "
    return f"{first}{train:,} training, {valid:,} validation and {test:,} test images"


def permuted(permutation: str, count: int) -> np.ndarray:
    """The pixel of each step, (count,), each of 0 .. count - 1 once."""
    if permutation in SEEDS:
        return np.random.RandomState(SEEDS[permutation]).permutation(count)
    bits = (count - 1).bit_length()
    numbers = np.arange(1 << bits)
    turned = np.zeros_like(numbers)
    for bit in range(bits):
        turned = 2 * turned + (numbers >> bit & 1)
    return turned[turned < count]


def sequences(
    images: np.ndarray, *, side: int, permutation: str, length: int, noise: np.random.Generator
) -> np.ndarray:
    """Images (n, 28, 28) uint8 -> (n, length) float32: side^2 pixels in [0, 1], then noise in [0, 1)."""
    count = side * side
    x = np.empty((len(images), length), np.float32)
    block = SIDE // side
    if block > 1:
        images = images.reshape(-1, side, block, side, block).mean(axis=(2, 4), dtype=np.float32)
    pixels = images.reshape(-1, count)
    if permutation:
        pixels = pixels[:, permuted(permutation, count)]
    np.divide(pixels, np.float32(255), out=x[:, :count])
    if length > count:
        # a thousand rows at a time: at the paper's scale a copy of all the noise would be another half gigabyte
        for rows in np.split(x, range(1000, len(x), 1000)):
            rows[:, count:] = noise.random((len(rows), length - count), np.float32)
    return x


def _load(
    side: int, permutation: str, length: int, sizes: tuple[int, int, int], data_seed: int, data_root: Path | None
) -> Splits:
    where = folder("mnist", data_root)
    (images, labels), tested = (_file(where, name) for name in FILES)
    parts = (images[VALID:], labels[VALID:]), (images[:VALID], labels[:VALID]), tested
    splits = []
    for (part, answers), size, noise in zip(parts, sizes, streams(data_seed, 0x915), strict=True):
        x = sequences(part[:size], side=side, permutation=permutation, length=length, noise=noise)
        y = answers[:size].astype(np.int64)
        splits.append(Split(torch.from_numpy(x).unsqueeze(-1), torch.from_numpy(y)))
    return Splits(*splits)


def _file(where: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) and labels (n,), uint8, of the training or the test file."""
    images = idx.read(where, f"{name}-images-idx3-ubyte", (FILES[name], SIDE, SIDE))
    labels = idx.read(where, f"{name}-labels-idx1-ubyte", (FILES[name],))
    if labels.max() >= DIGITS:
        raise DataError(f"{where} is damaged: {name}-labels-idx1-ubyte has the label {labels.max()}, which is no digit")
    return images, labels
