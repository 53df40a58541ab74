"""The table of vital signs: an experiment for every model, and levels by the rule."""

from functools import cache

import pytest

from harness.compare.way import level as way_level
from harness.plan import Group
from harness.prepare.modules import Where, resolved, settled
from harness.records.kinds import TaskFacts
from models import PAPERS, ZOO
from models.vitals import SHARE, VITALS


def facts_of(vital):
    _, task = settled(vital.protocol, vital.task)
    return TaskFacts(task.title, task.metric, task.higher_is_better, task.chance, task.target, task.shape.length)


def test_every_model_has_one_experiment():
    assert [vital.model for vital in VITALS] == [*PAPERS, *ZOO]


@cache
def last_step(protocol, task):
    """The accuracy of a forest that sees the last step alone."""
    from sklearn.ensemble import RandomForestClassifier

    splits = settled(protocol, task)[1].load(1, None)
    forest = RandomForestClassifier(20, random_state=0).fit(splits.train.x[:, -1], splits.train.y)
    return forest.score(splits.test.x[:, -1], splits.test.y)


@pytest.mark.parametrize("vital", VITALS, ids=lambda vital: vital.model)
def test_an_experiment_is_one_that_can_run(vital, tmp_path):
    protocol, _, _, width = resolved(Group(vital.protocol, vital.task, vital.model, vital.budget), Where(tmp_path))
    assert protocol.track == "source"
    assert protocol.data_seed == 1  # data of which the other committed pages have no run
    assert width.params > 0


@pytest.mark.parametrize("vital", VITALS, ids=lambda vital: vital.model)
def test_a_level_is_what_the_rule_gives(vital):
    if vital.level is None:
        assert vital.beside
        assert vital.within == 0.05
        return
    facts = facts_of(vital)
    wanted = way_level(0.5, facts)
    if vital.published is not None:
        wanted = vital.published - SHARE * (vital.published - facts.chance)
    assert vital.level == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("vital", VITALS, ids=lambda vital: vital.model)
def test_a_level_is_above_what_the_last_step_alone_gives(vital):
    """A forest on the last step; of addition, where the last step is no answer, chance is what it gives."""
    _, task = settled(vital.protocol, vital.task)
    if task.metric != "accuracy" or task.data:
        pytest.skip("the last step says nothing of the answer, or the data are a download")
    assert last_step(vital.protocol, vital.task) < vital.level - 0.1
