"""Models that are fitted to the data at once: their records, ends and measurements."""

import importlib.util
from dataclasses import replace

import pytest
import torch
from support import fitted
from support.cells import after, apart_from_times, cell, cells
from support.registry import FITTED

from harness import catalog
from harness.checks import models as checks
from harness.execute.run import measure_group, run_cell, run_group
from harness.prepare.modules import Where, settled
from harness.records.store import Store
from harness.train.fitting import at_once
from models import MODELS

MEANS, PARTS = (f"{fitted.__name__}:{kind}" for kind in ("Means", "InParts"))
TRAIN = 140  # sequences of the smoke test


def test_the_models_that_are_fitted_at_once_are_known_to_the_tests():
    shape = catalog.sequence_shape(24, 2, 3)
    found = [name for name in MODELS if at_once(catalog.find_model(name).build(shape, 8))]
    assert found == list(FITTED)


@pytest.mark.parametrize("model", ["gmm", MEANS, PARTS])
def test_a_fit_is_one_point_and_the_same_for_the_same_seed(model, where, tmp_path):
    first, second = run_group(cells(model, 2), where)
    for record in (first, second):
        (point,) = record.curve
        assert (record.status, record.best_step, point.step, point.samples) == ("ok", 1, 1, TRAIN)
        assert point.valid_metric == record.valid_metric
        assert record.replicas == 1
        assert record.notes == f"the seeds of {model} ran one after the other: it is fitted to the data at once"
    assert first.curve[0].train_loss != second.curve[0].train_loss
    alone = run_cell(cell(model, seed=1), Where(tmp_path / "alone"))
    assert apart_from_times(replace(alone, notes=second.notes)) == apart_from_times(second)


def test_its_loss_is_that_of_the_training_data(where):
    protocol, task = settled("smoke", "sfc")
    record = run_cell(cell(MEANS), where)
    splits = task.load(protocol.data_seed, None)
    module = fitted.Means(task.shape, int(record.width))
    with torch.no_grad():
        module.fitted_to(*splits.train)
        loss = torch.nn.functional.cross_entropy(module(splits.train.x), splits.train.y)
    assert record.curve[0].train_loss == pytest.approx(loss.item(), rel=0.02)  # the noise


@pytest.mark.parametrize("model", ["gmm", PARTS])
@pytest.mark.parametrize("asked", [0, 1, 3])
def test_one_that_is_stopped_begins_anew_and_ends_as_undisturbed(model, asked, where, tmp_path):
    stopped = run_cell(cell(model), where, stop=after(asked))
    assert (stopped.status, stopped.curve) == ("interrupted", ())
    assert Store(where.results).checkpoint_path(cell(model)).exists()
    whole = run_cell(cell(model), Where(tmp_path / "undisturbed"))
    assert apart_from_times(run_cell(cell(model), where)) == apart_from_times(whole)


def test_its_time_can_be_over_between_two_parts(where):
    record = run_cell(cell(PARTS), replace(where, limit=0.0))
    assert record.status == "timed-out"
    assert record.reason.startswith("its 0:00 of CPU time are over: stopped at step 0 of 1")


def test_one_that_becomes_no_number_has_diverged(where):
    record = run_cell(cell(f"{fitted.__name__}:BecomesNaN"), where)
    assert (record.status, record.reason) == ("diverged", "the loss is no finite number at step 1")


def test_there_is_no_step_to_measure(where):
    found = measure_group(cell("gmm").group, where)
    assert found.status == "skipped"
    assert found.reason == "it is fitted to the data at once, so there is no training step to measure"


def test_no_time_is_foreseen(bench):
    outcome = bench("plan", "--task", "sfc", "--models", "gmm", "--protocol", "smoke")
    assert "it is fitted to the data at once, and how long that takes is not foreseen" in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("Means", None),
        ("InParts", None),
        ("StaysAsItIs", "fitted_to changes none of its answers"),
        ("FitsByChance", "fitted to the same data with the same seed it gives different answers"),
        ("BecomesNaN", "fitted to the same data with the same seed it gives different answers"),
    ],
)
def test_it_is_tried_whether_a_model_can_be_fitted(kind, said):
    name = f"{fitted.__name__}:{kind}"
    found = checks.problems(catalog.find_model(name), checks.Example())
    assert found == ([] if said is None else [f"{name}: {said}"])


def test_a_package_that_a_model_needs_is_named(where, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "sklearn" else real(name, *rest)
    )
    said = "gmm needs the package scikit-learn; `pip install scikit-learn` adds it"
    record = run_cell(cell("gmm"), where)
    assert (record.status, record.reason) == ("failed", said)
    assert said in checks.problems(catalog.find_model("gmm"), checks.Example())
