"""Whatever became of the runs, every page is written and says nothing that is no number."""

import csv
import re
from dataclasses import replace

import numpy as np
import pytest
from quality.figures import Figures
from quality.fuzz_records import fuzz_records
from support.pages import other_pages
from support.records import made_curve, made_measurement, made_run

from harness.records.kinds import TaskFacts
from harness.records.store import Loaded, Store
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
ENDS = ["ok", "ok", "ok", "ok", "diverged", "out-of-memory", "timed-out", "skipped", "failed", "interrupted"]
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
                drawn = sheet.pictures[line.rpartition("(")[2].rstrip(")")].svg
                assert drawn.startswith("<svg ")
                assert not re.search(r"\b(nan|inf)\b", drawn)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_records_make_the_same_pages_and_pictures(seed):
    records = any_records(seed)
    backwards = Loaded(records.runs[::-1], records.measurements[::-1])
    # a sheet holds its records in their order; what is written of it must not depend on that
    one, two = (formats.contents(other_pages(loaded, ORDER), ["md"]) for loaded in (records, backwards))
    assert one == two


STRANGE = [
    "=1+2",
    "a|b",
    "a`b`c",
    "<script>alert(1)</script>",
    "two\nlines",
    "\ud800",
    "**b**",
    "[a](b)",
    "%",
    "\\",
    "-",
]


@pytest.mark.parametrize("title", STRANGE)
def test_a_strange_title_is_one_row_in_every_format(bench, tmp_path, title):
    store = Store(tmp_path / "results")
    facts = replace(TASKS["sfc"], title=title, detail=title, target_why=title)
    for seed in (0, 1):
        store.save_run(made_run("gru", seed, title=title, task=facts))
        store.save_run(
            made_run("lstm-s", seed, None, status="failed", reason=title, task=facts, machine={"cpu": title})
        )
    store.save_measurement(made_measurement(title=title, machine={"cpu": title}, missing={"joules": title}), "m")
    assert bench("report").code == 0
    folder = tmp_path / "reports" / "smoke"
    page = (folder / "sfc.md").read_text()
    assert len(re.findall(r"^\|", page, re.MULTILINE)) == 4  # heading, line, two models
    rows = list(csv.DictReader((folder / "sfc.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == ["lstm-s", "gru"]
    assert not re.match(r"[=@]", rows[1]["model"])
    assert (folder / "sfc.tex").read_text().count(r"\\") >= 3
    assert (folder / "report.html").read_text().count("<script") == 3  # two that the policy names, and the charts' data
    for path in folder.glob("*.md"):
        assert "<script" not in path.read_text().replace("\\<script", ""), path.name


@pytest.mark.parametrize("name", ["../../up", "/abs/olute", "..", "smoke/../../up", "a" * 230 + "/x"])
def test_no_name_in_a_record_decides_where_pages_lie(bench, tmp_path, name):
    store = Store(tmp_path / "results")
    store.save_run(made_run(protocol=name))
    store.save_run(made_run(task_name=name))
    store.save_measurement(made_measurement(task=name), "m")
    assert bench("report", "--reports", tmp_path / "deep" / "er").code == 0
    pages = [path for path in tmp_path.rglob("*") if path.suffix in (".md", ".svg", ".csv", ".tex", ".html")]
    assert len(pages) > 20
    assert all(len(path.relative_to(tmp_path / "deep" / "er").parts) == 2 for path in pages)


def test_changed_records_cost_no_more_than_themselves():
    assert fuzz_records(12, 3, Figures()).faults == []
