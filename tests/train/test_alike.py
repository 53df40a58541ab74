"""Modules that one pass may stand for: no difference that could change what is computed goes unseen."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from support.training import SHAPE
from torch import nn

from harness import catalog
from harness.train.alike import alike
from models import MODELS


@dataclass
class Kept:
    number: float
    names: tuple[str, ...] = ("a",)


class Own:
    """Of a class that says nothing of itself."""


class Some(nn.Module):
    def __init__(self, told: Any = None, width: int = 4, buffer: float = 0.0, trained: bool = True) -> None:
        super().__init__()
        self.top = nn.Linear(3, width)
        self.gate = nn.Parameter(torch.zeros(width), requires_grad=trained)
        self.register_buffer("fixed", torch.full((2,), buffer))
        self.told, self.begin = told, self.top.forward


def halved(x: Any, by: float = 2.0) -> Any:
    return x / by


SHARED = Own()


@pytest.mark.parametrize(
    "made",
    [
        lambda: None,
        lambda: 0.5,
        lambda: (1, 2, {"delays": [4, 8]}),
        lambda: torch.arange(3),
        lambda: {"a", "b"},
        lambda: partial(halved, by=3.0),
        lambda: Kept(1.0),
        lambda: SHARED,
        lambda: nn.Tanh(),
    ],
)
def test_equal_constants_are_alike_whatever_the_weights(made):
    assert alike(Some(made()), Some(made()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.5, 0.25),
        (1, 1.0),
        (1, True),
        ((1, 2), (1, 2, 3)),
        ((1, 2), [1, 2]),
        ({"delays": [4]}, {"delays": [8]}),
        ({"a": 1, "b": 2}, {"a": 1}),
        (torch.zeros(2), torch.ones(2)),
        (torch.zeros(2), torch.zeros(3)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
        (partial(halved, by=3.0), partial(halved, by=4.0)),
        (halved, torch.tanh),
        (Kept(1.0), Kept(2.0)),
        (Own(), Own()),
        (lambda x: x, lambda x: x),
        (nn.Tanh(), nn.ReLU()),
        (nn.Dropout(0.5), nn.Dropout(0.2)),
    ],
)
def test_a_constant_that_differs_or_cannot_be_told_is_seen(one, other):
    assert not alike(Some(one), Some(other))


@pytest.mark.parametrize("changes", [{"width": 5}, {"buffer": 1.0}, {"trained": False}])
def test_shapes_and_what_is_not_trained_must_be_the_same(changes):
    assert not alike(Some(), Some(**changes))
    assert alike(Some(**changes), Some(**changes))


def test_a_method_of_a_module_outside_is_another():
    one, other = Some(), Some()
    other.begin = one.top.forward
    assert not alike(one, other)


def built(name: str, seed: int = 0, **options: Any) -> nn.Module:
    spec = catalog.find_model(name)
    make: Callable[..., nn.Module] = partial(spec.build, **options)
    torch.manual_seed(seed)
    return make(SHAPE, 5)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_is_like_itself_but_those_that_keep_an_object_of_their_own(name):
    assert alike(built(name), built(name)) == (name not in ("cache-lstm", "pointer-lstm"))


@pytest.mark.parametrize(
    ("name", "start"), [("gru", {"head": "normal"}), ("lstm-s", {"forget_bias": 5}), ("rhn", {"bias_t": -4.0})]
)
def test_another_start_is_alike(name, start):
    assert alike(built(name), built(name, **start))


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("hornn", {"kind": "gated"}),
        ("mist", {"delays": (1, 2, 4, 8)}),
        ("cornn", {"dt": 0.2}),
        ("sgru", {"fixed_scale": 1}),
    ],
)
def test_another_computation_is_not(name, option):
    assert not alike(built(name), built(name, **option))
