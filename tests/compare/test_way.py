"""The way from chance to a perfect score."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.records import FACTS

from harness.compare.way import learned, level, way_of
from harness.records.kinds import TaskFacts

ERROR = TaskFacts("Errors", "mse", False, chance=4.0, target=None, length=4)
PERPLEXITY = TaskFacts("Text", "perplexity", False, chance=1000.0, target=None, length=4)


@pytest.mark.parametrize(
    ("facts", "metrics", "shares"),
    [
        (FACTS, [0.5, 0.75, 1.0, 0.4], [0, 0.5, 1, -0.2]),
        (replace(FACTS, chance=0.1), [0.1, 0.55], [0, 0.5]),
        (ERROR, [4.0, 3.0, 0.0, 5.0], [0, 0.25, 1, -0.25]),
        (PERPLEXITY, [1000.0, math.sqrt(1000.0), 1.0], [0, 0.5, 1]),  # half of the nats
    ],
)
def test_the_way_leads_from_chance_to_a_perfect_score(facts, metrics, shares):
    assert [learned(metric, facts) for metric in metrics] == pytest.approx(shares)
    assert [level(share, facts) for share in shares] == pytest.approx(metrics)


def test_where_chance_is_perfect_there_is_no_way_left():
    assert learned(0.3, replace(ERROR, chance=0.0)) == 1.0


def test_scores_of_many_tasks_are_brought_to_one_scale_and_tasks_without_chance_left_out():
    """Scores are signed so that higher is better, (tasks, models, seeds)."""
    scores = np.array([[[0.5, 0.75], [1.0, 0.5]], [[-4.0, -3.0], [-2.0, -1.0]], [[0.1, 0.2], [0.3, 0.4]]])
    found = way_of(scores, [FACTS, ERROR, replace(FACTS, chance=None)])
    np.testing.assert_allclose(found, [[[0, 0.5], [1, 0]], [[0, 0.25], [0.5, 0.75]]])
    assert way_of(scores[2:], [replace(FACTS, chance=None)]).shape == (0, 2, 2)
