"""What holds of every task whose sequences are made; tests/checks holds that they hang on the data seed alone."""

import pytest
import torch

from tasks.addition import addition
from tasks.copy import copy
from tasks.low_density import low_density
from tasks.sdigits import sdigits
from tasks.signals import sfc, sti
from tasks.spec import streams

MADE = {
    "addition": lambda **sizes: addition(12, **sizes),
    "addition anywhere": lambda **sizes: addition(12, markers="anywhere", **sizes),
    "copy": lambda **sizes: copy(12, **sizes),
    "low density": low_density,
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_splits_differ_and_those_for_tests_are_the_same_at_every_training_size(make):
    small, large = (make(train=train, valid=51, test=39).load(3, None) for train in (60, 201))
    for one, other in ((small.valid, large.valid), (small.test, large.test)):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.y, other.y)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_no_sequence_of_a_split_is_in_another(make):
    """Of equal sizes, as the scale `quick` has them: streams that are one would give the same."""
    splits = make(train=60, valid=60, test=60).load(3, None)
    assert len(torch.cat([split.x.flatten(1) for split in splits]).unique(dim=0)) == 180


def test_splits_share_no_random_numbers():
    assert len({rng.random() for rng in streams(3, 0x10D)}) == 3


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (addition, {"length": 1}, "length is 1; two markers need at least 2 steps"),
        (addition, {"markers": "third"}, "markers is 'third'; choose one of halves, anywhere"),
        (addition, {"valid": 0}, "each needs at least 1 sequence"),
        (copy, {"delay": 0}, "must be at least 1 step"),
        (copy, {"test": 0}, "each needs at least 1 sequence"),
        (low_density, {"length": 399}, "need 400 steps, but length is 399"),
        (low_density, {"train": 100}, "train is 100; it must be a multiple of 3"),
        (low_density, {"valid": 0}, "valid is 0; it must be a multiple of 3"),
        (low_density, {"noise": -1.0}, "both are half a range"),
        (sdigits, {"train": 1_201}, "train is 1201"),
        (sdigits, {"test": 0}, "there are 1 to 300 images for it"),
        (sfc, {"length": 399}, "need 400 steps, but length is 399"),
        (sfc, {"sequences": 9}, "needs at least 10"),
        (sti, {"length": 399}, "need 400 steps, but length is 399"),
        (sti, {"sequences": 9}, "needs at least 10"),
    ],
)
def test_impossible_options_are_refused(task, options, message):
    with pytest.raises(ValueError, match=message):
        task(**options)
