"""The asv suite runs, each benchmark once at tiny sizes, with or without asv."""

import inspect
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from speed import steps
from support import ROOT

from models.targets import GATED
from tasks import GATED_TASK

SUITES = (steps.Step, steps.Work, steps.Training)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(steps, "SIZES", {"length": 8, "batch": 2, "width": 4})
    monkeypatch.setattr(steps, "TRAINING", {"steps": 8, "seeds": 1})


def benchmarks(suite: type) -> dict:
    return {
        name: f for name, f in inspect.getmembers(suite, inspect.isfunction) if name.startswith(("time_", "track_"))
    }


def test_every_step_can_be_timed(tiny):
    for model in steps.Step.params:
        suite = steps.Step()
        suite.setup(model)
        assert suite.time_step(model) is None


@pytest.mark.parametrize("kind", SUITES[1:])
def test_everything_tracked_is_a_positive_number_with_a_unit(tiny, kind):
    suite = kind()
    found = suite.setup_cache()
    for name, run in benchmarks(kind).items():
        for model in suite.params:
            value = run(suite, found, model)
            assert math.isfinite(value), (name, model)  # asv hangs on infinity and skips what is no number
            assert value > 0, (name, model)
        assert run.unit


def test_a_run_that_diverged_raises():
    found = {"gru": {"error": [0.2, None], "loss": [None, None], "steps": []}}
    for run in benchmarks(steps.Training).values():
        with pytest.raises(ValueError, match="gru"):
            run(steps.Training(), found, "gru")


def test_the_suite_has_ten_to_thirty_cells_of_the_models_that_the_gate_looks_at():
    assert 10 <= sum(len(benchmarks(suite)) * len(suite.params) for suite in SUITES) <= 30
    assert set(steps.Training.params) < set(steps.Step.params) <= set(GATED)
    assert steps.TASK == GATED_TASK
    assert {suite.version for suite in SUITES} == {"2"}  # or asv drops the history with every comment


def imported(path: str) -> str:
    """Where `harness` lies for the suite, and whether it takes torch or asv at import."""
    code = (
        f"import sys, importlib.util; sys.path.append({str(ROOT / 'tests')!r}); import speed.steps; "
        "print(importlib.util.find_spec('harness').origin, 'torch' in sys.modules or 'asv' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_the_suite_measures_the_code_that_is_on_the_path_and_loads_without_torch(tmp_path):
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").touch()
    assert imported(str(tmp_path)) == f"{tmp_path / 'harness' / '__init__.py'} False"
    assert imported("").endswith("harness/__init__.py False")


def test_the_settings_of_asv_point_at_this_suite():
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    assert ROOT / settings["benchmark_dir"] == Path(steps.__file__).parent
    assert settings["results_dir"] == "results/asv"
    assert settings["environment_type"] == "existing"
    assert "!/results/asv/" in (ROOT / ".gitignore").read_text().splitlines()


def test_results_name_the_version_of_python_and_no_path(tmp_path):
    script = ROOT / ".ci" / "asv_names.py"

    def results(environment: str, python: str) -> tuple[str, dict]:
        facts = {"commit_hash": "01234567", "params": {"python": python, "os": "Linux"}, "results": {"a": [[1.0]]}}
        return f"01234567-{environment}.json", {**facts, "env_name": environment, "python": python}

    def kept() -> dict[str, dict]:
        return {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir() if path.name != "machine.json"}

    version = "{}.{}".format(*sys.version_info[:2])
    theirs = results(f"existing-py{sys.executable.replace('/', '_')}", sys.executable)
    ours = results(f"existing-py{version}", version)
    (tmp_path / theirs[0]).write_text(json.dumps(theirs[1]))
    (tmp_path / "machine.json").write_text("{}")
    for way, expected in (("out", ours), ("out", ours), ("in", theirs), ("out", ours)):
        subprocess.run([sys.executable, script, way, tmp_path, sys.executable], check=True)
        assert kept() == dict([expected])


def test_no_committed_result_has_a_path():
    found = sorted((ROOT / "results" / "asv").rglob("*.json"))
    assert len([path for path in found if path.name not in ("machine.json", "benchmarks.json")]) >= 5  # commits
    for path in found:
        assert not re.search(r"[\"_](/|home_|tmp_|Users_)\w+", path.read_text()), path


def test_the_scripts_of_ci_are_shell():
    for name in ("run", "asv"):
        subprocess.run(["bash", "-n", ROOT / ".ci" / name], check=True)
        assert os.access(ROOT / ".ci" / name, os.X_OK)
