"""The biases of models on the library's layers."""

import pytest

from harness import catalog
from harness.checks import models as checks


@pytest.mark.parametrize("name", ["lstm-s", "lstm-m", "gru", "dilated-lstm", "slstm"])
def test_the_second_bias_is_zero_and_stays_untrained(name):
    module = checks.built(catalog.find_model(name), checks.Example())
    second = [value for key, value in module.named_parameters() if "bias_hh" in key]
    assert second
    assert not any(value.requires_grad or value.any() for value in second)


@pytest.mark.parametrize(("name", "layer"), [("lstm-s", "rnn"), ("dilated-lstm", "rnns.1")])
def test_the_forget_bias_is_an_option(name, layer):
    module = catalog.find_model(f"{name}@forget_bias=2.5").build(checks.Example(), 4)
    assert module.get_parameter(f"{layer}.bias_ih_l0").tolist() == [0.0] * 4 + [2.5] * 4 + [0.0] * 8
