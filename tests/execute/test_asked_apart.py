"""A stranger's task makes its data in a process apart, which brings them here; what it starts is ended."""

import os
import signal
import time
from functools import partial

import pytest
import torch
from support.cells import cell
from support.processes import is_gone
from support.sentences import one_sentence

from harness import catalog, machine, strangers
from harness.errors import BenchError
from harness.execute.apart import Lost, ask, asked_apart
from harness.execute.local import execute
from harness.execute.surroundings import FACTS
from harness.measure import whole
from harness.prepare.modules import Where, forget
from harness.process import WORKER_ENVIRONMENT

SMOKE = ("--protocol", "smoke", "--models", "gru")
TASK = """
import os, pathlib, subprocess, sys, time
import torch
HERE = pathlib.Path(__file__).parent
def task(data_seed, data_root):
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{data_seed}\\n")
    x = torch.rand(120, 8, 2) + torch.randn(120, 8, 2, generator=torch.Generator().manual_seed(data_seed))
    y = (x.sum((1, 2)) > 8).long()
    EFFECT
    return [(x[a:b, :, ::2], y[a:b]) for a, b in ((0, 80), (80, 100), (100, 120))]
"""


@pytest.fixture
def own(tmp_path):
    """own(effect) -> the name of a task that does so as it is called, looked at for the first time."""

    def written(effect="pass", text=TASK):
        forget()
        (tmp_path / "own.py").write_text(text.replace("EFFECT", effect))
        return f"{tmp_path}/own.py:task"

    return written


def calls(tmp_path):
    return (tmp_path / "calls").read_text().split()


def facts():
    return {word: read() for word, (read, _) in FACTS.items()}


def found(name, limit=None):
    with asked_apart((name,), limit=limit):
        return catalog.find_task(name, "smoke")


def tensors(spec):
    return [tensor for split in spec.load(0, None) for tensor in split]


@pytest.mark.parametrize(
    ("effect", "why"),
    [
        ("time.sleep(600)", r"nothing came of it within 0:0\d"),
        ("os._exit(0)", "its process ended with exit code 0"),
        ("os.kill(os.getpid(), 9)", "its process ended with exit code -9"),
        ("raise SystemExit(0)", r"SystemExit: 0 \(own\.py:10\); it got no folder of data, which --data .*"),
        ("raise KeyboardInterrupt", r"KeyboardInterrupt: \(own\.py:10\)"),
        ("1 / 0", r"ZeroDivisionError: division by zero \(own\.py:10\); it got no .*"),
    ],
)
def test_a_task_that_does_not_come_to_an_end_is_a_sentence_soon(own, effect, why):
    name, began = own(effect), time.monotonic()
    with pytest.raises(BenchError, match=rf"own\.py:task does not give its data: {why}$"):
        found(name, limit=1.0)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "effect",
    [
        "pass",
        "os.chdir('/'); torch.set_default_dtype(torch.float64); torch.set_num_threads(3); os.umask(0o777)",
        "os.environ['PATH'] = ''; sys.setrecursionlimit(5000); sys.stdout = None",
        "print('reading'); sys.stdin.read()",
        "os.fork() or time.sleep(600)",
        "os.fork()",
    ],
)
def test_data_are_those_of_a_direct_call_made_once_and_nothing_here_changes(own, tmp_path, capsys, effect):
    direct = tensors(catalog.find_task(own(), "smoke"))
    (tmp_path / "calls").unlink()
    name, before = own(effect), facts()
    spec = found(name)
    again = catalog.find_task(name, "smoke")
    assert facts() == before
    assert machine.forked() == set()
    assert capsys.readouterr().out == ""
    for task in (spec, again):
        for here, there in zip(direct, tensors(task), strict=True):
            assert torch.equal(here, there)
            assert (here.dtype, here.stride()) == (there.dtype, there.stride())
    assert strangers.data_digest(spec, 0, None) == strangers.data_digest(again, 0, None)
    assert calls(tmp_path) == ["0"]


def test_what_a_function_says_of_its_data_as_it_is_called_comes_too(own):
    spec = found(own("task.title, task.chance, task.target = 'Parity', float(y.float().mean()), torch.tensor(0.75)"))
    y = spec.load(0, None).train.y
    assert (spec.title, spec.target) == ("Parity", 0.75)
    assert 0 < spec.chance < 1
    assert len(y) == 80


SPEC = """
import pathlib
import torch
from tasks.spec import SequenceShape, Split, Splits, TaskSpec
def load(data_seed, data_root):
    with pathlib.Path(__file__).with_name("calls").open("a") as calls:
        calls.write(f"{data_seed}\\n")
    split = Split(torch.ones(8, 5, 2), torch.arange(8) % 2)
    return Splits(split, split, split, augment=AUGMENT)
def doubled(rows, keys):
    return 2 * torch.ones(len(rows), 5, 2)
task = TaskSpec("own", "Own", SequenceShape(5, 2, 2), load, "accuracy", True)
"""


@pytest.mark.parametrize(("augment", "times"), [("doubled", 1), ("lambda rows, keys: doubled(rows, keys)", 2)])
def test_what_cannot_be_brought_is_made_here_once_it_has_come_to_an_end(own, tmp_path, augment, times):
    name = own(text=SPEC.replace("AUGMENT", augment))
    with asked_apart((name,)):
        splits = catalog.find_task(name).load(0, None)
    assert splits.augment(torch.arange(3), torch.arange(3)).sum() == 60
    assert calls(tmp_path) == ["0"] * times


def test_a_task_may_use_threads_where_this_process_has(own):
    """A copy of a thread that has used OpenMP would wait for threads that are not there."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        torch.ones(3_000_000).exp().sum()
        spec = found(own("torch.set_num_threads(2); x = x + 0 * torch.ones(3_000_000).exp().sum()"), limit=60)
    finally:
        torch.set_num_threads(threads)
    assert torch.isfinite(spec.load(0, None).train.x).all()


def busy(name):
    until = time.process_time() + float(name)
    while time.process_time() < until:
        pass
    return name


def asleep(name):
    time.sleep(float(name))


def test_what_is_at_work_may_take_longer_than_what_waits():
    assert ask(busy, "2", 0.5, 60, fork=True) == "2"
    with pytest.raises(Lost, match="nothing came of it within 0:0"):
        ask(asleep, "60", 0.5, 60, fork=True)
    with pytest.raises(Lost, match="nothing came of it within 0:01"):
        ask(busy, "60", 0.5, 1, fork=True)


def told(path, name):
    path.write_text(str(os.getpid()))
    time.sleep(600)


def test_who_is_asked_does_not_outlive_the_one_that_asks(tmp_path):
    pid = tmp_path / "pid"
    if (asks := os.fork()) == 0:
        ask(partial(told, pid), "", 600, fork=True)
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.05)
    os.kill(asks, signal.SIGKILL)
    os.waitpid(asks, 0)
    assert is_gone(int(pid.read_text()))


@pytest.mark.parametrize(
    "words",
    [
        ("run", *SMOKE),
        ("run", *SMOKE, "--workers", 0),
        ("plan", *SMOKE),
        ("measure", *SMOKE),
        ("check",),
        ("params", "--models", "gru"),
    ],
)
def test_no_command_ends_with_a_task(bench, own, tmp_path, words):
    outcome = bench(*words, "--task", own("os._exit(0)"))
    assert outcome.code == 2
    assert "own.py:task does not give its data: its process ended with exit code 0" in one_sentence(outcome)
    assert not list(tmp_path.rglob("*.json"))


def test_a_file_that_exits_does_not_end_a_list(bench, own):
    assert "cannot be imported: its process ended with exit code 0" in one_sentence(
        bench("list", own(text="import os\nos._exit(0)"))
    )


# ----------------------------------------------------------------------------- what a model starts

STARTS = """
import pathlib, subprocess
from support.faulty import Plain
class Net(Plain):
    def __init__(self, shape, width):
        super().__init__(shape, width)
        asleep = subprocess.Popen(["sleep", "600"], start_new_session=True)
        with pathlib.Path(__file__).with_name("pids").open("a") as pids:
            pids.write(f"{asleep.pid}\\n")
"""


@pytest.fixture
def starts(tmp_path):
    (tmp_path / "starts.py").write_text(STARTS)
    yield f"{tmp_path}/starts.py:Net"
    for pid in (tmp_path / "pids").read_text().split():
        assert is_gone(int(pid))


def test_a_program_that_a_model_starts_ends_with_a_run_in_one_process(starts, tmp_path):
    seen = []
    assert execute([("cell", cell(starts))], Where(tmp_path / "results"), 0, lambda kind, what: seen.append(what))
    assert seen[-1].status == "ok"


def test_a_program_that_a_model_starts_ends_with_a_plan_and_with_measuring(bench, starts, monkeypatch):
    for key, value in WORKER_ENVIRONMENT.items():  # else the process would start anew to measure
        monkeypatch.setenv(key, os.environ.get(key, value))
    monkeypatch.setattr(whole, "matmul_rate", lambda device: 1e10)
    words = ("--task", "sfc", *SMOKE[:2], "--models", starts)
    assert bench("plan", *words, "--seeds", 1).code == 0
    assert bench("measure", *words, "--seconds", 0).code == 0
