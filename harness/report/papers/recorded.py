"""The records of one protocol as the papers' tables need them, and how far they train as the papers say."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...catalog import find_task
from ...errors import BenchError, counted
from ...plan import parse_seeds, split_words
from ...protocol import DESK, PAPER, find_protocol, for_task
from ...records.campaign import Block
from ...records.kinds import INTERRUPTED, RunRecord
from . import book as papers
from .book import Published


@dataclass(frozen=True, slots=True)
class Recorded:
    """The records of one protocol at one version and budget.

    `usual`: whether that is the protocol's own budget; `seeds`: how many each cell should have, `planned`: on tasks of
    which the plan wants others; `current`: whether the
    protocol still has that version; `notes`: which records are left out, a sentence each.
    """

    protocol: str
    version: int
    budget: str
    usual: bool
    seeds: int
    scale: str
    current: int | None
    runs: dict[tuple[str, str], list[RunRecord]]  # (task, model) -> its runs by seed
    notes: tuple[str, ...]
    planned: Mapping[str, int] = field(default_factory=dict)

    def wanted(self, task: str) -> int:
        """How many seeds each cell of a task should have."""
        return self.planned.get(task, self.seeds)

    @property
    def comparable(self) -> bool:
        """Were these trained as the papers say, though maybe for less time?"""
        return self.protocol in (PAPER.name, DESK.name) and self.budget == PAPER.budget

    @property
    def cut(self) -> bool:
        """Was this comparable training shorter than the papers'?"""
        return self.comparable and self.protocol != PAPER.name

    def length(self, task: str) -> str:
        """How long its models trained and how long the papers' did, in words; nothing where it was as long."""
        training = find_task(task).training
        full, mine = for_task(PAPER, training), for_task(find_protocol(self.protocol), training)
        return f"{mine.length}, not {full.length}" if self.cut and mine.length != full.length else ""

    @property
    def outdated(self) -> str:
        """A sentence where this harness has another version of the protocol."""
        if self.current in (None, self.version):
            return ""
        return f"This harness has version {self.current} of the protocol; these runs are of version {self.version}."

    def of(self, number: Published) -> list[RunRecord]:
        """The runs that answer a published number."""
        place = papers.book().ours(number)
        return self.runs.get(place, []) if place else []

    def offers(self, number: Published) -> bool:
        """Is there something to report, and does the task exist at this protocol's scale?"""
        if number.status == "not_applicable":
            return False
        return self.scale != "robust" or papers.book().tasks[number.task].robust

    def lacks(self, number: Published) -> bool:
        """Is there anything left to run for a published number?"""
        if (place := papers.book().ours(number)) is None or not self.offers(number):
            return False
        return sum(run.status != INTERRUPTED for run in self.of(number)) < self.wanted(place[0])


def recorded(runs: Iterable[RunRecord], blocks: Sequence[Block] = ()) -> Recorded:
    """The records of one protocol as the papers' tables need them: the newest version, and one budget.

    The budget is the protocol's own; where nothing was recorded under that, the one with most records.
    blocks: of the plan.
    """
    runs = sorted(runs, key=lambda run: (run.cell, run.protocol_version, run.finished))
    names = {run.cell.protocol for run in runs}
    if len(names) != 1:
        raise BenchError(f"records of {len(names)} protocols cannot share a table: {', '.join(sorted(names))}")
    (name,) = names
    try:
        known = find_protocol(name)
    except BenchError:  # a protocol of another version of this harness
        known = None
    version = max(run.protocol_version for run in runs)
    newest = [run for run in runs if run.protocol_version == version]
    budgets = Counter(run.cell.budget for run in newest)
    usual = known is not None and known.budget in budgets
    budget = known.budget if known is not None and usual else max(sorted(budgets), key=lambda word: budgets[word])
    found: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for run in newest:
        if run.cell.budget == budget:
            found[run.cell.task, run.cell.model].append(run)
    notes = []
    if old := len(runs) - len(newest):
        notes.append(f"Left out: {counted(old, 'record')} of older versions of the protocol.")
    if others := sorted(set(budgets) - {budget}):
        notes.append(f"Only budget {budget} is on this page; the task's own pages have {', '.join(others)} as well.")
    latest = known is not None and known.version == version  # an earlier version may have had fewer
    seeds = known.seeds if known and latest else max(len(group) for group in found.values())
    scale = known.scale if known else PAPER.scale
    current = known.version if known else None
    return Recorded(
        name, version, budget, usual, seeds, scale, current, dict(found), tuple(notes), _planned(name, blocks)
    )


def _planned(protocol: str, blocks: Sequence[Block]) -> dict[str, int]:
    """How many seeds a plan wants at least of each task that it has under a protocol, where it says so."""
    seeds: dict[str, list[int]] = {}
    usual: set[str] = set()
    for words in (block.words for block in blocks if block.words.get("protocol") == protocol):
        for task in split_words(words["task"]):
            if "seeds" in words:
                seeds.setdefault(task, []).append(len(parse_seeds(words["seeds"])))
            else:
                usual.add(task)
    return {task: min(numbers) for task, numbers in seeds.items() if task not in usual}
