"""Small digits, one pixel a step: the 8 x 8 images that come with scikit-learn (Alpaydin and Kaynak 1998).

64 steps, row by row; a pixel is a count from 0 to 16, divided by 16. 1,797 images: 1,200 train, 297
validate, 300 test, shared out by the data seed. Nothing needs to be downloaded. Fewer are the first n
of each part.

Chance is the share of 3, the commonest digit, among all images: 183 of 1,797. In one test set of
300 it differs from that by a per cent or two.

Source: sklearn.datasets.load_digits, which is the test set of the UCI data set "Optical Recognition
of Handwritten Digits". Departures: this is no task of the papers, but a quick stand-in for smnist.
The split looks at no writer: the 13 of them stand in all three parts.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from .pixels import images_of
from .spec import SequenceShape, Split, Splits, TaskSpec

CITE = "Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998"
PIXELS, DIGITS, IMAGES = 64, 10, 1_797
TRAIN, VALID, TEST = 1_200, 297, 300
CHANCE = 183 / IMAGES
SCALES = {"smoke": {"train": 200, "valid": 50, "test": 50}}  # quick is the whole set


def sdigits(*, train: int = TRAIN, valid: int = VALID, test: int = TEST) -> TaskSpec:
    """The digit, from 64 pixels row by row."""
    sizes = (train, valid, test)
    return TaskSpec(
        name="sdigits",
        title="Pixel-by-pixel 8 x 8 digits",
        shape=SequenceShape(PIXELS, inputs=1, outputs=DIGITS),
        load=partial(_load, sizes),
        metric="accuracy",
        higher_is_better=True,
        chance=CHANCE,
        target=0.90,
        target_why="a round number: no paper has one for this task",
        cite=CITE,
        scales=SCALES,
        detail=f"8 x 8 pixels, {images_of(sizes, (TRAIN, VALID, TEST))}",
        training={"paper": {"batch": 50}},
        needs={"sklearn": "scikit-learn"},
    )


def _load(sizes: tuple[int, int, int], data_seed: int, data_root: Path | None) -> Splits:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng([data_seed, 0xD16]).permutation(IMAGES)
    x = torch.from_numpy((images[order] / 16).astype(np.float32)).unsqueeze(-1)
    y = torch.from_numpy(labels[order].astype(np.int64))
    starts = (0, TRAIN, TRAIN + VALID)
    return Splits(*(Split(x[start : start + n], y[start : start + n]) for start, n in zip(starts, sizes, strict=True)))
