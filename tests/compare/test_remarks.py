"""What stands below a table."""

import pytest
from support.records import FACTS, made_curve, made_run

from harness.compare.remarks import remarks
from harness.records.kinds import TaskFacts, from_json, to_json
from harness.report.task import table as tables


def of(*runs, facts=FACTS) -> list[str]:
    by_model = {}
    for run in runs:
        by_model.setdefault(run.cell.model, []).append(run)
    return remarks(by_model, list(by_model), facts)


def test_a_model_near_chance_is_named_with_its_training_loss():
    """Chance is 0.5: 0.54 is 8 % of the way, 0.56 is 12 %."""
    (note,) = of(made_run("gru", test_metric=0.54), made_run("aslstm", test_metric=0.56))
    assert note.startswith("Hardly better than chance, less than 10% of the way")
    assert "GRU (training loss 1 at first, 1 at last)" in note
    assert "ASLSTM" not in note


def test_the_mean_over_seeds_counts():
    assert of(made_run(seed=0, test_metric=0.5), made_run(seed=1, test_metric=0.62)) == []
    assert len(of(made_run(seed=0, test_metric=0.5), made_run(seed=1, test_metric=0.58))) == 1


@pytest.mark.parametrize(("metric", "chance", "near", "far"), [("mse", 0.2, 0.19, 0.1), ("perplexity", 100, 70, 60)])
def test_errors_are_measured_towards_their_best_value(metric, chance, near, far):
    facts = TaskFacts("Some", metric, False, chance=chance, target=None, length=4)
    assert len(of(made_run(test_metric=near), facts=facts)) == 1
    assert of(made_run(test_metric=far), facts=facts) == []


def test_nothing_is_said_where_chance_is_unknown_or_no_run_has_a_result():
    facts = TaskFacts("Some", "accuracy", True, chance=None, target=None, length=4)
    assert of(made_run(test_metric=0.0), facts=facts) == []
    lost = made_run(test_metric=None, status="diverged", reason="the loss is no finite number at step 3")
    assert of(lost)[1:] == ["gru: diverged (all seeds): the loss is no finite number at step 3."]


def test_how_likely_a_run_comes_to_a_result_is_said_where_some_did_not():
    """Wilson's interval of 1/3 is 6 % to 79 %."""
    runs = [
        made_run("gru", seed, test_metric=None if seed else 0.9, status="failed" if seed else "ok") for seed in range(3)
    ]
    skipped = made_run("hm-lstm", test_metric=None, status="skipped")
    (note,) = [note for note in of(*runs, made_run("aslstm", test_metric=0.9), skipped) if "Wilson" in note]
    assert note.endswith("Runs with a result, with Wilson's 95 % interval of their share: GRU 1/3 (6% to 79%).")
    assert note.startswith("A run that diverged or failed is not in the mean, which says of how many runs it is")


def test_parameters_apart_from_the_budget_are_stated():
    (note,) = of(made_run(outside=130_000), made_run("aslstm", outside=130_000))
    assert "130,000 stand around every model" in note


@pytest.mark.parametrize(("waited", "words"), [(0.3, "0.20% of the time."), (75.0, "50% of the time; the training")])
def test_waiting_for_data_is_stated(waited, words):
    (note,) = of(made_run(waited_seconds=waited))
    assert words in note


def test_what_was_not_tuned_is_named_but_not_what_did_not_train():
    at = {"protocol": "smoke@track=tuned", "settings": {"learning_rate": 0.001, "track": "tuned"}}
    point = {"number": 1, "of": 6, "learning_rate": 0.01, "options": {}}
    skipped = made_run("lstm-s", status="skipped", test_metric=None, curve=(), **at)
    runs = [made_run("gru", point=point, **at), made_run("aslstm", **at), skipped]
    (said,) = [remark for remark in of(*runs) if "Not tuned" in remark]
    assert "their sources say: ASLSTM;" in said
    assert not any("Not tuned" in remark for remark in of(runs[0], skipped))


def test_the_metric_on_further_test_sets_has_a_table_of_its_own():
    runs = [
        made_run("gru", 0, 0.8, more_metrics={"20 dB": 0.7, "0 dB": 0.6}),
        made_run("gru", 1, 0.9, more_metrics={"20 dB": 0.8, "0 dB": None}),
        made_run("aslstm", 0, 0.7, curve=made_curve([0.6])),
    ]
    comparison = tables.compare(runs, [], ["gru", "aslstm"])
    table = tables.shown_further(comparison)
    assert list(table.columns) == ["Model", "Test set", "20 dB", "0 dB"]
    assert table["Test set"][0].startswith("85.0 (21.5 to 100.0)")
    assert table["20 dB"][0].startswith("75.0 (11.5 to 100.0)")
    assert list(table["0 dB"]) == ["60.0", "–"]
    assert comparison.further["20 dB"][0] == pytest.approx(0.75)
    width = comparison.further["20 dB high"][0] - comparison.further["20 dB low"][0]
    assert width == pytest.approx(2 * 12.706204736 * 0.05, rel=1e-6)  # Student's t at one degree of freedom


def test_without_further_test_sets_there_is_no_such_table():
    comparison = tables.compare([made_run()], [], ["gru"])
    assert comparison.further is None
    assert tables.shown_further(comparison) is None


def test_new_fields_survive_json_and_old_records_are_read():
    run = made_run(more_metrics={"0 dB": 0.5}, outside=7, waited_seconds=0.5)
    text = to_json(run)
    assert from_json(text, "here") == run
    import json

    old = json.loads(text)
    for key in ("more_metrics", "outside", "waited_seconds"):
        del old[key]
    for key in ("detail", "target_why", "reference"):
        del old["task"][key]
    assert from_json(json.dumps(old), "here") == made_run()
