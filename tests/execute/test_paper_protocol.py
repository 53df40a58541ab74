"""The paper protocol of every task starts, with the papers' shapes and widths, and trains five steps."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.sounds import fma, vctk

from harness.execute import group
from harness.execute.run import run_cell
from harness.plan import Cell
from harness.prepare import modules as prepare
from harness.prepare.modules import Where
from harness.protocol import PAPER, with_changes
from tasks import TASKS, music

pytestmark = pytest.mark.slow
STEPS = 5
REAL = Path(os.environ.get("BENCH_DATA", "/nowhere"))
LENGTHS = {  # the papers' time steps; of our own tasks the defaults, which a new one need not repeat here
    "sfc": 1000,
    "sti": 1000,
    "low-density": 1000,
    "addition-200": 200,
    "addition-500": 500,
    "addition-1000": 1000,
    "copy-120": 140,
    "copy-220": 240,
    "smnist": 784,
    "pmnist": 784,
    "noisy-mnist-1000": 1000,
    "noisy-mnist-2000": 2000,
    "noisy-mnist-3000": 3000,
    "sdigits": 64,
    "vctk-mfcc": 300,
    "vctk-raw-1000": 3600,
    "vctk-raw-1500": 5400,
    "fsdd-mfcc": 100,
    "fsdd-raw": 1000,
    "fma-mfcc": 3000,
    "fma-raw": 6000,
    "wikitext-2": 64,
}
SETTINGS = {"copy-120": "rmsprop", "low-density": "rmsprop", "fma-raw": "rmsprop", "wikitext-2": "rmsprop"}


def test_every_length_is_of_a_task():
    assert LENGTHS.keys() <= TASKS.keys()


@pytest.fixture
def data_root(request, tmp_path, monkeypatch):
    """The real data where they are; where no machine of the tests has them, small trees in their layout."""
    name = request.getfixturevalue("task")
    data = prepare.find_task(name).data
    if data in ("vctk", "fma"):
        pytest.importorskip("soundfile")
        request.getfixturevalue("small_data_sets")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        if data == "vctk":
            return vctk(tmp_path, "0.80", speakers=109)
        monkeypatch.setattr(music, "SECONDS", 0.5)
        return fma(tmp_path, music.GENRES, each=21)
    if data and not (REAL / data).is_dir():
        pytest.skip(f"the data set {data} is not there; BENCH_DATA says where")
    return REAL


@pytest.fixture
def short_evaluation(monkeypatch):
    """Training sees all of the data, validation and test forty sequences: a few steps are what is tried."""

    def shortened(*words):
        splits = prepare.load_splits(*words)
        valid, test = (type(split)(split.x[:40], split.y[:40]) for split in (splits.valid, splits.test))
        return replace(splits, valid=valid, test=test)

    monkeypatch.setattr(group, "load_splits", shortened)


@pytest.mark.parametrize("task", TASKS)
def test_the_paper_protocol_starts(task, data_root, short_evaluation, tmp_path):
    for name in ("torchaudio", "sklearn"):
        if name in prepare.find_task(task).needs:
            pytest.importorskip(name)
    protocol = with_changes(PAPER, {"max_steps": STEPS, "evaluations": 1})
    cell = Cell(protocol.name, task, "lstm-s", "paper", 0)
    record = run_cell(cell, Where(tmp_path / "results", data_root=data_root))
    prepare.load_splits.cache_clear()  # a gigabyte of some of them
    assert record.status == "ok", record.reason
    assert record.task.length == LENGTHS.get(task, prepare.find_task(task).shape.length)
    assert record.width == 100
    assert record.curve[-1].step == STEPS
    assert record.settings["optimizer"] == SETTINGS.get(task, record.settings["optimizer"])
    if task in LENGTHS:
        assert record.settings["batch"] == (20 if task == "wikitext-2" else 50)
