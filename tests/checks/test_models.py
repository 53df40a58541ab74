"""The shared checks, over the whole registry."""

from functools import partial

import pytest
from support import unusual
from support.registry import EVERY
from torch import nn

from harness import catalog, strangers
from harness.checks import models as checks
from models.spec import ModelSpec, ScaleUse


@pytest.mark.parametrize("check", checks.MODEL_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", EVERY)
def test_every_model_passes_every_check(name, check):
    spec = catalog.find_model(name)
    applied = 0
    for shape in checks.EXAMPLES:
        if spec.why_not(shape) is None:
            check(spec, shape)
            applied += 1
    assert applied >= 2


class Net(nn.Module):
    """Breaks one rule, by the forward pass that it is given; the checks must notice."""

    def __init__(self, shape, width, forward):
        super().__init__()
        self.answer = forward
        self.rnn = nn.RNN(shape.inputs, width, batch_first=True)
        self.out = nn.Linear(width, shape.outputs)

    def forward(self, x):
        return self.answer(self, x)

    def scale_use(self, x):
        return ScaleUse(("one", "two"), x, "below 0 here and there")


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
        check(ModelSpec("broken", "Broken", partial(Net, forward=forward)), shape)


@pytest.mark.parametrize(
    ("said", "penalty", "sentence"),
    [
        (
            {"out": {"rate": 2.0}},
            None,
            "broken: trained_as speaks of 'out', and the model trains no parameter of that name",
        ),
        ({}, lambda y: y.square().mean(0), "broken: check_training: RuntimeError: shape '[1]' is invalid"),
        ({}, lambda y: y.square().mean() * float("nan"), "broken: a weight is no number after a step of training"),
        ({"out.weight": {"rate": 2.0, "low": -0.1}}, lambda y: y.square().mean(), None),
    ],
)
def test_what_a_model_says_of_its_training_is_tried(said, penalty, sentence):
    class Told(Net):
        penalised = penalty is not None

        def trained_as(self):
            return said

        def forward(self, x, *, penalty=None):
            y = self.answer(self, x)
            return (y, loss(y)) if penalty else y

    loss = penalty
    spec = ModelSpec("broken", "Broken", partial(Told, forward=lambda net, x: net.out(net.rnn(x)[0][:, -1])))
    found = [one for one in checks.problems(spec, checks.Example()) if "scale_use" not in one]
    assert len(found) == (sentence is not None)
    assert sentence is None or found[0].startswith(sentence)


@pytest.mark.parametrize("model", ["Diagonal", "Lazy"])
def test_complex_and_lazy_models_that_are_in_order_pass(model):
    spec = catalog.find_model(f"support.unusual:{model}")
    for shape in checks.EXAMPLES:
        assert checks.problems(spec, shape) == []


PER_STEP = checks.EXAMPLES[-1]


def test_a_model_for_one_answer_a_sequence_says_so_by_a_value_error():
    spec = catalog.find_model("support.unusual:OneAnswer")
    assert spec.why_not(PER_STEP) == "this model gives one answer a sequence"
    for shape in checks.EXAMPLES[:-1]:
        assert spec.why_not(shape) is None
        assert checks.problems(spec, shape) == []


def test_a_value_error_that_has_nothing_to_do_with_the_steps_is_a_fault():
    def build(shape, width):
        raise ValueError("the width must be odd")

    assert strangers.refusal(build)(PER_STEP) is None


def test_an_option_decides_whether_a_model_applies(monkeypatch):
    def build(shape, width, *, ways=2):
        if shape.per_step and ways > 1:
            raise ValueError("both ways")
        return nn.Linear(1, 1)

    monkeypatch.setattr(unusual, "build", build, raising=False)
    assert catalog.find_model("support.unusual:build").why_not(PER_STEP) == "both ways"
    assert catalog.find_model("support.unusual:build@ways=1").why_not(PER_STEP) is None


@pytest.mark.parametrize(("model", "found"), [("Both", []), ("Ahead", ["an answer depends on a later step"])])
def test_a_plain_class_can_say_that_it_is_not_causal(model, found):
    name = f"support.unusual:{model}"
    assert checks.problems(catalog.find_model(name), PER_STEP) == [f"{name}: {what}" for what in found]
