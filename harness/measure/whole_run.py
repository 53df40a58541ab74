"""`bench run` timed as a whole: what processes side by side cost, and what is neither training nor evaluation."""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from ..catalog import find_model, options_of, task_names
from ..errors import BenchError
from ..protocol import find_protocol
from ..records.findings import WholeRun

ROOT = Path(__file__).resolve().parents[2]
ALONE = 4  # cells one after the other; the first has the start of its process and the data to itself
STEPS = 900


def time_whole_run(workers: int, steps: int = STEPS) -> WholeRun:
    """Time `bench run` with one worker and with `workers`, in folders that are thrown away."""
    alone = _command(ALONE, 1, steps)
    together = _command(2 * workers, workers, steps)
    return whole_run(alone, together, workers)


@dataclass(frozen=True, slots=True)
class Command:
    """A finished `bench run`: its wall seconds, and for each cell when it was done and what it spent working."""

    wall: float
    done: tuple[float, ...]  # seconds since the command's start
    working: tuple[float, ...]  # seconds of training and evaluation


def whole_run(alone: Command, together: Command, workers: int) -> WholeRun:
    """What the two commands say; `alone` has one worker and at least two cells."""
    gaps = [after - before for before, after in zip(alone.done, alone.done[1:], strict=False)]
    cell = mean(gaps)
    startup = max(0.0, alone.done[0] - cell)
    cells = len(together.done)
    return WholeRun(
        workers=workers,
        cells=cells,
        cell_seconds=cell,
        startup_seconds=startup,
        cold=together.wall * workers / (cells * cell),
        warm=(together.done[-1] - startup) * workers / (cells * cell),
        rest=1 - sum(alone.working[1:]) / sum(gaps),
        rest_cold=1 - sum(alone.working) / alone.wall,
    )


def _command(cells: int, workers: int, steps: int) -> Command:
    protocol = find_protocol("quick")
    names = ",".join(_equal(protocol.yardstick, cells))
    words = ["run", "--task", task_names()[0], "--models", names, "--protocol", protocol.name, "--seeds", "1"]
    words += ["--set", f"max_steps={steps}", "--no-measure", "--device", "cpu", "--json", "--workers", str(workers)]
    done, working = [], []
    with tempfile.TemporaryDirectory() as folder:
        words += ["--results", folder]
        start = time.perf_counter()
        command = [sys.executable, "-m", "harness", *words]
        with subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                for line in process.stdout or ():
                    event: dict[str, Any] = json.loads(line)
                    if event["event"] == "runrecord":
                        done.append(time.perf_counter() - start)
                        working.append((event["train_seconds"] or 0.0) + (event["evaluation_seconds"] or 0.0))
            except BaseException:
                process.terminate()
                raise
        wall = time.perf_counter() - start
    if process.returncode or len(done) != cells:
        raise BenchError(f"`bench run` ended with {process.returncode} and {len(done)} of {cells} records")
    return Command(wall, tuple(done), tuple(working))


def _equal(model: str, count: int) -> list[str]:
    """Names of cells that compute the same and never share a training: a default written in several ways."""
    for key, value in options_of(find_model(model).build, skip=2).items():
        if isinstance(value, float):
            return [f"{model}@{key}={value}{'0' * number}" for number in range(count)]
    raise BenchError(f"{model} has no option whose default can be written in several ways")
