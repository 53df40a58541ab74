"""Workers, interrupts and sudden deaths, with real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT

from harness import process as processes
from harness.process import Ended, interrupts, shielded

# long enough to be caught in the middle, short enough for a test
WORDS = ["--task", "sfc", "--models", "gru,lstm-s", "--protocol", "smoke", "--seeds", "2", "--set", "max_steps=60"]


def start(results: Path, *words: str, **keywords) -> subprocess.Popen:
    command = [sys.executable, "-m", "harness", "run", *WORDS, "--results", str(results), "--no-measure", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **keywords)


def finished(results: Path, *words: str) -> str:
    """What a run that goes well says."""
    process = start(results, *words)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def records(results: Path) -> dict[str, dict]:
    """By their paths, without what a clock or another machine may change."""
    found = {}
    for path in sorted((results / "runs").rglob("*.json")):
        record = json.loads(path.read_text())
        for gone in ("train_seconds", "evaluation_seconds", "finished", "machine", "checksum"):
            del record[gone]
        for point in record["curve"]:
            del point["seconds"]
        found[str(path.relative_to(results))] = record
    return found


def wait_for(condition, process: subprocess.Popen, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)


def table_of(output: str) -> list[str]:
    """The lines of the final table, without latencies, and those below it, but for the place of its page."""
    lines = output.splitlines()
    below = lines[lines.index(next(line for line in lines if line.startswith("Model"))) :]
    return [line for line in below if not line.startswith("`bench report --results ")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    results = tmp_path_factory.mktemp("undisturbed")
    output = finished(results, "--workers", "2")
    return records(results), table_of(output)


def test_a_killed_runner_loses_nothing_and_the_same_command_finishes(tmp_path, undisturbed):
    process = start(tmp_path, "--workers", "1", start_new_session=True)
    wait_for(lambda: len(list((tmp_path / "runs").rglob("*.json"))) >= 1, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.json")}
    assert 1 <= len(before) < 4, "the kill came too late to show anything"
    time.sleep(2)  # the worker sees that its runner is gone
    assert set((tmp_path / "runs").rglob("*.json")) == set(before)

    output = finished(tmp_path, "--workers", "1")
    assert f"already recorded: {len(before)} ok" in output
    assert all(path.stat().st_mtime_ns == time_then for path, time_then in before.items())
    assert records(tmp_path) == undisturbed[0]
    assert table_of(output) == undisturbed[1]


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_what_ends_the_whole_group_checkpoints_what_runs_and_the_same_command_goes_on(tmp_path, undisturbed, signals):
    """As a terminal, a scheduler or `timeout` do, to the workers as well; the last of these twice."""
    process = start(tmp_path, "--workers", "2", "--json", start_new_session=True)
    first = process.stdout.readline()
    while '"point"' not in first:
        first = process.stdout.readline()
    for number in signals:
        os.killpg(process.pid, number)
        time.sleep(0.05)
    output = process.communicate(timeout=120)[0]
    assert "Traceback" not in output
    assert process.returncode == 130, output
    left = records(tmp_path)
    assert len(left) == 4
    assert "interrupted" in {record["status"] for record in left.values()}
    stopped = [record for record in left.values() if "stopped at step" in record["reason"]]
    assert stopped
    assert len(list((tmp_path / "checkpoints").rglob("*.pt"))) == len(stopped)

    finished(tmp_path, "--workers", "2")
    assert records(tmp_path) == undisturbed[0]
    assert not list((tmp_path / "checkpoints").rglob("*.pt"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_each_signal_that_ends_a_process_is_a_stop(number):
    with interrupts() as interrupted:
        assert not interrupted.is_set()
        os.kill(os.getpid(), number)
        assert interrupted.wait(5)
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


def test_a_second_ctrl_c_ends_at_once_and_a_second_sigterm_does_not(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(processes.time, "monotonic", lambda: now[0])
    with interrupts():
        os.kill(os.getpid(), signal.SIGTERM)
        now[0] += 10
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Ended):
            os.kill(os.getpid(), signal.SIGINT)


def test_who_runs_under_nohup_does_not_hear_the_terminal_close():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts() as interrupted:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupted.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_starts_while_signals_wait_does_not_hear_them_and_none_is_lost():
    code = (
        "import os, signal, time; from harness.process import leave_to_parent; print('here', flush=True);"
        "input(); leave_to_parent(); print('alive', flush=True); os.fork() or os.kill(os.getpid(), 15); os.wait()"
    )
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:
        with shielded():
            process = subprocess.Popen(
                [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            signal.raise_signal(signal.SIGTERM)  # at this thread; another would not wait
            assert not heard
        assert heard == [1]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGTERM)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "alive\n"
    assert process.wait(timeout=60) == 0  # its own child obeys the signal


def test_ctrl_c_while_workers_start_loses_nothing(tmp_path):
    process = start(tmp_path, "--workers", "2", start_new_session=True)
    process.stdout.readline()  # the first line is there before any worker
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert {record["status"] for record in records(tmp_path).values()} <= {"interrupted", "ok"}


def test_one_process_and_several_give_the_same_records(tmp_path, undisturbed):
    finished(tmp_path, "--workers", "0")
    assert records(tmp_path) == undisturbed[0]
