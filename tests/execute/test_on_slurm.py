"""A real Slurm of two nodes on this machine: cells go through sbatch, and come back."""

import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support import ROOT, slurm
from support.cells import apart_from_times
from support.commands import records

from harness.records.store import Store

pytestmark = pytest.mark.skipif(bool(why := slurm.lacking()), reason=why)
CELLS = ("--task", "sfc", "--protocol", "smoke", "--seeds", "2", "--device", "cpu")
DOCUMENT = ROOT / "docs" / "clusters.md"
SECONDS = 300.0  # for a few cells of a busy machine


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with slurm.cluster(tmp_path_factory.mktemp("slurm")) as own:
        yield own


@pytest.fixture
def here(own, tmp_path):
    """here("sbatch", ...) -> what it said; `bench` is this tree's, in a folder of the test."""
    environment = {**os.environ, **own, "PYTHONPATH": str(ROOT)}

    def call(*words, code=0):
        line = [sys.executable, "-m", "harness", *words[1:]] if words[0] == "bench" else list(words)
        done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == code, done.stdout + done.stderr + logs(tmp_path)
        return done.stdout

    yield call
    call("scancel", "--user=root")
    slurm.waited(lambda: not call("squeue", "--noheader"), SECONDS)


def logs(folder):
    return "\n".join(path.read_text() for path in folder.rglob("slurm/*/*.log"))


def known(run):
    """What does not depend on the clock or on which process it was."""
    return apart_from_times(replace(run, machine={}))


def test_the_records_are_those_of_this_machine_and_nothing_is_sent_twice(here, tmp_path):
    words = (*CELLS, "--models", "gru,lstm-s")
    sent = here("bench", "submit", *words, "--results", "there in", "--cpus-per-task", "1", "--comment", "two words")
    number = re.match(r"job (\d+): 4 cells in 1 element", sent.splitlines()[-2])
    assert number, sent
    (folder,) = (tmp_path / "there in" / "slurm").iterdir()
    assert f"bench-{folder.name}" in here("scontrol", "show", "job", number[1])
    assert "Comment=two words" in here("scontrol", "show", "job", number[1])
    again = here("bench", "submit", *words, "--results", "there in")
    if "already in the queue" in again:
        assert "nothing is left to send" in again
    slurm.waited(lambda: not here("squeue", "--noheader"), SECONDS)
    status = here("bench", "submit", "--status", "--results", "there in")
    assert status == "4 cells: 4 done (4 ok), 0 running, 0 waiting, 0 missing\n", logs(tmp_path)
    last = here("bench", "submit", *words, "--results", "there in")
    assert last.endswith("already recorded: 4 ok\nnothing is left to send\n")
    assert list((tmp_path / "there in" / "slurm").iterdir()) == [folder]
    here("bench", "run", *words, "--no-measure", "--workers", "0", "--results", "local")
    there, local = (Store(tmp_path / name).load().runs for name in ("there in", "local"))
    assert len(there) == 4
    assert [known(run) for run in there] == [known(run) for run in local]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["USR1", "requeue"])
def test_one_that_goes_back_leaves_a_checkpoint_and_ends_as_undisturbed(here, own, tmp_path, way):
    words = (*CELLS[:-4], "--seeds", "1", "--device", "cpu", "--models", "gru", "--set", "max_steps=4000")
    here("bench", "submit", *words, "--results", "there")
    element = here("squeue", "--noheader", "--array", "--format=%F_%K").strip()
    status = ("bench", "submit", "--status", "--results", "there")

    def running():
        signs = list((tmp_path / "there" / "running").glob("*.json"))
        return bool(signs) and '"steps": 4000' in signs[0].read_text()

    slurm.waited(running, SECONDS, 0.1)
    environment = {**os.environ, **own}
    if way == "USR1":  # scancel would send it until it is heard, and the job soon hears no more
        sending = subprocess.Popen(["scancel", "--batch", "--signal=USR1", element], env=environment)
        time.sleep(1)
    else:
        sending = subprocess.Popen(["scontrol", "requeue", element], env=environment)
    slurm.waited(lambda: here("squeue", "--noheader", "--array", "--format=%T").strip() == "PENDING", SECONDS)
    sending.kill()
    sending.wait()
    assert records(tmp_path / "there") == [], logs(tmp_path)
    assert len(list((tmp_path / "there" / "checkpoints").rglob("*.pt"))) == 1
    assert here(*status) == "1 cell: 0 done, 0 running, 1 waiting, 0 missing\n"
    assert "nothing is left to send" in here("bench", "submit", *words, "--results", "there")

    here("scontrol", "update", f"JobId={element}", "StartTime=now")  # Slurm lets it wait for two minutes
    slurm.waited(lambda: not here("squeue", "--noheader"), SECONDS)
    here("bench", "run", *words, "--no-measure", "--workers", "0", "--results", "local")
    (there,), (local,) = (Store(tmp_path / name).load().runs for name in ("there", "local"))
    assert there.status == "ok", logs(tmp_path)
    assert logs(tmp_path).count("1 task x 1 model x 1 seed = 1 cell") == 2  # it began twice
    assert known(there) == known(local)
    assert not list((tmp_path / "there" / "checkpoints").rglob("*.pt"))


def test_every_command_of_the_document_runs_and_leads_to_the_first_record(here, tmp_path):
    said = {}
    for line in re.findall(r"^bench .*(?:submit|slurm).*$", DOCUMENT.read_text(), flags=re.MULTILINE):
        said[line] = here(*shlex.split(line, comments=True))
    dry, sent, status, waited = said.values()
    assert dry.startswith("#!/bin/bash\n")
    assert re.search(r"^job \d+: 4 cells in 1 element", sent, flags=re.MULTILINE)
    assert status.startswith("4 cells: ")
    assert "\n4 ok\n" in waited
    slurm.waited(lambda: not here("squeue", "--noheader"), SECONDS)
    assert {record["status"] for record in records(tmp_path / "results")} == {"ok"}, logs(tmp_path)
    again = here(*shlex.split([*said][1]))
    assert again.endswith("already recorded: 4 ok\nnothing is left to send\n")
