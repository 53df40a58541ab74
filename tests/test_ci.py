"""What runs elsewhere: the workflows are valid and name only what exists; `.ci/run` ends with pytest's line."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from support import ROOT, plants
from support.commands import TARGETS, options_of

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(path: Path) -> list[dict]:
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def commands(path: Path) -> str:
    return "\n".join(step["run"] for step in steps(path) if "run" in step)


def test_the_four_workflows_are_there():
    assert [path.stem for path in WORKFLOWS] == ["gate", "gpu", "report", "tests"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_whole_and_may_only_read(path):
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert found["permissions"] == {"contents": "read"}
    assert found[True]  # what YAML makes of `on`
    for job in found["jobs"].values():
        assert job["runs-on"] in ("ubuntu-latest", ["self-hosted", "gpu"])
        assert job["timeout-minutes"]
    for step in steps(path):
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_only_what_exists(path):
    text = commands(path)
    made = re.findall(r"\bmake ([\w-]+)", text)
    called = re.findall(r"\bbench ([\w-]+)([^\n|]*)", text)
    assert made
    assert set(made) <= TARGETS
    for verb, rest in called:
        assert set(re.findall(r"(?<=\s)--[\w-]+", rest)) <= options_of(verb), verb


@pytest.mark.parametrize("name", ["gate.yml", "gpu.yml"])
def test_the_gate_fails_a_workflow_only_for_worse_or_broken(tmp_path, name):
    (step,) = [step for step in steps(ROOT / ".github/workflows" / name) if step.get("name") == "compare"]
    script = step["run"].replace(".venv/bin/bench", "bench_")
    assert "GITHUB_STEP_SUMMARY" in script
    # a function plays the verb and ends with the code that is asked for
    stub = 'bench_() { echo "| a table |" > gate.md; return "$WANTED"; }; git() { echo base; };\n'
    for wanted, code in ((0, 0), (4, 0), (3, 3), (2, 2)):
        environment = {**os.environ, "WANTED": str(wanted), "BASE": "x", "GITHUB_STEP_SUMMARY": os.devnull}
        command = ["bash", "-e", "-c", stub + script]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True)
        assert done.returncode == code, done.stderr


def test_the_cpu_tests_run_on_the_oldest_python_and_a_newer_one():
    found = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    assert found["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    checkout = steps(ROOT / ".github/workflows/gate.yml")[0]
    assert checkout["with"]["fetch-depth"] == 0


TESTED = "echo dots; echo \"${SAID:-3 passed in 0.10s}\"; echo 'make: a word' >&2; exit ${MADE:-0}"


@pytest.fixture
def clone(tmp_path):
    """A folder with .ci/run, a `make` that plays the tests and a `bench` that plays the gate."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    for name, text in (
        ("bin/make", f"[ $1 = test ] || {{ sleep ${{FEEDS:-0}}; exit ${{FED:-0}}; }}; {TESTED}"),
        ("bin/chromium", "true"),  # there is one, so that none is fetched
        (".venv/bin/bench", "echo table; echo $@; sleep ${SLOW:-0}; exit 3"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    plants.git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    plants.commit(tmp_path, "one")

    def run(**environment):
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        command = [tmp_path / ".ci" / "run"]
        own = {**os.environ, "PATH": path, **environment}
        return subprocess.run(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    return tmp_path, run


def test_ci_ends_with_pytests_line_and_the_tests_exit_code_whatever_the_gate_finds(clone):
    folder, run = clone
    done = run()
    assert done.returncode == 0
    assert "no gate: this clone has no commit before HEAD" in done.stdout
    assert done.stdout.splitlines()[-1] == "3 passed in 0.10s"
    plants.git(folder, "commit", "--allow-empty", "--quiet", "--message", "two")
    done = run()
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3 passed in 0.10s")
    base = plants.git(folder, "rev-parse", "HEAD~1")
    assert f"table\ngate {base} HEAD" in done.stdout
    assert "gate: exit code 3" in done.stdout
    done = run(SLOW="5", GATE_LIMIT="0.2")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3 passed in 0.10s")
    assert "gate: not finished within 0.2 s" in done.stdout
    done = run(MADE="2", SAID="1 failed in 0.10s")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "1 failed in 0.10s")
    assert "table" not in done.stdout


def test_ci_fails_where_the_zoo_does_but_not_where_it_takes_too_long(clone):
    _, run = clone
    done = run(FED="2")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "3 passed in 0.10s")
    done = run(FEEDS="5", ZOO_LIMIT="0.2")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3 passed in 0.10s")
    assert "zoo: not finished within 0.2 s" in done.stdout
    assert run(MADE="3", FED="2").returncode == 3
