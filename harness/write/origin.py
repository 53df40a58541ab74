"""Where the numbers of a page come from: command, protocol, machine, commit, seeds and records, in words."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..errors import counted
from ..plan import Cell
from ..records.kinds import Measurement, RunRecord


def command(runs: Sequence[RunRecord], groups: Mapping[str, Sequence[str]]) -> str:
    """The command that makes these records, of one task and budget, the place of the data aside.

    groups: word -> the models it stands for.
    """
    cell, models = runs[0].cell, dict.fromkeys(run.cell.model for run in runs)
    named = []
    for word, names in groups.items():
        if names and models.keys() >= set(names):
            named.append(word)
            models = {name: None for name in models if name not in names}
    words = ["bench", "run", "--task", cell.task, "--models", ",".join([*named, *models]), "--protocol", cell.protocol]
    settings = next((run.settings for run in runs if run.settings), {})
    if cell.budget != settings.get("budget"):
        words += ["--budget", cell.budget]
    seeds = sorted({run.cell.seed for run in runs})
    if seeds != list(range(int(settings.get("seeds", 0)))):
        words += ["--seeds", f"{seeds[0]}-{seeds[-1]}" if len(seeds) == 1 else ",".join(map(str, seeds))]
    return shlex.join(words)


def origin(runs: Sequence[RunRecord]) -> str:
    """How many runs, with which seeds, on what machine, with which torch, when and of which commit; no full stop."""
    known = [run.machine for run in runs if run.machine]
    machines = sorted({str(m.get("gpu") or f"{m.get('cores')} cores of {m.get('cpu')}") for m in known})
    commits = sorted({str(m.get("commit") or "unknown")[:10] + ("*" if m.get("dirty") else "") for m in known})
    dates = sorted(run.finished[:10] for run in runs if run.finished)
    torches = sorted({str(m.get("torch")) for m in known})
    when = dates[0] if dates and dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}" if dates else "?"
    seeds = sorted({run.cell.seed for run in runs})
    return (
        f"{counted(len(runs), 'run')} with {_listed('seed', seeds)} on {'; '.join(machines) or 'an unknown machine'}, "
        f"torch {', '.join(torches)}, {when}, commit {', '.join(commits)}"
        f"{' (* with uncommitted changes)' if '*' in ''.join(commits) else ''}"
    )


def records(cells: Iterable[Cell]) -> str:
    """The records' paths below results/runs without their ending, written as a shell writes many at once.

    >>> records([Cell("quick", "sfc", "gru", "6k", seed) for seed in (0, 1)])
    'quick/sfc/gru/6k-{0,1}'
    """
    seeds: dict[tuple[str, str, str, str], set[int]] = defaultdict(set)
    for cell in cells:
        seeds[cell.group].add(cell.seed)
    models: dict[tuple[str, str, str, tuple[int, ...]], list[str]] = defaultdict(list)
    for (protocol, task, model, budget), found in sorted(seeds.items()):
        models[protocol, task, budget, tuple(sorted(found))].append(model)
    tasks: dict[tuple[str, tuple[str, ...], str, tuple[int, ...]], list[str]] = defaultdict(list)
    for (protocol, task, budget, which), names in models.items():
        tasks[protocol, tuple(names), budget, which].append(task)
    return " ".join(
        f"{protocol}/{_braced(words)}/{_braced(names)}/{budget}-{_braced(map(str, which))}"
        for (protocol, names, budget, which), words in tasks.items()
    )


def sentence(runs: Sequence[RunRecord], of: str) -> str:
    """A paragraph for the end of a page: the command that makes it and what it is from."""
    versions = sorted({f"`{run.cell.protocol}` version {run.protocol_version}" for run in runs})
    return (
        f"`{of}`: protocol {', '.join(versions)}; {origin(runs)}. Records: `{records(run.cell for run in runs)}`."
        if runs
        else f"`{of}`: no record of this page."
    )


def measured(measurements: Sequence[Measurement], of: str) -> str:
    """The same of a page of measurements, which says itself where each was taken."""
    versions = sorted({f"`{one.protocol}` version {one.protocol_version}" for one in measurements})
    places = sorted({f"`measures/{one.protocol}`" for one in measurements})
    return f"`{of}`: protocol {', '.join(versions)}; {counted(len(measurements), 'record')} of {', '.join(places)}."


def _listed(word: str, numbers: Sequence[int]) -> str:
    return f"{word}{'s' * (len(numbers) != 1)} {', '.join(map(str, numbers))}"


def _braced(words: Iterable[str]) -> str:
    found = list(words)
    return found[0] if len(found) == 1 else "{" + ",".join(found) + "}"
