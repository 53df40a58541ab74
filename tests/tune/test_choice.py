"""What is chosen from made-up trials, worked out by hand."""

import numpy as np
import pytest
from support.records import made_run
from support.trials import made_trials

from harness.catalog import source_digest
from harness.errors import BenchError
from harness.plan import Group
from harness.records.kinds import TaskFacts
from harness.tune import choices as kept
from harness.tune import space
from harness.tune.choice import best, check_points, chosen, portable
from harness.tune.trials import read

TWO = {  # chance is 0.5: the first is best at point 1, the second at point 2, both together at point 1
    ("sfc", "gru"): [[0.5, 0.6], [0.9, 0.9], [0.8, 0.8]],
    ("sti", "gru"): [[0.5, 0.6], [0.6, 0.6], [0.65, 0.65]],
}


def points_of(choices):
    return {(one.track, one.model, one.tasks): one.point.number for one in choices.chosen}


def test_the_best_mean_over_seeds_is_chosen_on_each_task_and_over_all(tmp_path):
    found = chosen(read(made_trials(tmp_path, TWO), "smoke", 3))
    assert points_of(found) == {
        ("tuned", "gru", ("sfc",)): 1,
        ("tuned", "gru", ("sti",)): 2,
        ("portable", "gru", ("sfc", "sti")): 1,
    }
    assert (found.protocol, found.version, found.points, found.seeds) == ("smoke", 2, 3, (1000, 1001))
    assert found.chosen[0].point == space.point_at("smoke", 3, 1, "gru")


def test_of_a_tie_the_lower_point_is_chosen():
    assert best(np.array([[0.1, 0.3], [0.2, 0.2], [0.0, 0.1]])) == 0
    assert best(np.array([[0.0, 0.1], [0.1 + 0.2, 0.0], [0.3, 0.0]])) == 1


def test_one_run_far_below_chance_does_not_choose_for_all_tasks():
    scores = np.array([[[-50.0, 0.9], [0.1, 0.1]], [[0.8, 0.8], [0.1, 0.1]]])
    assert portable(scores) == 0
    assert best(scores[0]) == 1


@pytest.mark.parametrize("status", ["diverged", "failed", "timed-out", "out-of-memory"])
def test_a_trial_that_came_to_nothing_counts_as_the_worst_and_not_as_its_last_metric(tmp_path, status):
    store = made_trials(tmp_path, {("sfc", "gru"): [[0.6, 0.7], [0.8, 0.7], [0.65, 0.65]]})
    trial = space.trial_of("smoke", 1, 3).name
    facts = space.point_at("smoke", 3, 1, "gru").facts()
    failed = {"status": status, "reason": "no", "valid_metric": 0.99, "point": facts, "source": source_digest("gru")}
    store.save_run(made_run("gru", 1001, None, protocol=trial, **failed))
    trials = read(store, "smoke", 3)
    key = ("sfc", "gru", "3k")
    assert trials.scores(key) == pytest.approx(np.array([[0.2, 0.4], [0.6, 0.0], [0.3, 0.3]]))
    assert points_of(chosen(trials))["tuned", "gru", ("sfc",)] == 0


def test_a_model_whose_worst_trial_is_below_chance_has_that_as_its_worst(tmp_path):
    trials = read(made_trials(tmp_path, {("sfc", "gru"): [[0.3, 0.7], [None, 0.7]]}), "smoke", 2)
    assert trials.scores(("sfc", "gru", "3k")) == pytest.approx(np.array([[-0.4, 0.4], [-0.4, 0.4]]))


def test_nothing_is_chosen_while_a_trial_is_missing_or_where_all_failed(tmp_path):
    store = made_trials(tmp_path, {**TWO, ("sfc", "lstm-s"): [[0.5, 0.5], [0.5], [0.5, 0.5]]})
    made_trials(tmp_path, {("sti", "lstm-s"): [[None, None]] * 3}, status="failed")
    trials = read(store, "smoke", 3)
    assert {model for _, model, _ in points_of(chosen(trials))} == {"gru"}
    assert trials.missing(("sfc", "lstm-s", "3k")) == 1


def test_a_model_that_diverges_everywhere_trains_as_its_source_says(tmp_path):
    trials = read(made_trials(tmp_path, {("sfc", "gru"): [[None, None]] * 3}), "smoke", 3)
    assert (trials.scores(("sfc", "gru", "3k")) == 0.0).all()
    assert points_of(chosen(trials))["tuned", "gru", ("sfc",)] == 0


def test_the_point_for_all_tasks_waits_for_each_of_them_that_the_model_can_run(tmp_path):
    scores = {**TWO, ("sfc", "lstm-s"): [[0.5, 0.5], [0.6, 0.6], [0.5, 0.5]]}
    store = made_trials(tmp_path, scores)
    assert ("portable", "lstm-s", ("sfc",)) not in points_of(chosen(read(store, "smoke", 3)))
    made_trials(tmp_path, {("sti", "lstm-s"): [[None, None]] * 3}, status="skipped", reason="it does not apply")
    assert points_of(chosen(read(store, "smoke", 3)))["portable", "lstm-s", ("sfc",)] == 1


def test_a_task_without_a_known_chance_is_tuned_by_its_metric_and_counts_for_no_other(tmp_path):
    facts = TaskFacts("Mine", "mse", False, chance=None, target=None, length=4)
    store = made_trials(tmp_path, {("sfc", "gru"): [[0.5, 0.5], [0.9, 0.9]]})
    made_trials(tmp_path, {("mine.py:T", "gru"): [[3.0, 3.0], [2.0, None]]}, task=facts)
    trials = read(store, "smoke", 2)
    assert trials.scores(("mine.py:T", "gru", "3k")).tolist() == [[-3.0, -3.0], [-2.0, -3.0]]
    assert points_of(chosen(trials)) == {
        ("tuned", "gru", ("mine.py:T",)): 1,
        ("tuned", "gru", ("sfc",)): 1,
        ("portable", "gru", ("sfc",)): 1,
    }


def test_trials_of_other_points_are_refused(tmp_path, monkeypatch):
    store = made_trials(tmp_path, TWO)
    monkeypatch.setitem(space.RATES, "smoke", (1e-5, 1.0))
    with pytest.raises(BenchError, match="is a trial of other points than these 3"):
        read(store, "smoke", 3)


def test_a_folder_of_another_number_of_points_is_refused(tmp_path):
    store = made_trials(tmp_path, TWO)
    kept.save(chosen(read(store, "smoke", 3)), tmp_path)
    check_points(store, "smoke", 3)
    with pytest.raises(BenchError, match="is of 3 points and 4 are asked for; use --points 3, or"):
        check_points(store, "smoke", 4)


def test_a_widened_space_keeps_the_trials_before_and_chooses_among_all(tmp_path, monkeypatch):
    scores = {("sfc", "gru"): [[0.5]] * 11 + [[0.7]] + [[0.6], [0.8]]}
    pairs = {key: [one * 2 for one in points] for key, points in scores.items()}
    store = made_trials(tmp_path, {key: points[:12] for key, points in pairs.items()})
    kept.save(chosen(read(store, "smoke", 12)), tmp_path)
    assert points_of(kept.load(tmp_path, "smoke"))["tuned", "gru", ("sfc",)] == 11
    monkeypatch.setitem(space.WIDER, "smoke", (0.05, 0.15, 2))
    check_points(store, "smoke", 14)
    assert read(store, "smoke", 14).missing(("sfc", "gru", "3k")) == 4
    made_trials(tmp_path, pairs)
    found = chosen(read(store, "smoke", 14))
    assert points_of(found)["tuned", "gru", ("sfc",)] == 13
    assert 0.05 <= found.chosen[0].point.learning_rate <= 0.15
    kept.save(found, tmp_path)
    with pytest.raises(BenchError, match="is of 14 points and 12 are asked for; use --points 14, or"):
        check_points(store, "smoke", 12)


def test_choices_come_back_as_they_were(tmp_path):
    found = chosen(read(made_trials(tmp_path, TWO), "smoke", 3))
    assert kept.load(tmp_path, "smoke") is None
    path = kept.save(found, tmp_path)
    assert path == tmp_path / "smoke" / "choices.json"
    assert kept.load(tmp_path, "smoke") == found
    group = Group("smoke@track=tuned", "sti", "gru", "3k")
    assert found.find("tuned", group).point.number == 2
    assert found.find("portable", group).point.number == 1
    assert found.find("tuned", group._replace(budget="6k")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ('{"schema": 1, "kind": "run"}', "nothing that `bench tune`"),
        ('{"schema": 1, "kind": "choices", "protocol": "smoke"}', "lacks version"),
        (
            '{"schema": 1, "kind": "choices", "protocol": "quick", "version": 1, "points": 2,'
            '"seeds": [], "chosen": []}',
            "is of the protocol quick",
        ),
    ],
)
def test_what_are_no_choices_is_refused_in_a_sentence(tmp_path, text, said):
    path = kept.place(tmp_path, "smoke")
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(BenchError, match=said):
        kept.load(tmp_path, "smoke")
