"""How models start: as their sources say, the classifier as an option of all of them."""

import math

import pytest
import torch
from click.testing import CliRunner

from harness import catalog
from harness.checks import models as checks
from harness.cli.lists import list_
from harness.prepare.modules import made
from models import MODELS
from models.starts import STARTS

HEADED = [name for name in MODELS if catalog.find_model(name).head]  # the others end in no linear layer
SHAPE = catalog.sequence_shape(24, 2, 300)  # many classes, so that a spread can be told


def parts(name, seed=0):
    module = made(catalog.find_model(name), SHAPE, 60, "cpu", seed=seed)
    own = {key: value for key, value in module.state_dict().items() if not key.startswith("classifier.")}
    return own, module.classifier.weight.detach(), module.classifier.bias.detach()


@pytest.mark.parametrize("name", HEADED)
def test_the_classifier_of_every_model_starts_as_asked_and_nothing_else_changes(name):
    own, weight, _ = parts(name)
    torchs = 1 / math.sqrt(3 * weight.shape[1])
    for head, spread, bias in [("default", torchs, torchs), ("normal", 1.0, 1.0)]:
        others, weight, b = parts(f"{name}@head={head}")
        assert own.keys() == others.keys()
        assert all(torch.equal(own[key], others[key]) for key in own)
        assert weight.std().item() == pytest.approx(spread, rel=0.03)
        assert b.std().item() == pytest.approx(bias, rel=0.15)


@pytest.mark.parametrize("name", HEADED)
def test_without_an_option_it_starts_as_the_spec_says(name):
    spec = catalog.find_model(name)
    for one, other in zip(parts(name), parts(f"{name}@head={spec.head}"), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert spec.start
    assert spec.start in CliRunner().invoke(list_, [name]).output


@pytest.mark.parametrize(
    ("head", "spread", "bias"),
    [
        ("normal-0.1", 0.1, 0.0),
        ("normal-0.001", 0.001, 0.0),
        ("glorot", math.sqrt(2 / 360), 0.0),
        ("glorot-normal", math.sqrt(2 / 360), 0.0),
        ("he-zero", math.sqrt(2 / 60), 0.0),
        ("orthogonal", 1 / math.sqrt(300), 0.0),
        ("lecun", 1 / math.sqrt(60), 0.0),
        ("truncated", 0.088, 0.1),
    ],
)
def test_the_other_starts(head, spread, bias):
    _, weight, b = parts(f"gru@head={head}")
    assert weight.std().item() == pytest.approx(spread, rel=0.03)
    assert (b == bias).all()
    assert head != "truncated" or weight.abs().max() <= 0.2


def test_an_unknown_start_is_named_with_those_that_there_are():
    with pytest.raises(ValueError, match=f"head is 'nrmal'; choose one of {', '.join(STARTS)}"):
        catalog.find_model("gru@head=nrmal").build(SHAPE, 5)


def test_a_strangers_model_has_no_such_option(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\n\n\ndef net(shape, width):\n    return torch.nn.Linear(shape.inputs, shape.outputs)\n"
    )
    with pytest.raises(Exception, match="has no options, so 'head' cannot be set"):
        catalog.find_model(f"{file}:net@head=normal")


@pytest.mark.parametrize(("name", "spread"), [("dilated-lstm@init=normal", 1.0), ("clockwork", 0.1)])
def test_weights_that_are_drawn_from_a_normal(name, spread):
    own, *_ = parts(name)
    drawn = [value for key, value in own.items() if "weight" in key or key.startswith("W_")]
    assert len(drawn) > 3
    for value in drawn:
        assert value.std().item() == pytest.approx(spread, rel=0.3)
    assert not any(value.any() for key, value in own.items() if key == "b" or key.startswith("bias_hh"))


@pytest.mark.parametrize("name", ["dilated-lstm", "clockwork"])
def test_an_unknown_start_of_the_cells_is_refused(name):
    with pytest.raises(ValueError, match="init is 'other'; choose one of"):
        catalog.find_model(f"{name}@init=other").build(checks.Example(), 5)
