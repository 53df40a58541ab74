"""The shared checks, over the whole registry."""

import pytest

from harness import catalog
from harness.checks import models as checks
from models import MODELS


@pytest.mark.parametrize("check", checks.MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_passes_every_check(name, check):
    spec = catalog.find_model(name)
    applied = 0
    for shape in checks.EXAMPLES:
        if spec.why_not(shape) is None:
            check(spec, shape)
            applied += 1
    assert applied >= 2


@pytest.mark.parametrize("name", MODELS)
def test_parameter_counts_at_the_papers_widths(name):
    counts = {
        "lstm-s": 41_810,
        "lstm-m": 232_664,
        "tp-rnn-s": 42_422,
        "tp-rnn-m": 233_564,
        "tp-rnn-s-released": 42_422,
        "tp-rnn-m-released": 233_564,
        "dilated-lstm": 239_668,
        "hm-lstm-compact-gates": 353_111,
    }
    spec, shape = catalog.find_model(name), catalog.sequence_shape(784, 1, 10)
    if spec.paper_width is None:
        pytest.skip("its paper's width is not known")
    from harness.prepare.budget import solve
    from harness.protocol import find_budget

    found = solve(spec, shape, find_budget("paper"))
    assert found.params == counts.get(name, found.params)
    assert found.params > 30_000


class Broken:
    """Modules that break one rule each; the checks must notice."""

    @staticmethod
    def spec(forward):
        import torch
        from torch import nn

        from models.spec import ModelSpec, ScaleUse

        class Net(nn.Module):
            def __init__(self, shape, width):
                super().__init__()
                self.shape = shape
                self.rnn = nn.RNN(shape.inputs, width, batch_first=True)
                self.out = nn.Linear(width, shape.outputs)

            def forward(self, x):
                return forward(self, x)

            def scale_use(self, x):
                return ScaleUse(("one", "two"), x, "below 0 here and there")

        assert torch
        return ModelSpec("broken", "Broken", Net)


@pytest.mark.parametrize(
    ("check", "shape", "forward"),
    [
        (checks.check_shapes, checks.Example(), lambda net, x: net.out(net.rnn(x)[0])),
        (
            checks.check_gradient_reaches_first_input,
            checks.Example(),
            lambda net, x: net.out(net.rnn(x[:, 5:])[0][:, -1]),
        ),
        (checks.check_causal, checks.Example(per_step=True), lambda net, x: net.out(net.rnn(x.flip(1))[0].flip(1))),
        (
            checks.check_rows_are_independent,
            checks.Example(),
            lambda net, x: net.out(net.rnn(x - x.mean(dim=0))[0][:, -1]),
        ),
        (
            checks.check_determinism,
            checks.Example(),
            lambda net, x: net.out(net.rnn(x)[0][:, -1]) + x.new_empty(1).uniform_(),
        ),
        (checks.check_scale_use, checks.Example(), lambda net, x: net.out(net.rnn(x)[0][:, -1])),
    ],
    ids=["shapes", "gradient", "causal", "rows", "determinism", "scales"],
)
def test_the_checks_notice_a_broken_model(check, shape, forward):
    with pytest.raises((checks.CheckFailed, Exception), match=r"broken|needed"):
        check(Broken.spec(forward), shape)


@pytest.mark.parametrize("model", ["Diagonal", "Lazy"])
def test_complex_and_lazy_models_that_are_in_order_pass(model):
    spec = catalog.find_model(f"support.unusual:{model}")
    for shape in checks.EXAMPLES:
        assert checks.problems(spec, shape) == []
