"""How the plain cells start."""

import math

import pytest
import torch

from harness import catalog
from harness.checks import models as checks
from models.parts.cells import CELLS, LSTMCell, make_cell


@pytest.mark.parametrize(
    ("module", "bias", "forget"),
    [
        (LSTMCell(2, 3, forget_bias=0.7), "bias", 0.7),
        ("tp-rnn-s", "layers.0.cell.bias", 0.1),
        ("tp-rnn-m", "layers.2.cell.bias", 0.1),
        ("aslstm", "cell.bias", 1.0),
    ],
)
def test_the_forget_bias_is_the_forget_gates_and_all_others_are_zero(module, bias, forget):
    """The order of the gates is i, f, g, o."""
    if isinstance(module, str):
        module = catalog.find_model(module).build(checks.Example(), 3)
    expected = torch.tensor([0.0] * 3 + [forget] * 3 + [0.0] * 6)
    torch.testing.assert_close(module.get_parameter(bias).detach(), expected)


@pytest.mark.parametrize("kind", CELLS)
def test_weights_start_glorot_uniform_over_the_joint_kernel(kind):
    """Fan in: inputs and units; fan out: the units of all gates together."""
    torch.manual_seed(0)
    cell = make_cell(kind, 200, 100)
    limit = math.sqrt(6 / (200 + 100 + cell.gates * 100))
    for weight in (cell.weight_x, cell.weight_h):
        assert 0.99 * limit < weight.detach().abs().max() <= limit
