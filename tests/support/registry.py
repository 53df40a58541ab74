"""Every model, those of the zoo with a marker: what is checked of these one by one is left to `pytest -m zoo`."""

from collections.abc import Iterable

import pytest

from models import MODELS, ZOO


def marked(names: Iterable[str]) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.zoo) if name.partition("@")[0] in ZOO else name for name in names]


EVERY = marked(MODELS)

FITTED = ("gmm",)  # at once, in place of steps
STEPPED = marked(name for name in MODELS if name not in FITTED)
