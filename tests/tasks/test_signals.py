"""Signals in noise: labels recounted from the raw sequences by a plain loop, shares by hand."""

import math
from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from tasks.signals import QUICK, SEARCHED, generate, sfc, sti

LENGTHS = (20, 40, 60, 80)
SINE, SQUARE, SAW = 0, 1, 2


def template(kind, f):
    """f steps from the words of the paper: half a period, a constant, one ramp; all between 0 and 2."""
    at = [step / (f - 1) for step in range(f)]
    if kind == SINE:
        return np.array([2 * math.sin(math.pi * a) for a in at])
    return np.array([2.0 if kind == SQUARE else 2 * a for a in at])


def recount(sequence, lengths):
    """Signals [(type, start, f)] of a sequence; a run of squares is one entry with its whole length."""
    found, t = [], 0
    while t < len(sequence):
        t_was = t
        if sequence[t] == 2.0:
            while t < len(sequence) and sequence[t] == 2.0:
                t += 1
            found.append((SQUARE, t_was, t - t_was))
        elif sequence[t] == 0.0:  # noise is never exactly 0; sines and saw-teeth start there
            matches = [
                (kind, t, f)
                for kind in (SINE, SAW)
                for f in lengths
                if t + f <= len(sequence) and np.allclose(sequence[t : t + f], template(kind, f), rtol=0, atol=1e-6)
            ]
            assert len(matches) == 1, f"{len(matches)} signals start at step {t}"
            found += matches
            t += matches[0][2]
        else:
            assert -1.0 <= sequence[t] < 1.0, f"step {t} is neither noise nor the start of a signal"
            t += 1
    return found


def ways(runs, lengths, numbers):
    """Every (n, distinct lengths) that runs of adjacent squares can stand for."""
    states = {((), 0)}
    for run in runs:
        pieces = [
            c for n in range(1, max(numbers) + 1) for c in combinations_with_replacement(lengths, n) if sum(c) == run
        ]
        states = {(tuple(sorted({*used, *c})), n + len(c)) for used, n in states for c in pieces}
    return {(n, len(used)) for used, n in states if n in numbers}


@pytest.fixture(scope="module")
def splits():
    return sfc().load(3, None), sti().load(3, None)


@pytest.fixture(scope="module")
def parsed(splits):
    """(signals, count label, type label) of 450 sequences from all three splits."""
    cases = []
    for counted, typed in zip(*splits, strict=True):
        for x, count, kind in zip(counted.x[:150], counted.y[:150], typed.y[:150], strict=True):
            cases.append((recount(x[:, 0].numpy(), LENGTHS), int(count) + 1, int(kind)))
    return cases


def test_labels_are_the_recounted_ones(parsed):
    ambiguous = 0
    for signals, count, kind in parsed:
        assert {found for found, _, _ in signals} == {kind}
        sizes = [f for _, _, f in signals]
        if kind == SQUARE:  # two squares side by side look like one
            possible = ways(sizes, LENGTHS, (3, 4, 5))
            assert count in {distinct for _, distinct in possible}
            ambiguous += len({distinct for _, distinct in possible}) > 1
        else:
            assert 3 <= len(sizes) <= 5
            assert len(set(sizes)) == count
    assert {kind for _, _, kind in parsed} == {SINE, SQUARE, SAW}
    assert {count for _, count, _ in parsed} == {1, 2, 3, 4}
    assert ambiguous < 150  # most squares are decided by their runs


def test_number_and_lengths_are_uniform(parsed):
    sequences = [[f for _, _, f in signals] for signals, _, kind in parsed if kind != SQUARE]
    assert len(sequences) > 200
    numbers = np.bincount([len(sizes) for sizes in sequences], minlength=6)[3:]
    assert chisquare(numbers).pvalue > 0.01
    sizes = np.bincount([f // 20 for sizes in sequences for f in sizes], minlength=5)[1:]
    assert chisquare(sizes).pvalue > 0.01


@pytest.mark.parametrize(("number", "length"), [(2, 8), (3, 10), (1, 3)])
def test_every_placement_is_equally_likely(number, length):
    rng = np.random.default_rng(5)
    x, kind, _ = generate(rng, sequences=6_000, length=length, signals=(number,), lengths=(3,))
    free = length - 3 * number
    starts = [tuple(t for _, t, _ in recount(row, (3,))) for row in x[kind != SQUARE]]
    places, counts = np.unique(starts, axis=0, return_counts=True)
    assert len(places) == math.comb(free + number, number)
    assert all(b - a >= 3 for place in places.tolist() for a, b in pairwise(place))
    assert len(counts) == 1 or chisquare(counts).pvalue > 0.01


def test_mixed_numbers_of_signals_fill_the_whole_sequence_and_never_overlap():
    rng = np.random.default_rng(6)
    x, kind, count = generate(rng, sequences=2_000, length=26, signals=(1, 2, 4), lengths=(3, 4, 6))
    reached = np.zeros(26, dtype=bool)
    for row, label, distinct in zip(x, kind, count, strict=True):
        if label == SQUARE:
            continue
        signals = recount(row, (3, 4, 6))  # an overlap would leave a torn signal, which recount refuses
        assert {found for found, _, _ in signals} == {label}
        assert len(signals) in (1, 2, 4)
        assert len({f for _, _, f in signals}) == distinct
        for _, start, f in signals:
            reached[[start, start + f - 1]] = True
    assert reached.all()


def test_noise_is_uniform(splits):
    x = splits[0].test.x[:200, :, 0].numpy()
    noise = []
    for row in x:
        kept = np.ones(len(row), dtype=bool)
        for _, start, f in recount(row, LENGTHS):
            kept[start : start + f] = False
        noise.append(row[kept])
    noise = np.concatenate(noise)
    assert noise.min() >= -1.0
    assert noise.max() <= 1.0
    assert chisquare(np.histogram(noise, bins=20, range=(-1, 1))[0]).pvalue > 0.01


def distribution():
    """P(1), ..., P(4 distinct lengths) for n uniform in {3, 4, 5}: surjections of n signals on k lengths."""
    shares = []
    for k in range(1, 5):
        onto = [sum((-1) ** j * math.comb(k, j) * (k - j) ** n for j in range(k)) for n in (3, 4, 5)]
        shares.append(sum(math.comb(4, k) * o / 4**n for o, n in zip(onto, (3, 4, 5), strict=True)) / 3)
    return shares


def test_shares_of_the_counts_and_chance(splits):
    shares = distribution()
    assert [round(100 * share, 1) for share in shares] == [2.7, 35.5, 50.8, 10.9]
    assert sfc().chance == pytest.approx(max(shares), rel=1e-12)
    labels = torch.cat([split.y for split in splits[0]])
    found = labels.bincount(minlength=4).numpy() / 9_000
    assert found.argmax() == 2
    for share, of_data in zip(shares, found, strict=True):
        assert abs(of_data - share) < 4 * math.sqrt(share * (1 - share) / 9_000)


def test_chance_of_the_type_is_a_third(splits):
    assert sti().chance == 1 / 3
    found = torch.cat([split.y for split in splits[1]]).bincount(minlength=3).numpy() / 9_000
    assert np.abs(found - 1 / 3).max() < 4 * math.sqrt(2 / 9 / 9_000)


def test_both_tasks_ask_about_the_same_sequences(splits):
    for counted, typed in zip(*splits, strict=True):
        assert torch.equal(counted.x, typed.x)
        assert not torch.equal(counted.y, typed.y)


def test_sizes_and_types(splits):
    for task, outputs in zip(splits, (4, 3), strict=True):
        assert [tuple(split.x.shape) for split in task] == [(6_300, 1_000, 1), (900, 1_000, 1), (1_800, 1_000, 1)]
        assert {split.x.dtype for split in task} == {torch.float32}
        assert {split.y.dtype for split in task} == {torch.int64}
        assert {int(split.y.max()) for split in task} == {outputs - 1}


def test_no_sequence_stands_in_two_splits(splits):
    rows = torch.cat([split.x[:, :, 0] for split in splits[0]])
    assert len({row.tobytes() for row in rows.numpy()}) == 9_000


@pytest.mark.parametrize("scale", ["quick", "smoke"])
def test_scales_keep_the_question(scale):
    options = sfc().scales[scale]
    spec = sfc(**options)
    assert spec.chance == sfc().chance
    data = spec.load(3, None)
    assert sum(len(split.y) for split in data) == options["sequences"]
    assert data.train.x.shape[1:] == (options["length"], 1)
    assert data.train.y.unique().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("task", [sfc, sti])
def test_the_options_in_words(task):
    paper = "1,000 steps with 3, 4 or 5 signals of 20, 40, 60 or 80 steps, 9,000 sequences (7:1:2)"
    assert task().detail == paper
    one = task(length=90, signals=(1,), lengths=(3, 90), sequences=10).detail
    assert task(**QUICK).detail.endswith("(7:1:2)" + SEARCHED)
    assert one == "90 steps with 1 signals of 3 or 90 steps, 10 sequences (7:1:2)"
    assert task().training == {"paper": {"batch": 50}}
