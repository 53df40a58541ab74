"""Vital signs: what counts as alive, and the mark of all that is not."""

import pytest
from support.records import made_insight, made_measurement, made_run

from harness.catalog import MODELS, Vital
from harness.compare.alive import LEGEND, explained, marked, proven, signs
from harness.records.kinds import TaskFacts
from harness.records.store import Loaded
from harness.write.sheet import Sheet

GRU = Vital("gru", "sfc", "smoke", "3k", 0.7, "so")
ERRORS = TaskFacts("Sum", "mse", False, chance=0.2, target=None, length=40)


def sign(metrics, vital=GRU, model="gru", **changes):
    runs = [made_run(model, seed, metric, **changes) for seed, metric in enumerate(metrics)]
    (found,) = signs(runs, [vital])
    return found


@pytest.mark.parametrize(
    ("metrics", "count", "alive"),
    [([0.7, 0.71, 0.1], 2, True), ([0.69, 0.9, 0.1], 1, False), ([0.9, None, 0.9], 2, True), ([], 0, False)],
)
def test_two_seeds_that_come_to_the_level_make_a_model_alive(metrics, count, alive):
    found = sign(metrics)
    assert (found.count, found.alive) == (count, alive)


def test_where_less_is_better_the_level_is_the_most():
    assert sign([0.7, 0.1, 0.8], task=ERRORS).alive
    assert not sign([0.71, 0.1, 0.8], task=ERRORS).alive


@pytest.mark.parametrize("other", [{"budget": "6k"}, {"protocol": "quick"}, {"task_name": "sti"}])
def test_runs_of_another_experiment_do_not_count(other):
    assert not sign([0.9, 0.9, 0.9], **other).runs


def test_what_was_interrupted_has_not_run():
    assert not sign([None], status="interrupted").runs


BESIDE = Vital("hm-lstm", "sfc", "smoke", "3k", None, "so", beside="gru", within=0.05, switching=True)


@pytest.mark.parametrize(
    ("others", "metric", "level"), [([2.0, 3.0, 4.0], 3.1, 3.15), ([2.0, None, 4.0], 3.1, None), ([], 3.1, None)]
)
def test_a_level_can_hang_on_another_model(others, metric, level):
    runs = [made_run("gru", seed, other, task=ERRORS) for seed, other in enumerate(others)]
    runs += [made_run("hm-lstm", seed, metric, task=ERRORS, insight=made_insight()) for seed in range(3)]
    (found,) = signs(runs, [BESIDE])
    assert found.level == (None if level is None else pytest.approx(level))
    assert found.alive is (level is not None)


@pytest.mark.parametrize(
    ("overall", "alive"), [([0.5, 0.02], True), ([0.5, 0.0], False), ([1.0, 0.5], False), ([0.995, 0.5], False)]
)
def test_what_must_switch_is_neither_always_nor_never_on(overall, alive):
    runs = [made_run("gru", seed, 3.0, task=ERRORS) for seed in range(3)]
    insight = made_insight(overall=overall)
    runs += [made_run("hm-lstm", seed, 3.0, task=ERRORS, insight=None if seed else insight) for seed in range(3)]
    (found,) = signs(runs, [BESIDE])
    assert found.alive is alive
    assert found.scales == dict(zip(["scale 0", "scale 1"], overall, strict=True))


def test_without_its_scales_nothing_is_known_to_switch():
    runs = [made_run(name, seed, 3.0, task=ERRORS) for seed in range(3) for name in ("gru", "hm-lstm")]
    assert not signs(runs, [BESIDE])[0].alive


def titles(runs, found, measurements=()):
    loaded = marked(Loaded(list(runs), list(measurements)), found, MODELS)
    return [record.title for record in (*loaded.runs, *loaded.measurements)]


def test_every_model_of_ours_that_is_not_alive_is_marked():
    found = [sign([0.9, 0.9, 0.9])]
    runs = [
        made_run("gru"),
        made_run("hm-lstm"),
        made_run("gru@head=normal"),
        made_run("net.py:Net"),
        made_run(title=""),
    ]
    measured = [made_measurement("lstm-s", title="LSTM-S"), made_measurement("gru", title="GRU")]
    assert titles(runs, found, measured) == [
        "GRU",
        "HM-LSTM ‡",
        "GRU@HEAD=NORMAL ‡",
        "NET.PY:NET",
        "",
        "LSTM-S ‡",
        "GRU",
    ]
    assert titles(runs[:1], [sign([0.1, 0.9])]) == ["GRU ‡"]


def test_a_run_of_another_revision_than_the_signs_says_so():
    found = [sign([0.9, 0.9, 0.9], source="revision 2")]
    runs = [made_run("gru"), made_run("gru", source="revision 2"), made_run("hm-lstm"), made_run("gru@a=1")]
    assert titles(runs, found) == ["GRU (revision 1) ‡", "GRU", "HM-LSTM ‡", "GRU@A=1 (revision 1) ‡"]


def test_a_claim_takes_a_variant_by_its_base_at_the_revision_of_the_vital_signs():
    found = [sign([0.9, 0.9, 0.9], source="revision 2"), sign([0.9, 0.1], source="revision 2")]
    new, variant = made_run("gru", source="revision 2"), made_run("gru@head=normal", source="revision 2")
    assert [proven(found, [run]) for run in (new, variant)] == [True, True]
    assert not proven(found, [new, made_run("gru")])
    assert not proven(found, [made_run("hm-lstm", source="revision 2")])
    assert not proven(found[1:], [new])
    assert proven(None, [new])
    assert proven([], [made_run("net.py:Net")])


def test_a_page_with_the_mark_says_what_it_means():
    made = explained({"a.md": Sheet("GRU ‡\n"), "b.md": Sheet("GRU\n")})
    assert made["a.md"].text == f"GRU ‡\n\n{LEGEND}\n"
    assert made["b.md"].text == "GRU\n"
