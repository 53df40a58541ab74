"""Every model of the registry against a plain loop written from its equations, in float64, on every back end."""

import pytest
from plain import asrnn, clockwork, dilated, hmlstm, lstm, tprnn
from support.clockwork import as_the_paper_draws_it

from harness import catalog
from harness.checks import models as checks
from models import MODELS
from models.engine import scan


def of_tprnn(module, shape, **settings):
    windows = [(layer.window, layer.g) for layer in module.layers]
    return lambda weights, x: tprnn.logits(weights, x, windows, **settings)


def of_released(module, shape):
    return of_tprnn(module, shape, released=True, official_tail=True)


def of_hmlstm(module, shape):
    return lambda weights, x: hmlstm.run(
        weights, x, per_step=shape.per_step, slope=module.slope, select=hmlstm.by_arithmetic
    )[0]


def of_clockwork(module, shape):
    def answer(weights, x):
        every = clockwork.run(*as_the_paper_draws_it(weights, module.widths), module.widths, x)
        return every if shape.per_step else every[:, -1]

    return answer


def of_asrnn(kind, weights_of_scales):
    names = {"rnn.weight_ih_l0": "cell.weight_x", "rnn.weight_hh_l0": "cell.weight_h", "rnn.bias_ih_l0": "cell.bias"}

    def loop(module, shape):
        def answer(weights, x):
            renamed = {names.get(key, key): value for key, value in weights.items()}
            settings = {"taps": 8, "normalisation": "1/sqrt(K)", "weights": weights_of_scales}
            every, _ = asrnn.run(kind, renamed, x, **settings)
            return every if shape.per_step else every[:, -1]

        return answer

    return loop


def of_library(plain):
    return lambda module, shape: lambda weights, x: plain(weights, x, shape.per_step)


PLAIN = {
    "lstm-s": of_library(lstm.lstm_s),
    "lstm-m": of_library(lstm.lstm_m),
    "gru": of_library(lstm.gru_model),
    "hm-lstm": of_hmlstm,
    "hm-lstm-compact-gates": of_hmlstm,
    "dilated-lstm": lambda module, shape: (
        lambda weights, x: dilated.run(weights, module.dilations, x, per_step=shape.per_step)
    ),
    "tp-rnn-s": of_tprnn,
    "tp-rnn-m": of_tprnn,
    "tp-rnn-s-released": of_released,
    "tp-rnn-m-released": of_released,
    "slstm": of_asrnn("lstm", "3"),
    "sgru": of_asrnn("gru", "3"),
    "aslstm": of_asrnn("lstm", "argmax"),
    "asgru": of_asrnn("gru", "argmax"),
    "clockwork": of_clockwork,
}


def test_every_model_has_a_plain_loop():
    assert set(PLAIN) == set(MODELS)


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_agrees_with_its_plain_loop(name, back_end):
    spec = catalog.find_model(name)
    applied = 0
    for shape in checks.EXAMPLES:
        if spec.why_not(shape) is None:
            module = checks.built(spec, shape).eval()
            with scan.backend(back_end):
                checks.check_agrees(name, module, PLAIN[name](module, shape), checks.inputs_for(shape))
            applied += 1
    assert applied >= 2


def test_a_model_that_is_off_is_noticed():
    shape = checks.EXAMPLES[0]
    module = checks.built(catalog.find_model("gru"), shape)
    plain = PLAIN["gru"](module, shape)
    with pytest.raises(checks.CheckFailed, match="answers are not"):
        checks.check_agrees("gru", module, lambda weights, x: plain(weights, x) + 1e-6, checks.inputs_for(shape))

    def detached(weights, x):
        return plain({**weights, "rnn.weight_hh_l0": weights["rnn.weight_hh_l0"].detach()}, x)

    with pytest.raises(checks.CheckFailed, match=r"gradient of rnn\.weight_hh_l0"):
        checks.check_agrees("gru", module, detached, checks.inputs_for(shape))
