"""`bench tune`: the same points for every model, once; choices; tracks that train at them."""

import json

import pytest
from support.commands import records
from support.trials import made_trials

from harness.protocol import PROTOCOLS
from harness.tune import tracks
from harness.tune.space import point_at, points_of

WORDS = ("--task", "sti", "--models", "gru,lstm-s", "--protocol", "smoke", "--points", 2)


@pytest.fixture
def tune(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(tracks, "HERE", tmp_path / "committed")

    def call(*words):
        folders = ("--results", tmp_path / "results" / "tuning", "--reports", tmp_path / "pages")
        return bench("tune", *words, *folders, "--workers", 0)

    return call


def choices_of(tmp_path):
    return json.loads((tmp_path / "results" / "tuning" / "smoke" / "choices.json").read_text())["chosen"]


def test_a_tuning_runs_once_chooses_by_validation_and_its_tracks_train_at_that(tune, bench, tmp_path):
    first = tune(*WORDS)
    assert first.code == 0, first.err
    assert "1 task x 2 models x 2 points x 2 seeds = 8 trials, 8 to run" in first.out
    made = records(tmp_path / "results" / "tuning")
    assert len(made) == 8
    assert all(one["status"] == "ok" and one["test_metric"] is None for one in made)
    assert {one["cell"]["seed"] for one in made} == {1000, 1001}
    assert {one["cell"]["protocol"] for one in made} == {"smoke@point=0+points=2", "smoke@point=1+points=2"}
    chosen = {(one["track"], one["model"]): one["point"]["number"] for one in choices_of(tmp_path)}
    for model in ("gru", "lstm-s"):
        means = [
            sum(one["valid_metric"] for one in made if (one["cell"]["model"], one["point"]["number"]) == (model, point))
            for point in (0, 1)
        ]
        assert chosen["tuned", model] == chosen["portable", model] == int(means[1] > means[0])
    assert str(tmp_path / "pages" / "tuning" / "smoke.md") in first.out

    again = tune(*WORDS)
    assert "8 trials, 0 to run" in again.out
    assert records(tmp_path / "results" / "tuning") == made

    run = ("run", "--task", "sti", "--models", "gru", "--protocol", "smoke", "--seeds", 1, "--workers", 0)
    assert bench(*run, "--set", "track=tuned").code == 0
    (record,) = records(tmp_path / "results", "runs/smoke@track=tuned")
    at = point_at("smoke", 2, chosen["tuned", "gru"], "gru")
    assert record["point"] == at.facts()
    assert record["test_metric"] is not None
    assert record["cell"]["protocol"] == "smoke@track=tuned"


@pytest.mark.parametrize("replicas", [2, 4])
def test_seeds_and_points_can_train_together(tune, tmp_path, replicas):
    found = tune("--task", "sti", "--models", "mgu", "--protocol", "smoke", "--points", 2, "--replicas", replicas)
    assert found.code == 0, found.err
    assert [one["replicas"] for one in records(tmp_path / "results" / "tuning")] == [replicas] * 4


def test_an_option_of_several_numbers_is_chosen_among_and_trained_at(tune, bench, tmp_path):
    words = ("--task", "sfc", "--models", "mist", "--protocol", "smoke")
    assert tune(*words, "--points", 4).code == 0
    assert tune(*words, "--points", 4).code == 0
    assert bench("run", *words, "--seeds", "5,", "--workers", 0, "--set", "track=tuned").code == 0
    (chosen,) = {str(one["point"]) for one in choices_of(tmp_path)}
    (record,) = records(tmp_path / "results", "runs/smoke@track=tuned")
    assert str(record["point"]) == chosen


def test_a_dry_run_says_the_time_and_runs_nothing(tune, tmp_path):
    found = tune(*WORDS, "--dry-run")
    assert found.code == 0
    assert "8 to run" in found.out
    assert "of one core" in found.out
    assert not (tmp_path / "results" / "tuning" / "runs").exists()


def test_a_dry_run_names_what_no_time_can_be_told_of(tune, tmp_path):
    (tmp_path / "mine.py").write_text("from support.unusual import Diagonal as build\n")
    found = tune(*WORDS, "--models", f"gru,{tmp_path / 'mine.py'}:build", "--dry-run")
    assert found.code == 0, found
    assert f"nobody knows how long for {tmp_path / 'mine.py'}:build on" in found.out.replace("\n", " ")


def test_what_is_asked_for_later_is_added_and_the_point_for_all_tasks_chosen_anew(tune, tmp_path):
    made_trials(tmp_path / "results" / "tuning", {("sfc", "gru"): [[0.5, 0.5], [0.9, 0.9]]})
    assert tune("--task", "sti", "--models", "gru", "--protocol", "smoke", "--points", 2).code == 0
    portable = [one for one in choices_of(tmp_path) if one["track"] == "portable"]
    assert [one["tasks"] for one in portable] == [["sfc", "sti"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--points", 3), "is of 2 points and 3 are asked for"),
        (("--set", "learning_rate=0.1"), "leave learning_rate out"),
        (("--set", "track=tuned"), "tuning sets track itself"),
        (("--set", "point=1"), "tuning sets point itself"),
        (("--models", "grv"), "no model called 'grv'"),
        (
            ("--protocol", "desk", "--set", "epochs=20", "--points", 12),
            "desk is tuned on a grid of 6 points; leave --points",
        ),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_one_sentence(tune, tmp_path, words, said):
    root = tmp_path / "results" / "tuning" / "smoke"
    root.mkdir(parents=True)
    (root / "choices.json").write_text(
        '{"schema": 1, "kind": "choices", "protocol": "smoke", "version": 2, "points": 2, "seeds": [1000, 1001], '
        '"chosen": []}'
    )
    found = tune(*WORDS, *words)
    assert found.code == 2
    assert said in found.err
    assert found.err.count("\n") == 1


def test_a_track_that_nobody_tuned_names_the_command(tune, bench):
    found = bench("run", "--task", "sti", "--models", "gru", "--protocol", "smoke", "--set", "track=tuned")
    assert found.code == 2
    assert "`bench tune --task sti --models gru --protocol smoke` makes the choice" in found.err
    assert found.err.count("\n") == 1


def test_without_a_protocol_the_points_are_those_of_the_usual_one(tune):
    words = ("--task", "low-density", "--models", "gru", "--device", "cpu", "--dry-run")
    usual, named = tune(*words), tune(*words, "--protocol", "quick")
    # of the choices and their page; a trial trains as its source says, which has a version of its own
    assert f"protocol quick, version {PROTOCOLS['quick'].version};" in usual.out
    assert usual.out.split(" = ")[0] == named.out.split(" = ")[0]
    assert f"1 model x {points_of('quick')} points x 2 seeds" in usual.out


def test_a_point_that_a_grid_does_not_have_is_refused_before_anything_runs(bench):
    found = bench("run", "--task", "sfc", "--models", "gru", "--protocol", "desk@point=7")
    assert (found.code, found.err.strip()) == (2, "error: point 7 is none of the 6 of desk, which are counted from 0")


def test_a_track_of_a_campaign_is_tuned_in_the_campaign(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "zoo"
    folder.mkdir(parents=True)
    (folder / "campaign.toml").touch()
    words = ("run", "--task", "sti", "--models", "gru", "--protocol", "smoke@track=tuned", "--results", folder)
    assert "--protocol smoke --results results/zoo/tuning` makes the choice" in bench(*words).err


def test_a_choice_that_has_changed_is_not_mixed_with_the_runs_of_the_one_before(tune, bench, tmp_path):
    root = tmp_path / "results" / "tuning"
    made_trials(root, {("sti", "gru"): [[0.5, 0.5], [0.9, 0.9]]})
    assert tune("--task", "sti", "--models", "gru", "--protocol", "smoke", "--points", 2).code == 0
    run = ("run", "--task", "sti", "--models", "gru", "--protocol", "smoke@track=tuned", "--seeds", 1, "--workers", 0)
    assert bench(*run, "--no-measure").code == 0
    made_trials(root, {("sti", "gru"): [[0.9, 0.9], [0.5, 0.5]]})
    assert tune("--task", "sti", "--models", "gru", "--protocol", "smoke", "--points", 2).code == 0
    found = bench(*run, "--no-measure")
    assert found.code == 2
    assert "the point of gru has changed since" in found.err


def test_a_model_all_of_whose_trials_fail_has_no_choice(tune, tmp_path):
    made_trials(tmp_path / "results" / "tuning", {("sti", "gru"): [[None, None], [None, None]]}, status="failed")
    found = tune("--task", "sti", "--models", "gru", "--protocol", "smoke", "--points", 2)
    assert found.code == 1
    assert "gru on sti: all trials failed, so nothing is chosen" in found.out
    assert choices_of(tmp_path) == []
