"""The critical-difference diagram."""

import numpy as np
import pytest

from harness.draw.ranks import diagram


def test_every_model_is_named_with_its_rank():
    drawn = diagram([2.0, 1.25, 2.75], ["One", "Two & more", "Three"], [(0, 2)], 0.8).decode()
    for label in ("One (2.0)", "Two &amp; more (1.2)", "Three (2.8)", "0.80: for the picture only"):
        assert label in drawn


def test_a_distance_longer_than_the_axis_is_said_and_not_drawn():
    assert "longer than the axis" in diagram([1.0, 2.0], ["One", "Two"], [], 1.4).decode()


@pytest.mark.parametrize("models", [2, 3, 30])
def test_any_number_of_models_and_bars(models):
    ranks = np.linspace(1, models, models)
    groups = [tuple(range(first, models)) for first in range(models - 1)]
    drawn = diagram(ranks, [f"model {place}" for place in range(models)], groups, 1.0)
    assert drawn == diagram(ranks, [f"model {place}" for place in range(models)], groups[::-1], 1.0)
    assert all(f">model {place} ({place + 1}.0)<" in drawn.decode() for place in range(models))
