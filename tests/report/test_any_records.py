"""Whatever became of the runs, every page is written and says nothing that is no number."""

import re

import numpy as np
import pytest
from support.pages import other_pages
from support.records import made_curve, made_measurement, made_run

from harness.records.kinds import TaskFacts
from harness.records.store import Loaded
from harness.write import formats

ORDER = ["lstm-s", "gru", "tp-rnn-m", "tp-rnn-s"]
TASKS = {
    "addition-200": TaskFacts("Addition", "mse", False, chance=0.17, target=0.02, length=200),
    "copy-120": TaskFacts("Copy", "cross_entropy", False, chance=0.15, target=None, length=140),
    "pmnist": TaskFacts("Pixels", "accuracy", True, chance=0.1, target=0.7, length=784),
    "sfc": TaskFacts("Counting", "accuracy", True, chance=None, target=0.7, length=40),
    "wikitext-2": TaskFacts("Text", "perplexity", False, chance=1000.0, target=900.0, length=50),
    "low-density": TaskFacts("Density", "accuracy", True, chance=0.5, target=None, length=40),
}
ENDS = ["ok", "ok", "ok", "ok", "diverged", "out-of-memory", "skipped", "failed", "interrupted"]
SCALES = {"mse": (0.001, 0.2), "cross_entropy": (0.001, 0.2), "accuracy": (0.1, 1.0), "perplexity": (50.0, 1000.0)}


def picked(draw: np.random.Generator, names: list[str]) -> list[str]:
    return [str(name) for name in draw.permutation(names)[: draw.integers(1, len(names) + 1)]]


def any_run(draw: np.random.Generator, task: str, model: str, budget: str, seed: int):
    facts = TASKS[task]
    status = str(draw.choice(ENDS))
    low, high = SCALES[facts.metric]
    values = [None if draw.random() < 0.1 else float(draw.uniform(low, high)) for _ in range(draw.integers(0, 6))]
    return made_run(
        model,
        seed,
        float(draw.uniform(low, high)) if status == "ok" and draw.random() < 0.9 else None,
        task_name=task,
        budget=budget,
        protocol="quick",
        protocol_version=3,
        status=status,
        task=None if status in ("skipped", "failed", "interrupted") and draw.random() < 0.5 else facts,
        curve=made_curve(values, every=int(draw.integers(1, 3)) * 50),
        params=None if draw.random() < 0.1 else 3000,
        machine={} if draw.random() < 0.05 else {"cpu": "Some processor", "cores": 2, "torch": "2.9.0"},
        replicas=int(draw.choice([1, 1, 1, 3])),
        settings={} if draw.random() < 0.2 else {"batch": 20},
    )


def any_records(seed: int) -> Loaded:
    draw = np.random.default_rng(seed)
    runs, measured = [], []
    for budget in picked(draw, ["3k", "6k", "paper"]):
        for task in picked(draw, list(TASKS)):
            for model in picked(draw, ORDER):
                runs += [any_run(draw, task, model, budget, number) for number in range(draw.integers(1, 4))]
                if draw.random() < 0.7:
                    ratio, peak = (None if draw.random() < 0.2 else float(draw.uniform(1, 9)) for _ in range(2))
                    changes = {"protocol": "quick", "protocol_version": 3, "task": task, "budget": budget}
                    peak_bytes = None if peak is None else int(peak * 2**20)
                    measured.append(made_measurement(model, ratio=ratio, peak_bytes=peak_bytes, **changes))
    return Loaded(runs, measured)


@pytest.mark.parametrize("seed", range(12))
def test_no_page_breaks_and_every_picture_is_there(seed):
    records = any_records(seed)
    for name, sheet in other_pages(records, ORDER).items():
        assert not re.search(r"\b(nan|None|inf)\b", sheet.text), name
        for line in sheet.text.splitlines():
            if line.startswith("!["):
                assert re.fullmatch(r"!\[[^\[\]]+\.\]\([^()]+\.svg\)", line)
                drawn = sheet.pictures[line.rpartition("(")[2].rstrip(")")].decode()
                assert drawn.startswith("<?xml")
                assert not re.search(r"\b(nan|inf)\b", drawn)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_records_make_the_same_pages_and_pictures(seed):
    records = any_records(seed)
    backwards = Loaded(records.runs[::-1], records.measurements[::-1])
    # a sheet holds its records in their order; what is written of it must not depend on that
    one, two = (formats.contents(other_pages(loaded, ORDER), ["md"]) for loaded in (records, backwards))
    assert one == two
