"""`bench gate`: is one commit worse than another? Both are trained, counted and timed here, in one go.

workers are started -> facts of each model (native code is built here) -> a small training of both -> times, in turn
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..catalog import GATED, GATED_TASK
from ..errors import BenchError, nearest
from ..stats.verdicts import BROKEN
from . import trained
from .judge import METRICS, Numbers, Times, numbers, together
from .race import race
from .workers import PROBE, Broken, Worker, environment, last_line
from .worktrees import Checkout, checkouts

TRAINING_LIMIT = 600.0  # seconds; it takes about one minute
Tell = Callable[[str, str, str], None]  # as Countdown: kind, name, what was found or ""
Runs = Mapping[str, Mapping[int, trained.Trained]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to compare, and how long. training: takes of trained.words what is to be other than usual."""

    models: tuple[str, ...] = GATED
    seconds: float = 10.0  # of timing for each model, at most
    margin: float = 0.05
    device: str = "cpu"
    training: Mapping[str, int] = field(default_factory=dict)

    @property
    def jobs(self) -> list[str]:
        """The kinds of what `gate` tells of, in order."""
        return ["start", "train", *["model"] * len(self.models)]


@dataclass(slots=True)
class Row:
    """What came of one model. problem: why it is broken; note: why something is not judged."""

    model: str
    numbers: list[Numbers] = field(default_factory=list)
    times: Times | None = None
    problem: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.problem:
            return BROKEN
        return together([each.verdict for each in self.numbers] + ([self.times.verdict] if self.times else []))


@dataclass(slots=True)
class Found:
    """All that was found. problems: of a commit as a whole; notes: what a reader must know, a sentence each."""

    base: str
    head: str
    wanted: Wanted
    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        return BROKEN if self.problems else together(row.verdict for row in self.rows)


class Team:
    """The workers of both commits: base, head and, of base again, the control."""

    def __init__(self, base: Checkout, head: Checkout, device: str) -> None:
        self.sides, self.device = (base, head, base), device
        self._started: list[Worker] = []

    @property
    def workers(self) -> list[Worker]:
        """The three of them, started when they are first needed, and anew after one broke."""
        if not self._started:
            self._started = [Worker(str(side), side.folder, self.device) for side in self.sides]
        return self._started

    @contextlib.contextmanager
    def asked(self, row: Row) -> Iterator[None]:
        """Whoever breaks inside the block is the problem of this row alone."""
        try:
            yield
        except Broken as problem:
            row.problem = str(problem)
            self.close()

    def close(self) -> None:
        while self._started:
            self._started.pop().close()


def gate(base: str, head: str, wanted: Wanted, tell: Tell) -> Found:
    """Compare two commits of the repository one stands in. Raises BenchError for words that mean nothing."""
    with checkouts(base, head) as (first, second, results):
        found = Found(str(first), str(second), wanted)
        team = Team(first, second, wanted.device)
        try:
            tell("start", "both commits", "")
            known = [_known(worker, side) for worker, side in zip(team.workers, (first, second), strict=False)]
            shared = _shared(wanted.models, [one["models"] for one in known], found)
            for row in found.rows:
                _count(row, team, shared)
            tell("start", "both commits", "ready")
            tell("train", "a small training of both", "")
            tell("train", "a small training of both", _train(found, (first, second), known, shared, results))
            for row in found.rows:
                tell("model", row.model, "")
                if row.model in shared and not row.problem:
                    with team.asked(row):
                        row.times = race(team.workers, row.model, wanted.seconds, wanted.margin)
                tell("model", row.model, f"{row.verdict}{f': {row.problem}' if row.problem else ''}")
        except Broken as problem:
            found.problems.append(str(problem))
        finally:
            team.close()
        return found


def _known(worker: Worker, side: Checkout) -> dict[str, Any]:
    known = worker.ask(ask="known", task=GATED_TASK)
    if not Path(known["place"]).is_relative_to(side.folder.resolve()):
        raise Broken(f"{side} has no harness of its own: Python takes {known['place']}")
    return known


def _shared(models: Sequence[str], known: Sequence[Sequence[str]], found: Found) -> set[str]:
    """The models that both commits have; a row for each model. Raises BenchError for one that neither has."""
    for model in models:
        # options and files are looked up by the commits
        has = ["@" in model or ":" in model or model in names for names in known]
        if not any(has):
            raise nearest("model", model, sorted({*known[0], *known[1]}), "`bench list`")
        note = "" if all(has) else f"only in {('base', 'head')[has.index(True)]}"
        found.rows.append(Row(model, note=note))
    return {row.model for row in found.rows if not row.note}


def _count(row: Row, team: Team, shared: set[str]) -> None:
    """Bytes and FLOPs of one step, and that there is one; builds native code before anything is timed."""
    if row.model not in shared:
        return
    with team.asked(row):
        facts = [worker.ask(ask="facts", model=row.model) for worker in team.workers[:2]]
        row.numbers = [
            numbers(metric, *([one[metric.key]] for one in facts)) for metric in METRICS if metric.key in facts[0]
        ]


def _train(
    found: Found, sides: Sequence[Checkout], known: Sequence[Mapping[str, Any]], shared: set[str], results: Path
) -> str:
    """Train the models of both commits, one process each, side by side, and judge their records; what to tell."""
    lacking = [str(side) for side, one in zip(sides, known, strict=True) if not one["task"]]
    todo = [row for row in found.rows if row.model in shared and not row.problem]
    if lacking or not todo:
        if lacking:
            found.notes.append(f"Training is not compared: {' and '.join(lacking)} cannot make the task {GATED_TASK}.")
        return "not compared"
    folders = [results / side.side for side in sides]
    line = [
        trained.words(GATED_TASK, [row.model for row in todo], folder, found.wanted.device, **found.wanted.training)
        for folder in folders
    ]
    with contextlib.ExitStack() as running:
        started = [running.enter_context(_started(words, side)) for words, side in zip(line, sides, strict=True)]
        end = time.monotonic() + TRAINING_LIMIT
        for (process, errors), side in zip(started, sides, strict=True):
            _wait(process, errors, side, end)
    runs = [trained.read(folder) for folder in folders]
    for row in todo:
        _judge_training(row, runs, sides)
    return f"{sum(map(len, (seeds for side in runs for seeds in side.values())))} runs"


@contextlib.contextmanager
def _started(words: Sequence[str], side: Checkout) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A process of a commit's command line, and what it writes of errors."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", str(PROBE), "run", *words],
            cwd=side.folder,
            env=environment(side.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is ours alone
        )
        try:
            yield process, errors
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], errors: IO[bytes], side: Checkout, end: float) -> None:
    try:
        code = process.wait(timeout=max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise Broken(f"{side} trains for more than {TRAINING_LIMIT:.0f} s") from None
    if code not in (0, 1):  # 1: a cell failed, and its record says why
        errors.seek(0)
        raise Broken(f"{side} cannot train: {last_line(errors.read().decode(errors='replace')) or f'exit code {code}'}")


def _judge_training(row: Row, runs: Sequence[Runs], sides: Sequence[Checkout]) -> None:
    """Add what the records of one model say to its row."""
    first, second = (side.get(row.model, {}) for side in runs)
    seeds = sorted(set(first) & set(second))
    for one, other, side in ((first, second, sides[0]), (second, first, sides[1])):
        for seed in seeds:
            run, beside = one[seed], other[seed]
            if run.status in ("failed", "out-of-memory", "timed-out") or (run.status == "diverged" != beside.status):
                row.problem = row.problem or f"{side}: {row.model}, seed {seed}: {run.status}: {run.reason}"
    whole = [seed for seed in seeds if first[seed].status == second[seed].status == "ok"]
    if {first[seed].version for seed in whole} != {second[seed].version for seed in whole}:
        row.note = "training not judged, as the protocol's version is another one"
        whole = []
    elif len(whole) < max(len(first), len(second)):
        row.note = f"trained with {len(whole)} of {max(len(first), len(second))} seeds in both"
    if not whole:
        return
    for metric in (metric for metric in METRICS if metric.key in trained.Trained.__slots__):
        values = ([getattr(side[seed], metric.key) for seed in whole] for side in (first, second))
        row.numbers = [each for each in row.numbers if each.metric is not metric] + [numbers(metric, *values)]
    row.numbers.sort(key=lambda each: METRICS.index(each.metric))


def check(wanted: Wanted) -> None:
    """Raise BenchError for numbers that mean nothing."""
    if not wanted.models:
        raise BenchError("--models names nothing")
    if not wanted.margin > 0:
        raise BenchError(
            f"the margin is {100 * wanted.margin:g} %, but must be above 0: a slowdown that does not matter"
        )
