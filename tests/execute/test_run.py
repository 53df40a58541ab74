"""One cell becomes its record, whatever happens."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.cells import after, apart_from_times, cell
from support.faulty import Coarse, Plain

from harness.catalog import find_task
from harness.execute import run
from harness.execute.leaving import leave
from harness.execute.run import Progress, measure_group, run_cell, run_group
from harness.plan import Group
from harness.prepare.modules import Where, load_splits
from harness.process import prepare_process
from harness.protocol import SMOKE
from harness.records.kinds import RunRecord
from harness.records.store import Store
from harness.seeds import global_stream

# ----------------------------------------------------------------------------- ok


def test_a_cell_that_goes_well_leaves_a_full_record(where):
    record = run_cell(cell("Plain"), where)
    assert (record.status, record.reason) == ("ok", "")
    assert record.title == "Plain"
    assert record.task is not None
    assert (record.task.metric, record.task.length) == ("accuracy", 40)
    assert [point.step for point in record.curve] == SMOKE.evaluation_steps(140)
    assert record.valid_metric == max(point.valid_metric for point in record.curve)
    assert record.best_step in [point.step for point in record.curve]
    assert record.test_metric is not None
    assert 0 <= record.test_metric <= 1
    assert record.settings == asdict(SMOKE)
    assert (record.protocol_version, record.machine["device"]) == (SMOKE.version, "cpu")
    assert record.width is not None
    module = Plain(find_task("sfc", "smoke").shape, int(record.width))
    assert record.params == sum(parameter.numel() for parameter in module.parameters())
    assert record.slack == pytest.approx((record.params - 3000) / 3000)
    assert abs(record.slack) <= 0.01
    assert Store(where.results).find_run(record.cell) == record
    assert not Store(where.results).checkpoint_path(record.cell).exists()


@pytest.mark.parametrize("model", ["gru", "Plain"])
def test_the_same_cell_gives_the_same_record_apart_from_times(where, tmp_path, model):
    first = run_cell(cell(model), where)
    torch.manual_seed(123)
    load_splits.cache_clear()
    second = run_cell(cell(model), Where(tmp_path / "other"))
    assert apart_from_times(first) == apart_from_times(second)


def test_another_seed_gives_another_record(where):
    first, second = (run_cell(cell(seed=seed), where) for seed in (0, 1))
    assert [point.train_loss for point in first.curve] != [point.train_loss for point in second.curve]


@pytest.mark.parametrize("model", ["Plain", "GivesNaN", "Raises"])
def test_global_randomness_is_untouched_by_a_cell(where, model):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run_cell(cell(model), where)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_data_do_not_change_with_the_seed_of_a_cell(where):
    with global_stream(0, "init"):
        first = load_splits("sfc", "smoke", 0, where)
    load_splits.cache_clear()
    with global_stream(1, "init"):
        second = load_splits("sfc", "smoke", 0, where)
    assert all(torch.equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True))


def test_a_changed_protocol_is_run_and_kept_as_it_was_changed(where):
    record = run_cell(cell("Plain", protocol="smoke@max_steps=3+batch=10"), where)
    assert (record.curve[-1].step, record.curve[-1].samples) == (3, 30)
    assert record.settings["max_steps"] == 3


# ----------------------------------------------------------------------------- everything else


def left(where: Where, model: str, **changes: Any) -> RunRecord:
    """The record that is found on the disk after a cell was run."""
    wanted = cell(model, **changes)
    given = run_cell(wanted, where)
    found = Store(where.results).find_run(wanted)
    assert found is not None
    assert (found.status, found.reason) == (given.status, given.reason)
    assert found.finished
    assert found.test_metric is None
    assert "\n" not in found.reason
    assert not Store(where.results).checkpoint_path(wanted).exists()
    return found


def targets(data_seed: int, data_root: Path | None) -> Any:
    """A stranger's task with an error that can be infinite: the mean of noise, 140, 20 and 40 sequences."""
    x = torch.randn(200, 5, 1, generator=torch.Generator().manual_seed(data_seed))
    return [(x[a:b], x[a:b].mean(dim=1)) for a, b in ((0, 140), (140, 160), (160, 200))]


TARGETS = {"task": f"{__name__}:targets"}


def test_huge_answers_are_numbers_as_any(where):
    record = run_cell(cell("Huge"), where)
    assert (record.status, record.reason) == ("ok", "")
    assert record.curve[-1].train_loss > 1e25
    assert record.insight is not None


@pytest.mark.parametrize(
    ("model", "changes", "status", "reason"),
    [
        ("GivesNaN", {}, "diverged", "the loss is no finite number at step 1"),
        ("BreaksInTheTest", TARGETS, "diverged", "the test metric is no finite number"),
        ("WrongShape", {}, "failed", "the model answers with (20, 40, 8) where (20, 4) is needed"),
        ("Raises", {}, "failed", "ZeroDivisionError: by the model (faulty.py:"),
        ("RaisesInTheMiddle", {}, "failed", "IndexError: too late (faulty.py:"),
        ("CannotBeBuilt", {}, "failed", "KeyError: 'nonsense'"),
        ("OutOfMemory", {}, "out-of-memory", "OutOfMemoryError: tried to allocate 1 TiB"),
        ("OutOfHostMemory", {}, "out-of-memory", "DefaultCPUAllocator: can't allocate memory"),
        ("NoUse", {}, "skipped", "it needs more than 40 steps"),
        ("NoPaper", {"budget": "paper"}, "failed", "no-paper has no width from a paper; give a number as the budget"),
        ("gruu", {}, "failed", "there is no model called 'gruu'; the nearest is 'gru'"),
        ("Plain", {"task": "sfcc"}, "failed", "there is no task called 'sfcc'; the nearest is 'sfc'"),
        ("Plain", {"protocol": "smoke@batch=1000"}, "failed", "a batch of 1000 needs more than the 140 training seq"),
    ],
)
def test_what_goes_wrong_with_a_cell_is_said_in_its_record(where, model, changes, status, reason):
    record = left(where, model, **changes)
    assert record.status == status
    assert reason in record.reason


def test_a_cell_that_is_skipped_bears_its_models_title(where):
    assert left(where, "NoUse").title == "No use"


def test_a_cell_that_diverges_keeps_its_curve(where):
    assert [(point.train_loss, point.valid_metric) for point in left(where, "GivesNaN").curve] == [(None, None)]
    late = left(where, "BreaksLate")
    assert late.status == "diverged"
    assert [point.valid_metric is None for point in late.curve] == [False, False, False, True]
    assert left(where, "BreaksInTheTest", **TARGETS).valid_metric is not None


@pytest.mark.parametrize("model", ["Raises", "OutOfMemory", "WrongShape"])
def test_a_cell_that_failed_keeps_the_width_it_was_tried_at(where, model):
    record = left(where, model)
    assert record.title == model
    assert record.task is not None
    assert record.width is not None
    assert record.params is not None
    assert abs(record.slack) <= 0.01


def test_a_missed_budget_is_skipped_and_names_the_nearest(where):
    record = left(where, "Coarse")
    nearest = sum(p.numel() for p in Coarse(find_task("sfc", "smoke").shape, 1).parameters())
    assert record.status == "skipped"
    assert f"within 10% of 3,000 parameters; the nearest is {nearest:,} at width 1" in record.reason
    assert (record.width, record.params) == (1, nearest)
    assert record.slack == pytest.approx((nearest - 3000) / 3000)


# ----------------------------------------------------------------------------- interrupted, and going on


@pytest.mark.parametrize(
    ("model", "stops"), [("gru", [5]), ("Plain", [0]), ("Plain", [1]), ("Plain", [4]), ("Plain", [2, 3, 4])]
)
def test_an_interrupted_cell_goes_on_to_the_record_of_an_undisturbed_one(where, tmp_path, model, stops):
    whole = run_cell(cell(model), Where(tmp_path / "undisturbed"))
    done = 0
    for steps in stops:
        done += steps
        record = run_cell(cell(model), where, stop=after(steps))
        assert record.status == "interrupted"
        assert record.reason == f"stopped at step {done} of 12; the same command goes on from there"
        assert record.test_metric is None
        assert record.curve == () or record.curve[-1].step <= done
        torch.manual_seed(done)
    resumed = run_cell(cell(model), where)
    assert apart_from_times(resumed) == apart_from_times(whole)
    assert not Store(where.results).checkpoint_path(cell(model)).exists()


def test_a_checkpoint_is_saved_now_and_then_while_a_cell_runs(where, monkeypatch):
    """What a killed process has left is enough to go on from."""
    monkeypatch.setattr("harness.execute.group.CHECKPOINT_SECONDS", -1.0)
    whole = run_cell(cell("Plain"), where)

    def killed(progress: Progress) -> None:
        if progress.step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cell(cell("Plain", seed=0), Where(where.results / "again"), report=killed)
    steps: list[int] = []
    resumed = run_cell(cell("Plain"), Where(where.results / "again"), report=lambda p: steps.append(p.step))
    assert steps[0] == 7  # the last step before the one in which it was killed
    assert apart_from_times(resumed) == apart_from_times(whole)


# ----------------------------------------------------------------------------- measurements


def group(model: str) -> Group:
    return cell(model, protocol="smoke@measure_seconds=0+yardstick=gru").group


def test_a_measurement_has_latencies_a_ratio_and_bytes(where):
    before = torch.get_rng_state()
    result = measure_group(group("Plain"), where)
    assert (result.status, result.yardstick, result.batch) == ("ok", "gru", SMOKE.batch)
    for latency in (result.step, result.forward):
        assert latency is not None
        assert 0 < latency.lower <= latency.median <= latency.upper
    assert result.ratio is not None
    assert result.ratio > 0
    assert result.peak_bytes is not None
    assert result.peak_bytes > 3000 * 4  # the gradients alone
    assert Store(where.results).load().measurements == [result]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("NoUse", "skipped"),
        ("Coarse", "skipped"),
        ("Raises", "failed"),
        ("OutOfMemory", "out-of-memory"),
        ("OutOfHostMemory", "out-of-memory"),
    ],
)
def test_a_measurement_that_cannot_be_taken_says_why(where, model, status):
    result = measure_group(group(model), where)
    assert result.status == status
    assert result.reason
    assert result.step is result.ratio is result.peak_bytes is None
    assert Store(where.results).load().measurements == [result]


def test_a_process_that_trains_has_the_threads_it_is_told():
    before = torch.get_num_threads()
    prepare_process("cpu", 1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("model", ["Diagonal", "Lazy"])
def test_complex_and_lazy_weights_train_alone_and_together(where, model, replicas):
    group = [cell(f"support.unusual:{model}", seed=seed) for seed in range(2)]
    records = run_group(group, replace(where, replicas=replicas)) if replicas > 1 else [run_cell(group[0], where)]
    assert {record.status for record in records} == {"ok"}
    if model == "Diagonal":
        assert records[0].params == (2 * (1 + 4) + 1) * records[0].width
    assert records[0].outside == 0


def test_what_never_began_says_what_it_is_without_solving_for_a_width(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "solve", lambda *given: pytest.fail("Ctrl-C would wait for it, cell after cell"))
    left = leave(cell("hm-lstm"), Where(tmp_path), "interrupted", "not begun")
    assert (left.title, left.params) == ("HM-LSTM", None)
    assert left.task is not None
