"""The executor on Ray: a real cluster of two nodes in one process tree, and what may happen to it."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.cells import apart_from_times, cell, cells, executed
from support.commands import records

from harness.errors import BenchError
from harness.execute import ray as on_ray
from harness.prepare.modules import Where
from harness.records.store import Store

ray = pytest.importorskip("ray", reason="ray is not installed: pip install ray")
SHORT = {"protocol": "smoke@max_steps=12"}
WAITS = """
import os, signal, time
from pathlib import Path
import torch
from harness.catalog import find_model

def Slow(shape, width):
    module = find_model("gru").build(shape, width)
    module.register_forward_pre_hook(lambda *given: time.sleep(0.02))
    return module

def Told(shape, width):
    "Slow, and each process that begins it writes down where it is."
    import ray
    module, begun = find_model("gru").build(shape, width), []
    def hook(*given):
        if torch.is_grad_enabled() and not begun:
            begun.append(True)
            with open(Path(os.environ.get("MARK_FOLDER", "/tmp")) / "begun", "a") as file:
                file.write(ray.get_runtime_context().get_node_id() + "\\n")
        time.sleep(0.1)
    module.register_forward_pre_hook(hook)
    return module

def Killed(shape, width):
    "Its process is killed in the middle of the first try."
    mark = Path(os.environ.get("MARK_FOLDER", "/tmp")) / "killed"
    module = find_model("gru").build(shape, width)
    def hook(*given):
        if torch.is_grad_enabled() and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    module.register_forward_pre_hook(hook)
    return module

def Hangs(shape, width):
    module = find_model("gru").build(shape, width)
    steps = []
    def hook(*given):
        steps.append(0)
        while len(steps) > 3:
            time.sleep(0.1)
    module.register_forward_pre_hook(hook)
    return module

def Hungry(shape, width):
    "And each process that begins it writes that down."
    module, held = find_model("gru").build(shape, width), []
    def hook(*given):
        if torch.is_grad_enabled() and not held:
            with open(Path(os.environ.get("MARK_FOLDER", "/tmp")) / "begun", "a") as file:
                file.write("begun\\n")
            held.append(torch.ones(3 * 2**28))
            time.sleep(60)
    module.register_forward_pre_hook(hook)
    return module

def Always(shape, width):
    module = find_model("gru").build(shape, width)
    module.register_forward_pre_hook(lambda *given: os.kill(os.getpid(), signal.SIGKILL))
    return module
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found.add_node(num_cpus=1)
    ray.init(address=found.address, log_to_driver=False)
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("MARK_FOLDER", str(tmp_path))
    (tmp_path / "mine.py").write_text(WAITS.replace('os.environ.get("MARK_FOLDER", "/tmp")', repr(str(tmp_path))))
    return lambda name: f"{tmp_path}/mine.py:{name}"


def run(some, where, listen=lambda kind, what: None):
    assert on_ray.execute([("cell", one) for one in some], where, 2, listen)
    return [Store(where.results).find_run(one) for one in some]


def known(record):
    """What does not depend on the clock or on which process it was."""
    return apart_from_times(replace(record, machine={}))


def test_the_records_are_those_of_this_machine(cluster, tmp_path):
    some = [*cells("gru", 3, **SHORT), cell("tp-rnn-s", **SHORT), cell("sgru", task="copy-15", **SHORT)]
    heard = []
    there = run(some, Where(tmp_path / "there", replicas=2), lambda kind, what: heard.append(kind))
    executed(some, here := Where(tmp_path / "here", replicas=2), 0)
    assert [known(one) for one in there] == [known(Store(here.results).find_run(one)) for one in some]
    assert {one.status for one in there} == {"ok"}
    assert heard.count("done") == 5
    assert {"progress", "tick"} <= set(heard)
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["runs"]


def test_a_worker_that_is_killed_is_begun_again_and_one_that_always_is_costs_its_cell(cluster, tmp_path, mine):
    killed, always, other = (cell(name, **SHORT) for name in (mine("Killed"), mine("Always"), "gru"))
    found = run([killed, always, other], Where(tmp_path / "results"))
    assert (tmp_path / "killed").exists()
    assert [one.status for one in found] == ["ok", "failed", "ok"]
    assert found[1].reason == f"its process died, and did so {on_ray.RETRIES} times more"


def test_a_node_that_is_lost_costs_no_cell(cluster, tmp_path, mine):
    node = cluster.add_node(num_cpus=2)
    some = cells(mine("Told"), 4, protocol="smoke@max_steps=40")
    gone = threading.Event()

    def listen(kind, what):
        begun = (tmp_path / "begun").read_text().split() if (tmp_path / "begun").exists() else []
        if node.node_id in begun and not gone.is_set():  # where a cell runs for seconds yet
            gone.set()
            cluster.remove_node(node, allow_graceful=False)

    found = run(some, Where(tmp_path / "results"), listen)
    assert gone.is_set()
    assert len((tmp_path / "begun").read_text().split()) > 4  # what it had begun was begun again elsewhere
    assert [one.status for one in found] == ["ok"] * 4
    assert len(records(tmp_path / "results")) == 4


def test_a_cell_limit_holds_there(cluster, tmp_path, mine):
    (found,) = run([cell(mine("Slow"), protocol="smoke@max_steps=100000")], Where(tmp_path / "results", limit=0.5))
    assert found.status == "timed-out"
    assert found.reason.startswith("its 0:00 of CPU time are over") or "the limit is" in found.reason


def test_a_limit_of_the_command_holds_there(cluster, tmp_path, mine):
    heard, began = set(), time.monotonic()
    where = Where(tmp_path / "results", until=time.time() + 15)
    some = cells(mine("Slow"), 2, protocol="smoke@max_steps=100000")
    found = run(some, where, lambda kind, what: heard.add(what.cell) if kind == "progress" else None)
    assert time.monotonic() - began < 15 + on_ray.STOP_SECONDS
    assert {one.status for one in found} == {"interrupted"}
    assert {one for one in some if Store(where.results).checkpoint_path(one).exists()} == heard


def test_one_that_hangs_is_ended(cluster, tmp_path, mine, monkeypatch):
    monkeypatch.setattr(on_ray, "HANG_SECONDS", 3.0)
    (found,) = run([cell(mine("Hangs"), **SHORT)], Where(tmp_path / "results"))
    assert found.status == "timed-out"
    assert found.reason.startswith("it hangs: its process gave no sign for 0:0")


def test_what_no_node_can_hold_is_not_waited_for(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "BASE", 2**60)
    (found,) = run([cell("gru", **SHORT)], Where(tmp_path / "results"))
    assert found.status == "out-of-memory"
    assert "GiB, and the largest node has" in found.reason


def test_what_ray_gives_up_is_said_without_its_advice(cluster):
    known = {
        ray.exceptions.OutOfMemoryError("x"): ("out-of-memory", "ran out of memory"),
        ray.exceptions.WorkerCrashedError(): ("failed", "its process died"),
        ValueError("no such thing"): ("failed", "no such thing"),
    }
    for error, (status, words) in known.items():
        assert on_ray.given_up(error)[0] == status
        assert words in on_ray.given_up(error)[1]


def test_one_that_waits_to_be_begun_again_is_not_called_hanging(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(on_ray.time, "monotonic", lambda: now)
    task = on_ray.Task(on_ray.Share(cells=(cell(),)))
    for told in ("", on_ray.Progress(cell(), 3, 9), 1.0):
        task.hear(told)
    now += on_ray.HANG_SECONDS + 1  # its node died meanwhile, and no other has room
    assert not task.silent
    task.hear(2.0)  # but it lives, and makes no steps
    assert task.silent
    task.hear("")  # begun again
    assert not task.silent
    assert not task.steps


def test_times_are_not_measured_on_shared_machines(tmp_path):
    with pytest.raises(BenchError, match="add --no-measure"):
        on_ray.execute([("measure", cell().group)], Where(tmp_path), 1, lambda kind, what: None)


def test_ctrl_c_while_a_cluster_ends_does_not_break_into_that(monkeypatch, tmp_path):
    ended = []

    def shutdown():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        ended.append("whole")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", shutdown)
    monkeypatch.setattr(on_ray, "_begin", lambda workers: None)
    monkeypatch.setattr(on_ray, "Driver", lambda where, listen: SimpleNamespace(run=lambda shares, stopped: None))
    assert not on_ray.execute([], Where(tmp_path), 1, lambda kind, what: None)
    assert ended == ["whole"]


@pytest.mark.slow
def test_ctrl_c_loses_nothing_and_the_same_command_goes_on(tmp_path):
    """Its own cluster, of this machine."""
    words = ["run", "--task", "sfc", "--models", "gru", "--protocol", "smoke", "--seeds", "3", "--no-measure"]
    words += ["--set", "max_steps=4000", "--executor", "ray", "--workers", "1", "--results", str(tmp_path / "results")]
    env = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        start_new_session=True,
    )
    assert process.stdout is not None
    while ": ok" not in (line := process.stdout.readline()):
        assert line, process.wait()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=120)[0]
    assert "Traceback" not in output
    assert process.returncode == 130, output
    left = records(tmp_path / "results")
    assert {record["status"] for record in left} == {"ok", "interrupted"}
    done = subprocess.run([sys.executable, "-m", "harness", *words], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    local = ["local" if word == "ray" else word for word in words]
    local[-1] = str(tmp_path / "local")
    assert subprocess.run([sys.executable, "-m", "harness", *local], env=env, capture_output=True).returncode == 0
    there, here = (Store(tmp_path / name).load().runs for name in ("results", "local"))
    assert [known(one) for one in there] == [known(one) for one in here]


@pytest.mark.slow
def test_a_task_that_its_node_lacks_memory_for_is_not_begun_for_ever(tmp_path, mine):
    """A cluster of its own, that ends the youngest process when 2.5 GiB more than now are taken; a start takes 1."""
    words = ["run", "--task", "sfc", "--models", mine("Hungry"), "--protocol", "smoke", "--seeds", "1", "--no-measure"]
    words += ["--set", "max_steps=3", "--executor", "ray", "--workers", "1", "--results", str(tmp_path / "results")]
    env = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(memory[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    env |= {"RAY_memory_usage_threshold": f"{(total - free + 2.5 * 2**30) / total:.3f}"}
    env |= {"RAY_memory_monitor_refresh_ms": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 1, done.stderr
    (record,) = records(tmp_path / "results")
    assert record["status"] == "out-of-memory"
    assert record["reason"] == "Ray ended its process, as its node ran out of memory"
    assert len((tmp_path / "begun").read_text().split()) == 1 + on_ray.RETRIES
