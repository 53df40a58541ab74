"""Practically equal over all tasks: the table against the functions behind it and against other libraries."""

import math

import numpy as np
import pytest
from support.pages import rows_of

from harness.report.overall import practical
from harness.stats.equivalence import signed_rank, two_one_sided
from harness.stats.over_seeds import holm
from harness.stats.verdicts import MARGIN

TITLES = ["One", "Two", "Three"]


def made(rng, tasks=8, seeds=3):
    way = rng.normal(0.6, 0.1, (tasks, 1, seeds)) + rng.normal(0, 0.004, (tasks, 3, seeds))
    way[:, 2] -= 0.3
    return way


def test_one_is_practically_equal_and_one_is_worse():
    table = rows_of(practical.section(made(np.random.default_rng(0)), TITLES, 0, np.random.default_rng(0)))
    assert table["One"] == ["–"] * 4
    assert float(table["Two"][1]) > 0.95
    assert float(table["Two"][3]) < 0.05
    assert table["Three"][:3] == ["1.00", "0.00", "0.00"]
    assert float(table["Three"][3]) == 1


def test_the_numbers_are_those_of_the_tests_over_the_means_and_over_all_runs():
    """tests/stats compares both tests with other libraries."""
    way = made(np.random.default_rng(3))
    way[:, 1] += np.random.default_rng(4).normal(0, 0.02, (8, 1))
    table = rows_of(practical.section(way, TITLES, 0, np.random.default_rng(0)))
    means, runs = way.mean(axis=2), way.transpose(1, 0, 2).reshape(3, -1)
    found = signed_rank(means[:, 1] - means[:, 0], MARGIN, rng=np.random.default_rng(0))
    assert [float(cell) for cell in table["Two"][:3]] == pytest.approx(
        [found.worse, found.equal, found.better], abs=0.03
    )
    expected = holm([two_one_sided(runs[i] - runs[j], MARGIN).p for i, j in ((0, 1), (0, 2), (1, 2))])
    assert [float(table[name][3]) for name in ("Two", "Three")] == pytest.approx(expected[:2], rel=0.01)


def test_the_page_says_what_the_margin_is_and_what_the_tests_suppose():
    said = practical.section(made(np.random.default_rng(0)), TITLES, 1, np.random.default_rng(0))
    for words in ("equal to Two, the best mean rank?", "at most 1 % of the way", "8 tasks", "24 paired differences"):
        assert words in said


def test_one_task_or_one_seed_is_no_error_and_no_chance_level_is_said():
    rng = np.random.default_rng(0)
    for shape in ((1, 3, 1), (2, 3, 1), (1, 3, 4)):
        assert len(rows_of(practical.section(rng.uniform(size=shape), TITLES, 0, rng))) == 4
    assert "no task here has a known chance level" in practical.section(np.empty((0, 3, 2)), TITLES, 0, rng)
    same = rows_of(practical.section(np.full((3, 3, 2), 0.5), TITLES, 0, rng))
    assert same["Two"][:2] == ["0.00", "1.00"]


def test_tasks_that_share_data_count_as_one():
    way = made(np.random.default_rng(5), tasks=4)
    data = ["signals", "mnist", "signals", "signals"]
    together = np.stack([way[1], way[[0, 2, 3]].mean(axis=0)])
    found = practical.section(way, TITLES, 0, np.random.default_rng(0), data)
    assert rows_of(found) == rows_of(practical.section(together, TITLES, 0, np.random.default_rng(0)))
    assert "over 4 tasks, of which those that share data count as one: 2 means, of the means over seeds" in found
    assert "over 6 paired differences" in found


@pytest.mark.parametrize("data", [["a"] * 5, ["a", "a", "a", "b", "c"]])
def test_models_a_margin_apart_are_called_equivalent_no_more_often_than_it_says(data, monkeypatch):
    """Tasks that share data have their luck of a seed in common; as independent ones they would err far more often."""
    rng, studies, wrong = np.random.default_rng(0), 300, {True: 0, False: 0}
    monkeypatch.setattr(practical, "DRAWS", 10)  # of the other test
    words = sorted(set(data))
    for _ in range(studies):
        luck = rng.normal(0, 0.01, (len(words), 4))
        way = np.full((5, 2, 4), 0.6)
        way[:, 1] += MARGIN + luck[[words.index(word) for word in data]]
        for shared in wrong:
            table = rows_of(practical.section(way, TITLES[:2], 0, rng, data if shared else None))
            wrong[shared] += float(table["Two"][3]) <= 0.05
    assert wrong[True] / studies <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies)
    assert wrong[False] > 1.5 * wrong[True]
    assert wrong[False] / studies > 0.1
