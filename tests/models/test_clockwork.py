"""Clockwork RNN against a plain loop over one full, block-triangular matrix."""

import pytest
import torch
from plain import clockwork as plain
from support.stacking import drawn

from harness.checks.models import Example, check_agrees, inputs_for
from harness.plan import Budget
from harness.prepare.budget import parameters_at, solve
from models.clockwork import CLOCKWORK
from tasks.spec import SequenceShape


def make(length, per_step=False, width=8, **options):
    torch.manual_seed(5)
    return drawn(CLOCKWORK.build(SequenceShape(length, 2, 3, per_step), width, **options).double(), 0.7)


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize(
    ("length", "width", "modules", "widths"),
    [
        (1, 4, None, [4]),
        (16, 8, None, [3, 3, 2]),
        (17, 6, None, [2, 2, 2]),
        (23, 7, 4, [2, 2, 2, 1]),
        (33, 5, 4, [2, 1, 1, 1]),
        (33, 3, 4, [1, 1, 1]),
        (5, 4, 4, [1, 1, 1, 1]),
    ],
)
def test_values_and_gradients_equal_the_plain_loop(length, width, modules, widths, per_step):
    module, shape = make(length, per_step, width, modules=modules), SequenceShape(length, 2, 3, per_step)
    assert module.widths == widths
    check_agrees("clockwork", module, plain.loop(module, shape), inputs_for(shape))


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, 1), (7, 1), (8, 2), (17, 3), (24, 3), (200, 6), (500, 7), (512, 8), (784, 8), (1000, 8), (6000, 8)],
)
def test_modules_follow_from_the_length(length, expected):
    with torch.device("meta"):
        module = CLOCKWORK.build(SequenceShape(length, 2, 3), 40)
    assert len(module.widths) == expected
    assert expected == 1 or 2 ** (expected - 1) <= length / 4


def test_zero_blocks_are_no_parameters():
    # 8 modules of 5: W_I, b, the 36 blocks on and above the diagonal, the classifier
    assert parameters_at(CLOCKWORK, SequenceShape(784, 1, 10), 40) == 40 * 2 + 36 * 25 + 10 * 41


def test_width_for_the_paper_budget_is_nearest_to_lstm_s():
    shape = SequenceShape(784, 1, 10)
    assert CLOCKWORK.paper_width_at(shape) == solve(CLOCKWORK, shape, Budget("41810", 41_810)).width == 262


@pytest.mark.parametrize("modules", [0, -1, 2.5])
def test_impossible_modules_are_refused(modules):
    with pytest.raises(ValueError, match="whole number of at least 1"):
        make(24, modules=modules)


@pytest.mark.parametrize("length", [13, 33])
def test_use_of_scales_is_where_modules_change(length):
    module, x = make(length, per_step=True, modules=4), inputs_for(Example(length))
    states = []
    module.classifier.register_forward_hook(lambda layer, inputs, outputs: states.append(inputs[0]))
    module(x)
    told = module.scale_use(x)
    assert told.labels == ("period 1", "period 2", "period 4", "period 8")
    y = torch.cat([torch.zeros_like(states[0][:, :1]), states[0]], dim=1)
    moved = [part.any(2) for part in (y[:, 1:] != y[:, :-1]).split(module.widths, dim=2)]
    assert torch.equal(told.use, torch.stack(moved, dim=2).double())
