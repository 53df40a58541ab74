"""What only a CUDA device can show; skipped without one."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from support import plants
from support.registry import EVERY, STEPPED
from support.training import built, data, saved, training
from torch import nn

from harness import catalog, engine
from harness.checks import models as checks
from harness.gate.workers import Worker
from harness.measure.memory import peak_bytes
from harness.measure.steps import training_step
from harness.protocol import Protocol
from harness.seeds import global_stream
from harness.train import insight
from harness.train.graph import CudaGraphs
from harness.train.loop import Training
from tasks.spec import Split, Splits

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", EVERY)
def test_every_model_answers_as_on_the_cpu(name):
    shape = checks.Example(length=37)
    module = checks.built(catalog.find_model(name), shape, width=9)
    x = checks.inputs_for(shape, batch=6)
    with torch.no_grad():
        here = module.eval()(x)
        there = module.cuda()(x.cuda()).cpu()
    assert torch.allclose(here, there, rtol=1e-8, atol=1e-10)


def test_a_run_ends_well_and_says_where_it_ran(bench, tmp_path):
    words = ("--task", "sfc", "--models", "lstm-s,tp-rnn-s,aslstm", "--protocol", "smoke", "--device", "cuda")
    assert bench("run", *words, "--workers", 0).code == 0
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("runs/**/*.json")]
    assert len(records) == 6
    for record in records:
        assert record["status"] == "ok"
        assert record["machine"]["gpu"] == torch.cuda.get_device_name()
        assert (record["insight"] is not None) == (record["cell"]["seed"] == 0), record["notes"]


@pytest.mark.parametrize("name", EVERY)
def test_gradients_over_time_are_those_of_the_cpu(name):
    task, shape = catalog.find_task("sfc", "smoke"), checks.Example(length=37)
    module = checks.built(catalog.find_model(name), shape, width=9).eval()
    x, y = checks.inputs_for(shape, batch=6), torch.arange(6) % 3
    found = []
    for device in ("cpu", "cuda"):
        test = Split(x.to(device), y.to(device))
        with engine.backend("eager"), torch.backends.cudnn.flags(enabled=False):
            module = module.to(device)
            found.append(insight.gradients(module, module, Splits(test, test, test), torch.arange(6), task))
    torch.testing.assert_close(*found, rtol=1e-8, atol=1e-12)


def test_a_gate_times_and_counts_on_the_gpu(tmp_path):
    folder = plants.repository(tmp_path)
    worker = Worker("the copy", folder, "cuda")
    try:
        facts = worker.ask(ask="facts", model="gru")
        assert facts["params"] > 0
        assert facts["peak_bytes"] > 0
        worker.ask(ask="make", model="gru")
        assert min(worker.ask(ask="steps", count=20)["milliseconds"]) > 0
    finally:
        worker.close()


def test_peak_memory_grows_with_the_length():
    spec = catalog.find_model("lstm-s")
    peaks = []
    for length in (50, 200):
        shape = checks.Example(length=length)
        module = spec.build(shape, 32).cuda()
        x = torch.randn(16, length, shape.inputs, device="cuda")
        y = torch.zeros(16, dtype=torch.int64, device="cuda")
        peaks.append(peak_bytes(training_step(module, x, y, 3.0), torch.device("cuda")))
    assert 0 < peaks[0] < peaks[1]


# ----------------------------------------------------------------------------- seeds together, steps replayed

CUDA = torch.device("cuda")


def on_the_device(splits: Splits, x: str = "cuda") -> Splits:
    train, valid, test = (Split(split.x.to(x), split.y.cuda()) for split in splits)
    return replace(splits, train=train, valid=valid, test=test)


def ended(run: Training, seed: int = 0) -> Training:
    with global_stream(seed, "noise"):
        run.points = list(run)
    return run


def trained(name: str, seeds: list[int], recorder: Any = None, backend: str = "eager") -> Training:
    """20 steps of float64 on the device; it has ended."""
    modules = [built(name, seed).cuda() for seed in seeds]
    with engine.backend(backend):
        run = training(modules, seeds, on_the_device(data(30)), max_steps=20, recorder=recorder)
        return ended(run, seeds[0])


def assert_same_numbers(ours: Training, theirs: Training, places: list[tuple[int, int]], tolerance: float) -> None:
    for mine, yours in places:
        for seen, right in zip(ours.points, theirs.points, strict=True):
            assert seen[mine].train_loss == pytest.approx(right[yours].train_loss, rel=tolerance)
            assert seen[mine].valid_metric == pytest.approx(right[yours].valid_metric, rel=tolerance)
        for key, value in theirs.model.weights(yours).items():
            torch.testing.assert_close(ours.model.weights(mine)[key], value, rtol=tolerance, atol=tolerance, msg=key)


@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("name", STEPPED)
def test_a_captured_step_gives_what_the_step_gives(name, replicas, backend):
    seeds = list(range(replicas))
    captured = trained(name, seeds, CudaGraphs(CUDA), backend)
    assert captured.update.note == ""
    assert captured.update.recorded
    assert_same_numbers(captured, trained(name, seeds, None, backend), [(k, k) for k in seeds], 1e-9)


@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("name", EVERY)
def test_replicas_on_the_device_are_what_each_seed_is_alone(name, backend):
    group = trained(name, [3, 8], None, backend)
    for place, seed in enumerate((3, 8)):
        assert_same_numbers(group, trained(name, [seed], None, backend), [(place, 0)], 1e-9)


class Waits(nn.Module):
    """Draws noise and looks at its answers, which no capture allows."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Linear(2, 3, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answers = self.top(nn.functional.dropout(x.mean(1), 0.5, self.training))
        assert float(answers.detach().abs().sum()) < 1e6
        return answers


def test_a_capture_that_fails_costs_nothing():
    def run(recorder: Any) -> Training:
        torch.manual_seed(1)
        return ended(training([Waits().cuda()], [0], on_the_device(data(30)), max_steps=20, recorder=recorder))

    stream = torch.cuda.current_stream()
    ours = run(CudaGraphs(CUDA))
    assert not ours.update.recorded
    assert ours.update.note.startswith("no graph of the training step: ")
    assert torch.cuda.current_stream() == stream
    assert_same_numbers(ours, run(None), [(0, 0)], 1e-12)
    after = trained("aslstm", [0, 1], CudaGraphs(CUDA))  # nothing is left of the capture that failed
    assert after.update.recorded


def test_a_restored_group_is_captured_again():
    whole = trained("aslstm", [0, 1], CudaGraphs(CUDA))
    stops = iter([False] * 9 + [True])

    def group(seeds: tuple[int, int], **options: Any) -> Training:
        modules = [built("aslstm", seed).cuda() for seed in seeds]
        splits = on_the_device(data(30))
        return training(modules, [0, 1], splits, max_steps=20, recorder=CudaGraphs(CUDA), **options)

    with engine.backend("eager"):
        first = group((0, 1), stop=lambda: next(stops))
        points = list(first)
        second = group((5, 6))
        second.restore([saved(first, place) for place in (0, 1)])
        second.points = points + list(second)
        tested = second.test(), whole.test()
    assert first.update.recorded
    assert second.update.recorded
    assert tested[0] == pytest.approx(tested[1], rel=1e-9)
    assert [r.best_step for r in second.replicas] == [r.best_step for r in whole.replicas]


def test_a_run_trains_its_seeds_together_and_says_graph(bench, tmp_path):
    words = ("--task", "sfc", "--models", "aslstm,gru", "--protocol", "smoke", "--device", "cuda", "--seeds", 3)
    assert bench("run", *words, "--workers", 0, "--no-measure").code == 0
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("runs/**/*.json")]
    assert [(record["status"], record["replicas"]) for record in records] == [("ok", 3)] * 6
    assert all("graph" in record["backend"].split("+") for record in records)


# ----------------------------------------------------------------------------- texts, and data that lie on the host


@pytest.mark.parametrize("name", ["lstm-s", "dilated-lstm", "aslstm", "hm-lstm", "clockwork"])
def test_a_captured_step_carries_the_state_of_a_text(name):
    task = catalog.find_task("wikitext-2", "smoke")
    spec = catalog.find_model(name)
    tokens = torch.randint(task.shape.vocabulary, (90 * task.shape.length + 1,))
    whole = Split(tokens[:-1].view(90, -1), tokens[1:].view(90, -1))
    settings = Protocol("mine", 1, "smoke", "3k", 1, batch=4, max_steps=30, evaluations=2, learning_rate=0.01)

    def trained(recorder: Any) -> Training:
        with global_stream(0, "init"):
            module = task.frame(spec.build(task.shape, 8)).cuda()
        run = Training(
            [module],
            on_the_device(Splits(whole, whole, whole)),
            settings,
            seeds=[0],
            metric="perplexity",
            higher_is_better=False,
            classes=task.shape.vocabulary,
            carried=True,
            recorder=recorder,
        )
        with engine.backend("auto"):
            return ended(run)

    captured = trained(CudaGraphs(CUDA))
    assert captured.update.recorded
    assert_same_numbers(captured, trained(None), [(0, 0)], 1e-3)


@pytest.mark.parametrize("recorder", [None, CudaGraphs])
def test_batches_from_the_host_give_what_batches_on_the_device_give(recorder):
    def run(x: str) -> Training:
        modules = [built("gru", seed).cuda() for seed in (0, 1)]
        splits, kept = on_the_device(data(30), x), recorder and recorder(CUDA)
        return ended(training(modules, [0, 1], splits, max_steps=20, recorder=kept))

    fed, gathered = run("cpu"), run("cuda")
    assert fed.feed is not None
    assert gathered.feed is None
    assert_same_numbers(fed, gathered, [(0, 0), (1, 1)], 1e-12)
