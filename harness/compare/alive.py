"""Which models have shown on their sources' own ground that they learn: vital signs, and the mark of all others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..catalog import MODELS, VITALS, VITALS_ENOUGH, Vital
from ..plan import split_options
from ..records.kinds import INTERRUPTED, Measurement, RunRecord, TaskFacts
from ..records.store import Loaded, Store
from ..write.sheet import Sheet
from .order import facts_of

HERE = Path(__file__).resolve().parents[2] / "results" / "vitals"  # of this checkout
MARK = "‡"
LEGEND = (
    f"{MARK} not shown alive here, or not at the revision of these runs: whether these models learn on their sources' "
    "own ground, and what was tried, says `reports/vitals.md`."
)
ALWAYS = 0.99  # of the steps; what is more, or as near to none, does not switch


@dataclass(frozen=True, slots=True)
class Sign:
    """One experiment and what came of it: its runs by seed, and the level, None while what it hangs on has not run."""

    vital: Vital
    level: float | None
    runs: Mapping[int, RunRecord]
    scales: Mapping[str, float]  # of the first seed: label -> mean over steps and sequences

    @property
    def facts(self) -> TaskFacts | None:
        """What the runs say of the task."""
        return facts_of(self.runs.values())

    def reached(self, run: RunRecord) -> bool:
        """Did this run come to the level?"""
        if run.test_metric is None or self.level is None or run.task is None:
            return False
        return run.test_metric >= self.level if run.task.higher_is_better else run.test_metric <= self.level

    @property
    def count(self) -> int:
        """Seeds that reached it."""
        return sum(map(self.reached, self.runs.values()))

    @property
    def switches(self) -> bool:
        """Is what must switch neither always on nor always off?"""
        shares = self.scales.values()
        return not self.vital.switching or (bool(shares) and all(1 - ALWAYS < share < ALWAYS for share in shares))

    @property
    def alive(self) -> bool:
        """Has it shown that it learns?"""
        return self.count >= VITALS_ENOUGH and self.switches

    @property
    def source(self) -> str:
        """Of which code of the model the runs are."""
        return next((run.source for run in self.runs.values()), "")


def signs(runs: Sequence[RunRecord], vitals: Sequence[Vital]) -> list[Sign]:
    """What the records say of every experiment."""
    return [_sign(runs, vital) for vital in vitals]


def _sign(runs: Sequence[RunRecord], vital: Vital) -> Sign:
    mine = _of(runs, vital, vital.model)
    level = vital.level
    if vital.beside:
        others = [run.test_metric for run in _of(runs, vital, vital.beside).values()]
        known = [metric for metric in others if metric is not None]
        level = float(np.mean(known)) * (1 + vital.within) if known and len(known) == len(others) else None
    told = next((run.insight["scales"] for run in mine.values() if run.insight and run.insight.get("scales")), None)
    return Sign(vital, level, mine, {} if told is None else _shares(told))


def _of(runs: Sequence[RunRecord], vital: Vital, model: str) -> dict[int, RunRecord]:
    here = [run for run in runs if run.cell.group == (vital.protocol, vital.task, model, vital.budget)]
    return {run.cell.seed: run for run in sorted(here, key=lambda run: run.cell) if run.status != INTERRUPTED}


def _shares(told: Mapping[str, Any]) -> dict[str, float]:
    return {str(label): float(value) for label, value in zip(told["labels"], told["overall"], strict=True)}


def marked(loaded: Loaded, found: Sequence[Sign], ours: Collection[str]) -> Loaded:
    """The records, whose titles say of each of our models whether it is alive, and at which revision it was run."""
    alive = {sign.vital.model for sign in found if sign.alive}
    latest = {split_options(sign.vital.model)[0]: sign.source for sign in found if sign.runs}

    def title(name: str, record: RunRecord | Measurement) -> str:
        base, _ = split_options(name)
        if base not in ours or not record.title:
            return record.title
        old = latest.get(base, record.source) != record.source
        said = f"{record.title} ({record.source or 'revision 1'})" if old else record.title
        return said if name in alive and not old else f"{said} {MARK}"

    return replace(
        loaded,
        runs=[replace(run, title=title(run.cell.model, run)) for run in loaded.runs],
        measurements=[replace(one, title=title(one.model, one)) for one in loaded.measurements],
    )


def committed() -> list[Sign] | None:
    """What the vital signs of this checkout say; None where it has none, as an installed package."""
    if not HERE.is_dir():
        return None
    return _read(HERE, tuple(sorted((path, path.stat().st_mtime_ns) for path in HERE.rglob("*.json"))))


@lru_cache(maxsize=2)
def _read(folder: Path, files: tuple[tuple[Path, int], ...]) -> list[Sign]:
    return signs(Store(folder).load().runs, VITALS)


def as_committed(loaded: Loaded) -> Loaded:
    """The records, marked by the vital signs of this checkout."""
    found = committed()
    return loaded if found is None else marked(loaded, found, MODELS)


def not_shown(names: Collection[str]) -> list[str]:
    """Which of these are our models, and not alive by the vital signs of this checkout."""
    if (found := committed()) is None:
        return []
    alive = {sign.vital.model for sign in found if sign.alive}
    return [name for name in names if split_options(name)[0] in MODELS and name not in alive]


def proven(found: Sequence[Sign] | None, runs: Sequence[RunRecord]) -> bool:
    """Has the model of these runs shown that it learns, at their revision? A variant by its base, as its change is what
    is asked; a stranger's model need not, nor any where there are no vital signs (None)."""
    base = split_options(runs[0].cell.model)[0]
    if found is None or base not in MODELS:
        return True
    sources = {sign.source for sign in found if sign.alive and split_options(sign.vital.model)[0] == base}
    return all(run.source in sources for run in runs)


def explained(sheets: Mapping[str, Sheet]) -> dict[str, Sheet]:
    """The pages, of which each that bears the mark says what it means."""
    return {
        name: replace(sheet, text=f"{sheet.text.rstrip()}\n\n{LEGEND}\n") if MARK in sheet.text else sheet
        for name, sheet in sheets.items()
    }
