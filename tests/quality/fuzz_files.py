"""Files of strangers' models and tasks that go wrong in one way or several, each run beside a model of ours.

    python tests/quality/fuzz_files.py [COUNT [SEED]]

What comes of a file follows from its traits. Our model's numbers are those that it has alone, and nothing is left over.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import signal
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from quality.figures import Figures, by_hand  # noqa: E402
from quality.traits import Trait, expected, listed, mixed, written  # noqa: E402

from harness import machine  # noqa: E402
from harness.cli.bench import main  # noqa: E402

LATE = ("torch._dynamo", "harness.cli.order", "harness.cli.progress", "harness.execute.local", "harness.report.pages")
SECONDS = 600.0  # for a command
LIMIT = "4s"  # for a cell, where something hangs
MARK = "FUZZ_FILES"  # in the environment of all processes of a command
SMOKE = ("--protocol", "smoke", "--device", "cpu", "--set", "max_steps=4", "--set", "evaluations=2")


class End(NamedTuple):
    """code: None where it did not end."""

    code: int | None
    out: str
    err: str


def fuzz_files(count: int, seed: int, figures: Figures) -> Figures:
    """Write so many files, and run each."""
    draw, decks = Random(seed), {kind: list[Trait]() for kind in ("model", "task")}
    with tempfile.TemporaryDirectory() as scratch:
        for name in LATE:  # so that the copies of this process have it at once
            importlib.import_module(name)
        trial = Trial(Path(scratch))
        for number in range(count):
            kind = draw.choices(("model", "task"), (3, 2))[0]
            decks[kind] = decks[kind] or draw.sample(known := listed(kind), len(known))
            some = mixed(decks[kind].pop(), listed(kind), draw)
            options = options_for(kind, some, draw)
            end, found = trial.run(kind, some, options, number)
            what = f"{number}, {' '.join(options)}, {' // '.join(trait.code for trait in some)!a}"
            figures.add(kind, end, [f"{what}: {fault}" for fault in found])
    return figures


def options_for(kind: str, some: list[Trait], draw: Random) -> list[str]:
    """--workers first; a limit where something hangs."""
    alone = any(trait.needs_a_process for trait in some)
    options = ["--workers", draw.choice(("1", "2") if alone else ("0", "0", "0", "0", "0", "1"))]
    options += ["--seeds", *draw.choice((["1"], ["1"], ["1"], ["2", "--replicas", "2"]))]
    options += ["--measure"] if draw.random() < 0.15 else ["--no-measure"]
    hangs = any(trait.is_fatal and re.search("sleep|while|wait", trait.code) for trait in some)
    return options + (["--cell-limit", LIMIT] if hangs else [])


class Trial:
    """A folder with what files of no traits give."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        (scratch / "here").mkdir()
        self.right: dict[tuple[str, ...], dict[str, Any]] = {}

    def run(self, kind: str, some: list[Trait], options: list[str], number: int) -> tuple[str, list[str]]:
        """How a file ended, and what is wrong with that."""
        right = self._alone(kind, options)
        folder = self.scratch / str(number)
        end = self._called(kind, some, folder, options)
        faults = list(_said_wrong(end))
        records = _records(folder)
        ours = {name: numbers for name, numbers in records.items() if name[:2] == ("sfc", "gru")}
        theirs = {name: record for name, record in records.items() if name not in ours}
        statuses = (
            {record["status"] for record in theirs.values()} if theirs else {"refused" if end.code == 2 else "none"}
        )
        wanted = expected(some)
        if not statuses <= wanted:
            reasons = [record["reason"] for record in theirs.values()] or [end.err[-300:]]
            faults.append(f"{', '.join(statuses)} instead of {', '.join(wanted)}: {reasons[0]!a}")
        if end.code == 2 and records:
            faults.append("refused, but something ran")
        if end.code != 2 and {name: numbers_of(record) for name, record in ours.items()} != right["ours"]:
            faults.append(f"our model gave {[numbers_of(record) for record in ours.values()]}")
        if all(trait.words == ("same",) for trait in some) and statuses == {"ok"}:
            found = {name[2]: numbers_of(record) for name, record in theirs.items()}
            if "--replicas" not in options and found != right["theirs"]:
                faults.append(f"it gave {found} instead of {right['theirs']}")
        faults += [fault for record in records.values() for fault in _recorded_wrong(record)]
        if records:
            faults += _reported_wrong(self.scratch, folder)
        faults += [f"it left {name!a}" for name in _left_over(self.scratch, folder)]
        return "/".join(sorted(statuses)), faults

    def _alone(self, kind: str, options: list[str]) -> dict[str, Any]:
        """The numbers of our model and of a file without traits, each by itself, in one process."""
        seeds = tuple(options[2 : options.index("--no-measure" if "--no-measure" in options else "--measure")])
        if (kind, *seeds) not in self.right:
            folder = self.scratch / "-".join(("right", kind, *seeds))
            end = self._called(kind, [], folder, ["--workers", "0", *seeds, "--no-measure"])
            assert end.code == 0, end
            found = {name: numbers_of(record) for name, record in _records(folder).items()}
            self.right[kind, *seeds] = {
                "ours": {name: numbers for name, numbers in found.items() if name[:2] == ("sfc", "gru")},
                "theirs": {name[2]: numbers for name, numbers in found.items() if name[:2] != ("sfc", "gru")},
            }
        return self.right[kind, *seeds]

    def _called(self, kind: str, some: list[Trait], folder: Path, options: list[str]) -> End:
        folder.mkdir()
        (folder / "beside.py").write_text("NUMBER = 7\n")
        (folder / "own.py").write_text(written(kind, some))
        own = f"{folder}/own.py:{'Net' if kind == 'model' else 'task'}"
        names = (
            ["--task", "sfc", "--models", f"{own},gru"]
            if kind == "model"
            else ["--task", f"sfc,{own}", "--models", "gru"]
        )
        return called(["run", *names, *SMOKE, *options, "--results", str(folder / "results")], self.scratch)


def called(words: list[str], scratch: Path) -> End:
    """Call the command in a copy of this process, which may be lost."""
    mark, streams = uuid.uuid4().hex, [scratch / "out", scratch / "err"]
    sys.stdout.flush()
    if (process := os.fork()) == 0:
        os.setsid()
        os.environ[MARK] = mark
        vars(sys.modules["__main__"]).pop("__file__", None)  # its workers need not import this file
        os.chdir(scratch / "here")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in enumerate(streams, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv, code = ["bench", *words], 99
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
        except BaseException:
            traceback.print_exc()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)
    until, ended = time.monotonic() + SECONDS, None
    while ended is None and time.monotonic() < until:
        found, status = os.waitpid(process, os.WNOHANG)
        ended = os.waitstatus_to_exitcode(status) if found else None
        time.sleep(0.02)
    if ended is None:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
    out, err = (path.read_text(encoding="utf-8", errors="replace") for path in streams)
    time.sleep(0.1)
    if left := _marked(mark):
        err += f"\nprocesses that are left: {len(left)}"
    return End(ended, out, err)


def _marked(mark: str) -> set[int]:
    """The processes of a command that are left; they are ended."""
    left = machine.marked(f"{MARK}={mark}") - {os.getpid()}
    for pid in left:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return left


def numbers_of(record: dict[str, Any]) -> tuple[Any, ...]:
    """What must be the same, whatever ran beside it."""
    curve = [(point["step"], point["train_loss"], point["valid_metric"]) for point in record["curve"]]
    return (record["status"], record["params"], record["test_metric"], record["best_step"], curve)


def _records(folder: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted((folder / "results" / "runs").rglob("*.json"))]
    return {(one["cell"]["task"], one["cell"]["model"], one["cell"]["seed"]): one for one in found}


def _said_wrong(end: End) -> Iterator[str]:
    sentences = [line for line in end.err.splitlines() if line.startswith("error: ")]
    if end.code not in (0, 1, 2):
        yield f"it ended with {end.code}: {end.err.strip()[-300:]!a}"
    elif len(sentences) != (end.code == 2):
        yield f"it ended with {end.code} and {len(sentences)} sentences: {end.err.strip()[-300:]!a}"
    if "Traceback" in end.err + end.out:
        yield f"a traceback: {end.err[end.err.find('Traceback') :][-400:]!a}"
    if "processes that are left" in end.err:
        yield end.err[end.err.find("processes that are left") :]


def _recorded_wrong(record: dict[str, Any]) -> Iterator[str]:
    bad = record["status"] != "ok"
    reason, metric = record["reason"], record["test_metric"]
    if bad != bool(reason) or not reason.isprintable() or len(reason) > 1000:
        yield f"{record['status']}: the reason is {reason[:200]!a}"
    if bad and metric is not None:
        yield f"{record['status']} with a metric of {metric}"
    if not bad and not (metric is not None and math.isfinite(metric) and metric >= 0):
        yield f"ok with a metric of {metric}"
    if not record["title"].isprintable():
        yield f"the title is {record['title'][:80]!a}"


def _reported_wrong(scratch: Path, folder: Path) -> Iterator[str]:
    pages = folder / "reports"
    for words in (["status"], ["report", "--reports", str(pages), "--format", "md,csv"]):
        end = called([*words, "--results", str(folder / "results")], scratch)
        if end.code or end.err:
            yield f"{words[0]} ended with {end.code}: {end.err[-300:]!a}"
    for page in pages.rglob("*.md"):
        columns = 0
        for line in page.read_text(encoding="utf-8").splitlines():
            cells = re.split(r"(?<!\\)\|", line)[1:-1] if line.startswith("|") else []
            if cells and columns not in (0, len(cells)):
                yield f"{page.name}: a row has {len(cells)} cells instead of {columns}: {line[:200]!a}"
            if any(re.fullmatch(r"[-+]?(nan|inf)|None", cell.strip()) for cell in cells):
                yield f"{page.name}: {line[:200]!a}"
            columns = len(cells)


def _left_over(scratch: Path, folder: Path) -> Iterator[str]:
    """What lies where nothing may."""
    usual = {"own.py", "beside.py", "results", "reports", "__pycache__"}
    yield from ({path.name for path in folder.iterdir()} - usual)
    yield from (path.name for path in (scratch / "here").iterdir())
    yield from (str(path.relative_to(folder)) for path in folder.rglob("*.tmp"))
    yield from (str(path.relative_to(folder)) for path in (folder / "results").glob("running/*.json"))
    for path in (folder / "results").rglob("*.json"):
        if path.stat().st_mode & 0o400 == 0:
            yield f"{path.name}, which nobody can read"


if __name__ == "__main__":
    by_hand(fuzz_files, 200)
