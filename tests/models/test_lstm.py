"""LSTM-S, LSTM-M and GRU against plain loops, on the library's kernels and on ours."""

import pytest
from plain import lstm as plain

from harness import catalog
from harness.checks import models as checks
from models.engine import scan

PLAIN = {"lstm-s": plain.lstm_s, "lstm-m": plain.lstm_m, "gru": plain.gru_model}


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("name", PLAIN)
def test_values_and_gradients_are_the_plain_loops(name, per_step, back_end):
    shape = checks.Example(length=19, inputs=3, outputs=4, per_step=per_step)
    module = checks.built(catalog.find_model(name), shape, width=7)
    with scan.backend(back_end):
        checks.check_agrees(name, module, lambda w, x: PLAIN[name](w, x, per_step), checks.inputs_for(shape, batch=5))


@pytest.mark.parametrize("name", PLAIN)
def test_the_second_bias_is_zero_and_stays_untrained(name):
    module = checks.built(catalog.find_model(name), checks.Example())
    second = [value for key, value in module.named_parameters() if "bias_hh" in key]
    assert second
    assert not any(value.requires_grad or value.any() for value in second)


def test_the_forget_bias_is_an_option():
    spec = catalog.find_model("lstm-s@forget_bias=2.5")
    bias = spec.build(checks.Example(), 4).rnn.bias_ih_l0
    assert bias.tolist() == [0.0] * 4 + [2.5] * 4 + [0.0] * 8
