"""`bench measure`: a measurement of each model, what stays of an interrupted one, and bad input."""

import json
import os

import pytest
import torch

from harness import catalog
from harness.measure import whole as whole_measure
from harness.measure.flops import forward_flops
from harness.measure.memory import peak_bytes
from harness.measure.subject import Subject
from harness.measure.whole import CONTROLS, of_length, parts_of
from harness.plan import Group
from harness.prepare.budget import Width
from harness.prepare.modules import Where, made
from harness.process import WORKER_ENVIRONMENT
from harness.protocol import SMOKE
from harness.records.kinds import Measurement, Ratio, from_json
from harness.stats.ratios import FEWEST
from tasks.text import wikitext_2

WORDS = ("measure", "--task", "sfc", "--protocol", "smoke", "--seconds", 0, "--device", "cpu")
CPU = torch.device("cpu")

STRANGERS = """
import torch
from torch import nn

class Fixed(nn.Module):
    "Takes sequences of one length alone."
    def __init__(self, shape, width):
        super().__init__()
        self.first, self.last = nn.Linear(shape.length * shape.inputs, width), nn.Linear(width, shape.outputs)
    def forward(self, x):
        return self.last(torch.tanh(self.first(x.flatten(1))))

class Raises(Fixed):
    def forward(self, x):
        raise RuntimeError("no idea what to do")
"""


@pytest.fixture
def taken(bench, monkeypatch, tmp_path):
    """`bench measure` here, where the environment of a measuring process is already set."""
    for key, value in WORKER_ENVIRONMENT.items():
        monkeypatch.setenv(key, os.environ.get(key, value))
    monkeypatch.setattr(whole_measure, "matmul_rate", lambda device: 1e10)

    def call(*words):
        return bench(*WORDS, *words)

    return call


@pytest.fixture
def without_processes(monkeypatch):
    """No fresh process, which takes seconds."""
    facts = {"first_call_ms": 30.0, "compile_ms": None, "rss_bytes": 2**20}
    monkeypatch.setattr(whole_measure, "fresh_facts", lambda *given: facts)


def kept(tmp_path) -> dict[str, Measurement]:
    found = [from_json(path.read_text(), str(path)) for path in tmp_path.rglob("measures/**/*.json")]
    return {measurement.model: measurement for measurement in found}


def test_two_models_from_the_command_to_the_page(taken, bench, tmp_path):
    outcome = taken("--models", "gru,tp-rnn-s")
    assert outcome.code == 0, outcome
    lines = outcome.out.splitlines()
    assert lines[0] == f"protocol smoke, version {SMOKE.version}; budget 3k; device cpu; 1 task, 2 models"
    assert [line.partition("]")[0] for line in lines[1:3]] == ["[1/2", "[2/2"]
    assert lines[2].endswith("(ETA 0:00)")
    assert "The yardstick beside itself, 6 times" in outcome.out
    measured = kept(tmp_path)
    for one in measured.values():
        assert (one.status, one.whole, one.length, one.batch) == ("ok", True, 40, 20)
        assert one.step.samples == 2 * FEWEST == len(one.step.values)
        assert 0 < one.step.q10 <= one.step.lower <= one.step.median <= one.step.upper <= one.step.q90
        assert min(one.backward.median, one.forward.median) > 0
        assert one.first_call_ms > 0
        assert one.rss_bytes is None or one.rss_bytes > 0
        assert one.compared.rounds == FEWEST
        assert one.compared.low <= one.compared.median == one.ratio <= one.compared.high
        assert [control.rounds for control in one.controls] == [FEWEST] * CONTROLS
        assert 0 < one.saved_bytes < one.peak_bytes == one.predicted_bytes
        assert one.over_length.sizes == (5, 10, 20, 40)
        assert one.over_batch.sizes == (2, 5, 10, 20)
        assert one.over_length.bytes[-1] == one.over_batch.bytes[-1] == one.peak_bytes
        assert 0.5 < one.over_length.bytes_exponent < 1.1
        assert one.flops_share == pytest.approx(one.flops / (min(one.step.values) / 1000) / 1e10)
        assert "a CPU has no counter" in one.missing["joules"]
        assert one.joules is one.device_step is one.allocated_bytes is one.reserved_bytes is one.compile_ms is None
    assert measured["gru"].inference.median > 0
    assert measured["gru"].inference_batch.median > 0
    assert measured["gru"].state == 30
    assert measured["tp-rnn-s"].inference is measured["tp-rnn-s"].state is None
    assert "no initial_state" in measured["tp-rnn-s"].missing["inference"]
    outcome = bench("report")
    assert outcome.code == 0, outcome
    for name in ("latency", "memory"):
        page = (tmp_path / "reports" / "smoke" / f"{name}.md").read_text()
        assert "bench measure --task sfc --models gru,tp-rnn-s --protocol smoke" in page
        assert f"]({name}-sfc-3k-0.svg)" in page
        assert (tmp_path / "reports" / "smoke" / f"{name}-sfc-3k-0.svg").read_bytes().startswith(b"<svg ")
        assert page.endswith("; 2 records of `measures/smoke`.\n")
    index = (tmp_path / "reports" / "smoke" / "index.md").read_text()
    assert "Nothing was run; this was measured." in index
    assert "](latency.md)" in index
    assert b"How long a step takes" in (tmp_path / "reports" / "smoke" / "report.html").read_bytes()
    assert bench("report", "--task", "sfc").code == bench("report", "--verify").code == 0


def test_what_was_measured_is_not_measured_again_unless_it_is_asked_for(taken, without_processes, tmp_path):
    assert taken("--models", "gru").code == 0
    (path,) = tmp_path.rglob("measures/**/*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"finished": "long ago"}))
    outcome = taken("--models", "gru,sgru")
    assert "1 measured before, --again takes them anew" in outcome.out
    assert "[1/1] sfc sgru 3k" in outcome.out
    assert "GRU" in outcome.out.partition("budget 3k\n")[2]
    assert kept(tmp_path)["gru"].finished == "long ago"
    assert taken("--models", "gru", "--again").code == 0
    assert kept(tmp_path)["gru"].finished != "long ago"


def test_the_quick_pass_of_a_run_is_not_taken_for_all_of_it(taken, without_processes, bench, tmp_path):
    words = ("--task", "sfc", "--models", "gru", "--protocol", "smoke", "--workers", 0, "--seeds", 1, "--device", "cpu")
    assert bench("run", *words).code == 0
    quick = kept(tmp_path)["gru"]
    assert not quick.whole
    assert (quick.saved_bytes > 0, quick.flops > 0, quick.state, quick.params) == (True, True, 30, 3004)
    assert taken("--models", "gru").code == 0
    assert kept(tmp_path)["gru"].whole
    assert bench("run", *words).code == 0
    assert kept(tmp_path)["gru"].whole


def test_an_interrupted_command_keeps_what_is_done_and_goes_on(taken, without_processes, monkeypatch, tmp_path):
    def interrupted(step, device):
        if len(list(tmp_path.rglob("measures/**/*.json"))) == 1:
            raise KeyboardInterrupt
        return peak_bytes(step, device)

    monkeypatch.setattr(whole_measure, "peak_bytes", interrupted)
    outcome = taken("--models", "gru,sgru")
    assert outcome.code == 130
    assert outcome.err.strip() == "interrupted; the same command goes on from here"
    assert list(kept(tmp_path)) == ["gru"]
    monkeypatch.setattr(whole_measure, "peak_bytes", peak_bytes)
    outcome = taken("--models", "gru,sgru")
    assert (outcome.code, "[1/1] sfc sgru 3k" in outcome.out) == (0, True)


def test_a_model_that_fails_costs_its_own_row_and_what_one_refuses_is_missing(taken, without_processes, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(STRANGERS)
    outcome = taken("--models", f"{mine}:Raises,{mine}:Fixed,gru")
    assert outcome.code == 1
    assert "failed: RuntimeError: no idea what to do (mine.py:" in outcome.out
    assert "GRU" in outcome.out
    found = {model.rpartition(":")[2]: one for model, one in kept(tmp_path).items()}
    assert {name: one.status for name, one in found.items()} == {"Raises": "failed", "Fixed": "ok", "gru": "ok"}
    fixed = found["Fixed"]
    assert fixed.over_length is None
    assert "shapes cannot be multiplied" in fixed.missing["over_length"]
    assert fixed.over_batch is not None
    assert fixed.flops > 0


def test_a_fresh_process_that_cannot_say_is_a_sentence(taken, tmp_path):
    (tmp_path / "mine.py").write_text(
        STRANGERS
        + "import multiprocessing, os\n"
        + "class Dies(Fixed):\n"
        + "    def forward(self, x):\n"
        + "        if multiprocessing.parent_process():\n"
        + "            os._exit(7)\n"
        + "        return super().forward(x)\n"
    )
    assert taken("--models", f"{tmp_path}/mine.py:Dies").code == 0
    (one,) = kept(tmp_path).values()
    assert one.rss_bytes is one.first_call_ms is None
    assert one.missing["rss_bytes"] == "a fresh process for it ended before it could say"


def test_lengths_are_as_asked_also_beyond_the_tasks_own(taken, without_processes, tmp_path):
    assert taken("--models", "gru", "--lengths", "100, 10,20,10").code == 0
    assert kept(tmp_path)["gru"].over_length.sizes == (10, 20, 100)


# ----------------------------------------------------------------------------- the order of what is timed


class Recorded:
    """A subject whose steps only write their names down."""

    module, yardstick = "m", "y"

    def __init__(self) -> None:
        self.log: list[str] = []
        self.made = 0

    def step(self, module):
        self.made += 1
        name = f"{module}{self.made}"
        return lambda: self.log.append(name)


def test_the_step_and_then_the_controls_run_in_rounds_beside_the_same_yardstick():
    subject = Recorded()
    facts = whole_measure._beside_yardstick(subject, subject.step("m"), 0.0, whole_measure.clock_for(CPU))
    in_turn, rounds = subject.log[: -4 * FEWEST * (1 + CONTROLS)], subject.log[-4 * FEWEST * (1 + CONTROLS) :]
    assert in_turn == ["m1", "y2", "y3"] * (len(in_turn) // 3)
    assert rounds[: 4 * FEWEST] == ["m1", "y2", "y2", "m1"] * FEWEST
    assert rounds[4 * FEWEST :] == ["y3", "y2", "y2", "y3"] * FEWEST * CONTROLS
    assert isinstance(facts["compared"], Ratio)
    assert len(facts["controls"]) == CONTROLS


def test_sizes_are_parts_of_the_whole_each_once():
    assert parts_of(170) == [21, 42, 85, 170]
    assert parts_of(3) == [1, 3]


def test_sequences_are_cut_or_repeated():
    x = torch.arange(6).view(2, 3)
    assert of_length(x, 2).tolist() == [[0, 1], [3, 4]]
    assert of_length(x, 5).tolist() == [[0, 1, 2, 0, 1], [3, 4, 5, 3, 4]]
    assert of_length(x[:, :, None], 4)[..., 0].tolist() == [[0, 1, 2, 0], [3, 4, 5, 3]]


@pytest.mark.parametrize("model", ["gru", "dilated-lstm", "hm-lstm"])
def test_a_model_of_words_is_measured_like_any_other(without_processes, monkeypatch, tmp_path, model):
    """Tokens in, an answer at every step, the state carried from piece to piece."""
    monkeypatch.setattr(whole_measure, "matmul_rate", lambda device: 1e10)
    monkeypatch.setattr(whole_measure, "forecast", lambda group, where: None)
    task = wikitext_2(steps=8, vocabulary=50, embedding=6)
    spec, other = (catalog.find_model(name) for name in (model, "lstm-s"))
    module, yardstick = (made(one, task.shape, 6, "cpu", frame=task.frame) for one in (spec, other))
    x = torch.randint(50, (4, 8))
    group = Group("smoke", "wikitext-2", model, "3k")
    subject = Subject(group, SMOKE, task, spec, Width(6, 0), module, yardstick, x, x, Where(tmp_path))
    facts = whole_measure.Whole(0.0)(subject)
    assert set(subject.missing) == {"joules"}
    assert facts["inference"].median > 0
    assert facts["state"] > 0
    assert facts["flops"] > 3 * 4 * forward_flops(module.model, torch.randn(1, 8, 6))  # and the softmax
    assert facts["over_length"].sizes == (1, 2, 4, 8)
