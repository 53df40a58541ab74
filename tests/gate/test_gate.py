"""`bench gate`: verdicts on numbers and times, workers, worktrees, and planted faults end to end."""

import json
import math
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from support import ROOT, plants

from harness.errors import BenchError
from harness.gate import trained
from harness.gate.gate import Found, Row, Wanted, gate
from harness.gate.judge import FEWEST, METRICS, Round, numbers, times, together, trimmed
from harness.gate.page import page
from harness.gate.race import race
from harness.gate.workers import Broken, Worker
from harness.gate.worktrees import _remove, checkouts
from harness.stats.over_seeds import mean_interval
from harness.stats.verdicts import BETTER, BROKEN, CANNOT_TELL, EXIT, NOT_JUDGED, SAME, WORSE

METRIC = {metric.key: metric for metric in METRICS}


# ----------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("key", "base", "head", "verdict"),
    [
        ("params", [3004], [3004], SAME),
        ("params", [3004], [3003], WORSE),  # another count is another experiment
        ("peak_bytes", [1000], [1010], SAME),
        ("peak_bytes", [1000], [1011], WORSE),
        ("peak_bytes", [1000], [900], BETTER),
        ("flops", [None], [7], NOT_JUDGED),
        ("error", [0.1, 0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1, 0.1], SAME),
        ("error", [0.10, 0.11, 0.12, 0.10, 0.11], [0.11, 0.12, 0.13, 0.11, 0.12], SAME),  # within two points
        ("error", [0.10, 0.11, 0.12, 0.10, 0.11], [0.20, 0.22, 0.21, 0.20, 0.22], WORSE),
        ("error", [0.20, 0.22, 0.21, 0.20, 0.22], [0.10, 0.11, 0.12, 0.10, 0.11], BETTER),
        ("error", [0.10, 0.30, 0.10, 0.30, 0.10], [0.30, 0.10, 0.30, 0.30, 0.20], CANNOT_TELL),  # seeds disagree
        ("loss", [0.50, 0.52], [0.50, None], NOT_JUDGED),
    ],
)
def test_verdicts_on_numbers(key, base, head, verdict):
    assert numbers(METRIC[key], base, head).verdict == verdict


def test_the_worst_news_counts_and_what_is_not_judged_counts_only_alone():
    assert together([SAME, BETTER, NOT_JUDGED]) == BETTER
    assert together([SAME, NOT_JUDGED]) == SAME
    assert together([SAME, WORSE, CANNOT_TELL]) == WORSE
    assert together([WORSE, BROKEN]) == BROKEN
    assert together([]) == NOT_JUDGED
    assert (EXIT[SAME], EXIT[BETTER], EXIT[BROKEN], EXIT[WORSE], EXIT[CANNOT_TELL]) == (0, 0, 2, 3, 4)


# ----------------------------------------------------------------------------- times


def rounds(ratio, control=1.0, spread=0.01, count=10):
    """Rounds whose logarithms go up and down by so much."""
    signs = [(-1) ** k * spread for k in range(count)]
    return [Round(10.0, 10.0 * ratio * math.exp(s), 10.0 * control * math.exp(-s)) for s in signs]


@pytest.mark.parametrize(
    ("ratio", "control", "spread", "verdict"),
    [
        (1.0, 1.0, 0.01, SAME),
        (1.2, 1.0, 0.01, WORSE),
        (0.8, 1.0, 0.01, BETTER),
        (1.05, 1.0, 0.01, CANNOT_TELL),
        (1.2, 1.0, 0.2, CANNOT_TELL),  # too noisy
        (1.2, 1.3, 0.01, CANNOT_TELL),  # the control differs as much
        (0.9, 1.3, 0.01, SAME),
    ],
)
def test_verdicts_on_times(ratio, control, spread, verdict):
    assert times(rounds(ratio, control, spread)).verdict == verdict


def test_a_few_rounds_decide_nothing():
    assert times(rounds(2.0, count=FEWEST - 1)).verdict == CANNOT_TELL
    assert times(rounds(2.0, count=FEWEST)).verdict == WORSE


def test_the_trimmed_interval_is_students_without_outliers_and_not_moved_by_one():
    x = np.random.default_rng(0).standard_normal(40)
    trimmed_, plain = trimmed(x), mean_interval(x, 0.99)
    assert trimmed_.mean == pytest.approx(plain.mean, abs=0.1)
    assert trimmed_.half == pytest.approx(plain.half, rel=0.25)
    x[3] = 1000
    assert trimmed(x).half < 1.2 * trimmed_.half


class Simulated:
    """A worker on a busy machine: now fast and now slow for all, jitter, stolen time, and memory that lies well or
    badly for as long as a module lives."""

    def __init__(self, machine, factor):
        self.machine, self.factor, self.luck = machine, factor, 0.0

    def ask(self, ask, model=None, count=0):
        if ask == "make":
            self.luck = 0.01 * self.machine.rng.standard_normal()
            return {}
        return {"milliseconds": [self.machine.takes(2 * self.factor * math.exp(self.luck)) for _ in range(count)]}


class Machine:
    def __init__(self, seed):
        self.rng, self.now, self.slow = np.random.default_rng(seed), 0.0, False

    def takes(self, milliseconds):
        if self.rng.random() < 0.02:
            self.slow = not self.slow
        stolen = self.rng.exponential(0.5) * (self.rng.random() < 0.1)
        milliseconds *= math.exp(0.4 * self.slow + 0.08 * self.rng.standard_normal() + stolen)
        self.now += milliseconds / 1000
        return milliseconds


def simulated(seed, slowdown, seconds=10.0):
    machine = Machine(seed)
    racers = [Simulated(machine, factor) for factor in (1.0, slowdown, 1.0)]
    return race(racers, "any", seconds, 0.05, clock=lambda: machine.now).verdict


def share(verdict, slowdown, runs=60):
    return sum(simulated(seed, slowdown) == verdict for seed in range(runs)) / runs


def test_false_alarms_are_rare_and_slowdowns_are_found():
    assert share(WORSE, 1.0) <= 0.005
    assert share(SAME, 1.0) >= 0.98
    assert share(WORSE, 1.03) <= 0.005  # within the margin
    assert share(WORSE, 1.1) >= 0.95
    assert share(WORSE, 2.0) == 1.0


# ----------------------------------------------------------------------------- records


def record(**changes):
    """A record as `bench run` writes it, as far as it matters."""
    points = [(5, 0.3, 1.1), (10, 0.6, 1.0), (15, 0.5, 0.9), (20, 0.6, 0.8), (25, 0.7, 0.7)]
    curve = [{"step": s, "valid_metric": v, "train_loss": loss} for s, v, loss in points]
    facts = {"higher_is_better": True}
    whole = {"status": "ok", "protocol_version": 1, "params": 3004, "task": facts, "test_metric": 0.6, "curve": curve}
    return {**whole, **changes}


def test_the_numbers_of_a_record():
    found = trained.numbers(record())
    assert (found.params, found.error, found.loss, found.steps) == (3004, pytest.approx(0.4), pytest.approx(0.8), 20)
    assert trained.numbers(record(task={"higher_is_better": False})).error == 0.6


def test_a_run_that_never_arrives_counts_with_all_its_steps_and_one_that_diverged_has_no_number():
    low = [{"step": s, "valid_metric": 0.1, "train_loss": 1.0} for s in (10, 20)]
    assert trained.numbers(record(curve=low)).steps == 20
    diverged = trained.numbers(record(status="diverged", test_metric=None))
    assert (diverged.error, diverged.loss, diverged.steps) == (None, None, None)
    with pytest.raises(ValueError, match="1 of 2 runs"):
        trained.mean([0.3, None], "error")


# ----------------------------------------------------------------------------- workers

FAKE = """
import json, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked["ask"] == "die":
        sys.exit("a sentence\\nthe last line")
    if asked["ask"] == "hang":
        time.sleep(60)
    print(json.dumps({"error": "ValueError: no"} if asked["ask"] == "fail" else {"heard": asked}), flush=True)
"""


@pytest.fixture
def worker(tmp_path):
    made = Worker("head (x)", tmp_path, command=[sys.executable, "-c", FAKE], patience=3.0)
    yield made
    made.close()
    assert made.process.returncode is not None


def test_a_worker_answers_line_by_line_and_goes_on_after_an_error(worker):
    assert worker.ask(ask="known", task="t") == {"heard": {"ask": "known", "task": "t"}}
    with pytest.raises(Broken, match=r"head \(x\) fails: ValueError: no"):
        worker.ask(ask="fail")
    assert worker.ask(ask="again") == {"heard": {"ask": "again"}}


def test_a_worker_that_dies_leaves_its_last_line(worker):
    for _ in range(2):
        with pytest.raises(Broken, match="ended: the last line"):
            worker.ask(ask="die")


def test_a_worker_that_hangs_is_given_up(worker):
    worker.patience = 0.2
    with pytest.raises(Broken, match="has not answered"):
        worker.ask(ask="hang")


def test_the_probe_has_the_numbers_of_every_gated_model():
    from harness.gate import probe
    from models.targets import GATED

    sizes = {"length": 6, "batch": 2, "width": 4}
    for model in GATED:
        facts = probe.facts(model, **sizes)
        assert all(value > 0 for value in facts.values()), (model, facts)
        assert facts == probe.facts(model, **sizes)
        probe.step(model, **sizes)()
    assert set(facts) <= set(METRIC)


def test_what_a_commit_lacks_does_not_come_from_an_installed_tree(monkeypatch):
    from harness.gate import probe

    class Finder:
        """As setuptools writes it for `pip install --editable`."""

        __module__ = "__editable___multiscale_rnn_bench_finder"

        @classmethod
        def find_spec(cls, fullname, path=None, target=None):
            return None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    probe.alone()
    assert Finder not in sys.meta_path
    assert len(sys.meta_path) >= 3


def test_a_worker_tells_the_probe_its_device(monkeypatch):
    from harness.gate import probe

    asked = []
    monkeypatch.setattr(probe, "step", lambda model, *sizes, **how: asked.append((model, sizes, how)) or (lambda: None))
    assert probe.answer({"ask": "make", "model": "gru"}, "cpu") == {}
    assert len(probe.answer({"ask": "steps", "count": 3}, "cpu")["milliseconds"]) == 3
    assert asked == [("gru", (), {"device": "cpu"})]
    said = Worker("here", ROOT, "no-such-device")
    with pytest.raises(Broken, match="no-such-device"):
        said.ask(ask="make", model="gru")
    said.close()


# ----------------------------------------------------------------------------- worktrees


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A repository of two commits, which one stands in."""
    folder = tmp_path / "small"
    folder.mkdir()
    plants.git(folder, "init", "--quiet", "--initial-branch", "main")
    for word in ("one", "two"):
        (folder / "file").write_text(word)
        plants.commit(folder, word)
    monkeypatch.chdir(folder)
    return folder


def worktrees(folder):
    return plants.git(folder, "worktree", "list").splitlines()


@pytest.mark.parametrize("ending", [None, RuntimeError, KeyboardInterrupt])
def test_the_worktrees_are_removed_however_it_ends(small, ending):
    try:
        with checkouts("HEAD~1", ".") as (base, head, results):
            assert ((base.folder / "file").read_text(), head.folder) == ("one", small)
            assert len(worktrees(small)) == 2
            (base.folder / "made").write_text("by a run")
            if ending:
                raise ending
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert len(worktrees(small)) == 1
    assert not results.parent.exists()
    assert small.exists()


def test_what_is_no_commit_is_one_sentence(small, bench, tmp_path, monkeypatch):
    for words in (("nope", "HEAD"), ("HEAD", "nope")):
        outcome = bench("gate", *words)
        assert outcome.code == 2
        assert outcome.err.splitlines()[-1].startswith("error: there is no commit called 'nope'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(BenchError, match="no git repository"), checkouts("HEAD", "HEAD"):
        pass


# ----------------------------------------------------------------------------- end to end

QUICKLY = Wanted((plants.MODEL, "clockwork"), seconds=2.0)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """main: this tree; planted: three faults in a model; broken: it cannot be imported."""
    folder = plants.repository(tmp_path_factory.mktemp("copy"))
    usual = plants.usual(folder)  # a slower machine needs a larger fault to be as much slower
    for branch, faults in (("planted", ("slow", "activation", "accuracy")), ("broken", ("import",))):
        plants.git(folder, "switch", "--quiet", "--create", branch, "main")
        for fault in faults:
            plants.plant(folder, fault, milliseconds=1.5 * usual)
        plants.commit(folder, branch)
    plants.git(folder, "switch", "--quiet", "main")
    return folder


def test_planted_faults_are_found_and_what_was_not_touched_is_the_same(copy, monkeypatch):
    monkeypatch.chdir(copy)
    told = []
    found = gate("main", "planted", QUICKLY, lambda *words: told.append(words))
    if found.rows[0].times.verdict == CANNOT_TELL:  # the machine was busy: as its page says, for longer
        told.clear()
        found = gate("main", "planted", replace(QUICKLY, seconds=8.0), lambda *words: told.append(words))
    faulty, sound = found.rows
    verdicts = {each.metric.key: each.verdict for each in faulty.numbers}
    assert found.verdict == WORSE, page(found, "bench gate", "a machine")
    assert (verdicts["params"], verdicts["flops"]) == (SAME, SAME)
    assert verdicts["peak_bytes"] == WORSE
    assert verdicts["loss"] == WORSE
    assert faulty.times.verdict == WORSE
    assert faulty.times.ratio.mean > 1.5
    assert [each.metric.key for each in sound.numbers] == list(METRIC)
    assert not any(each.changed for each in sound.numbers)
    assert sound.times.verdict in (SAME, CANNOT_TELL)  # this machine may be busy
    assert [kind for kind, _, said in told if said] == found.wanted.jobs
    assert len(worktrees(copy)) == 1


def test_a_commit_that_does_not_import_is_named_with_its_error(copy, bench, monkeypatch, tmp_path):
    monkeypatch.chdir(copy)
    page_file = tmp_path / "gate.md"
    outcome = bench("gate", "main", "broken", "--models", plants.MODEL, "--format", "md", "--output", page_file)
    assert outcome.code == 2
    assert outcome.out.startswith("**A commit is broken.** head (broken, ")
    assert "planted" in outcome.out.splitlines()[0]
    assert page_file.read_text() in outcome.out
    assert len(worktrees(copy)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_what_timeout_sends_remove_the_worktrees(copy, number):
    command = [sys.executable, "-m", "harness", "gate", "main", "main"]
    process = subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while len(list((copy / ".git" / "worktrees").glob("*"))) < 2 and time.monotonic() < end:
        time.sleep(0.05)  # `git worktree list` fails on one that is half there
    process.send_signal(number)
    assert process.communicate(timeout=60)[1].splitlines()[-1].startswith("interrupted")
    assert process.returncode == 130
    assert len(worktrees(copy)) == 1


@pytest.mark.parametrize("gone", [False, True])
def test_a_worktree_that_git_was_still_making_is_removed(copy, tmp_path, gone):
    folder = tmp_path / "half"
    for words in (("add", "--quiet", "--detach", folder, "main"), ("lock", folder)):  # git's own lock while it works
        subprocess.run(["git", "-C", copy, "worktree", *words], check=True)
    if gone:
        shutil.rmtree(folder)
    _remove(copy, [folder])
    assert not folder.exists()
    assert len(worktrees(copy)) == 1


# ----------------------------------------------------------------------------- the page


def test_the_page_names_what_is_worse_and_what_was_not_judged():
    row = Row(
        "gru", [numbers(METRIC["error"], [0.1], [0.2]), numbers(METRIC["flops"], [None], [7])], times(rounds(1.2))
    )
    found = Found("base (x)", "head (y)", Wanted(), [row, Row("new", note="only in head")])
    text = page(found, "bench gate x y", "2 cores of a CPU", "md")
    first, _, names = text.splitlines()[:3]
    assert first.startswith("**Head is worse than base.** Worse: gru (test error, step time +20")
    assert names == "Base is x, head is y."
    assert "10.0% → 20.0% (+10, worse)" in text
    assert "none → 7 (not judged)" in text
    assert "not judged (only in head)" in text
    assert text.rstrip().endswith("`bench gate x y`: 2 cores of a CPU.")
    json.dumps(text)
