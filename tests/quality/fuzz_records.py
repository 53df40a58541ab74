"""Records that somebody or something has changed, read by every verb that reads: no traceback, no wrong number.

    python tests/quality/fuzz_records.py [COUNT [SEED]]

Each time one of eight good records is changed in one way, and `bench status`, `compare` and `report` read the folder.
"""

from __future__ import annotations

import contextlib
import copy
import csv
import io
import json
import re
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from quality.figures import Figures, by_hand  # noqa: E402
from support.records import made_curve, made_insight, made_measurement, made_run  # noqa: E402

from harness.cli.bench import main  # noqa: E402
from harness.plan import Cell  # noqa: E402
from harness.records.kinds import Growth, Latency, Ratio  # noqa: E402
from harness.records.store import Store  # noqa: E402

NUMBERS = [-1, 0, 1, 2.5, -0.0, 1e-320, 1e99, 1e300, 10**19, 10**400, float("nan"), float("inf")]
WORDS = ["", "x", "ok", "failed", "../../up", "a\nb", "\ud800", "=1+2", "a|b`c", "<script>x</script>", "y" * 300]
ODD = [*NUMBERS, *WORDS, None, True, [], [None], [[1]], {}, {"a": 1}, {"": None}]
NO_NUMBER = re.compile(r"(?<![\w/-])(nan|inf|None)(?![\w/-])")
TASKS = ("sfc", "sti")
Change = Callable[[Path, Random], str]  # changes a file and says how


def good_records(store: Store) -> list[Path]:
    """Two models with two seeds on two tasks and all that can be measured of them; the paths of the first model's."""
    saved = []
    latency, ratio = Latency(4.0, 3.5, 4.5, 3, 3.0, 5.0, 0.5, (3.0, 4.0, 5.0)), Ratio(1.1, 1.0, 1.2, 9)
    growth = Growth((10, 20, 40), (1.0, 2.0, 4.0), (100, 200, 400), 1.0, 1.0)
    for task in TASKS:
        for model in ("lstm-s", "gru"):
            for seed in (0, 1):
                run = made_run(
                    model,
                    seed,
                    0.7 + 0.05 * seed,
                    task_name=task,
                    curve=made_curve([0.5, 0.7, 0.72]),
                    insight=made_insight() if seed == 0 else None,
                    more_metrics={"noise, 10 dB": 0.6},
                    notes="one note",
                    reason="",
                )
                saved.append(store.save_run(run))
            measured = made_measurement(
                model,
                task=task,
                whole=True,
                forward=latency,
                step=latency,
                compared=ratio,
                controls=(ratio, ratio),
                over_length=growth,
                over_batch=growth,
                missing={"joules": "no counter"},
                conditions={"before": {"load": 0.5, "slowed": ["heat"]}, "after": {"load": 0.6}},
                machine={"cpu": "Some processor", "cores": 2, "threads": 1, "torch": "2.9.0"},
            )
            saved.append(store.save_measurement(measured, "two-cores"))
    return [path for path in saved if path.parent.name == "lstm-s"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values are in a record; of a list the first and the last."""
    if path:
        yield path
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))[:: max(1, len(value) - 1)]
    else:
        inner = []
    for key, entry in inner:
        yield from places(entry, (*path, key))


def another_value(path: Path, draw: Random) -> str:
    data = json.loads(path.read_text())
    where = draw.choice(list(places(data)))
    odd = draw.choice(ODD)
    _inside(data, where[:-1])[where[-1]] = copy.deepcopy(odd)
    path.write_text(json.dumps(data))
    return f"{'.'.join(map(str, where))} = {str(odd)[:20]!a}"


def another_name(path: Path, draw: Random) -> str:
    """A record that lies where its changed cell has its place, as one from another program might."""
    data = json.loads(path.read_text())
    names = data.get("cell", data)
    key = draw.choice(["protocol", "task", "model", "budget"])
    odd = draw.choice([*WORDS, "/abs/x.py:Net", "quick", "smoke@batch=3", "index", "7"])
    names[key] = odd
    cell = Cell(*(names[name] for name in ("protocol", "task", "model", "budget")), data.get("cell", {}).get("seed", 0))
    store = Store(path.parents[4])
    with contextlib.suppress(ValueError, OSError):
        target = store.run_path(cell) if "cell" in data else store.measure_path(cell.group, "two-cores")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(data))
        path.unlink()
    return f"moved, {key} = {odd[:20]!a}"


def without_a_field(path: Path, draw: Random) -> str:
    data = json.loads(path.read_text())
    where = draw.choice(list(places(data)))
    del _inside(data, where[:-1])[where[-1]]
    path.write_text(json.dumps(data))
    return f"without {'.'.join(map(str, where))}"


def a_further_field(path: Path, draw: Random) -> str:
    data = json.loads(path.read_text())
    objects = [where for where in places(data) if isinstance(_inside(data, where), dict)]
    where = draw.choice([(), *objects])
    odd = draw.choice(ODD)
    _inside(data, where)["further"] = copy.deepcopy(odd)
    path.write_text(json.dumps(data))
    return f"{'.'.join(map(str, where))} with a further field {str(odd)[:20]!a}"


def other_bytes(path: Path, draw: Random) -> str:
    content = bytearray(path.read_bytes())
    place = draw.randrange(len(content))
    if draw.random() < 0.3:
        del content[place:]
    else:
        content[place] = draw.randrange(256)
    path.write_bytes(content)
    return f"byte {place} of {len(content)}"


def a_copy(path: Path, draw: Random) -> str:
    name = draw.choice([f"{path.stem} copy.json", f"{path.stem}(1).json", f".{path.name}", "9-9.json"])
    path.with_name(name).write_bytes(path.read_bytes())
    return f"a copy as {name}"


CHANGES: list[tuple[Change, int]] = [
    (another_value, 12),
    (another_name, 2),
    (without_a_field, 2),
    (a_further_field, 1),
    (other_bytes, 2),
    (a_copy, 1),
]


def fuzz_records(count: int, seed: int, figures: Figures) -> Figures:
    """Change so many records, one at a time, and read them with every verb."""
    draw = Random(seed)
    kinds, weights = zip(*CHANGES, strict=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "results"
        paths = good_records(Store(folder))
        kept = {path: path.read_bytes() for path in folder.rglob("*.json")}
        right = _rows(Path(scratch), [], "unchanged")
        assert len(right) == len(TASKS)
        for _ in range(count):
            path = draw.choice(paths)
            how = f"{path.relative_to(folder)}: {draw.choices(kinds, weights)[0](path, draw)}"
            end, faults = "left out" if Store(folder).load().left_out else "kept", list[str]()
            rows = _rows(Path(scratch), faults, how)
            for place, row in right.items():
                if rows and rows.get(place) != row:
                    faults.append(f"{how}: {place} is {rows.get(place)} instead of {row}")
            figures.add("record", end, faults)
            for other in set(folder.rglob("*.json")) - set(kept):
                other.unlink()
            for other, content in kept.items():
                other.write_bytes(content)
    return figures


def _rows(scratch: Path, faults: list[str], how: str) -> dict[tuple[str, str], list[str]]:
    """Read everything; (file, model) -> the numbers of the model whose records nobody changes."""
    reports = scratch / "deep" / "reports"
    for line in (["status"], ["compare", "lstm-s", "gru"], ["report", "--reports", str(reports)]):
        said = _said([*line, "--results", str(scratch / "results")])
        if said:
            faults.append(f"{how}: {line[0]}: {said}")
    rows = {}
    for path in (scratch / "deep").rglob("*"):
        if path.suffix == ".md" and (found := NO_NUMBER.search(path.read_text(encoding="utf-8"))):
            faults.append(f"{how}: {path.name} says {found[0]}")
        if path.parent.name == "smoke" and path.stem in TASKS and path.suffix == ".csv":
            for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
                if row["name"] == "gru":
                    rows[path.name, "gru"] = [row[key] for key in ("metric", "low", "high", "seeds", "planned")]
    outside = [path for path in scratch.rglob("*.md") if reports not in path.parents]
    faults += [f"{how}: {path} is outside of the reports" for path in outside]
    for path in scratch.rglob("*"):
        if path.is_file() and path.suffix != ".json":
            path.unlink()
    return rows


def _said(words: list[str]) -> str:
    """Nothing where the verb ends with a table or a sentence, else where its traceback ends."""
    before, sys.argv = sys.argv, ["bench", *words]
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
            warnings.simplefilter("error")
            main()
    except SystemExit as end:
        return "" if end.code in (0, 2, 3, 4) else f"exit code {end.code}"
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}: {str(error)[:80]}"
    finally:
        sys.argv = before
    return "it did not exit"


def _inside(value: Any, where: tuple[Any, ...]) -> Any:
    for key in where:
        value = value[key]
    return value


if __name__ == "__main__":
    by_hand(fuzz_records, 500)
