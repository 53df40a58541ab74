"""How often `bench gate` is right: the same commit twice, and planted faults, again and again, counted in a page.

    python tests/quality/gate_trials.py --again 20 --planted 5

Each trial is a gate of its own, with its own processes and worktrees, in a copy of this tree's packages. The page is
written after every trial, so an interrupted one has what is there so far.
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from harness.write import tables

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import pandas as pd  # noqa: E402
import torch  # noqa: E402
from support import plants  # noqa: E402

from harness import machine  # noqa: E402
from harness.catalog import GATED  # noqa: E402
from harness.gate.gate import Found, Wanted, gate  # noqa: E402
from harness.stats.verdicts import BETTER, BROKEN, CANNOT_TELL, SAME, WORSE  # noqa: E402

SOUND = "clockwork"  # stands beside the planted model, untouched
AGAIN = "nothing: the same commit twice"
KINDS = {
    AGAIN: ("", 0.0),
    "a step 20 % slower": ("slow", 0.2),
    "a step 2 x as long": ("slow", 1.0),
    "an activation that is kept": ("activation", 0.0),
    "a model that forgets 3/4 of its input": ("accuracy", 0.0),
}
VERDICTS = (SAME, BETTER, CANNOT_TELL, WORSE, BROKEN)


def copy(folder: Path) -> Path:
    """A repository with `main` and a branch for each fault; the slow ones by a share of the step's own time."""
    plants.repository(folder)
    usual = plants.usual(folder)
    for number, (fault, slower) in enumerate(KINDS.values()):
        if fault:
            plants.git(folder, "switch", "--quiet", "--create", f"fault-{number}", "main")
            plants.plant(folder, fault, milliseconds=slower * usual)
            plants.commit(folder, f"fault {number}")
    plants.git(folder, "switch", "--quiet", "main")
    return folder


def commit() -> str:
    """The commit whose packages are copied; a star for changes that are not committed."""
    changed = plants.git(ROOT, "status", "--porcelain", "--", "harness", "models", "tasks")
    return plants.git(ROOT, "rev-parse", "--short=10", "HEAD") + "*" * bool(changed)


def reasons(found: Found) -> str:
    """What was not the same, and by how much the times differ."""
    words = list(found.problems)
    for row in found.rows:
        told = [each.metric.title.lower() for each in row.numbers if each.verdict != SAME]
        if row.times is not None:
            control = f"control {100 * (row.times.control.mean - 1):+.1f} %, {row.times.rounds} rounds"
            told.append(f"time {100 * (row.times.ratio.mean - 1):+.1f} % {row.times.verdict} ({control})")
        words.append(f"{row.model}: {row.problem or ', '.join(told)}")
    return "; ".join(words)


def page(trials: list[tuple[str, Found, float]], command: str) -> str:
    """The counts, the times of what was not touched, and every trial."""
    counts, every = [], []
    for kind in KINDS:
        mine = [(found, seconds) for name, found, seconds in trials if name == kind]
        if not mine:
            continue
        verdicts = Counter(found.verdict for found, _ in mine)
        right = verdicts[SAME] + verdicts[BETTER] + verdicts[CANNOT_TELL] if kind == AGAIN else verdicts[WORSE]
        counts.append(
            {"Planted": kind, "Trials": len(mine), **{verdict: verdicts[verdict] for verdict in VERDICTS}}
            | {"No false alarm / found": f"{right}/{len(mine)}"}
            | {"Seconds a trial": f"{sum(seconds for _, seconds in mine) / len(mine):.0f}"}
        )
    for number, (kind, found, seconds) in enumerate(trials, 1):
        every.append(f"{number}. {kind}: **{found.verdict}** in {seconds:.0f} s; {reasons(found)}")
    sound = [
        row
        for kind, found, _ in trials
        for row in found.rows
        if row.times is not None and (kind == AGAIN or row.model != plants.MODEL)
    ]
    times = Counter(row.times.verdict for row in sound)
    farthest = max((abs(row.times.ratio.mean - 1) for row in sound), default=0.0)
    control = max((abs(row.times.control.mean - 1) for row in sound), default=0.0)
    numbers = [each for row in sound for each in row.numbers]
    said = ", ".join(f"{times[verdict]} {verdict}" for verdict in VERDICTS if times[verdict])
    return "\n\n".join(
        [
            "# How often `bench gate` is right",
            f"`{command}` on {machine.cores()} cores of {machine.cpu_name()}, torch {torch.__version__}, commit "
            f"{commit()}; load average at the end {os.getloadavg()[0]:.1f}. Faults are planted into `{plants.MODEL}`, "
            f"beside `{SOUND}`, which is not touched; a slower step is so by a share of the median step of a process "
            "that works alone. Each trial has processes and worktrees of its own. Of the same commit twice `cannot "
            "tell` is no false alarm; `worse` and `broken` are.",
            tables.markdown(pd.DataFrame(counts)),
            f"Step times of models that were not touched, {len(sound)} comparisons: {said or 'none'}; farthest from "
            f"1 by {farthest:.1%}, controls by {control:.1%}. Their other numbers: "
            f"{sum(each.changed for each in numbers)} of {len(numbers)} differ.",
            "## Every trial",
            "\n".join(every),
        ]
    )


def plan(again: int, planted: int) -> list[tuple[int, str]]:
    """(number, kind) of every trial; the kinds are spread over the whole time, as a machine is not always as busy."""
    wanted = [
        ((k + 0.5) / count, number, kind)
        for number, kind in enumerate(KINDS)
        for count in [again if kind == AGAIN else planted]
        for k in range(count)
    ]
    return [(number, kind) for _, number, kind in sorted(wanted)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--again", type=int, default=20, help="trials without a fault")
    parser.add_argument("--planted", type=int, default=5, help="trials of each fault")
    parser.add_argument("--seconds", type=float, default=10.0, help="of timing a model, at most")
    parser.add_argument("--models", default=",".join(GATED), help="of the trials without a fault")
    parser.add_argument("--output", type=Path, default=ROOT / "reports" / "quality" / "gate.md")
    asked = parser.parse_args()
    command = shlex.join(["python", *sys.argv])
    trials: list[tuple[str, Found, float]] = []
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    output = asked.output.resolve()
    with tempfile.TemporaryDirectory(prefix="gate-trials-") as scratch:
        os.chdir(copy(Path(scratch)))
        for number, kind in plan(asked.again, asked.planted):
            models = tuple(asked.models.split(",")) if kind == AGAIN else (plants.MODEL, SOUND)
            head = "main" if kind == AGAIN else f"fault-{number}"
            start = time.monotonic()
            found = gate("main", head, Wanted(models, asked.seconds), lambda *words: None)
            trials.append((kind, found, time.monotonic() - start))
            output.write_text(page(trials, command) + "\n", encoding="utf-8")
            print(f"{len(trials)}. {kind}: {found.verdict}; {reasons(found)}", flush=True)
        os.chdir(ROOT)
    print(output)


if __name__ == "__main__":
    main()
