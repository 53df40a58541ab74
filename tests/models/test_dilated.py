"""Dilated LSTM against a plain loop."""

import pytest
import torch
from plain import dilated as plain

from harness.checks.models import Example, check_agrees, inputs_for
from models.dilated import DILATED_LSTM
from tasks.spec import SequenceShape


def make(length, per_step=False, width=3, **options):
    torch.manual_seed(5)
    return DILATED_LSTM.build(SequenceShape(length, 2, 3, per_step), width, **options).double()


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize(
    ("length", "dilations"),
    [(1, None), (2, None), (16, None), (17, None), (23, None), (11, (1, 3, 4, 2)), (12, (1, 2, 6)), (5, (1, 8))],
)
def test_values_and_gradients_equal_the_plain_loop(length, dilations, per_step):
    shape = SequenceShape(length, 2, 3, per_step)
    module = make(length, per_step, dilations=dilations)
    check_agrees("dilated-lstm", module, plain.LOOPS["dilated-lstm"](module, shape), inputs_for(shape))


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, 1), (2, 1), (3, 2), (5, 3), (129, 8), (200, 8), (257, 9), (300, 9), (500, 9), (784, 9), (1000, 9), (6000, 9)],
)
def test_layers_follow_from_the_length(length, expected):
    shape = SequenceShape(length, 2, 3)
    assert DILATED_LSTM.layers_at(shape) == expected
    with torch.device("meta"):
        module = DILATED_LSTM.build(shape, 2)
    assert module.dilations == (1, 2, 4, 8, 16, 32, 64, 128, 256)[:expected]


def test_part_of_a_unit_widens_the_first_layers():
    module = make(24, width=17 / 5)
    assert [rnn.hidden_size for rnn in module.rnns] == [4, 4, 3, 3, 3]
    assert module(inputs_for(Example(24))).shape == (3, 3)


def test_only_the_steps_that_reach_the_last_are_computed():
    module = make(200)
    seen = []
    for rnn in module.rnns:
        rnn.register_forward_hook(lambda rnn, inputs, outputs: seen.append(tuple(inputs[0].shape[:2])))
    module(inputs_for(Example(200), 2))
    assert seen == [(2, 200), (2, 100), (2, 50), (2, 25), (2, 13), (2, 7), (2, 4), (2, 2)]


def test_the_last_outputs_are_joined_where_the_first_dilation_is_above_1():
    shape = SequenceShape(11, 2, 3)
    module = make(11, dilations=(3, 6))
    assert module.classifier.in_features == 3 * 3
    check_agrees("dilated-lstm", module, plain.LOOPS["dilated-lstm"](module, shape), inputs_for(shape))
    with pytest.raises(ValueError, match=r"dilations are \(3, 6\); for an answer a step the first of them is 1"):
        make(11, per_step=True, dilations=(3, 6))


@pytest.mark.parametrize("dilations", [(), (1, 0), (1, 2.5)])
def test_impossible_dilations_are_refused(dilations):
    with pytest.raises(ValueError, match="whole numbers of at least 1"):
        make(24, dilations=dilations)
