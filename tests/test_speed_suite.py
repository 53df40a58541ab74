"""The asv suite runs, each benchmark once at tiny sizes, with or without asv."""

import inspect
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from speed import steps

from models.targets import GATED
from tasks import GATED_TASK

ROOT = Path(__file__).resolve().parent.parent
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
    theirs = f"existing-py{sys.executable.replace('/', '_')}"
    kept = '{"commit_hash": "01234567", "env_name": "%s", "params": {"python": "3.11"}, "results": {"a": [[1.0]]}}'
    (tmp_path / f"01234567-{theirs}.json").write_text(kept % theirs)
    (tmp_path / "machine.json").write_text("{}")
    subprocess.run([sys.executable, script, "out", tmp_path, sys.executable], check=True)
    ours = "existing-python{}.{}".format(*sys.version_info[:2])
    assert {path.name for path in tmp_path.iterdir()} == {f"01234567-{ours}.json", "machine.json"}
    assert (tmp_path / f"01234567-{ours}.json").read_text() == kept % ours
    subprocess.run([sys.executable, script, "in", tmp_path, sys.executable], check=True)
    assert (tmp_path / f"01234567-{theirs}.json").read_text() == kept % theirs
    assert len(list(tmp_path.iterdir())) == 2


def test_the_scripts_of_ci_are_shell():
    for name in ("run", "asv"):
        subprocess.run(["bash", "-n", ROOT / ".ci" / name], check=True)
        assert os.access(ROOT / ".ci" / name, os.X_OK)
