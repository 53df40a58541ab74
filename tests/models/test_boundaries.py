"""HM-LSTM's option `selection`: does the gradient go through the choice of the case?"""

import pytest
import torch
from plain import hmlstm as plain

from harness import catalog
from models.engine import scan
from models.engine.native import kernels as native

SHAPE = catalog.sequence_shape(12, 2, 3)
NAMES = pytest.mark.parametrize("name", ["hm-lstm", "hm-lstm-compact-gates"])
BACKENDS = ["eager", *([] if native.why_not() else ["native"])]


def make(name, selection):
    torch.manual_seed(11)  # at which all three cases occur often
    module = catalog.find_model(f"{name}@selection={selection}").build(SHAPE, 11 / 3).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.8)
    module.set_progress(0.25)
    return module


def batch():
    return torch.randn(3, 12, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()


def answers(module, backend):
    """The output, and the gradients of all weights and of x."""
    x = batch()
    with scan.backend(backend) as used:
        output = module(x)
        direction = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).reshape(output.shape)
        gradients = torch.autograd.grad(output, [*module.parameters(), x], direction, allow_unused=True)
    assert used == {backend}
    return output.detach(), gradients


@NAMES
@pytest.mark.parametrize("backend", BACKENDS)
def test_where_is_a_choice_by_branches_that_has_no_gradient(name, backend):
    module, x = make(name, "where"), batch()
    weights = {key: value.detach().clone().requires_grad_() for key, value in module.state_dict().items()}
    expected, _, seen = plain.run(weights, x, per_step=False, slope=2.0, select=plain.by_branches)
    assert min(seen.values()) >= 10
    output, ours = answers(module, backend)
    torch.testing.assert_close(output, expected.detach())
    direction = torch.linspace(-1, 2, output.numel(), dtype=output.dtype).reshape(output.shape)
    wanted = [weights[key] for key, _ in module.named_parameters()]
    theirs = torch.autograd.grad(expected, [*wanted, x], direction, allow_unused=True)
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b)


@NAMES
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_choice_changes_gradients_and_no_value(name, backend):
    one, other = (answers(make(name, selection), backend) for selection in ("arithmetic", "where"))
    torch.testing.assert_close(one[0], other[0])
    assert not torch.allclose(one[1][0], other[1][0])


@NAMES
def test_another_word_is_refused(name):
    with pytest.raises(ValueError, match="selection is 'soft'; choose one of arithmetic, where"):
        catalog.find_model(f"{name}@selection=soft").build(SHAPE, 5)
