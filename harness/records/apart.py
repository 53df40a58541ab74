"""Records of one name that are of different things are not mixed, and different things of one title are told apart."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import counted, one_line
from ..plan import split_options
from .kinds import Measurement, RunRecord

Key = tuple[str, str, str]  # of what, its protocol and its name


def unmixed(
    runs: Sequence[RunRecord], measurements: Sequence[Measurement]
) -> tuple[list[RunRecord], list[Measurement], list[str]]:
    """The records that are of the latest code of their model, and the latest code and data of their task.

    Third a sentence for each model or task of which others are left out. Those that do not know what they are of, as
    of a model that could not be imported, stay.
    """
    known = [run for run in runs if run.task is not None]
    cells = [(run, run.cell) for run in known]
    every = [(run.finished, *of) for run, c in cells for of in _codes(c.protocol, c.task, c.model, run)]
    votes = Counter((key, code) for _, key, code in every)
    latest: dict[Key, tuple[str, int, str]] = {}
    for finished, key, code in every:  # of what ended together, what most records are of
        latest[key] = max(latest.get(key, ("", 0, "")), (finished, votes[key, code], code))
    counts: dict[Key, int] = defaultdict(int)

    def is_latest(protocol: str, task: str, model: str, record: RunRecord | Measurement) -> bool:
        old = [key for key, code in _codes(protocol, task, model, record) if latest.get(key, ("", 0, code))[2] != code]
        for key in old[:1]:
            counts[key] += 1
        return not old

    unknown = {id(run) for run in runs if run.task is None}
    kept = [r for r in runs if id(r) in unknown or is_latest(r.cell.protocol, r.cell.task, r.cell.model, r)]
    measured = [m for m in measurements if is_latest(m.protocol, m.task, m.model, m)]
    said = [
        f"{counted(count, 'record')} of the {what} {one_line(name)} under protocol {one_line(protocol)}, as the {what} "
        "has changed since; run them again, or move them away"
        for (what, protocol, name), count in sorted(counts.items())
    ]
    return kept, measured, said


def _codes(protocol: str, task: str, model: str, record: RunRecord | Measurement) -> list[tuple[Key, str]]:
    return [
        (("task", protocol, task), f"{record.task_source} {record.data}"),
        (("model", protocol, model), record.source),
    ]


def titled_apart(
    runs: Sequence[RunRecord], measurements: Sequence[Measurement]
) -> tuple[list[RunRecord], list[Measurement]]:
    """The records with titles of models and tasks that nothing else has: a stranger's gets its file's name where it
    must."""
    models = _titles(
        [*((run.cell.model, run.title) for run in runs), *((one.model, one.title) for one in measurements)]
    )
    tasks = _titles((run.cell.task, run.task.title) for run in runs if run.task is not None)
    if not models and not tasks:
        return list(runs), list(measurements)
    changed = []
    for run in runs:
        if run.title:
            run = replace(run, title=models.get(run.cell.model, run.title))
        if run.task is not None:
            run = replace(run, task=replace(run.task, title=tasks.get(run.cell.task, run.task.title)))
        changed.append(run)
    return changed, [replace(m, title=models.get(m.model, m.title)) if m.title else m for m in measurements]


def _titles(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name -> a new title, of strangers' things whose title others have as well."""
    owners: dict[str, set[str]] = defaultdict(set)
    for name, title in pairs:
        if title:
            owners[title].add(name)
    found: dict[str, str] = {}
    for title, names in owners.items():
        strange = sorted(name for name in names if ":" in name)
        if len(names) > 1:
            found |= {name: f"{title} ({label})" for name, label in _labels(strange).items()}
    return found


def _labels(names: Sequence[str]) -> Mapping[str, str]:
    """The ends of their files' paths, so long that they differ; or else the names in full."""
    parts = {name: Path(split_options(name)[0].rpartition(":")[0]).parts for name in names}
    for count in range(1, max(map(len, parts.values()), default=0) + 1):
        ends = {name: "/".join(path[-count:]) for name, path in parts.items()}
        if len(set(ends.values())) == len(names):
            return ends
    return {name: name for name in names}
