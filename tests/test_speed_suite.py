"""The asv suite runs, each benchmark once at tiny sizes, with or without asv."""

import inspect
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from speed import steps

from models import MODELS

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tiny(monkeypatch):
    for name, value in (("LENGTH", 8), ("BATCH", 2), ("WIDTH", 4), ("SECONDS", 0.0)):
        monkeypatch.setattr(steps, name, value)


def benchmarks(suite: type) -> dict:
    return {
        name: f for name, f in inspect.getmembers(suite, inspect.isfunction) if name.startswith(("time_", "track_"))
    }


@pytest.mark.parametrize("model", MODELS)
def test_every_step_can_be_timed(tiny, model):
    suite = steps.Step()
    suite.setup(model)
    for run in benchmarks(steps.Step).values():
        assert run(suite, model) is None


def test_everything_tracked_is_a_positive_number(tiny):
    suite = steps.Beside()
    found = suite.setup_cache()
    for name, run in benchmarks(steps.Beside).items():
        for model in suite.params:
            value = run(suite, found, model)
            assert math.isfinite(value), (name, model)  # asv hangs on infinity and skips what is no number
            assert value > 0, (name, model)
        assert run.unit


def test_the_suite_walks_the_registry_and_loads_without_torch():
    assert steps.Step.params == steps.Beside.params == tuple(MODELS)
    code = "import sys, speed.steps; sys.exit('torch' in sys.modules or 'asv' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT / "tests").returncode == 0


def test_the_settings_of_asv_point_at_this_suite():
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    assert ROOT / settings["benchmark_dir"] == Path(steps.__file__).parent
    assert settings["results_dir"] == "results/asv"
    assert settings["environment_type"] == "existing"
