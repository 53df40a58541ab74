"""Faults while cells run: after each, the same command must end with the records and the table of an undisturbed run.

    python tests/quality/campaign.py

The page is written after each kind, so an interrupted one has what is there so far; with `--keep FILE` the same command
goes on with the next kind, if the code is the same.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import pandas as pd  # noqa: E402
import torch  # noqa: E402
from quality.clusters import node_lost, preempted  # noqa: E402
from quality.disturbed import KINDS, TRIES, Campaign, Fault, Impossible, numbers, table  # noqa: E402
from quality.figures import Figures  # noqa: E402
from quality.gate_trials import commit  # noqa: E402

from harness import machine  # noqa: E402
from harness.errors import BenchError  # noqa: E402
from harness.records.kinds import from_json  # noqa: E402
from harness.write import tables  # noqa: E402

LOST, WRONG, TWICE, OTHER = "lost", "wrong", "twice", "other"
ON_CLUSTERS: dict[str, Fault] = {"a node that Ray loses": node_lost, "a job that Slurm preempts": preempted}
MOST = {"a job that Slurm preempts": 10}  # trials, as each waits for Slurm
Wrong = list[tuple[str, str]]


class Trials:
    """Of all kinds. whole: the undisturbed campaign; seconds: how long that took."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.faults = folder, Figures(lambda fault: print(fault, flush=True))
        self.kinds: dict[str, dict[str, int]] = {}
        self.left_out: dict[str, str] = {}
        self.whole = Campaign(folder / "whole")
        start = time.monotonic()
        if self.whole.end(self.whole.begin()):
            raise SystemExit(f"the undisturbed command fails:\n{self.whole.output()}")
        self.seconds = time.monotonic() - start

    def of(self, kind: str, fault: Fault, count: int, seed: int, jobs: int = 1) -> None:
        """So many of a kind, some at a time."""
        place = self.folder / str(len(self.kinds) + len(self.left_out))

        def trial(number: int) -> tuple[str, Wrong]:
            return self._trial(Campaign(place / str(number)), fault, random.Random(f"{kind} {seed} {number}"))

        with ThreadPoolExecutor(jobs) as pool:
            try:
                ended = list((map if jobs == 1 else pool.map)(trial, range(count)))
            except Impossible as why:
                self.left_out[kind] = str(why)
                return
        counts = self.kinds.setdefault(kind, dict.fromkeys((LOST, WRONG, TWICE, OTHER), 0))
        for number, (end, wrong) in enumerate(ended):
            for what, _ in wrong:
                counts[what] += 1
            self.faults.add(kind, end, [f"trial {number}: {sentence}" for _, sentence in wrong])

    def keep(self, file: Path) -> None:
        """Write down what came of them, for `go_on`."""
        said = {"commit": commit(), "kinds": self.kinds, "left_out": self.left_out}
        file.write_text(json.dumps({**said, "ends": self.faults.ends, "wrong": self.faults.wrong}, indent=1))

    def go_on(self, file: Path) -> None:
        """From what the same code has kept."""
        said = json.loads(file.read_text()) if file.exists() else {}
        if said.get("commit") == commit():
            self.kinds, self.left_out, self.faults.wrong = said["kinds"], said["left_out"], said["wrong"]
            self.faults.ends = {kind: Counter(ends) for kind, ends in said["ends"].items()}

    def _trial(self, campaign: Campaign, fault: Fault, rng: random.Random) -> tuple[str, Wrong]:
        wrong: Wrong = []
        try:
            fault(campaign, rng, self.seconds)
        except TimeoutError as hang:
            wrong.append((OTHER, str(hang)))
        before = campaign.records()
        tried, code = 0, 1
        while code and tried < TRIES:
            tried += 1
            try:
                code = campaign.end(campaign.begin())
            except TimeoutError as hang:
                wrong.append((OTHER, str(hang)))
                break
        after, whole = campaign.records(), self.whole.records()
        said = campaign.output()
        if "Traceback" in said:
            wrong.append((OTHER, "a traceback was printed"))
        wrong += [(LOST, f"{name} is missing") for name in whole.keys() - after.keys()]
        wrong += [(TWICE, f"{name} is a record more") for name in after.keys() - whole.keys()]
        for name in whole.keys() & after.keys():
            if not _whole(after[name], whole[name]):
                wrong.append((WRONG, f"{name} has other numbers"))
            elif name in before and before[name] != after[name] and _whole(before[name], whole[name]):
                wrong.append((TWICE, f"{name} was made again"))
        if not wrong and table(said) != table(self.whole.output()):
            wrong.append((OTHER, "the table is another"))
        there = f"{len(before)} of {len(whole)} records were there"
        return f"{there}, whole at try {tried}", wrong


def _whole(content: bytes, like: bytes) -> bool:
    """Is this record undamaged, and the same but for what may differ?"""
    try:
        from_json(content.decode(), "a record")
        return bool(numbers(content) == numbers(like))
    except (ValueError, BenchError):
        return False


def page(trials: Trials, command: str) -> str:
    """A row for each kind, and every fault."""
    rows = []
    for kind, counts in trials.kinds.items():
        ends = trials.faults.ends[kind]
        first = sum(number for end, number in ends.items() if end.endswith("try 1"))
        rows.append((kind, sum(ends.values()), first, *counts.values()))
    rows.append(("all", *(sum(row[place] for row in rows) for place in range(1, 7))))
    columns = ["Fault", "Injected", "Whole at the first try", "Lost", "Wrong", "Twice", "Other"]
    some = trials.whole
    return "\n\n".join(
        [
            "# Faults while cells run",
            f"`{command}` on {machine.cores()} cores of {machine.cpu_name()}, torch {torch.__version__}, commit "
            f"{commit()}.",
            f"`bench {shlex.join(some.words[: some.words.index('--results')])}`, which takes "
            f"{trials.seconds:.0f} s undisturbed, is disturbed once at a random moment; `slow:Slow` is a GRU with "
            "slow steps. Then the same command is given again, at most three times, until it ends with 0.",
            tables.markdown(pd.DataFrame(rows, columns=columns)),
            "*Lost*: records that are missing then. *Wrong*: those with another number than without the fault, times "
            "and the machine apart. *Twice*: a record that was whole and was made again, or one more. *Other*: a "
            "command without an end, a process that is left, a traceback, another table.",
            *(f"Not tried: {kind}. {why}." for kind, why in trials.left_out.items()),
            *(
                ["## Every fault", "\n".join(f"- {fault}" for fault in trials.faults.faults)]
                if trials.faults.faults
                else []
            ),
        ]
    )


def main() -> None:
    """Inject all faults and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=15, help="of every kind")
    parser.add_argument("--kinds", default="", help="words of the kinds that are wanted, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="trials at a time, but on clusters")
    parser.add_argument("--keep", type=Path, help="a file to go on from")
    parser.add_argument("--output", type=Path, default=ROOT / "reports" / "quality" / "campaign.md")
    asked = parser.parse_args()
    more = [f"--{name}={value}" for name, value in vars(asked).items() if value != parser.get_default(name)]
    more = [word for word in more if not word.startswith(("--output", "--keep"))]
    command = shlex.join(["python", "tests/quality/campaign.py", *more])
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(Path(folder))
        if asked.keep is not None:
            trials.go_on(asked.keep)
        for kind, fault in (KINDS | ON_CLUSTERS).items():
            there = kind in trials.kinds or kind in trials.left_out
            if not there and any(word in kind for word in asked.kinds.split(",")):
                count, jobs = min(asked.each, MOST.get(kind, asked.each)), 1 if kind in ON_CLUSTERS else asked.jobs
                trials.of(kind, fault, count, asked.seed, jobs)
                if asked.keep is not None:
                    trials.keep(asked.keep)
                asked.output.write_text(page(trials, command) + "\n", encoding="utf-8")
                print(f"{kind}: {trials.faults.ends.get(kind) or trials.left_out.get(kind)}", flush=True)
    sys.exit(bool(trials.faults.faults))


if __name__ == "__main__":
    main()
