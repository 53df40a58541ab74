"""Clockwork RNN against a plain loop over one full, block-triangular matrix."""

import pytest
import torch
from plain import clockwork as plain

from models.clockwork import CLOCKWORK
from tasks.spec import SequenceShape


def make(length, per_step=False, width=8, **options):
    torch.manual_seed(5)
    module = CLOCKWORK.build(SequenceShape(length, 2, 3, per_step), width, **options).double()
    with torch.no_grad():
        for parameter in trained(module).values():
            parameter.normal_(std=0.7)  # biases as well, so that a lost one is noticed
    return module


def batch(length, rows=3):
    generator = torch.Generator().manual_seed(6)
    return torch.randn(rows, length, 2, dtype=torch.float64, generator=generator)


def trained(module):
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize(
    ("length", "width", "modules", "widths"),
    [
        (1, 4, None, [4]),
        (16, 8, None, [3, 3, 2]),
        (17, 6, None, [2, 2, 2]),
        (23, 7, 4, [2, 2, 2, 1]),
        (33, 5, 4, [2, 1, 1, 1]),
        (5, 4, 4, [1, 1, 1, 1]),
    ],
)
def test_values_and_gradients_equal_the_plain_loop(length, width, modules, widths, per_step):
    module, x = make(length, per_step, width, modules=modules), batch(length).requires_grad_()
    weights = trained(module)
    assert module.widths == widths
    expected = plain.run(*plain.as_the_paper_draws_it(weights, widths), widths, x)
    expected = expected if per_step else expected[:, -1]
    answers = module(x)
    torch.testing.assert_close(answers, expected)
    direction = torch.randn(expected.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    wanted = [x, *weights.values()]
    ours, theirs = (torch.autograd.grad((y * direction).sum(), wanted) for y in (answers, expected))
    torch.testing.assert_close(ours, theirs)
    if length > 2 ** len(widths):
        assert all(bool(gradient.abs().sum() > 0) for gradient in ours)


def test_modules_read_themselves_and_slower_ones_only():
    module, x = make(32, per_step=True, width=8, modules=4), batch(32)
    states = []
    module.classifier.register_forward_hook(lambda layer, inputs, outputs: states.append(inputs[0]))
    module(x)
    for changed, reaches in enumerate([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]):
        with torch.no_grad():
            module.b.unflatten(0, (4, 2))[changed] += 1.0
        module(x)
        before, after = states[-2:]
        different = (before != after).unflatten(2, (4, 2)).any(dim=(0, 1, 3))
        assert different.tolist() == [bool(reach) for reach in reaches]


def test_a_module_changes_at_multiples_of_its_period_only():
    module, x = make(32, per_step=True, width=8, modules=4), batch(32)
    states = []
    module.classifier.register_forward_hook(lambda layer, inputs, outputs: states.append(inputs[0]))
    module(x)
    h = states[0]
    moved = (h[:, 1:] != h[:, :-1]).unflatten(2, (4, 2)).all(dim=(0, 3))
    held = (h[:, 1:] == h[:, :-1]).unflatten(2, (4, 2)).all(dim=(0, 3))
    for i in range(4):
        due = [t % 2**i == 0 for t in range(1, 32)]
        assert moved[:, i].tolist() == due
        assert held[:, i].tolist() == [not d for d in due]


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, 1), (7, 1), (8, 2), (17, 3), (24, 3), (200, 6), (500, 7), (512, 8), (784, 8), (1000, 8), (6000, 8)],
)
def test_modules_follow_from_the_length(length, expected):
    with torch.device("meta"):
        module = CLOCKWORK.build(SequenceShape(length, 2, 3), 40)
    assert len(module.widths) == expected
    assert expected == 1 or 2 ** (expected - 1) <= length / 4


def test_fewer_units_than_modules_make_fewer_modules():
    module = make(784, width=3)
    assert module.widths == [1, 1, 1]


def parameters(shape, width):
    with torch.device("meta"):
        return sum(p.numel() for p in trained(CLOCKWORK.build(shape, width)).values())


def test_zero_blocks_are_no_parameters():
    # 8 modules of 5: W_I, b, the 36 blocks on and above the diagonal, the classifier
    assert parameters(SequenceShape(784, 1, 10), 40) == 40 * 2 + 36 * 25 + 10 * 41


def test_width_for_the_paper_budget_is_nearest_to_lstm_s():
    shape = SequenceShape(784, 1, 10)
    counts = {width: parameters(shape, width) for width in range(255, 270)}
    assert counts[262] == 41_767
    assert min(counts, key=lambda width: abs(counts[width] - 41_810)) == CLOCKWORK.paper_width_at(shape) == 262


@pytest.mark.parametrize("length", [22, 24])
def test_no_answer_depends_on_a_later_step_or_another_row(length):
    module, x = make(length, per_step=True), batch(length)
    changed = x.clone()
    changed[1:, 13:] += 1.0
    before, after = module(x), module(changed)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[:, :13], after[:, :13])
    assert (before[1:, 13:] != after[1:, 13:]).all(dim=2).all()


@pytest.mark.parametrize("modules", [0, -1, 2.5])
def test_impossible_modules_are_refused(modules):
    with pytest.raises(ValueError, match="whole number of at least 1"):
        make(24, modules=modules)


@pytest.mark.parametrize("length", [13, 33])
def test_use_of_scales_is_where_modules_change(length):
    module, x = make(length, per_step=True, modules=4), batch(length)
    states = []
    module.classifier.register_forward_hook(lambda layer, inputs, outputs: states.append(inputs[0]))
    module(x)
    told = module.scale_use(x)
    assert told.labels == ("period 1", "period 2", "period 4", "period 8")
    y = torch.cat([torch.zeros_like(states[0][:, :1]), states[0]], dim=1)
    moved = [part.any(2) for part in (y[:, 1:] != y[:, :-1]).split(module.widths, dim=2)]
    assert torch.equal(told.use, torch.stack(moved, dim=2).double())
