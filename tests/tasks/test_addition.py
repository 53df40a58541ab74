"""Addition: targets recomputed, markers counted, chance measured."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from tasks.addition import addition

BOTH = pytest.mark.parametrize("markers", ["halves", "anywhere"])


def load(length, markers="halves", data_seed=3, **sizes):
    return addition(length, markers=markers, **{"train": 60, "valid": 50, "test": 40, **sizes}).load(data_seed, None)


def marked(x):
    """The marked steps of each sequence, by a plain loop."""
    return [[t for t, (_, marker) in enumerate(sequence) if marker == 1.0] for sequence in x.tolist()]


@BOTH
@pytest.mark.parametrize("length", [2, 3, 10, 31])
def test_target_is_the_sum_of_two_marked_values(length, markers):
    for split, sequences in zip(load(length, markers), (60, 50, 40), strict=True):
        x, y = split
        assert x.shape == (sequences, length, 2)
        assert y.shape == (sequences, 1)
        assert x.dtype == y.dtype == torch.float32
        assert set(x[..., 1].unique().tolist()) == {0.0, 1.0} if length > 2 else {1.0}
        for sequence, steps, target in zip(x, marked(x), y, strict=True):
            first, second = steps
            assert sequence[first, 0] + sequence[second, 0] == target
            if markers == "halves":
                assert first < length // 2 <= second


def test_values_are_uniform():
    values = load(50).train.x[..., 0].flatten().numpy()
    assert values.min() >= 0.0
    assert values.max() <= 1.0
    assert chisquare(np.histogram(values, bins=20, range=(0, 1))[0]).pvalue > 0.01


def test_markers_in_halves_are_uniform_and_reach_every_step():
    steps = np.array(marked(load(7, train=4_000).train.x))
    assert chisquare(np.bincount(steps[:, 0], minlength=3)).pvalue > 0.01
    assert chisquare(np.bincount(steps[:, 1] - 3, minlength=4)).pvalue > 0.01


def test_markers_anywhere_are_uniform_over_pairs():
    steps = np.array(marked(load(6, "anywhere", train=6_000).train.x))
    pairs, counts = np.unique(steps, axis=0, return_counts=True)
    assert len(pairs) == 15
    assert chisquare(counts).pvalue > 0.01


@BOTH
def test_chance_is_what_the_answer_one_earns_and_the_papers_figure_is_not(markers):
    sequences = 20_000
    y = load(10, markers, test=sequences).test.y.double()
    found = float((y - 1).square().mean())
    # for the sum S of two uniform numbers E(S-1)^2 = 1/6 and E(S-1)^4 = 1/15
    error = math.sqrt((1 / 15 - 1 / 36) / sequences)
    chance = addition(10, markers=markers).chance
    assert chance == 1 / 6
    assert abs(found - chance) < 4 * error
    assert abs(found - 0.1767) > 5 * error
    # no other constant does better, but for the error of a mean
    assert found - float((y - y.mean()).square().mean()) < 16 * (1 / 6) / sequences


def test_the_papers_sizes():
    spec = addition(500)
    assert spec.name == "addition-500"
    assert (spec.shape.length, spec.shape.inputs, spec.shape.outputs, spec.shape.per_step) == (500, 2, 1, False)
    assert (spec.metric, spec.higher_is_better) == ("mse", False)
    assert [len(split.y) for split in addition(2).load(0, None)] == [100_000, 10_000, 10_000]
    sizes = "100,000 training, 10,000 validation and 10,000 test sequences"
    assert spec.detail == f"500 steps, a marker in each half, {sizes}"
    assert addition(1000, markers="anywhere").detail == f"1,000 steps, two markers anywhere, {sizes}"
    assert spec.training == {"paper": {"batch": 50}, "desk": {"max_steps": 12_000}}


@pytest.mark.parametrize(("scale", "sizes"), [("quick", [5_000, 1_000, 1_000]), ("smoke", [200, 50, 50])])
def test_scales_take_fewer_sequences_of_the_same_length(scale, sizes):
    spec = addition(20, **addition(20).scales[scale])
    assert spec.name == "addition-20"
    assert [tuple(split.x.shape) for split in spec.load(0, None)] == [(n, 20, 2) for n in sizes]
