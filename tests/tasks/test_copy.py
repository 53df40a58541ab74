"""Copy memory: the layout by a plain loop, chance by what a memoryless answer earns."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.nn.functional import cross_entropy

from tasks.copy import copy


def load(delay, data_seed=3, **sizes):
    return copy(delay, **{"train": 60, "valid": 50, "test": 40, **sizes}).load(data_seed, None)


@pytest.mark.parametrize("delay", [1, 2, 7, 120])
def test_layout_of_inputs_and_answers(delay):
    for split, sequences in zip(load(delay), (60, 50, 40), strict=True):
        assert split.x.shape == (sequences, delay + 20, 10)
        assert split.y.shape == (sequences, delay + 20)
        assert split.x.dtype == torch.float32
        assert split.y.dtype == torch.int64
        assert (split.x.sum(dim=2) == 1).all()
        assert (split.x.max(dim=2).values == 1).all()
        for symbols, answers in zip(split.x.argmax(dim=2).tolist(), split.y.tolist(), strict=True):
            digits = symbols[:10]
            assert all(0 <= digit <= 7 for digit in digits)
            for step in range(1, delay + 21):  # counted from 1, as the papers do
                if step > 10:
                    assert symbols[step - 1] == (9 if delay + 10 <= step <= delay + 20 else 8)
                assert answers[step - 1] == (8 if step <= delay + 10 else digits[step - delay - 11])
            assert symbols.count(9) == 11


def test_digits_are_uniform_at_every_place():
    digits = load(1, train=2_000).train.y[:, -10:].numpy()
    smallest = min(chisquare(np.bincount(column, minlength=8)).pvalue for column in digits.T)
    assert smallest > 0.001  # ten tests at 0.01, by Bonferroni


@pytest.mark.parametrize("delay", [5, 120, 220])
def test_chance_is_what_an_answer_without_memory_earns(delay):
    spec, test = copy(delay), load(delay, test=500).test
    counts = torch.bincount(test.y[:, -10:].flatten(), minlength=9)
    logits = torch.full((*test.y.shape, 9), -100.0, dtype=torch.float64)
    logits[:, : delay + 10, 8] = 100.0
    logits[:, delay + 10 :, :8] = 100.0
    earned = float(cross_entropy(logits.flatten(0, 1), test.y.flatten()))
    assert spec.chance == pytest.approx(10 * math.log(8) / (delay + 20), rel=1e-12)
    assert earned == pytest.approx(spec.chance, rel=1e-9)
    # knowing this very data's shares of the digits gains only what chance variation allows
    share = counts[:8].double() / counts.sum()
    entropy = float(-(share * share.log()).sum())
    assert counts[8] == 0
    assert math.log(8) - 40 / (2 * 5_000) < entropy <= math.log(8)


def test_sizes_and_scales():
    spec = copy(220)
    assert spec.name == "copy-220"
    assert (spec.shape.length, spec.shape.inputs, spec.shape.outputs, spec.shape.per_step) == (240, 10, 9, True)
    assert (spec.metric, spec.higher_is_better) == ("cross_entropy", False)
    assert spec.detail == "240 steps, 10,000 training, 1,000 validation and 1,000 test sequences"
    assert spec.training == {"paper": {"optimizer": "rmsprop", "clip": 0.0}}
    assert [len(split.y) for split in copy(1).load(0, None)] == [10_000, 1_000, 1_000]
    for scale, sizes in (("quick", [2_000, 500, 500]), ("smoke", [200, 50, 50])):
        assert [tuple(split.y.shape) for split in copy(3, **spec.scales[scale]).load(0, None)] == [
            (n, 23) for n in sizes
        ]
