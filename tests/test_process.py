"""A process that times steps has its environment from its start."""

import sys

import pytest

from harness.process import WORKER_ENVIRONMENT, start_as_worker


@pytest.fixture
def started(monkeypatch):
    """What was started in the place of this process."""
    found = []
    monkeypatch.setattr("harness.process.os.execve", lambda *what: found.append(what))
    for key in WORKER_ENVIRONMENT:
        monkeypatch.delenv(key, raising=False)
    return found


def test_the_same_command_starts_anew_with_what_is_missing(started, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # the user's own
    start_as_worker("cpu")
    ((path, words, environment),) = started
    assert (path, words) == (sys.executable, [sys.executable, *sys.orig_argv[1:]])
    assert environment.items() >= {**WORKER_ENVIRONMENT, "OMP_NUM_THREADS": "3"}.items()


def test_nothing_starts_where_nothing_is_missing_or_a_gpu_is_timed(started, monkeypatch):
    start_as_worker("cuda")
    for key, value in WORKER_ENVIRONMENT.items():
        monkeypatch.setenv(key, value)
    start_as_worker("cpu")
    assert not started
