"""Cells of the zoo against those of torchrecurrent, a library for recurrent networks: states of all steps, in float64.

Left out are its LEM, whose y reads the z of the step before, where the paper and the authors' code (cases/lem-*) read
the new one, and its RHN, which cannot be built.
"""

import pytest
import torch
from torchrecurrent import IndRNNCell, MGUCell, UnICORNNCell, coRNNCell

from harness import catalog
from tasks.spec import SequenceShape

INPUTS, WIDTH, STEPS, BATCH = 3, 5, 17, 4
CONSTANTS = {"dt": 0.3, "gamma": 1.7, "epsilon": 0.9}
LAYER = {"V": "weight_ih", "W": "weight_ih", "b": "bias_ih", "w": "weight_hh", "u": "vector_u", "c": "weight_ch"}


def layer(name):
    return {f"rnns.0.{ours}": theirs for ours, theirs in LAYER.items() if ours in name}


CELLS = {
    "mgu": (MGUCell, {}, {"rnn.weight_x": "weight_ih", "rnn.weight_h": "weight_hh", "rnn.bias": "bias_ih"}),
    "cornn@dt=0.3+gamma=1.7+epsilon=0.9": (
        coRNNCell,
        CONSTANTS,
        {"rnn.weight_x": "weight_ih", "rnn.weight_h": "weight_hh", "rnn.weight_z": "weight_ch", "rnn.bias": "bias_ih"},
    ),
    "unicornn@layers=1+dt=0.3+alpha=2.5": (UnICORNNCell, {"dt": 0.3, "alpha": 2.5}, layer("Vbwc")),
    "indrnn@layers=1+norm=none": (IndRNNCell, {"nonlinearity": torch.relu}, layer("Wbu")),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_what_another_library_makes_of_the_same_paper(name):
    build, options, same = CELLS[name]
    torch.manual_seed(7)
    cell = build(INPUTS, WIDTH, **options).double()
    for name_of, weight in cell.named_parameters():
        torch.nn.init.normal_(weight) if name_of in same.values() else torch.nn.init.zeros_(weight)
    module = catalog.find_model(name).build(SequenceShape(STEPS, INPUTS, WIDTH, True), WIDTH).double()
    theirs = dict(cell.named_parameters())
    ours = {mine: theirs[other].detach() for mine, other in same.items()}
    ours |= {"classifier.weight": torch.eye(WIDTH), "classifier.bias": torch.zeros(WIDTH)}
    module.load_state_dict(ours)
    x = torch.randn(BATCH, STEPS, INPUTS, dtype=torch.float64)
    state, states = None, []
    for x_t in x.unbind(1):
        state = cell(x_t, state)
        states.append(state[0] if isinstance(state, tuple) else state)
    torch.testing.assert_close(module(x), torch.stack(states, dim=1), rtol=1e-10, atol=1e-10)
