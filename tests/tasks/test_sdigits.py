"""Small digits: the images of scikit-learn, each once."""

import numpy as np
import pytest
import torch

from tasks.sdigits import sdigits

datasets = pytest.importorskip("sklearn.datasets")


@pytest.fixture(scope="module")
def splits():
    return sdigits().load(0, None)


def test_every_image_stands_once_in_one_part_with_its_label(splits):
    assert [tuple(split.x.shape) for split in splits] == [(1_200, 64, 1), (297, 64, 1), (300, 64, 1)]
    images, labels = datasets.load_digits(return_X_y=True)
    original = sorted((*row.tolist(), label) for row, label in zip(images, labels, strict=True))
    x, y = (torch.cat(parts) for parts in zip(*splits, strict=True))
    assert x.dtype == torch.float32
    assert y.dtype == torch.int64
    found = sorted((*(16 * row[:, 0]).tolist(), int(label)) for row, label in zip(x, y, strict=True))
    assert found == original
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)


def test_chance_is_the_share_of_the_commonest_digit(splits):
    counts = torch.cat([split.y for split in splits]).bincount()
    assert int(counts.argmax()) == 3
    assert sdigits().chance == int(counts.max()) / int(counts.sum())


def test_fewer_images_are_the_first_of_each_part(splits):
    spec = sdigits(**sdigits().scales["smoke"])
    assert "quick" not in spec.scales  # it is the whole set
    for few, whole, size in zip(spec.load(0, None), splits, (200, 50, 50), strict=True):
        assert few.x.shape == (size, spec.shape.length, spec.shape.inputs)
        assert torch.equal(few.x, whole.x[:size])
        assert torch.equal(few.y, whole.y[:size])


def test_pixels_come_row_by_row(splits):
    images, labels = datasets.load_digits().images, datasets.load_digits().target
    where = np.flatnonzero((images.reshape(-1, 64) == 16 * splits.test.x[0, :, 0].numpy()).all(axis=1))
    assert splits.test.x[0].reshape(8, 8).tolist() == (images[where[0]] / 16).tolist()
    assert int(splits.test.y[0]) == labels[where[0]]


def test_the_options_in_words():
    assert sdigits().detail == "8 x 8 pixels, 1,200 training, 297 validation and 300 test images"
    few = sdigits(train=20).detail
    assert few == "8 x 8 pixels, the first 20 training, 297 validation and 300 test images"
    assert sdigits().needs == {"sklearn": "scikit-learn"}
