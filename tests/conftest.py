"""Fixtures of the whole suite: one thread, and the command line in this process."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")  # which numpy and torch read as they are imported

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
pytest.register_assert_rewrite("support")
torch.set_num_threads(1)
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
    os.environ.pop(name, None)  # what a make or a hook in which the tests run tells its own children
for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
    os.environ.pop(name, None)  # and a job

if not torch.cuda.is_available():
    # Triton's interpreter must be chosen before anything imports triton, torch.compile for one
    from models.engine.triton import lstm as triton_lstm

    os.environ["TRITON_INTERPRET"] = "1"
    triton_lstm.loaded()
    del os.environ["TRITON_INTERPRET"]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def bench(monkeypatch, capsys, tmp_path):
    """`bench(*words)` runs the command line here, with results and reports in a folder of the test."""
    from harness.cli.bench import cli, main

    def call(*words: object) -> Outcome:
        line = [str(word) for word in words]
        options = cli.commands[line[0]].params if line[0] in cli.commands else []
        for name in ("results", "reports"):
            if any(f"--{name}" in option.opts for option in options) and f"--{name}" not in line:
                line += [f"--{name}", str(tmp_path / name)]
        monkeypatch.setattr(sys, "argv", ["bench", *line])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return Outcome(int(left.value.code or 0), out, err)

    return call


@pytest.fixture
def where(tmp_path):
    """A place to run cells, whose results lie in a folder of the test."""
    from harness.prepare.modules import Where

    return Where(tmp_path / "results")


@pytest.fixture
def store(where):
    """The results folder of that place, which is not there yet."""
    from harness.records.store import Store

    return Store(where.results)


@pytest.fixture
def server(monkeypatch):
    """Files on a server of this machine; no name of any other machine is found, and nothing waits."""
    import socket

    from support.file_server import Server

    from tasks.data import download

    look_up = socket.getaddrinfo

    def only_here(host, *rest, **options):
        if host != "127.0.0.1":
            raise socket.gaierror(-2, "Name or service not known")
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    made = Server()
    yield made
    made.close()


@pytest.fixture
def small_data_sets(monkeypatch):
    """Data sets that a test makes are whole with fewer files than the real ones."""
    from tasks.data.fetch import SOURCES

    for name in list(SOURCES):
        monkeypatch.delitem(SOURCES, name)


@pytest.fixture
def recordable_optimizers(monkeypatch):
    """Optimizers of the kind that a graph needs, on a CPU."""
    for name in ("adam", "rmsprop"):
        module = sys.modules[f"torch.optim.{name}"]
        monkeypatch.setattr(module, "_get_capturable_supported_devices", lambda *_, **__: ["cpu"])


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))
