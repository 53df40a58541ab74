"""What our models compute and what our tasks' data are does not change under one revision.

Records carry the revision of their model and task, and records of two revisions are not mixed: so an edited docstring
voids no record, and a changed cell does not go unnoticed.
"""

import math
import os
from dataclasses import replace
from pathlib import Path

import golden
import pytest

from harness import catalog
from harness.errors import BenchError
from models import MODELS
from tasks import TASKS

DATA = Path(os.environ["BENCH_DATA"]) if "BENCH_DATA" in os.environ else None
TOLERANCE = 1e-4  # of another processor's or library's rounding


def difference(name: str, revision: int, now: object, kept: dict[str, object]) -> str:
    """What is to be done where golden values are not those that are kept, or an empty string."""
    values = {key: value for key, value in kept.items() if key != "revision"}
    renew = f"run `{golden.COMMAND}` to renew the golden values"
    if not _near(now, values):
        if revision == kept["revision"]:
            return f"{name} is not what it was at revision {revision}: raise its revision, and {renew}"
        return f"{name} is at revision {revision}: {renew}"
    return "" if revision == kept["revision"] else f"{name} is what it was at revision {kept['revision']}: {renew}"


def _near(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_near(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        scale = max([1e-3, *(abs(number) for number in one if isinstance(number, float))])
        near = [
            math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE * scale) for a, b in zip(one, other, strict=True)
        ]
        return all(near)
    return False


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_what_it_was_at_its_revision(name):
    kept = golden.known()["models"].get(name)
    assert kept is not None, f"{name} has no golden values: run `{golden.COMMAND}`"
    assert not difference(name, catalog.find_model(name).revision, golden.model_values(name), kept)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_the_data_that_it_had_at_its_revision(name):
    kept = golden.known()["tasks"].get(name)
    try:
        now = golden.task_values(name, DATA)
    except BenchError as error:
        pytest.skip(str(error))
    assert kept is not None, f"{name} has no golden values: run `{golden.COMMAND}`"
    assert not difference(name, catalog.find_task(name).revision, now, kept)


KEPT = {"revision": 1, "losses": [1.25, 1.0], "weights": [10, 0.5]}


@pytest.mark.parametrize(
    ("revision", "changes", "said"),
    [
        (1, {}, ""),
        (1, {"losses": [1.25001, 1.0]}, ""),
        (1, {"losses": [1.26, 1.0]}, "gru is not what it was at revision 1: raise its revision, and run `python"),
        (2, {"losses": [1.26, 1.0]}, "gru is at revision 2: run `python"),
        (2, {}, "gru is what it was at revision 1: run `python"),
        (1, {"more": [1.0]}, "raise its revision"),
    ],
)
def test_it_says_what_to_do(revision, changes, said):
    now = {key: value for key, value in KEPT.items() if key != "revision"} | changes
    found = difference("gru", revision, now, KEPT)
    assert said in found
    assert bool(found) == bool(said)


@pytest.mark.parametrize("change", [lambda weight: weight.mul_(1.001), lambda weight: weight.copy_(weight.flip(0))])
def test_a_change_of_initial_weights_is_seen(monkeypatch, change):
    spec, before = catalog.find_model("gru"), golden.model_values("gru")

    def build(shape, width):
        module = spec.build(shape, width)
        change(module.rnn.weight_hh_l0.data)
        return module

    monkeypatch.setattr(catalog, "find_model", lambda name: replace(spec, build=build))
    assert "raise its revision" in difference("gru", 1, golden.model_values("gru"), {"revision": 1, **before})


def test_a_change_of_one_label_is_seen(monkeypatch):
    spec, before = catalog.find_task("sfc", "smoke"), golden.task_values("sfc", None)

    def load(data_seed, data_root):
        splits = spec.load(data_seed, data_root)
        splits.train.y[7] = 1 - splits.train.y[7]
        return splits

    monkeypatch.setattr(catalog, "find_task", lambda name, scale: replace(spec, load=load))
    monkeypatch.setattr(golden, "SCALES", ("smoke",))
    kept = {"revision": 1, "smoke": before["smoke"]}
    assert "raise its revision" in difference("sfc", 1, golden.task_values("sfc", None), kept)
