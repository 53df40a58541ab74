"""`bench data`: list, fetch and verify; one sentence and exit code 2 where something is wrong."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT
from support.file_server import packed, toy

from harness.cli import data as data_verbs
from harness.process import tidy
from tasks.data.sources import SOURCES

REAL = os.environ.get("BENCH_DATA", "nowhere")


@pytest.fixture(autouse=True)
def own_data(monkeypatch, tmp_path):
    """Nobody's data but those of the test."""
    monkeypatch.delenv("BENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def source(server, monkeypatch):
    """A data set called toy, on a server of this machine."""
    server.files["toy.zip"] = packed()
    made = toy([f"{server.url}/toy.zip"], server.files["toy.zip"])
    monkeypatch.setitem(SOURCES, "toy", made)
    return made


def test_list_shows_name_size_licence_and_place_of_every_data_set(bench, tmp_path):
    (tmp_path / "wikitext-2").mkdir()
    (tmp_path / "wikitext-2" / "wiki.test.tokens").touch()
    done = bench("data", "list", "--data", tmp_path)
    assert done.code == 0
    for name, source in SOURCES.items():
        (line,) = [line for line in done.out.splitlines() if line.startswith(f"{name} ")]
        assert source.title in line
        assert source.licence in line
    assert "11.75 GB" in done.out
    assert "not complete: there is no wiki.train.tokens" in done.out
    assert done.out.count("missing") == len(SOURCES) - 1
    assert f"folder: {tmp_path} " in done.out


def test_the_environment_names_the_folder_and_else_it_is_the_cache(bench, tmp_path, monkeypatch):
    assert str(tmp_path / "cache" / "multiscale-rnn-bench" / "data") in bench("data", "list").out
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "there"))
    assert f"folder: {tmp_path / 'there'} " in bench("data", "list").out


def test_fetch_then_verify_then_list(bench, source, server, tmp_path):
    done = bench("data", "fetch", "toy", "--data", tmp_path)
    assert done.code == 0, done.err
    assert f"toy: whole, in {tmp_path / 'toy'}" in done.out
    done = bench("data", "verify", "toy", "--data", tmp_path)
    assert done == (0, f"toy: whole, in {tmp_path / 'toy'}\n", "")
    assert str(tmp_path / "toy") in bench("data", "list", "--data", tmp_path).out
    assert bench("data", "fetch", "toy", "toy", "--data", tmp_path).code == 0
    assert len(server.requests) == 1


def test_verify_names_what_is_damaged_and_exits_with_2(bench, source, tmp_path):
    bench("data", "fetch", "toy", "--data", tmp_path)
    (tmp_path / "toy" / "a.txt").write_bytes(b"b" * 400_000)
    for names in ((), ("toy",)):
        done = bench("data", "verify", *names, "--data", tmp_path)
        assert done.code == 2
        assert "toy: damaged, in" in done.out
        assert "  damaged file a.txt: expected sha256:" in done.out
    (tmp_path / "toy" / "a.txt").unlink()
    done = bench("data", "verify", "--data", tmp_path)
    assert done.code == 2
    assert "  missing file: there is no a.txt" in done.out


def test_missing_data_sets_matter_where_they_are_named(bench, tmp_path):
    done = bench("data", "verify", "--data", tmp_path)
    assert done.code == 0
    assert f"vctk: missing, not in {tmp_path / 'vctk'}" in done.out
    done = bench("data", "verify", "vctk", "--data", tmp_path)
    assert done.code == 2
    assert done.out == f"vctk: missing, not in {tmp_path / 'vctk'}\n"


@pytest.mark.parametrize("verb", ["fetch", "verify"])
def test_an_unknown_name_gets_the_nearest_and_nothing_is_done(bench, source, server, verb, tmp_path):
    done = bench("data", verb, "toy", "wikitext", "--data", tmp_path)
    assert done.code == 2
    assert done.err == (
        "error: there is no data set called 'wikitext'; the nearest is 'wikitext-2' "
        "(`bench data list` shows them all)\n"
    )
    assert not server.requests


def test_without_network_fetch_is_one_sentence_with_all_that_must_be_put_there(bench, server, tmp_path):
    done = bench("data", "fetch", "mnist", "--data", tmp_path)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("error: could not download train-images-idx3-ubyte.gz from https://storage.googleapis.com/")
    for download in SOURCES["mnist"].downloads:
        assert f"{download.file} ({download.checksum})" in line
    assert line.endswith(
        f"into {tmp_path / 'mnist'} yourself, then run `bench data fetch mnist --data {tmp_path}` again"
    )


def test_without_a_terminal_the_progress_is_a_line_now_and_then(bench, source, monkeypatch, tmp_path):
    monkeypatch.setattr(data_verbs, "EVERY", 0.0)
    done = bench("data", "fetch", "toy", "--data", tmp_path)
    assert "toy.zip: 100%\n" in done.out
    assert "unpacking toy.zip: 100%\n" in done.out
    assert "verifying toy: 50%\n" in bench("data", "verify", "toy", "--data", tmp_path).out


def test_on_a_terminal_the_progress_is_a_bar(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with data_verbs._progress() as tell:
        tell("toy.zip", 1, 2)
        tell("toy.zip", 2, 2)


def test_ctrl_c_keeps_what_came_and_the_same_command_goes_on(bench, source, server, tmp_path):
    server.hold = 300_000
    script = (
        "import sys; sys.path[:0] = ['tests']\n"
        "from support.file_server import packed, toy\n"
        "from harness.cli.bench import main\n"
        "from tasks.data.sources import SOURCES\n"
        f"SOURCES['toy'] = toy(['{server.url}/toy.zip'], packed())\n"
        f"sys.argv = ['bench', 'data', 'fetch', 'toy', '--data', {str(tmp_path)!r}]\n"
        "main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    part = tmp_path / "toy" / ".download" / "toy.zip.part"
    end = time.monotonic() + 60
    while not (part.is_file() and part.stat().st_size >= 200_000) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; the same command goes on from here" in err
    kept = part.stat().st_size
    server.hold = 0
    assert bench("data", "fetch", "toy", "--data", tmp_path).code == 0
    assert server.requests == [("/toy.zip", None), ("/toy.zip", f"bytes={kept}-")]


def test_the_real_data_are_whole_and_a_damaged_copy_is_not(bench, tmp_path):
    if not (Path(REAL) / "mnist").is_dir():
        pytest.skip(f"there is no mnist in BENCH_DATA ({REAL})")
    there = [name for name in ("mnist", "wikitext-2", "fsdd") if (Path(REAL) / name).is_dir()]
    done = bench("data", "verify", *there, "--data", REAL)
    assert done.code == 0, done.out
    assert [line.split(",")[0].split(" (")[0] for line in done.out.splitlines()] == [f"{name}: whole" for name in there]
    shutil.copytree(Path(REAL) / "mnist", tmp_path / "mnist", copy_function=shutil.copyfile)
    labels = tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes(labels.read_bytes()[:-20])
    done = bench("data", "verify", "mnist", "--data", tmp_path)
    assert done.code == 2
    assert "  damaged file: t10k-labels-idx1-ubyte.gz has " in done.out


def test_what_nohup_ignores_stays_ignored():
    with tidy(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with tidy():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
