"""Dilated LSTM against a plain loop, and the counts of TP-RNN's tables."""

import pytest
import torch
from plain import dilated as plain

from models import dilated
from models.dilated import DILATED_LSTM
from tasks.spec import SequenceShape


def make(length, per_step=False, width=3, **options):
    torch.manual_seed(5)
    return DILATED_LSTM.build(SequenceShape(length, 2, 3, per_step), width, **options).double()


def batch(length, rows=3):
    generator = torch.Generator().manual_seed(6)
    return torch.randn(rows, length, 2, dtype=torch.float64, generator=generator)


def trained(module):
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize(
    ("length", "dilations"),
    [(1, None), (2, None), (16, None), (17, None), (23, None), (11, (1, 3, 4, 2)), (12, (1, 2, 6)), (5, (1, 8))],
)
def test_values_and_gradients_equal_the_plain_loop(length, dilations, per_step):
    module, x = make(length, per_step, dilations=dilations), batch(length).requires_grad_()
    weights = trained(module)
    expected = plain.run(weights, module.dilations, x, per_step=per_step)
    answers = module(x)
    torch.testing.assert_close(answers, expected)
    direction = torch.randn(expected.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    wanted = [x, *weights.values()]
    ours, theirs = (torch.autograd.grad((y * direction).sum(), wanted) for y in (answers, expected))
    torch.testing.assert_close(ours, theirs)
    recurrent = [g for g, name in zip(ours[1:], weights, strict=True) if name.endswith("weight_hh_l0")]
    assert [bool(gradient.abs().sum() > 0) for gradient in recurrent] == [s < length for s in module.dilations]


def test_answer_of_a_sequence_is_the_last_of_the_answers_of_its_steps():
    x = batch(29)
    torch.testing.assert_close(make(29)(x), make(29, per_step=True)(x)[:, -1])


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


@pytest.mark.parametrize(
    ("length", "inputs", "outputs", "expected"),
    [
        (784, 1, 10, 239_668),
        (500, 2, 1, 239_364),
        (300, 13, 109, 248_440),
        (3000, 1, 109, 245_608),
        (200, 2, 1, 233_183),
    ],
)
def test_parameters_at_the_papers_width(length, inputs, outputs, expected):
    shape = SequenceShape(length, inputs, outputs)
    with torch.device("meta"):
        module = DILATED_LSTM.build(shape, DILATED_LSTM.paper_width_at(shape))
    assert sum(p.numel() for p in trained(module).values()) == expected


def test_part_of_a_unit_widens_the_first_layers():
    module = make(24, width=17 / 5)
    assert [rnn.hidden_size for rnn in module.rnns] == [4, 4, 3, 3, 3]
    assert module(batch(24)).shape == (3, 3)


def test_second_bias_is_zero_and_frozen():
    rnn = make(24, forget_bias=0.5).rnns[1]
    assert not rnn.bias_hh_l0.requires_grad
    assert not rnn.bias_hh_l0.any()
    assert rnn.bias_ih_l0.tolist() == [0.0] * 3 + [0.5] * 3 + [0.0] * 6


@pytest.mark.parametrize("length", [22, 24])
def test_no_answer_depends_on_a_later_step_or_another_row(length):
    module, x = make(length, per_step=True), batch(length)
    changed = x.clone()
    changed[1:, 13:] += 1.0
    before, after = module(x), module(changed)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[:, :13], after[:, :13])
    assert (before[1:, 13:] != after[1:, 13:]).all(dim=2).all()


def test_only_the_steps_that_reach_the_last_are_computed():
    module = make(200)
    seen = []
    for rnn in module.rnns:
        rnn.register_forward_hook(lambda rnn, inputs, outputs: seen.append(tuple(inputs[0].shape[:2])))
    module(batch(200, rows=2))
    assert seen == [(2, 200), (2, 100), (2, 50), (2, 25), (2, 13), (2, 7), (2, 4), (2, 2)]


@pytest.mark.parametrize("dilations", [(), (2, 4), (1, 0), (1, 2.5)])
def test_impossible_dilations_are_refused(dilations):
    with pytest.raises(ValueError, match="whole numbers of at least 1"):
        make(24, dilations=dilations)


def test_phases_of_a_layer_do_not_mix():
    """With a dilation of 3, step t moves the states t, t + 3, t + 6, ... and no other."""
    torch.manual_seed(1)
    rnn = torch.nn.LSTM(2, 4, batch_first=True).double()
    x = batch(10).requires_grad_()
    h = dilated.dilated(rnn, x, 3)
    for t in range(10):
        (gradient,) = torch.autograd.grad(h[:, t].sum(), x, retain_graph=True)
        moved = gradient.abs().sum(dim=(0, 2)) > 0
        assert moved.tolist() == [u <= t and (t - u) % 3 == 0 for u in range(10)]
