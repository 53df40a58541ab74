"""At which point of the space a cell trains: a trial at its own, `tuned` and `portable` at what was chosen."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..catalog import source_digest
from ..errors import BenchError
from ..plan import Cell, Group, find_budget
from ..protocol import Protocol, find_protocol
from ..records import choices
from ..records.choices import Choice, Choices, Point
from ..records.kinds import RunRecord
from ..records.store import Store
from .space import point_at, trial_of, untracked

TRIALS = "tuning"  # the folder of trials in a results folder
HERE = Path(__file__).resolve().parents[2] / "results" / TRIALS  # of this checkout


def point_of(group: Group, results: Path) -> Point | None:
    """The point at which a group trains; None for what trains as its source says.

    Choices are looked for in `results`, then in this checkout. Raises BenchError where there is none.
    """
    protocol = find_protocol(group.protocol)
    if protocol.point is not None:
        return point_at(protocol.scale, protocol.points, protocol.point, group.model)
    return None if protocol.track == "source" else _chosen(group, protocol, results)[2].point


def check(groups: Iterable[Group], results: Path) -> None:
    """Raise BenchError where one of these has no choice, or one whose trials are not there or of something else."""
    for group in dict.fromkeys(groups):
        protocol = find_protocol(group.protocol)
        if protocol.point is not None or protocol.track == "source":
            continue
        root, known, choice = _chosen(group, protocol, results)
        whose = f"{choices.place(root, known.protocol)} chooses point {choice.point.number} for {group.model}"
        if known.version != protocol.version:
            raise BenchError(
                f"{whose} by trials of version {known.version} of the protocol, this is version {protocol.version}: "
                f"move them away, then {_command(group, protocol)}"
            )
        for trial in _trials(root, known, choice):
            if trial is None or trial.point != choice.point.facts():
                raise BenchError(f"{whose}, but not all trials of it lie there; {_command(group, protocol)} runs them")
            if trial.source != source_digest(group.model):
                raise BenchError(
                    f"{whose}, but {group.model} has changed since; move its trials away, then "
                    f"{_command(group, protocol)}"
                )


def _chosen(group: Group, protocol: Protocol, results: Path) -> tuple[Path, Choices, Choice]:
    name = untracked(group.protocol)
    for root in (results / TRIALS, HERE):
        known = choices.load(root, name)
        if known is not None and (choice := known.find(protocol.track, group)) is not None:
            return root, known, choice
    where = f"{group.model} on {group.task}" if protocol.track == "tuned" else group.model
    raise BenchError(
        f"no {protocol.track} point was chosen for {where}, budget {group.budget}; {_command(group, protocol)} "
        "makes the choice"
    )


def _trials(root: Path, known: Choices, choice: Choice) -> Iterator[RunRecord | None]:
    """The records of a choice's own point."""
    name, store = trial_of(known.protocol, choice.point.number, known.points).name, Store(root)
    for task in choice.tasks:
        for seed in known.seeds:
            yield store.find_run(Cell(name, task, choice.model, choice.budget, seed))


def _command(group: Group, protocol: Protocol) -> str:
    name = untracked(group.protocol)
    words = ["bench", "tune", "--task", group.task, "--models", group.model, "--protocol", name]
    words += ["--budget", group.budget] if group.budget != find_budget(protocol.budget).name else []
    return f"`{shlex.join(words)}`"
