"""Every model of the registry against a plain loop written from its equations, in float64, on every back end.

Each file of tests/plain has LOOPS = {name: loop}. loop(module, shape) gives (weights, x) -> answer, and takes from the
module what the equations leave open, as widths and windows, but no tensor.
"""

import importlib
from collections import Counter

import pytest
from support import ROOT

from harness import catalog
from harness.checks import models as checks
from models import MODELS
from models.engine import scan

FILES = {
    path.stem: importlib.import_module(f"plain.{path.stem}").LOOPS for path in (ROOT / "tests" / "plain").glob("*.py")
}
LOOPS = {name: loop for loops in FILES.values() for name, loop in loops.items()}


def test_every_model_has_one_plain_loop():
    assert Counter(name for loops in FILES.values() for name in loops) == Counter(MODELS.keys())


@pytest.mark.parametrize("back_end", ["eager", "auto"])
@pytest.mark.parametrize("name", MODELS)
def test_every_model_agrees_with_its_plain_loop(name, back_end):
    spec = catalog.find_model(name)
    applied = 0
    for shape in checks.EXAMPLES:
        if spec.why_not(shape) is None:
            module = checks.built(spec, shape).eval()
            with scan.backend(back_end):
                checks.check_agrees(name, module, LOOPS[name](module, shape), checks.inputs_for(shape))
            applied += 1
    assert applied >= 2


def test_a_model_that_is_off_is_noticed():
    shape = checks.EXAMPLES[0]
    module = checks.built(catalog.find_model("gru"), shape)
    plain = LOOPS["gru"](module, shape)
    with pytest.raises(checks.CheckFailed, match="answers are not"):
        checks.check_agrees("gru", module, lambda weights, x: plain(weights, x) + 1e-6, checks.inputs_for(shape))

    def detached(weights, x):
        return plain({**weights, "rnn.weight_hh_l0": weights["rnn.weight_hh_l0"].detach()}, x)

    with pytest.raises(checks.CheckFailed, match=r"gradient of rnn\.weight_hh_l0"):
        checks.check_agrees("gru", module, detached, checks.inputs_for(shape))
