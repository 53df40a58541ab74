"""The page of vital signs: each model's experiment, the level that it must come to, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..compare.alive import Sign
from ..compare.order import facts_of, title_of
from ..plan import Group
from ..protocol import find_protocol
from ..records.kinds import RunRecord
from ..write import origin as provenance
from ..write import tables
from ..write.sheet import Sheet
from ..write.words import DASH, heading, literal, score

NAME = "vitals.md"
INTRODUCTION = """\
Before a model may lose a comparison it must be alive: it must learn where its own source says that it does. For each
model this is one small experiment, at a scale of minutes of one core, with the level of the test metric that it must
come to. The level is the source's number less a tenth of the way from chance to it; where the source has none here, it
is halfway from chance to a perfect score, above what the last step alone gives. The levels, in `models/vitals.py`, were
committed before the runs. Alive: at least two of three seeds come to it. Everywhere else a model that is not alive
bears the mark ‡."""


def sheet(found: Sequence[Sign], runs: Sequence[RunRecord], seeds: int) -> Sheet:
    """The page. runs: all records of the campaign; those of no experiment are what else was tried.

    seeds: how many each experiment wants.
    """
    used = [run for sign in found for run in sign.runs.values()]
    used += [run for sign in found for run in _beside(sign, runs)]
    known = {run.cell for run in used}
    others = [run for run in runs if run.cell not in known]
    dead = [sign for sign in found if not sign.alive]
    said = f"{len(found) - len(dead)} of {len(found)} models are alive."
    parts = ["# Vital signs", INTRODUCTION, said, tables.markdown(_table(found, runs, seeds))]
    parts += ["## Where the levels come from", "\n".join(_reason(sign, runs) for sign in found)]
    if waiting := [sign.vital.model for sign in dead if len(sign.runs) < seeds]:
        parts.append(f"Not all was run of {', '.join(waiting)}: `bench vitals --models {','.join(waiting)}` does it.")
    if old := [run for run in used if run.protocol_version != find_protocol(run.cell.protocol).version]:
        parts.append(
            f"{len(old)} of these runs are of an earlier version of their protocol than this harness has, which does "
            "not mix them: move the records of a model away before it is run again."
        )
    if others:
        parts += ["## What else was tried", tables.markdown(_tried(others))]
    parts.append(provenance.sentence(runs, "bench vitals"))
    return Sheet("\n\n".join(parts) + "\n", records=list(runs))


def _table(found: Sequence[Sign], runs: Sequence[RunRecord], seeds: int) -> pd.DataFrame:
    return pd.DataFrame([_row(sign, runs, seeds) for sign in found])


def _row(sign: Sign, runs: Sequence[RunRecord], seeds: int) -> dict[str, str]:
    vital, facts = sign.vital, sign.facts
    row = {"Model": _title(sign), "Task": vital.task, "Metric": DASH if facts is None else heading(facts.metric)}
    row["Level"] = _level(sign)
    for seed in range(seeds):
        run = sign.runs.get(seed)
        row[f"Seed {seed}"] = DASH if run is None else _ended(run)
    row["Reached"] = f"{sign.count} of {len(sign.runs)}"
    row["Verdict"] = _verdict(sign, seeds)
    return row


def _verdict(sign: Sign, seeds: int) -> str:
    if sign.alive:
        return "alive"
    if not sign.switches and len(sign.runs) == seeds:
        return "not alive: always or never on"
    return "not alive" if len(sign.runs) == seeds else "not run" if not sign.runs else "not all run"


def _level(sign: Sign) -> str:
    if sign.level is None:
        return DASH
    facts = sign.facts
    number = f"{sign.level:.4g}" if facts is None else score(sign.level, facts.metric)
    return f"{'≥' if facts is not None and facts.higher_is_better else '≤'} {number}" if facts is not None else number


def _ended(run: RunRecord) -> str:
    return run.status if run.test_metric is None or run.task is None else score(run.test_metric, run.task.metric)


def _title(sign: Sign) -> str:
    return title_of(sign.runs.values(), sign.vital.model)


def _reason(sign: Sign, runs: Sequence[RunRecord]) -> str:
    vital = sign.vital
    text = f"- {literal(_title(sign))} (`{vital.model}`) on `{vital.task}`, protocol `{vital.protocol}`, budget "
    text += f"{vital.budget}: {literal(vital.why)}."
    if vital.switching and sign.scales:
        shares = ", ".join(f"{literal(label)} {share:.1%}" for label, share in sign.scales.items())
        text += f" On in so many steps: {shares}."
    if others := _beside(sign, runs):
        numbers = ", ".join(_ended(run) for run in others)
        text += f" {literal(title_of(others, vital.beside))} comes to {numbers}."
    return text


def _beside(sign: Sign, runs: Sequence[RunRecord]) -> list[RunRecord]:
    vital = sign.vital
    group = Group(vital.protocol, vital.task, vital.beside, vital.budget)
    return [run for run in runs if vital.beside and run.cell.group == group]


def _tried(runs: Sequence[RunRecord]) -> pd.DataFrame:
    groups: dict[Group, list[RunRecord]] = {}
    for run in sorted(runs, key=lambda run: run.cell):
        groups.setdefault(run.cell.group, []).append(run)
    rows = []
    for group, mine in groups.items():
        facts = facts_of(mine)
        rows.append(
            {
                "Model": group.model,
                "Task": group.task,
                "Protocol": group.protocol,
                "Budget": group.budget,
                "Metric": DASH if facts is None else heading(facts.metric),
                "Seeds": ", ".join(str(run.cell.seed) for run in mine),
                "Results": ", ".join(map(_ended, mine)),
            }
        )
    return pd.DataFrame(rows)
