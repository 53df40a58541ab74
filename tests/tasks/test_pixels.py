"""MNIST as sequences: made-up files of the full size with a known content, and the real ones where they are."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from harness.catalog import find_task
from tasks import pixels
from tasks.data.fetch import DataError
from tasks.pixels import noisy_mnist, permuted, pmnist, smnist

FEW = {"train": 30, "valid": 20, "test": 25}
TASKS = {"smnist": smnist, "pmnist": pmnist, "noisy-mnist-1000": noisy_mnist}
EVERY = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def write(folder, name, array):
    """An IDX file, by hand."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    (folder / name).write_bytes(head + array.tobytes())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data root with files of MNIST's size, and what is in them."""
    root = tmp_path_factory.mktemp("data")
    (root / "mnist").mkdir()
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        arrays[part] = rng.integers(256, size=(count, 28, 28), dtype=np.uint8), rng.integers(10, size=count)
        write(root / "mnist", f"{part}-images-idx3-ubyte", arrays[part][0])
        write(root / "mnist", f"{part}-labels-idx1-ubyte", arrays[part][1].astype(np.uint8))
    return root, arrays


@pytest.fixture(scope="module")
def real():
    """The data root with the real files."""
    root = Path(os.environ.get("BENCH_DATA", ""))
    if "BENCH_DATA" not in os.environ or not (root / "mnist").is_dir():
        pytest.skip("BENCH_DATA names no folder that has MNIST in it")
    return root


def parts(arrays):
    """(images, labels) to train, validate and test, as the released code takes them."""
    images, labels = arrays["train"]
    return (images[5_000:], labels[5_000:]), (images[:5_000], labels[:5_000]), arrays["t10k"]


def test_the_first_5000_validate_and_the_other_55000_train(made):
    root, arrays = made
    for split, (images, labels) in zip(smnist().load(0, root), parts(arrays), strict=True):
        assert split.x.shape == (len(images), 784, 1)
        assert split.x.dtype == torch.float32
        assert split.y.dtype == torch.int64
        assert np.array_equal(split.y.numpy(), labels)
        pick = [0, 1, len(images) // 2, -1]
        wanted = images[pick].reshape(4, 784) / 255
        assert np.allclose(split.x[pick, :, 0].numpy(), wanted, rtol=0, atol=1e-7)
        assert (float(split.x.min()), float(split.x.max())) == (0.0, 1.0)


def test_fewer_images_are_the_first_of_each_part(made):
    root, arrays = made
    for split, (images, labels), n in zip(smnist(**FEW).load(0, root), parts(arrays), FEW.values(), strict=True):
        assert np.array_equal((255 * split.x[:, :, 0]).round().numpy(), images[:n].reshape(n, 784))
        assert np.array_equal(split.y.numpy(), labels[:n])


@pytest.mark.parametrize("side", [1, 2, 4, 7, 14])
def test_a_smaller_side_takes_means_of_blocks(made, side):
    root, arrays = made
    x = smnist(side=side, **FEW).load(0, root).test.x
    assert x.shape == (25, side * side, 1)
    block = 28 // side
    for image, sequence in zip(arrays["t10k"][0][:3], x, strict=False):
        for row in range(side):
            for column in range(side):
                piece = image[row * block : (row + 1) * block, column * block : (column + 1) * block]
                mean = sum(int(pixel) for pixel in piece.flatten()) / block**2 / 255
                assert float(sequence[row * side + column, 0]) == pytest.approx(mean, abs=1e-6)


@pytest.mark.parametrize("count", [1, 4, 49, 196, 784])
@pytest.mark.parametrize("permutation", pixels.PERMUTATIONS)
def test_a_permutation_shows_each_pixel_once(permutation, count):
    order = permuted(permutation, count)
    assert sorted(order.tolist()) == list(range(count))
    assert count == 1 or order.tolist() != list(range(count))
    assert np.array_equal(order, permuted(permutation, count))


def test_the_permutations_are_those_of_the_papers():
    assert permuted("tprnn", 784)[:5].tolist() == [237, 489, 68, 737, 457]
    assert permuted("wisdom", 784)[:5].tolist() == [319, 576, 323, 107, 355]
    turned = [int(f"{number:010b}"[::-1], 2) for number in range(1024)]
    assert permuted("bit-reversal", 784).tolist() == [number for number in turned if number < 784]
    assert permuted("bit-reversal", 784)[:6].tolist() == [0, 512, 256, 768, 128, 640]


@pytest.mark.parametrize("side", [28, 14])
@pytest.mark.parametrize("permutation", pixels.PERMUTATIONS)
def test_permuted_images_can_be_put_in_order_again(made, permutation, side):
    root, _ = made
    inverse = np.argsort(permuted(permutation, side * side))
    plain, changed = smnist(side=side, **FEW), pmnist(permutation=permutation, side=side, **FEW)
    for one, other in zip(plain.load(0, root), changed.load(0, root), strict=True):
        assert not torch.equal(one.x, other.x)
        assert torch.equal(one.x, other.x[:, inverse])
        assert torch.equal(one.y, other.y)
    order = permuted(permutation, side * side)
    assert changed.load(0, root).test.x[0, 3] == plain.load(0, root).test.x[0, order[3]]


def test_noise_follows_the_pixels_and_is_uniform(made):
    root, _ = made
    plain, noisy = smnist(**FEW).load(0, root), noisy_mnist(1000, **FEW).load(0, root)
    for one, other in zip(plain, noisy, strict=True):
        assert other.x.shape == (len(one.x), 1000, 1)
        assert torch.equal(other.x[:, :784], one.x)
        assert torch.equal(other.y, one.y)
        noise = other.x[:, 784:].flatten().numpy()
        assert noise.min() >= 0
        assert noise.max() < 1
        assert kstest(noise, "uniform").pvalue > 0.01
        assert len(np.unique(other.x[:, 784:].numpy(), axis=0)) == len(other.x)


def test_noise_depends_on_the_data_seed_and_on_no_other_part(made):
    root, _ = made
    one, same, other = (noisy_mnist(900, **FEW).load(seed, root) for seed in (0, 0, 1))
    large = noisy_mnist(900, **{**FEW, "train": 2_500}).load(0, root)
    for a, b, c, d in zip(one, same, other, large, strict=True):
        assert torch.equal(a.x, b.x)
        assert torch.equal(a.x, d.x[: len(a.x)])
        assert torch.equal(a.x[:, :784], c.x[:, :784])
        assert not torch.equal(a.x[:, 784:], c.x[:, 784:])
    assert not torch.equal(one.train.x[:20, 784:], one.valid.x[:20, 784:])
    assert len(large.train.x[:, 784:, 0].unique(dim=0)) == 2_500


def test_noise_is_not_copied_as_a_whole():
    images = np.zeros((3_000, 28, 28), np.uint8)
    tracemalloc.start()
    x = pixels.sequences(images, side=28, permutation="", length=3_000, noise=np.random.default_rng(0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert x.nbytes <= peak < 1.4 * x.nbytes


@pytest.mark.parametrize("scale", ["paper", "quick", "smoke"])
@pytest.mark.parametrize("name", [*TASKS, "noisy-mnist-785"])
def test_every_scale_gives_its_shape(made, name, scale):
    root, _ = made
    spec = find_task(name if scale != "paper" else f"{name}@train=30+valid=20+test=25", scale)
    options = {"paper": FEW, **spec.scales}[scale]
    for split, part in zip(spec.load(0, root), ("train", "valid", "test"), strict=True):
        assert split.x.shape == (options[part], spec.shape.length, spec.shape.inputs)
        assert split.y.max() < spec.shape.outputs
    assert spec.shape.windows == ((49, 7), (16, 4), (4, 2))


def test_lengths_of_the_scales():
    lengths = {
        scale: [find_task(name, scale).shape.length for name in (*TASKS, "noisy-mnist-2000", "noisy-mnist-3000")]
        for scale in ("paper", "quick", "smoke")
    }
    assert lengths["paper"] == [784, 784, 1000, 2000, 3000]
    assert lengths["quick"] == [196, 196, 250, 500, 750]
    assert lengths["smoke"] == [49, 49, 62, 125, 187]


def test_the_options_in_words():
    every = "55,000 training, 5,000 validation and 10,000 test images"
    assert smnist().detail == f"28 x 28 pixels, {every}"
    assert find_task("smnist", "quick").detail == (
        "14 x 14 pixels (means of 2 x 2), the first 10,000 training, 1,000 validation and 2,000 test images"
    )
    assert pmnist(permutation="wisdom").detail == f"28 x 28 pixels in the order 'wisdom', {every}"
    assert noisy_mnist(2000).detail == f"28 x 28 pixels, then noise to step 2,000, {every}"
    few = noisy_mnist(**noisy_mnist().scales["smoke"]).detail
    assert few.startswith("7 x 7 pixels (means of 4 x 4), then noise to step 62, the first 200 training")


@EVERY
def test_facts_of_the_spec(task):
    spec = task()
    assert (spec.data, spec.metric, spec.shape.outputs) == ("mnist", "accuracy", 10)
    assert spec.training == {"paper": {"batch": 50}, "desk": {"epochs": 10}, "quick": {"max_steps": 1000}}
    assert spec.chance < spec.target < (spec.reference or 1)


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="mnist"):
        smnist().load(0, tmp_path)


def test_a_label_that_is_no_digit_is_named_with_its_file(made, tmp_path):
    root, _ = made
    folder = tmp_path / "mnist"
    folder.mkdir()
    for path in (root / "mnist").iterdir():
        (folder / path.name).symlink_to(path)
    labels = folder / "t10k-labels-idx1-ubyte"
    whole = labels.read_bytes()
    labels.unlink()
    labels.write_bytes(whole[:-1] + b"\x0a")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.*has the label 10"):
        smnist(**FEW).load(0, tmp_path)


@EVERY
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"side": 10}, "side is 10; choose one that divides 28: 1, 2, 4, 7, 14, 28"),
        ({"train": 55_001}, "train is 55001; there are 1 to 55,000 images for it"),
        ({"valid": 0}, "valid is 0"),
        ({"test": 10_001}, "test is 10001"),
    ],
)
def test_impossible_options_are_refused(task, options, message):
    with pytest.raises(ValueError, match=message):
        task(**options)


def test_an_unknown_permutation_and_too_few_steps_are_refused():
    with pytest.raises(ValueError, match="choose one of tprnn, wisdom, bit-reversal"):
        pmnist(permutation="random")
    with pytest.raises(ValueError, match="the pixels alone take 784 steps"):
        noisy_mnist(783)


def test_the_real_files(real):
    train, valid, test = smnist().load(0, real)
    assert [tuple(split.x.shape) for split in (train, valid, test)] == [(n, 784, 1) for n in (55_000, 5_000, 10_000)]
    assert test.y.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (train.y.bincount() + valid.y.bincount()).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert int(test.y[0]) == 7
    assert valid.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert {float(split.x.max()) for split in (train, valid, test)} == {1.0}
    assert {float(split.x.min()) for split in (train, valid, test)} == {0.0}
    seven = test.x[0, :, 0].reshape(28, 28)
    assert seven[:7].sum() == 0  # it stands upright, with an empty margin above
    assert seven[7:11, 6:].sum() > seven[20:24, 6:].sum()  # and its bar on top
    assert abs(float(train.x.mean()) - 0.1307) < 1e-3  # the mean that everybody subtracts


def test_chance_on_the_real_files(real):
    train, _, test = smnist().load(0, real)
    assert int(train.y.bincount().argmax()) == 1
    assert smnist().chance == int((test.y == 1).sum()) / 10_000
    assert int((test.y[:2_000] == 1).sum()) / 2_000 == pytest.approx(0.117, abs=5e-4)
