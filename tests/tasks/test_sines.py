"""Sines at random times: what is read is a sine at the times that are given, and the period asked for is told."""

import math

import numpy as np
import pytest
from scipy.stats import kstest

from tasks.sines import CHANCE, async_sines


def load(step=None, data_seed=3, train=400):
    return async_sines(step=step, train=train, valid=30, test=20).load(data_seed, None)


def steps_of(sequence):
    """Values and times without what fills the sequence up, by a plain loop."""
    first = next(t for t, (_, time) in enumerate(sequence.tolist()) if time != 0)
    assert not sequence[:first].any()
    return sequence[first:].double().numpy().T


def fit(values, times, period):
    """The error of the best sine of a period at these times."""
    angle = 2 * np.pi * times / period
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    (a, b), *_ = np.linalg.lstsq(basis, values, rcond=None)
    return np.abs(basis @ (a, b) - values).max(), math.hypot(a, b)


@pytest.mark.parametrize(("step", "length"), [(None, 124), (1.0, 125), (0.5, 250)])
def test_shapes(step, length):
    spec = async_sines(step=step)
    assert (spec.shape.length, spec.shape.inputs, spec.shape.outputs, spec.shape.stamps) == (length, 2, 2, 1)
    for split, sequences in zip(load(step), (400, 30, 20), strict=True):
        assert split.x.shape == (sequences, length, 2)
        assert set(split.y.tolist()) == {0, 1}


@pytest.mark.parametrize("step", [None, 1.0])
def test_a_sequence_of_the_class_asked_for_is_a_sine_of_such_a_period_and_no_other_is(step):
    x, y = load(step, train=60).train
    periods = np.linspace(5, 6, 2001)
    for sequence, label in zip(x, y.tolist(), strict=True):
        values, times = steps_of(sequence)
        error, size = min(fit(values, times, period) for period in periods)
        assert (error < 0.03 and abs(size - 1) < 0.05) == bool(label)


def test_times_are_in_order_within_125_ms_and_uniform_where_they_are_random():
    places, counts = [], []
    for sequence in load().train.x:
        _, times = steps_of(sequence)
        assert (np.diff(times) >= 0).all()
        assert 0 < times[0] <= times[-1] < 125
        counts.append(len(times))
        if len(times) > 2:  # between the first and the last
            places += ((times[1:-1] - times[0]) / (times[-1] - times[0])).tolist()
    assert min(counts) >= 15
    assert max(counts) <= 124
    assert kstest(places, "uniform").pvalue > 0.01


def test_regular_times_are_a_step_apart_and_as_many_as_fit():
    counts = []
    for sequence in load(1.0).train.x:
        _, times = steps_of(sequence)
        np.testing.assert_allclose(np.diff(times), 1.0, atol=1e-4)
        counts.append(len(times))
    assert min(counts) >= 15
    assert 110 < max(counts) <= 125


def test_chance_is_the_share_of_the_class_asked_for():
    y = load(train=20_000).train.y
    assert pytest.approx(0.5 + 0.5 * math.log(6 / 5) / math.log(100)) == CHANCE
    assert y.double().mean().item() == pytest.approx(CHANCE, abs=4 * 0.5 / math.sqrt(20_000))


def test_options_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="step is 0; give a number of ms above 0 and at most 15, or None"):
        async_sines(step=0)
    with pytest.raises(ValueError, match="each needs at least 1 sequence"):
        async_sines(test=0)
