"""What goes to Slurm and what is read of it, with programs of the same names that say what a test wants."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support import ROOT
from support.cells import apart_from_times, cell, cells, executed
from support.commands import RUN, records

from harness.cli.submit import options_of
from harness.errors import BenchError
from harness.execute import slurm
from harness.execute.executors import executor
from harness.prepare.modules import Where
from harness.process import interrupts
from harness.records.campaign import blocks_of
from harness.records.running import signs_of
from harness.records.store import Store

WORDS = ("submit", "--task", "sfc", "--models", "lstm-s,gru", "--protocol", "smoke", "--seeds", "2")


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """programs(squeue="1 RUNNING bench-x"): Slurm's programs; each writes down what it was asked."""
    place = tmp_path / "bin"

    def made(squeue="", refused=""):
        place.mkdir(exist_ok=True)
        says = {"sbatch": "7", "squeue": squeue, "scontrol": "", "scancel": ""}
        for name, text in says.items():
            ends = f'[ "$1" = --version ] || {{ echo "{name}: {refused}" >&2; exit 1; }}\n' if refused else ""
            script = f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/asked\n{ends}cat <<EOF\n{text}\nEOF\n'
            (place / name).write_text(script)
            (place / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
        return lambda: (tmp_path / "asked").read_text().splitlines()

    return made


def test_an_element_takes_10_to_60_minutes():
    short, middle, long = cells("gru", 100), cells("lstm-s", 3), cells("sgru", 1)
    seconds = dict.fromkeys(short, 60.0) | dict.fromkeys(middle, 1500.0) | {long[0]: 9000.0}
    made = slurm.elements([*short, *middle, *long], seconds)
    took = [sum(seconds[one] for one in element) for element in made]
    assert sorted(one for element in made for one in element) == sorted([*short, *middle, *long])
    assert took == [9000, 3000, 1500 + 5 * 60, 1800, 1800, 1800, 300]
    assert [len({one.model for one in element}) for element in made] == [1, 1, 2, 1, 1, 1, 1]
    assert len(slurm.elements(short, seconds, cores=4)) == 1


def test_there_are_no_more_elements_than_slurm_takes_and_what_has_no_forecast_goes_by_its_group():
    some = cells("gru", 3000)
    assert len(slurm.elements(some, dict.fromkeys(some, 1800.0))) == slurm.MOST_ELEMENTS
    assert slurm.elements([*cells("gru", 2), *cells("lstm-s", 2)], {}) == [cells("gru", 2), cells("lstm-s", 2)]


def test_a_plan_has_the_cells_that_were_put_in(tmp_path):
    wanted = {*cells("gru", 2), cell("gru", seed=7), cell("lstm-s@a=(1,2)", protocol="smoke@lr=0.1"), cell(seed=3)}
    (tmp_path / "slurm" / "one").mkdir(parents=True)
    path = tmp_path / "slurm" / "one" / "4.toml"
    path.write_text(slurm.plan_of(sorted(wanted)))
    assert len(blocks_of(path)) == 2
    (found,) = slurm.submitted(tmp_path).items()
    assert found[0] == ("one", 4)
    assert set(found[1]) == wanted


def test_options_of_sbatch_are_quoted_and_those_of_the_array_are_refused():
    words = ["--mem", "4G", "--qos=long", "--comment", "two words", "--exclusive", "-n4"]
    assert options_of(words) == ["--mem 4G", "--qos=long", "--comment 'two words'", "--exclusive", "-n4"]
    for wrong, said in (
        (["4G"], "belongs to no option"),
        (["--mem=1", "x"], "belongs"),
        (["--mem", "1", "x"], "belongs"),
    ):
        with pytest.raises(BenchError, match=said):
            options_of(wrong)
    for wrong in ("--array=0-3", "-a", "--job-name", "-J"):
        with pytest.raises(BenchError, match="is set by `bench submit` itself"):
            options_of([wrong])
    with pytest.raises(BenchError, match="cannot stand in a line"):
        options_of(["--comment=a\nrm"])


def test_the_script_runs_its_element_in_the_place_of_the_shell(tmp_path, monkeypatch):
    """As bash does it, with a program that says what it was given."""
    folder = tmp_path / "re sults%" / "slurm" / "name"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "re sults%")
    told = [sys.executable, "-c", "import os, sys; print(os.getcwd(), os.getpid(), *sys.argv[1:], sep='|')", "a b"]
    text = slurm.script(folder, 12, told, ["--mem 4G"], 5)
    heads = [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH ")]
    assert heads == [
        "--job-name=bench-name",
        "--array=0-11%5",
        f"'--output={tmp_path}/re sults%%/slurm/name/%a.log'",
        "--open-mode=append",
        "--requeue",
        "--signal=B:USR1@120",
        "--mem 4G",
    ]
    (folder / "job.sh").write_text(text)
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": "3", "SLURM_CPUS_PER_TASK": "2"}
    process = subprocess.Popen(["bash", folder / "job.sh"], env=environment, cwd="/", stdout=subprocess.PIPE, text=True)
    (said,) = process.communicate()[0].splitlines()
    here, pid, *words = said.split("|")
    assert (here, int(pid)) == (str(tmp_path / "re sults%"), process.pid)
    assert words == ["a b", "--workers", "2", "--plan", f"{folder}/3.toml"]
    assert "#SBATCH --array=0-11\n" in slurm.script(folder, 12, told, [])


def test_without_slurm_there_is_one_sentence_and_the_script(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = bench(*WORDS)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert done.err.startswith("error: there is no sbatch on the path; go where Slurm is, or")
    shown = bench(*WORDS, "--dry-run", "--partition", "short", "--time=1:00:00", "--account", "us", "--gres", "gpu:1")
    assert shown.code == 0
    assert shown.out.startswith("#!/bin/bash\n#SBATCH --job-name=bench-")
    for line in ("--array=0-0", "--partition=short", "--time=1:00:00", "--account=us", "--gres=gpu:1"):
        assert f"\n#SBATCH {line}\n" in shown.out
    assert "2 models x 2 seeds = 4 cells" in shown.err
    assert not (tmp_path / "results").exists()
    assert bench("submit", "--status").out.startswith("nothing was submitted")


def test_what_is_recorded_or_queued_is_not_sent(bench, tmp_path, programs):
    asked = programs()
    bench(*RUN, "--models", "gru", "--no-measure", "--results", tmp_path / "results")
    sent = bench(*WORDS)
    assert sent.code == 0, sent.err
    assert "job 7: 3 cells in 1 element, about 0:" in sent.out
    (folder,) = (tmp_path / "results" / "slurm").iterdir()
    assert asked() == ["sbatch --version", f"sbatch --parsable {folder}/job.sh"]
    assert sorted(path.name for path in folder.iterdir()) == ["0.toml", "job.sh"]
    for state in ("PENDING", "RUNNING", "COMPLETING"):
        programs(f"0 {state} bench-{folder.name}\nN/A RUNNING other\n1 RUNNING bench-another")
        again = bench(*WORDS)
        assert again.out.endswith("already in the queue: 3 cells\nnothing is left to send\n")
        more = bench(*WORDS[:-1], "3", "--dry-run")
        assert "--array=0-0" in more.out
        assert "already in the queue: 3 cells" in more.err
    assert len(list((tmp_path / "results" / "slurm").iterdir())) == 1
    programs("")  # it died
    assert "job 7: 3 cells in" in bench(*WORDS).out


def test_status_says_what_is_done_running_waiting_and_missing(bench, tmp_path, programs, store):
    programs()
    bench(*WORDS)
    (folder,) = (tmp_path / "results" / "slurm").iterdir()
    bench(*RUN, "--models", "gru", "--no-measure", "--results", tmp_path / "results")
    programs(f"0 RUNNING bench-{folder.name}")
    with signs_of(store, [cell("lstm-s", seed=1)]):
        said = bench("submit", "--status").out
    assert said == "4 cells: 1 done (1 ok), 1 running, 2 waiting, 0 missing\n"
    programs()
    lines = bench("submit", "--status").out.splitlines()
    assert lines[0] == "4 cells: 1 done (1 ok), 0 running, 0 waiting, 3 missing"
    assert "  missing: smoke sfc lstm-s 3k seed 1" in lines
    assert lines[-1].startswith("`bench submit` with the same words sends them again")


def test_what_sbatch_refuses_is_its_sentence_and_leaves_nothing(bench, tmp_path, programs):
    programs(refused="error: invalid partition specified: x")
    done = bench(*WORDS, "-p", "x")
    assert (done.code, done.err) == (2, "error: sbatch refused: error: invalid partition specified: x\n")
    assert not list((tmp_path / "results" / "slurm").iterdir())


def test_the_words_for_a_gpu_that_is_elsewhere_are_passed_on(bench, tmp_path, programs, monkeypatch):
    from harness import machine

    monkeypatch.setattr(machine, "_has_cuda", lambda: False)
    shown = bench(
        *WORDS, "--device", "cuda", "--cell-limit", "2h", "--replicas", "2", "--backend", "triton", "--dry-run"
    )
    assert shown.code == 0, shown.err
    assert "\n#SBATCH --array=0-1\n" in shown.out  # the seeds of each of the two models
    assert " --device cuda --replicas 2 --backend triton --recompute 0" in shown.out
    assert " --cell-limit 7200.000000 " in shown.out


JOB = """#!/bin/sh
[ "$1" = --version ] && exit
echo 7
for plan in "$(dirname "$2")"/*.toml; do
    SLURM_ARRAY_TASK_ID=$(basename "$plan" .toml) bash "$2" > "${plan%.toml}.log" 2>&1
done
"""


@pytest.fixture
def waits(monkeypatch, tmp_path, programs):
    """waits(some, sbatch, **where) -> what came of the executor and what it told; Slurm's sbatch is this script."""
    monkeypatch.setattr(slurm, "ASKING", 0.01)
    monkeypatch.setattr(slurm, "LATE", 0.0)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def call(some, sbatch=None, squeue="", **more):
        programs(squeue)
        if sbatch is not None:
            (tmp_path / "bin" / "sbatch").write_text(sbatch)
        heard = []
        jobs = [("cell", one) for one in some]
        where = Where(tmp_path / "results", **more)
        whole = executor("slurm")(jobs, where, 1, lambda kind, what: heard.append((kind, what)))
        return whole, [what for kind, what in heard if kind == "done"]

    return call


def test_the_executor_waits_for_the_records_of_the_queue(waits, tmp_path):
    some = [*cells("gru", 2, protocol="smoke@max_steps=12"), cell("lstm-s", protocol="smoke@max_steps=12")]
    whole, done = waits(some, JOB, backend="eager")
    assert whole
    assert sorted(record.cell for record in done) == sorted(some)
    assert {record.status for record in done} == {"ok"}
    executed(some, Where(tmp_path / "here", backend="eager"), 0)
    for record in done:
        there, here = (replace(one, machine={}) for one in (record, Store(tmp_path / "here").find_run(record.cell)))
        assert apart_from_times(there) == apart_from_times(here)


def test_what_was_recorded_meanwhile_is_done(waits, tmp_path):
    (record,) = executed([cell(protocol="smoke@max_steps=3")], Where(tmp_path / "results"), 0)
    whole, done = waits([record.cell])
    assert (whole, done) == (True, [record])


def test_a_cell_whose_job_leaves_no_record_fails_and_its_log_is_named(waits, tmp_path):
    whole, (record,) = waits([cell()])
    (folder,) = (tmp_path / "results" / "slurm").iterdir()
    assert whole
    assert record.status == "failed"
    assert record.reason == f"its job ended without a record; see {folder}/0.log"


def test_what_is_queued_is_waited_for_and_taken_out_when_the_time_is_over(waits, tmp_path):
    waits([cell()])
    Store(tmp_path / "results").run_path(cell()).unlink()
    (folder,) = (tmp_path / "results" / "slurm").iterdir()
    whole, done = waits([cell()], squeue=f"0 PENDING bench-{folder.name}", until=time.time() + 0.3)
    assert (whole, done) == (True, [])
    asked = (tmp_path / "asked").read_text().splitlines()
    assert sum(line.startswith("sbatch --parsable") for line in asked) == 1  # the first time
    assert asked[-1] == f"scancel --name=bench-{folder.name}"


def test_nothing_is_measured_on_the_nodes_of_others(tmp_path):
    with pytest.raises(BenchError, match="add --no-measure"):
        executor("slurm")([("measure", cell().group)], Where(tmp_path), 1, lambda kind, what: None)


@pytest.mark.parametrize(
    ("job", "asked"),
    [
        ({"SLURM_JOB_ID": "9"}, ["scontrol requeue 9"]),
        ({"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "9", "SLURM_ARRAY_TASK_ID": "2"}, ["scontrol requeue 9_2"]),
        ({}, []),
    ],
)
def test_a_job_whose_time_is_nearly_over_goes_back_and_no_other(programs, monkeypatch, tmp_path, job, asked):
    (tmp_path / "asked").touch()
    known = programs()
    for name, value in job.items():
        monkeypatch.setenv(name, value)
    with interrupts(slurm.go_back):
        signal.raise_signal(signal.SIGTERM)
    assert known() == []
    with interrupts(slurm.go_back) as interrupted:
        signal.raise_signal(signal.SIGUSR1)
        assert interrupted.is_set()
        assert known() == []
    assert known() == asked


def test_a_job_that_cannot_go_back_says_so(programs, monkeypatch):
    programs(refused="Requested operation is presently disabled")
    monkeypatch.setenv("SLURM_JOB_ID", "9")
    with pytest.raises(BenchError, match="scontrol refused: Requested operation"), interrupts(slurm.go_back):
        signal.raise_signal(signal.SIGUSR1)


@pytest.mark.parametrize(("environment", "status"), [({}, ["interrupted", "interrupted"]), ({"SLURM_JOB_ID": "9"}, [])])
def test_a_job_leaves_a_checkpoint_and_no_record(tmp_path, programs, environment, status):
    programs()
    words = [*map(str, RUN), "--models", "gru", "--no-measure", "--set", "max_steps=100000", "--json"]
    words[words.index("--seeds") + 1] = "2"
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *words, "--results", str(tmp_path / "results")],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while '"point"' not in (line := process.stdout.readline()):
        assert line, process.wait()
    process.send_signal(signal.SIGUSR1)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 130, output
    assert [record["status"] for record in records(tmp_path / "results")] == status
    assert len(list((tmp_path / "results" / "checkpoints").rglob("*.pt"))) == 1
