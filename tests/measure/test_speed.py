"""`bench speed` at tiny sizes: its page, its targets, what Ctrl-C and bad input leave."""

import math
import os
import re
from dataclasses import replace

import pandas as pd
import pytest
import torch

from harness.cli.progress import Countdown
from harness.measure import speed
from harness.measure import steps as measure
from harness.measure.flops import matmul_rate
from harness.measure.latency import Block
from harness.measure.whole_run import Command, whole_run
from harness.process import WORKER_ENVIRONMENT
from harness.records.findings import Case, Findings, Sizes, SpeedRecord, Timing, WholeRun, Work
from harness.records.kinds import Ratio
from harness.records.store import Store
from harness.report.measured import speed as speed_page
from harness.report.measured.speed import page, sheets
from harness.report.measured.targets import verdicts
from harness.stats.verdicts import MISSED, NOT_RUN, REACHED
from models import MODELS, PAPERS
from models.targets import STEP_TARGETS

TINY = ("speed", "--length", 8, "--width", 4, "--batch", 3, "--seconds", 0, "--rounds", 1, "--device", "cpu")
FACTS = {"cpu": "a CPU", "cores": 2, "system": "Linux", "threads": 1, "torch": "2", "python": "3", "bench": "0"}


@pytest.fixture
def timed(bench, monkeypatch, tmp_path):
    """`bench speed` here, where the environment of a measuring process is already set."""
    for key, value in WORKER_ENVIRONMENT.items():
        monkeypatch.setenv(key, os.environ.get(key, value))

    def call(*words):
        return bench(*TINY, *words)

    return call


def tables_of(text: str) -> dict[str, list[list[str]]]:
    """Title of a section -> rows of its table, without the heading."""
    found = {}
    for part in text.split("\n## ")[1:]:
        lines = [line for line in part.splitlines() if line.startswith("|")]
        found[part.splitlines()[0]] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return found


# ----------------------------------------------------------------------------- the command


def test_the_page_has_every_model_and_every_number(timed, tmp_path):
    outcome = timed("--no-runs", "--replicas", "1,2", "--models", "papers")
    assert outcome.code == 0, outcome
    text = (tmp_path / "reports" / "speed.md").read_text()
    found = tables_of(text)
    for title in ("Step / yardstick's step", "Replicas", "Work and memory"):
        assert len(found[title]) == len(PAPERS), title
        assert not any("nan" in cell or "inf" in cell for row in found[title] for cell in row)
    assert "## Missing" not in text
    for row in found["Work and memory"]:
        assert "–" not in row, row
    assert "bench speed --length 8" in text
    assert "this page has other sizes" in text
    assert re.search(r"Differences below \d+\.\d% mean nothing", text)
    frame = pd.read_csv(tmp_path / "reports" / "speed.csv")
    assert len(frame) == len(PAPERS) * 2 * 2
    assert set(frame["model"]) == set(PAPERS)
    for column in ("ratio", "ratio_of_minima", "flop_ratio", "share_of_peak", "peak_bytes", "peak_bytes_recompute_100"):
        assert all(math.isfinite(value) and value > 0 for value in frame[column]), column
    assert "step_ms" not in frame


def test_the_record_is_kept_and_a_report_makes_the_same_page_of_it(timed, bench, tmp_path):
    outcome = timed("--no-runs", "--models", "gru", "--backends", "eager", "--replicas", 1)
    first, second, third, *_ = lines = outcome.out.splitlines()
    assert first.startswith("[1/3]")
    assert second.startswith("[2/3]")
    assert "gru, eager, 1 replica: " in second
    assert third.startswith("[3/3]")
    assert third.endswith("(ETA 0:00)")
    assert lines[-1] == str(tmp_path / "reports" / "speed.md")
    (record,), corrupt = Store(tmp_path / "results").load_speed()
    assert not corrupt
    assert record.sizes.models == ("gru",)
    text = (tmp_path / "reports" / "speed.md").read_text()
    assert os.uname().nodename not in text
    assert len(re.findall(r"\d ms", text)) == 1  # the yardstick's order of magnitude, and no other absolute time
    made = {path.name: path.read_bytes() for path in (tmp_path / "reports").iterdir()}
    assert {"speed.md", "speed.csv"} <= set(made)
    assert bench("report", "--verify").code == 0
    for path in (tmp_path / "reports").iterdir():
        path.unlink()
    assert str(tmp_path / "reports" / "speed.md") in bench("report").out
    assert {path.name: path.read_bytes() for path in (tmp_path / "reports").iterdir()} == made


def test_a_record_that_cannot_be_read_is_named_and_left(bench, tmp_path):
    path = tmp_path / "results" / "speed" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text("{half")
    outcome = bench("report")
    assert outcome.code == 2
    assert f"left out: {path} is no record" in outcome.err
    assert path.read_text() == "{half"


def test_the_process_that_measures_starts_with_the_tuned_allocator(bench, monkeypatch):
    for key in WORKER_ENVIRONMENT:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    started = []

    def execve(path, words, environment):
        started.append(environment)
        raise SystemExit

    monkeypatch.setattr("harness.process.os.execve", execve)
    bench(*TINY)
    assert started[0].items() >= WORKER_ENVIRONMENT.items()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--models", "lstms"), "no model called 'lstms'; the nearest is 'lstm-s'"),
        (("--models", ","), "--models names nothing"),
        (("--backends", "eeger"), "no back end 'eeger'; choose one of auto, eager"),
        (("--backends", ""), "--backends names nothing"),
        (("--width", "0"), "'0' is no width; write a whole number from 1 to a million, or paper"),
        (("--width", "-4"), "'-4' is no width"),
        (("--width", "wide"), "'wide' is no width"),
        (("--replicas", "0"), "'0' is no number of replicas"),
        (("--replicas", "1,many"), "'many' is no number of replicas"),
        (("--length", "0"), "0 is not in the range"),
        (("--seconds", "-1"), "-1.0 is not in the range"),
        (("--rounds", "0"), "0 is not in the range"),
    ],
)
def test_bad_words_are_one_sentence_and_nothing_is_timed(timed, tmp_path, words, sentence):
    outcome = timed(*words)
    assert outcome.code == 2, outcome
    (line,) = outcome.err.strip().splitlines()
    assert line.startswith("error: ")
    assert sentence in line
    assert not list(tmp_path.iterdir())


def test_no_cuda_is_one_sentence(timed, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    outcome = timed("--device", "cuda")
    assert outcome.code == 2
    assert "no CUDA device here" in outcome.err


def test_an_interrupted_command_writes_what_is_there_and_what_is_missing(timed, monkeypatch, tmp_path):
    wanted = speed.Bench._work

    def work(self, model):
        if model == "gru":
            raise KeyboardInterrupt
        return wanted(self, model)

    monkeypatch.setattr(speed.Bench, "_work", work)
    outcome = timed("--no-runs", "--models", "lstm-s,gru,clockwork", "--backends", "eager", "--replicas", 1)
    assert outcome.code == 130
    assert "interrupted" in outcome.out
    text = (tmp_path / "reports" / "speed.md").read_text()
    missing = text.partition("## Missing\n\n")[2].splitlines()
    assert missing == [
        "- gru, FLOPs and memory: interrupted",
        "- clockwork, eager, 1 replica: interrupted",
        "- clockwork, FLOPs and memory: interrupted",
    ]
    steps = tables_of(text)["Step / yardstick's step"]
    assert [row[1] != "–" for row in steps] == [True, True, False]


def test_a_model_that_cannot_be_timed_costs_its_own_cells_alone(timed, tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("def Bad(shape, width):\n    raise RuntimeError('no idea')\n")
    outcome = timed("--no-runs", "--models", f"{path}:Bad,gru", "--backends", "eager", "--replicas", 1)
    assert outcome.code == 0
    text = (tmp_path / "reports" / "speed.md").read_text()
    assert "no idea" in text.partition("## Missing")[2]
    assert [row[1] != "–" for row in tables_of(text)["Step / yardstick's step"]] == [False, True]


def test_what_a_back_end_says_of_itself_stands_in_the_page(timed, monkeypatch, tmp_path):
    wanted = speed.Bench.step

    def step(self, model, replicas, recorder=None):
        from models.engine import scan

        scan._used.note("no kernel, the loop serves")
        return wanted(self, model, replicas, recorder)

    monkeypatch.setattr(speed.Bench, "step", step)
    timed("--no-runs", "--models", "gru", "--backends", "eager", "--replicas", "1,2")
    text = (tmp_path / "reports" / "speed.md").read_text()
    assert text.count("- gru, eager: no kernel, the loop serves") == 1


def test_at_the_papers_widths_the_yardstick_keeps_its_own(tmp_path):
    made = speed.Bench("lstm-s,clockwork", 8, 2, "paper", "1", "eager", "cpu", 0.0, 1, False)
    assert made.sizes.yardstick_width == 100
    assert not made.sizes.standard
    assert made.flops(speed.catalog.find_model("clockwork")) > 0


# ----------------------------------------------------------------------------- what is timed


@pytest.mark.parametrize("model", ["lstm-s", "tp-rnn-s"])
def test_replicas_take_the_steps_that_each_would_take_alone(monkeypatch, model):
    """Also where each has a gradient norm of its own to be clipped by."""
    made = speed.Bench(model, 8, 3, "4", "2", "eager", "cpu", 0.0, 1, False)
    optimizers = []

    class Spy(torch.optim.Adam):
        def __init__(self, parameters, **settings):
            optimizers.append(self)
            super().__init__(parameters, **settings)

    monkeypatch.setattr("harness.measure.steps.torch.optim.Adam", Spy)
    spec = speed.catalog.find_model(model)
    modules = [made._made(spec, seed).double() for seed in range(2)]
    x, y = made._batch(2)
    x = x.double() * torch.tensor([1.0, 3.0])[:, None, None, None]
    together = measure.replicas_step(modules, x, y, 0.05)
    alone = [measure.training_step(module, x[k], y[k], 0.05) for k, module in enumerate(modules)]
    with speed.engine.backend("eager"):
        for _ in range(3):
            together()
            for step in alone:
                step()
    stacked = optimizers[0].param_groups[0]["params"]
    for k, optimizer in enumerate(optimizers[1:]):
        own = optimizer.param_groups[0]["params"]
        assert len(own) == len(stacked)
        for mine, theirs in zip(own, stacked, strict=True):
            torch.testing.assert_close(mine, theirs[k], rtol=1e-10, atol=1e-12)


def test_a_timing_is_of_rounds_and_of_the_two_minima(monkeypatch):
    """Three rounds of two samples each: the ratios of the geometric means are 2, 4 and 3."""
    samples = [2.0, 8.0, 6.0, 6.0, 3.0, 3.0], [2.0, 2.0, 1.5, 1.5, 1.0, 1.0]
    monkeypatch.setattr("harness.measure.latency.samples", lambda *a, **k: samples)
    made = speed.Bench("gru", 8, 2, "4", "1", "eager", "cpu", 0.0, 3, False)
    timing = made._beside_yardstick(lambda: None, 0.0, 3, used={"native", "eager"})
    assert timing.compared == Ratio(pytest.approx(3.0), None, None, 3)
    assert (timing.ratio, timing.least) == (timing.compared.median, 2.0)
    assert (timing.step_ms, timing.yardstick_ms, timing.fastest_ms) == (4.5, 1.5, 2.0)
    assert timing.used == ("eager", "native")
    assert replace(timing, compared=Ratio(1.1, 0.7, 1.2, 8)).spread == pytest.approx(0.3)
    assert replace(timing, compared=Ratio(1.1, None, None, 7)).spread == pytest.approx(0.1)


def test_only_enough_rounds_have_an_interval():
    assert speed_page._ratio(Timing(Ratio(1.1, 0.7, 1.2, 8), 1.0, 1.0, 1.0, 1.0)) == "1.10 (0.70 to 1.20)"
    assert speed_page._ratio(Timing(Ratio(1.1, None, None, 7), 1.0, 1.0, 1.0, 1.0), ".3f") == "1.100"
    assert speed_page._ratio(None) == "–"


def test_the_rate_of_the_machine_is_that_of_its_fastest_product(monkeypatch):
    taken = iter([5.0, 2.0, 4.0, 8.0, 6.0])
    monkeypatch.setattr("harness.measure.flops.clock_for", lambda device: lambda product: Block(next(taken)))
    assert matmul_rate(torch.device("cpu"), 10) == pytest.approx(2 * 10**3 / 0.002)


# ----------------------------------------------------------------------------- targets


def timing(ratio: float, *used: str) -> Timing:
    return Timing(Ratio(ratio, ratio, ratio, 8), ratio, 10 * ratio, 10.0, 10 * ratio, used)


def made_findings() -> Findings:
    """HM-LSTM at 4.2 = 1.4 x 3 steps, 8 times the FLOPs; dilated LSTM at 3.9 with 3 times the FLOPs; TP-RNN-S at 2."""
    found = Findings(titles={"hm-lstm": "HM-LSTM", "dilated-lstm": "Dilated", "tp-rnn-s": "TP-RNN-S"})
    found.yardstick_flops = 100
    found.peak_rate = 1e6
    found.control = timing(1.0)
    for model, eager, best, flops in (("hm-lstm", 20.0, 4.2, 800), ("tp-rnn-s", 5.0, 2.0, 130)):
        found.timings[Case(model, "eager", 1)] = timing(eager, "eager")
        found.timings[Case(model, "native", 1)] = timing(best, "native")
        found.work[model] = Work(flops, 2**20, 2**19)
    found.timings[Case("dilated-lstm", "eager", 1)] = timing(3.9, "library")
    found.work["dilated-lstm"] = Work(300)
    return found


def test_targets_on_rows_made_by_hand():
    judged = {v.title: v for v in verdicts(made_findings(), "cpu") if v.device == "cpu"}
    by_model = {target.model: judged[target.title] for target in STEP_TARGETS}
    assert (by_model["hm-lstm"].status, by_model["hm-lstm"].measured) == (REACHED, pytest.approx(1.4))
    assert by_model["hm-lstm"].why == ""
    assert (by_model["dilated-lstm"].status, by_model["dilated-lstm"].measured) == (MISSED, pytest.approx(1.3))
    assert (by_model["tp-rnn-s"].status, by_model["tp-rnn-s"].measured) == (MISSED, 2.0)
    assert by_model["tp-rnn-s"].why == "it has 1.30 of the FLOPs; the ratio per FLOP is 1.54"
    assert (by_model["clockwork"].status, by_model["clockwork"].why) == (NOT_RUN, "not asked for")
    gain = judged["every custom cell: plain eager loop / best back end"]
    assert (gain.status, gain.measured) == (MISSED, 2.5)  # the dilated LSTM has no loop of its own
    assert gain.why == "the least of 2 models; below: tp-rnn-s 2.50"


def test_what_is_missing_is_said_of_its_own_target_alone():
    found = made_findings()
    found.missing += ["tp-rnn-small, native, 1 replica: no code", "aslstm, native, 1 replica: out of memory"]
    told = {v.title: v.why for v in verdicts(found, "cpu") if v.device == "cpu" and v.status == NOT_RUN}
    (aslstm,) = (target.title for target in STEP_TARGETS if target.model == "aslstm")
    assert told.pop(aslstm) == "aslstm, native, 1 replica: out of memory"
    assert set(told.values()) == {"not asked for"}
    found.missing.append("whole runs: interrupted")
    assert [v.why for v in verdicts(found, "cpu")].count("whole runs: interrupted") == 2


def test_torchs_own_kernel_does_not_count_as_ours():
    found = made_findings()
    found.timings[Case("lstm-s", "eager", 1)] = timing(0.7, "library")
    found.timings[Case("lstm-s", "native", 1)] = timing(0.9, "native")
    judged = verdicts(found, "cpu")[0]
    assert (judged.status, judged.measured) == (MISSED, 0.9)


def test_targets_of_the_other_device_are_listed_as_not_run():
    on_cpu = [v for v in verdicts(made_findings(), "cpu") if v.device == "cuda"]
    assert len(on_cpu) == len(STEP_TARGETS) + 3
    assert {(v.status, v.why) for v in on_cpu} == {(NOT_RUN, "no GPU")}
    on_gpu = [v for v in verdicts(made_findings(), "cuda") if v.device == "cpu"]
    assert {v.status for v in on_gpu} == {NOT_RUN}


def test_the_price_of_replicas_counts_on_a_gpu():
    found = made_findings()
    found.timings[Case("hm-lstm", "native", 5)] = timing(5.04, "native")
    (judged,) = (v for v in verdicts(found, "cuda") if v.title.startswith("5 replicas"))
    assert (judged.status, judged.measured) == (REACHED, pytest.approx(1.2))


def test_targets_name_models_that_exist():
    assert {target.model for target in STEP_TARGETS} <= set(MODELS)


def test_a_page_of_rows_made_by_hand():
    sizes = Sizes(("hm-lstm", "tp-rnn-s", "dilated-lstm", "gru"), (1, 5), 1000, 50, 100, "cpu")
    record = SpeedRecord(sizes, ("eager", "native"), made_findings(), "bench speed", FACTS, "2026-01-01")
    found = tables_of(page(record))
    steps = found["Step / yardstick's step"]
    assert steps[0] == ["HM-LSTM", "20.00 (20.00 to 20.00)", "4.20 (4.20 to 4.20)", "4.20", "4.76"]
    assert steps[2] == ["Dilated", "3.90 (3.90 to 3.90) †", "–", "3.90", "–"]
    assert steps[3] == ["gru", "–", "–", "–", "–"]
    work = found["Work and memory"]
    # 800 FLOPs in 42 ms are 19 kFLOP/s, 1.9 % of the peak
    assert work[0][2:] == ["8.00", "0.53", "2%", "1", "0"]


def test_of_several_machines_the_latest_counts_and_a_gpu_has_a_page_of_its_own():
    def record(device: str, cpu: str, finished: str) -> SpeedRecord:
        sizes = Sizes(("hm-lstm",), (1,), 1000, 50, 100, device)
        return SpeedRecord(sizes, ("native",), made_findings(), "bench speed", FACTS | {"cpu": cpu}, finished)

    made = sheets([record("cpu", "new", "2026-02"), record("cpu", "old", "2026-01"), record("cuda", "third", "2025")])
    assert list(made) == ["speed-cuda.md", "speed.md"]
    assert "\n2 cores of new" in made["speed.md"].text
    assert "\n2 cores of third" in made["speed-cuda.md"].text
    assert list(made["speed.md"].files) == ["speed.csv"]
    assert "step_ms" in made["speed-cuda.md"].files["speed-cuda.csv"]


def test_a_machine_that_says_little_of_itself_is_unknown():
    sizes = Sizes(("gru",), (1,), 8, 3, None, "cpu")
    text = page(SpeedRecord(sizes, ("eager",), Findings(), "bench speed", {}, ""))
    assert "\nan unknown machine; unknown; torch unknown, Python unknown, bench unknown, commit unknown." in text


# ----------------------------------------------------------------------------- whole runs


def test_what_two_commands_say_of_processes_side_by_side():
    """Alone: 3 s of start-up, then cells of 10 s, of which 9.8 s train or evaluate. Two workers: 4 cells in 24 s."""
    alone = Command(wall=33.5, done=(13.0, 23.0, 33.0), working=(9.8, 9.8, 9.8))
    together = Command(wall=24.5, done=(13.5, 13.6, 24.0, 24.0), working=(10.0,) * 4)
    found = whole_run(alone, together, 2)
    assert (found.cell_seconds, found.startup_seconds) == pytest.approx((10.0, 3.0))
    assert found.warm == pytest.approx(21.0 * 2 / 40.0)
    assert found.cold == pytest.approx(24.5 * 2 / 40.0)
    assert found.rest == pytest.approx(0.02)
    assert found.rest_cold == pytest.approx(1 - 29.4 / 33.5)


def test_whole_runs_are_judged():
    found = made_findings()
    found.runs = WholeRun(2, 4, 10.0, 3.0, cold=1.3, warm=1.1, rest=0.04, rest_cold=0.2)
    workers, rest = (v for v in verdicts(found, "cpu") if v.title.startswith(("`bench run`", "part of a run")))
    assert (workers.status, rest.status) == (REACHED, MISSED)
    assert "1.30 with the start-up" in workers.why


@pytest.mark.slow
def test_whole_runs_are_timed():
    from harness.measure.whole_run import time_whole_run

    found = time_whole_run(2, steps=20)
    assert found.cells == 4
    assert found.cold > found.warm > 0
    assert 0 < found.rest < 1


# ----------------------------------------------------------------------------- the ETA


def test_the_time_left_comes_from_jobs_of_the_same_kind(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("harness.cli.progress.time.monotonic", lambda: now[0])
    said = []
    tell = Countdown(["fast", "slow", "fast", "slow", "new"], said.append)
    assert tell.seconds() is None
    for kind, took in (("fast", 2.0), ("slow", 10.0)):
        tell(kind, kind, "")
        now[0] += took
        tell(kind, kind, "done")
    assert tell.seconds() == 2.0 + 10.0 + 6.0
    assert said[-1] == "[2/5] slow: done (ETA 0:18)"
