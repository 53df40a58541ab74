"""At which point of the space a cell trains: a trial at its own, `tuned` and `portable` at what was chosen."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from ..catalog import source_digest
from ..errors import BenchError
from ..plan import Cell, Group, find_budget
from ..protocol import Protocol, find_protocol
from ..records.campaign import TRIALS, campaign_of
from ..records.kinds import RunRecord
from ..records.store import Store
from . import choices
from .choices import Choice, Choices, Point
from .space import point_at, points_of, trial_of, untracked

HERE = Path(__file__).resolve().parents[2] / "results" / TRIALS  # of this checkout


class NeverTuned(BenchError):
    """No point was ever chosen for what asks for one."""


def point_of(group: Group, results: Path) -> Point | None:
    """The point at which a group trains; None for what trains as its source says.

    Choices are looked for in `results`, then in this checkout. Raises BenchError where there is none and the protocol's
    name asks for one; where the protocol alone has the track, what nobody tuned trains as its source says. So does what
    was found not to apply when it was to be tuned: it is skipped as it was there.
    """
    protocol = find_protocol(group.protocol)
    if protocol.point is not None:
        return point_at(protocol.name, protocol.points, protocol.point, group.model)
    if protocol.track == "source":
        return None
    try:
        choice = _settled(group, protocol, results)
    except BenchError:
        if _is_asked_for(group):
            raise
        return None
    return None if choice is None else choice.point


def check(groups: Iterable[Group], results: Path) -> dict[Group, BenchError]:
    """Which of these are not tuned, though their protocol has a track, and why not.

    Raises BenchError where the protocol's name asks for the track, and a group has no choice, or one whose trials are
    not there or of something else; and for a point that there is not.
    """
    untuned: dict[Group, BenchError] = {}
    for group in dict.fromkeys(groups):
        protocol = find_protocol(group.protocol)
        if protocol.point is not None:
            point_of(group, results)  # it may be none of a grid's
        if protocol.point is not None or protocol.track == "source":
            continue
        try:
            _settled(group, protocol, results)
        except BenchError as why:
            if _is_asked_for(group):
                raise
            untuned[group] = why
    return untuned


def tunings(name: str, results: Path) -> Iterator[tuple[Path, Choices]]:
    """The folders of trials for a protocol of this name, with what was chosen by them; the first that has it counts."""
    for tuned in filter(None, (untracked(name), find_protocol(name).tuning)):
        for root in dict.fromkeys((results / TRIALS, HERE)):
            if (known := choices.load(root, tuned)) is not None:
                yield root, known


def in_words(untuned: Mapping[Group, BenchError]) -> list[str]:
    """What a user must know of those that are not tuned, a sentence each."""
    never = {group: None for group, why in untuned.items() if isinstance(why, NeverTuned)}
    said = [f"{why}; until then it trains as its source says" for group, why in untuned.items() if group not in never]
    if never:
        models = ",".join(dict.fromkeys(group.model for group in never))
        first = next(iter(never))._replace(model=models, task=",".join(dict.fromkeys(group.task for group in never)))
        said.append(
            f"trained as their sources say, since they are not tuned: {models.replace(',', ', ')}; "
            f"{_command(first, find_protocol(first.protocol))} gives them the chance that others had"
        )
    return list(dict.fromkeys(said))


def _is_asked_for(group: Group) -> bool:
    """Does the name of the protocol say the track?"""
    return "track=" in group.protocol


def _settled(group: Group, protocol: Protocol, results: Path) -> Choice | None:
    """The choice for a group, whose trials are there and of what the model is now; None if it does not apply."""
    found = _chosen(group, protocol, results)
    if found is None:
        return None
    root, known, choice = found
    whose = f"{choices.place(root, known.protocol)} chooses point {choice.point.number} for {group.model}"
    version = find_protocol(known.protocol).version
    if known.version != version:
        raise BenchError(
            f"{whose} by trials of version {known.version} of the protocol, this is version {version}: "
            f"move them away, then {_command(group, protocol, root, known.points)}"
        )
    trials = (
        _trials(root, known, Group(known.protocol, task, choice.model, choice.budget), choice.point.number)
        for task in choice.tasks
    )
    for trial in chain.from_iterable(trials):
        if trial is None or trial.point != choice.point.facts():
            raise BenchError(
                f"{whose}, but not all trials of it lie there; "
                f"{_command(group, protocol, root, known.points)} runs them"
            )
        if trial.source != source_digest(group.model):
            raise BenchError(
                f"{whose}, but {group.model} has changed since; move its trials away, then "
                f"{_command(group, protocol, root, known.points)}"
            )
    return choice


def _chosen(group: Group, protocol: Protocol, results: Path) -> tuple[Path, Choices, Choice] | None:
    points = None
    for root, known in tunings(group.protocol, results):
        if points not in (None, known.points):
            continue  # the models of one folder of results have the same search
        points = known.points
        if (choice := known.find(protocol.track, group)) is not None:
            return root, known, choice
        if any(trial is not None and trial.status == "skipped" for trial in _trials(root, known, group)):
            return None
    where = f"{group.model} on {group.task}" if protocol.track == "tuned" else group.model
    place = results / TRIALS if campaign_of(results).committed else None
    raise NeverTuned(
        f"no {protocol.track} point was chosen for {where}, budget {group.budget}; "
        f"{_command(group, protocol, place, points)} makes the choice"
    )


def _trials(root: Path, known: Choices, group: Group, point: int = 0) -> Iterator[RunRecord | None]:
    """The records of a group at a point."""
    name, store = trial_of(known.protocol, point, known.points).name, Store(root)
    for seed in known.seeds:
        yield store.find_run(Cell(name, group.task, group.model, group.budget, seed))


def _command(group: Group, protocol: Protocol, root: Path | None = None, points: int | None = None) -> str:
    """What tunes a group, with so many points, into a folder of trials, this checkout's where none is named."""
    name = untracked(group.protocol)
    words = ["bench", "tune", "--task", group.task, "--models", group.model, "--protocol", name]
    words += ["--budget", group.budget] if group.budget != find_budget(protocol.budget).name else []
    words += ["--points", str(points)] if points not in (None, points_of(name)) else []
    if root is not None and root.resolve() != HERE:
        words += ["--results", str(root.relative_to(here) if root.is_relative_to(here := Path.cwd()) else root)]
    return f"`{shlex.join(words)}`"
