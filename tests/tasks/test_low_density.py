"""Low-density signals: types, amplitudes and lengths read back from the raw sequences by a plain loop."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from tasks.low_density import low_density
from tasks.signals import sti

LENGTHS = (20, 40, 60, 80)
SINE, SQUARE, SAW = 0, 1, 2


def unit(kind, f):
    """f steps with the peak 1, from 0 but for the square."""
    at = [step / (f - 1) for step in range(f)]
    if kind == SINE:
        return np.array([math.sin(math.pi * a) for a in at])
    return np.array([1.0 if kind == SQUARE else a for a in at])


def found_at(x, t):
    """(type, amplitude, f) of the signal that starts at step t, or None: the longest one that fits exactly."""
    for f in sorted(LENGTHS, reverse=True):
        piece = x[t : t + f].astype(np.float64)
        if len(piece) < f:
            continue
        for kind in (SINE, SQUARE, SAW):
            form = unit(kind, f)
            a = piece @ form / (form @ form)
            if np.allclose(piece, a * form, rtol=0, atol=2e-6):
                return kind, a, f
    return None


def read(x):
    """The signals [(type, amplitude, f)] of a sequence, and the steps of noise around them."""
    signals, noise, t = [], [], 0
    while t < len(x):
        # noise never repeats a value and is never exactly 0
        found = found_at(x, t) if x[t] == 0 or (t + 1 < len(x) and x[t] == x[t + 1]) else None
        if found:
            signals.append(found)
            t += found[2]
        else:
            noise.append(x[t])
            t += 1
    return signals, noise


@pytest.fixture(scope="module")
def splits():
    return low_density().load(3, None)


@pytest.fixture(scope="module")
def parsed(splits):
    return [
        (*read(x[:, 0].numpy()), int(label))
        for split in splits
        for x, label in zip(split.x[:200], split.y[:200], strict=True)
    ]


def test_the_papers_sizes_and_the_balance_of_types(splits):
    for split, each in zip(splits, (1_600, 200, 400), strict=True):
        assert split.x.shape == (3 * each, 1_000, 1)
        assert split.x.dtype == torch.float32
        assert split.y.dtype == torch.int64
        assert split.y.bincount().tolist() == [each] * 3
        assert split.y[:30].unique().tolist() == [0, 1, 2]  # and they are mixed


def test_all_signals_of_a_sequence_have_the_type_of_its_label(parsed):
    assert {label for _, _, label in parsed} == {SINE, SQUARE, SAW}
    for signals, _, label in parsed:
        assert {kind for kind, _, _ in signals} == {label}
        assert 3 <= len(signals) <= 5


def test_numbers_and_lengths_are_uniform(parsed):
    numbers = np.bincount([len(signals) for signals, _, _ in parsed], minlength=6)[3:]
    assert chisquare(numbers).pvalue > 0.01
    sizes = np.bincount([f // 20 for signals, _, _ in parsed for _, _, f in signals], minlength=5)[1:]
    assert chisquare(sizes).pvalue > 0.01


@pytest.mark.parametrize("kind", [SINE, SQUARE, SAW])
def test_amplitudes_are_uniform_from_minus_7_to_7(parsed, kind):
    amplitudes = [a for signals, _, label in parsed for _, a, _ in signals if label == kind]
    assert len(amplitudes) > 500
    assert kstest(amplitudes, "uniform", (-7, 14)).pvalue > 0.01
    assert kstest(amplitudes, "uniform", (-6, 12)).pvalue < 0.01  # enough of them to tell


def test_amplitudes_of_one_sequence_differ(parsed):
    for signals, _, _ in parsed:
        assert len({round(a, 5) for _, a, _ in signals}) == len(signals)


def test_the_rest_is_noise_from_minus_1_to_1(parsed):
    noise = np.concatenate([noise for _, noise, _ in parsed])
    assert noise.min() >= -1
    assert noise.max() <= 1
    assert kstest(noise[::50], "uniform", (-1, 2)).pvalue > 0.01


def test_ranges_are_options():
    x = low_density(amplitude=0.0, noise=0.25, train=3, valid=3, test=3).load(0, None).train.x
    assert 0.24 < float(x.abs().max()) <= 0.25
    assert int((x == 0).sum()) >= 3 * 3 * 20
    x = low_density(amplitude=50.0, noise=0.0, train=30, valid=3, test=3).load(0, None).train.x
    assert 40 < float(x.abs().max()) <= 50


@pytest.mark.parametrize("scale", ["quick", "smoke"])
def test_scales_keep_the_question_and_the_balance(scale):
    options = low_density().scales[scale]
    spec = low_density(**options)
    assert {key: sti().scales[scale][key] for key in ("length", "lengths")} == {
        key: options[key] for key in ("length", "lengths")
    }
    for split, size in zip(spec.load(0, None), (options["train"], options["valid"], options["test"]), strict=True):
        assert split.x.shape == (size, spec.shape.length, spec.shape.inputs)
        assert split.y.bincount().tolist() == [size // 3] * 3


def test_the_options_in_words():
    spec = low_density()
    assert spec.detail == (
        "1,000 steps with 3, 4 or 5 signals of 20, 40, 60 or 80 steps, amplitudes to 7, noise to 1, "
        "4,800 training, 600 validation and 1,200 test sequences"
    )
    assert "amplitudes to 2.5, noise to 0.1, 3 training" in low_density(amplitude=2.5, noise=0.1, train=3).detail
    assert spec.training == {"paper": {"optimizer": "rmsprop", "clip": 0.0}, "quick": {"max_steps": 1000}}
    assert (spec.chance, spec.reference) == (1 / 3, None)
