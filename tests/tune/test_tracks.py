"""At which point a cell trains, and what is said where none was chosen or its trials are gone."""

import shutil
from dataclasses import replace

import pytest
import torch
from support.trials import made_trials

from harness.errors import BenchError
from harness.execute.run import run_cell
from harness.plan import Cell, Group
from harness.prepare.modules import Where, made, resolved
from harness.protocol import PROTOCOLS
from harness.train.loop import Training
from harness.tune import choices as kept
from harness.tune import tracks
from harness.tune.choice import chosen
from harness.tune.space import point_at
from harness.tune.trials import read

GROUP = Group("smoke@track=tuned", "sti", "lstm-s", "3k")
SCORES = {("sti", "lstm-s"): [[0.5, 0.6], [0.9, 0.9], [0.8, 0.8]]}


@pytest.fixture
def tuned(tmp_path, monkeypatch):
    """A results folder with a tuning of lstm-s on sti, whose choice is point 1 of 3."""
    monkeypatch.setattr(tracks, "HERE", tmp_path / "committed")
    root = tmp_path / "results" / "tuning"
    kept.save(chosen(read(made_trials(root, SCORES), "smoke", 3)), root)
    return tmp_path / "results"


def test_a_track_trains_at_the_point_that_was_chosen(tuned):
    at = point_at("smoke", 3, 1, "lstm-s")
    assert tracks.point_of(GROUP, tuned) == at
    assert tracks.point_of(GROUP._replace(protocol="smoke@track=portable", task="pmnist"), tuned) == at
    assert tracks.point_of(GROUP._replace(protocol="smoke"), tuned) is None
    assert tracks.point_of(GROUP._replace(protocol="smoke@track=source"), tuned) is None
    assert tracks.point_of(GROUP._replace(protocol="smoke@point=2+points=4"), tuned) == point_at(
        "smoke", 4, 2, "lstm-s"
    )
    protocol, task, spec, found = resolved(GROUP, Where(tuned))
    assert protocol.learning_rate == at.learning_rate
    module = made(spec, task.shape, found.width, "cpu")
    hidden = int(found.width)
    bias = module.rnn.bias_ih_l0[hidden : 2 * hidden]
    assert bias.detach().eq(at.options["forget_bias"]).all()


def test_the_committed_choices_serve_where_the_results_have_none(tuned, tmp_path, monkeypatch):
    monkeypatch.setattr(tracks, "HERE", tuned / "tuning")
    assert tracks.point_of(GROUP, tmp_path / "elsewhere").number == 1


def test_choices_of_a_search_of_another_size_are_not_mixed_in(tuned, tmp_path, monkeypatch):
    wider = tmp_path / "committed"
    monkeypatch.setattr(tracks, "HERE", wider)
    scores = {(task, "gru"): [[0.5, 0.6], [0.9, 0.9], [0.5, 0.5]] for task in ("sti", "sfc")}
    kept.save(chosen(read(made_trials(wider, scores), "smoke", 3)), wider)
    gru = GROUP._replace(model="gru")
    assert tracks.point_of(gru, tuned).number == 1
    shutil.rmtree(wider)
    scores = {key: [*points, [0.5, 0.5]] for key, points in scores.items()}
    kept.save(chosen(read(made_trials(wider, scores), "smoke", 4)), wider)
    assert tracks.point_of(gru, tmp_path / "elsewhere").number == 1
    with pytest.raises(BenchError, match=r"--protocol smoke --points 3`"):
        tracks.point_of(gru, tuned)


def test_trials_of_half_its_time_choose_for_the_papers_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(tracks, "HERE", tmp_path / "committed")
    name, root = "desk@epochs=20", tmp_path / "tuning"
    scores = {("sfc", "lstm-s"): [[0.5], [0.6], [0.5], [0.9], [0.5], [0.5]]}
    found = chosen(read(made_trials(root, scores, name, budget="paper"), name, 6))
    assert (found.seeds, found.protocol) == ((1000,), name)
    kept.save(found, root)
    at = tracks.point_of(Group("desk@track=tuned", "sfc", "lstm-s", "paper"), tmp_path)
    assert (at.learning_rate, at.options) == (0.001, {"head": "normal"})
    assert tracks.point_of(Group("desk", "sfc", "lstm-s", "paper"), tmp_path) is None


@pytest.mark.parametrize(
    ("group", "command"),
    [
        (GROUP._replace(task="sfc"), "--task sfc --models lstm-s --protocol smoke --points 3`"),
        (GROUP._replace(budget="6k"), "--task sti --models lstm-s --protocol smoke --budget 6k --points 3`"),
        (GROUP._replace(protocol="smoke@batch=5+track=tuned"), "--models lstm-s --protocol smoke@batch=5`"),
        (GROUP._replace(protocol="smoke@track=portable", model="gru"), "--models gru --protocol smoke --points 3`"),
    ],
)
def test_without_a_choice_the_command_that_makes_it_is_named(tuned, group, command):
    with pytest.raises(BenchError, match=r"no (tuned|portable) point was chosen for .*; `bench tune ") as raised:
        tracks.check([group], tuned)
    assert command in str(raised.value)


def test_what_was_found_not_to_apply_when_it_was_to_be_tuned_needs_no_choice(tuned):
    copying = GROUP._replace(task="copy-120")
    with pytest.raises(BenchError, match="no tuned point was chosen for lstm-s on copy-120"):
        tracks.check([copying], tuned)
    made_trials(
        tuned / "tuning", {("copy-120", "lstm-s"): [[None, None]] * 3}, status="skipped", reason="it does not apply"
    )
    assert tracks.check([copying], tuned) == {}
    assert tracks.point_of(copying, tuned) is None
    assert tracks.point_of(GROUP, tuned).number == 1


def test_a_choice_without_its_trials_is_refused(tuned):
    tracks.check([GROUP], tuned)
    shutil.rmtree(tuned / "tuning" / "runs" / "smoke@point=1+points=3")
    with pytest.raises(BenchError, match="chooses point 1 for lstm-s, but not all trials of it lie there"):
        tracks.check([GROUP], tuned)


def test_a_choice_of_another_version_or_of_another_revision_of_the_model_is_refused(tuned):
    root = tuned / "tuning"
    known = kept.load(root, "smoke")
    kept.save(replace(known, version=1), root)
    with pytest.raises(BenchError, match="by trials of version 1 of the protocol, this is version 2"):
        tracks.check([GROUP], tuned)
    made_trials(root, SCORES, source="revision 9")
    kept.save(known, root)
    with pytest.raises(BenchError, match="but lstm-s has changed since"):
        tracks.check([GROUP], tuned)


def test_where_the_protocol_alone_has_the_track_what_nobody_tuned_trains_as_its_source_says(tuned, monkeypatch):
    by_itself = replace(PROTOCOLS["smoke"], track="portable", tuning="smoke")
    monkeypatch.setitem(PROTOCOLS, "robust", replace(by_itself, name="robust"))
    at, plain = point_at("smoke", 3, 1, "lstm-s"), GROUP._replace(protocol="robust")
    assert tracks.point_of(plain, tuned) == at  # of the choices of smoke
    changed = plain._replace(protocol="robust@batch=5")
    assert tracks.point_of(changed, tuned) is tracks.point_of(plain._replace(protocol="robust@track=source"), tuned)
    assert tracks.check([plain, changed], tuned) == {}
    others = [plain._replace(model=model) for model in ("gru", "mine.py:Mine")] + [plain._replace(budget="6k")]
    assert [tracks.point_of(group, tuned) for group in others] == [None, None, None]
    (said,) = tracks.in_words(tracks.check([plain, *others[:2]], tuned))
    assert said == (
        "trained as their sources say, since they are not tuned: gru, mine.py:Mine; `bench tune --task sti --models "
        "gru,mine.py:Mine --protocol robust` gives them the chance that others had"
    )
    made_trials(tuned / "tuning", SCORES, source="revision 9")
    (said,) = tracks.in_words(tracks.check([plain], tuned))
    assert "but lstm-s has changed since" in said
    assert said.endswith("until then it trains as its source says")
    assert tracks.point_of(plain, tuned) is None


def test_a_record_keeps_the_point_it_was_trained_at(tuned):
    at = point_at("smoke", 3, 1, "lstm-s")
    record = run_cell(Cell(*GROUP, 0), Where(tuned))
    assert record.status == "ok"
    assert record.test_metric is not None
    assert record.point == at.facts()
    assert record.settings["learning_rate"] == at.learning_rate
    assert record.settings["track"] == "tuned"


def test_a_trial_never_reads_the_test_set(tuned, monkeypatch):
    class Poisoned(RuntimeError):
        pass

    def test(self):
        raise Poisoned

    monkeypatch.setattr(Training, "test", test)
    trial = run_cell(Cell("smoke@point=1+points=3", *GROUP[1:], 0), Where(tuned))
    assert (trial.status, trial.test_metric, trial.more_metrics, trial.insight) == ("ok", None, {}, None)
    assert trial.valid_metric is not None
    assert run_cell(Cell(*GROUP, 0), Where(tuned)).status == "failed"


def test_the_points_differ_and_the_sources_own_is_that_of_no_tuning(tuned):
    runs = {
        name: run_cell(Cell(name, "sti", "lstm-s", "3k", 0), Where(tuned))
        for name in ("smoke", "smoke@point=0", "smoke@point=1+points=3")
    }
    curves = {name: [point.train_loss for point in run.curve] for name, run in runs.items()}
    assert curves["smoke"] == curves["smoke@point=0"] != curves["smoke@point=1+points=3"]
    assert torch.isfinite(torch.tensor(curves["smoke"])).all()
