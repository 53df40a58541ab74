"""What a forecast says of memory before a cell runs, and what comes of a cell that cannot fit."""

import os
from pathlib import Path

import pytest
import torch
from support import faulty
from support.registry import STEPPED
from torch import Tensor

from harness import catalog, engine, machine
from harness.errors import BenchError
from harness.execute.run import measure_group, run_cell, run_group
from harness.measure import forecast
from harness.measure.forecast import Forecast, check_fits, continued
from harness.measure.memory import LiveBytes, peak_bytes
from harness.measure.steps import forward, training_step
from harness.plan import Cell, Group, find_budget
from harness.prepare.budget import solve
from harness.prepare.modules import Where, fitted, load_splits, made, settled
from harness.records.store import Store
from harness.train.evaluate import EVALUATION_BATCH
from models import MODELS
from models.spec import ModelSpec

CPU = torch.device("cpu")
DATA = Path(os.environ["BENCH_DATA"]) if "BENCH_DATA" in os.environ else None


class Trains(faulty.Plain):
    """Says that it was trained on a whole batch."""

    whole = 0

    def forward(self, x: Tensor) -> Tensor:
        Trains.whole += len(x) == 20 and self.training
        return super().forward(x)


class RaisesOnFew(faulty.Plain):
    def forward(self, x: Tensor) -> Tensor:
        if len(x) < 5:
            raise RuntimeError("so few sequences")
        return super().forward(x)


PLAIN, TRAINS, RAISES = (ModelSpec(kind.__name__, kind.__name__, kind) for kind in (faulty.Plain, Trains, RaisesOnFew))


@pytest.fixture(autouse=True)
def forget():
    forecast._forecast.cache_clear()
    Trains.whole = 0


@pytest.fixture
def where(tmp_path):
    return Where(tmp_path / "results", data_root=DATA)


def task_for(model: str) -> str:
    """The text, where a model is for texts alone."""
    of_text = model in MODELS and catalog.find_model(model).why_not(catalog.find_task("sfc").shape)
    return "wikitext-2" if of_text else "sfc"


def group(model: str, protocol: str = "smoke", budget: str = "3k") -> Group:
    return Group(protocol, task_for(model), model if model in MODELS else f"{__name__}:{model}", budget)


def measured(model: str, protocol_name: str, budget: str, where: Where) -> tuple[int, int]:
    """The peaks of a training step and of an evaluation, measured at the whole batch."""
    protocol, task = settled(protocol_name, task_for(model))
    spec, found = fitted(model, task, find_budget(budget, protocol.tolerance))
    try:
        splits = load_splits(task.name, protocol.scale, protocol.data_seed, where)
    except BenchError as error:
        pytest.skip(str(error))
    module, (x, y) = made(spec, task.shape, found.width, "cpu", frame=task.frame), splits.train
    many = splits.valid.x if len(splits.valid.x) > len(splits.test.x) else splits.test.x
    many = many[: protocol.batch if task.shape.carried else EVALUATION_BATCH]
    with engine.backend(where.backend, where.recompute):
        step = training_step(module, x[: protocol.batch], y[: protocol.batch], protocol.clip)
        peak = peak_bytes(step, CPU)
        with LiveBytes() as live:
            forward(module, many)()
    return peak, live.peak


@pytest.mark.parametrize("name", STEPPED)
def test_the_forecast_is_the_measured_peak_to_the_byte(name, where):
    wanted = measured(name, "smoke", "3k", where)
    found = forecast.forecast(group(name), where)
    assert (found.step, found.evaluation) == wanted
    assert found.exact
    assert found.least == found.total == found.held + max(found.step, found.evaluation)


@pytest.mark.parametrize("name", ["lstm-s", "gru", "tp-rnn-m", "hm-lstm", "aslstm"])
@pytest.mark.parametrize("how", [{"backend": "eager"}, {"recompute": 10}, {"backend": "eager", "recompute": 10}])
def test_it_follows_the_back_end_and_what_is_recomputed(name, how, where):
    """torch's own LSTM takes a workspace that does not grow evenly: there the forecast is a little low."""
    where = Where(where.results, **how)
    found = forecast.forecast(group(name), where)
    peak, evaluated = measured(name, "smoke", "3k", where)
    assert 0.9 * peak <= found.step <= peak
    assert 0.9 * evaluated <= found.evaluation <= evaluated


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPPED)
def test_it_holds_at_the_scale_of_a_laptop(name, where):
    wanted, _ = measured(name, "quick", "6k", where)
    assert forecast.forecast(group(name, "quick", "6k"), where).step == wanted


def test_of_a_model_that_is_fitted_at_once_the_evaluations_alone_are_foreseen(where):
    found = forecast.forecast(group("gmm"), where)
    assert (found.step, found.evaluation) == (0, measured("gmm", "smoke", "3k", where)[1])


def test_weights_are_held_with_two_moments_and_the_best_of_them(where):
    found = forecast.forecast(group("lstm-s"), where)
    _, task = settled("smoke", "sfc")
    params = solve(catalog.find_model("lstm-s"), task.shape, find_budget("3k")).params
    frozen = found.held // 16 - params  # the second bias of torch's layer
    assert found.held == 16 * (params + frozen)
    assert 0 <= frozen < params / 10


def test_each_part_of_a_trace_is_continued_and_the_largest_counts():
    """The first holds 100 + 10 b bytes, the second 20 + 30 b, so the larger one changes at b = 4."""
    traces = {b: [100 + 10 * b, 20 + 30 * b] for b in (2, 3)}
    assert continued(traces, 50) == 20 + 30 * 50
    assert continued(traces, 3) == 130
    assert max(max(trace) for trace in traces.values()) + 10 * 47 < continued(
        traces, 50
    )  # the peaks alone are not enough


def test_traces_that_do_not_match_are_continued_from_their_peaks():
    assert continued({2: [10, 20], 4: [10, 30, 40]}, 10) == 20 + 10 * 8
    assert continued({2: [10, 20]}, 2) == 20
    assert continued({1: [10, 20]}, 3) == 60
    assert continued({2: [], 4: []}, 50) == 0


def test_on_a_gpu_only_what_is_clearly_too_much_is_refused():
    found = Forecast(step=600, evaluation=100, held=300, exact=False)
    assert (found.total, found.least) == (900, 300)


# ----------------------------------------------------------------------------- what cannot fit


def test_a_cell_that_cannot_fit_is_not_started_and_says_what_it_needs(where, monkeypatch):
    needed = forecast.forecast(group("TRAINS"), where).total
    monkeypatch.setattr(machine, "free_memory", lambda device: needed - 1)
    Trains.whole = 0
    record = run_cell(Cell(*group("TRAINS"), 0), where)
    assert record.status == "out-of-memory"
    assert record.reason == f"needs about {needed / 2**30:.3g} GiB, {(needed - 1) / 2**30:.3g} GiB are free"
    assert Trains.whole == 0
    assert Store(where.results).find_run(record.cell) == record
    assert record.is_fault
    assert record.params is not None
    measurement = measure_group(group("TRAINS"), where)
    assert (measurement.status, measurement.reason) == ("out-of-memory", record.reason)


def test_a_cell_that_just_fits_runs(where, monkeypatch):
    needed = forecast.forecast(group("TRAINS"), where).total
    monkeypatch.setattr(machine, "free_memory", lambda device: needed)
    assert run_cell(Cell(*group("TRAINS"), 0), where).status == "ok"
    assert Trains.whole > 0


def test_memory_that_the_process_kept_for_later_counts_as_free(where, monkeypatch):
    free = [10]
    monkeypatch.setattr(machine, "free_memory", lambda device: free[0])
    monkeypatch.setattr(machine, "trim", lambda: free.__setitem__(0, 2**40))
    check_fits(group("PLAIN"), where)
    assert free == [2**40]


def test_seeds_that_do_not_fit_together_run_alone_and_say_so(where, monkeypatch):
    needed = forecast.forecast(group("PLAIN"), where).total
    monkeypatch.setattr(machine, "free_memory", lambda device: needed)
    records = run_group([Cell(*group("PLAIN"), seed) for seed in (0, 1)], Where(where.results, replicas=2))
    assert [record.status for record in records] == ["ok", "ok"]
    for record in records:
        assert "ran one after the other: needs about" in record.notes


def test_nothing_is_refused_where_the_system_does_not_tell(where, monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda device: None)
    check_fits(group("PLAIN"), where)


def test_a_forecast_that_fails_costs_nothing(where, monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda device: 0)
    assert forecast.forecast(group("RAISES"), where) is None
    assert run_cell(Cell(*group("RAISES"), 0), where).status == "ok"
    assert forecast.forecast(Group("smoke", "nonsense", "gru", "3k"), where) is None


def test_a_forecast_draws_no_random_numbers(where):
    before = torch.get_rng_state()
    forecast.forecast(group("aslstm"), where)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_plan_shows_the_peak_and_what_will_not_run(bench, monkeypatch, tmp_path):
    words = ("plan", "--task", "sfc", "--models", "gru", "--protocol", "smoke", "--device", "cpu")
    out = bench(*words).out
    assert "Peak, MiB" in out
    peak = forecast.forecast(group("gru"), Where(tmp_path / "results")).total / 2**20
    assert f" {peak:.1f} " in next(line for line in out.splitlines() if line.startswith("sfc "))
    monkeypatch.setattr(machine, "free_memory", lambda device: 0)
    assert "will not run: needs about" in bench(*words).out


# ----------------------------------------------------------------------------- what the system says


def test_free_memory_is_the_least_that_the_system_and_a_container_leave(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 500000\n\n")
    limit = (str(tmp_path / "memory.max"), str(tmp_path / "memory.current"), "inactive_file")
    monkeypatch.setattr(machine, "CGROUPS", (limit,))
    assert machine.free_memory("cpu") == 2_500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.free_memory("cpu") is None or machine.free_memory("cpu") > 2_500_000


def test_the_peak_of_a_process_is_counted_anew_after_a_reset():
    before = machine.resident(reset=True)
    if before is None:
        pytest.skip("this system does not tell")
    held = bytearray(2**26)
    assert machine.resident() >= before + len(held) // 2
