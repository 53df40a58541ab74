"""Where numbers come from: command, protocol, machine, commit, seeds and records, in words."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import counted
from ..plan import Cell, Group
from ..records.kinds import Measurement, RunRecord
from ..records.names import folder
from .words import literal


def command(
    verb: str, tasks: Iterable[str], models: Iterable[str], protocol: str, budget: str = "", seeds: str = ""
) -> str:
    """A command as a shell takes it. budget, seeds: where they are others than the protocol's own."""
    words = ["bench", verb, "--task", ",".join(tasks), "--models", ",".join(models), "--protocol", protocol]
    words += ["--budget", budget] if budget else []
    return shlex.join([*words, *(["--seeds", seeds] if seeds else [])])


def command_of(runs: Sequence[RunRecord], groups: Mapping[str, Sequence[str]]) -> str:
    """The command that makes these records, of one budget, the place of the data aside.

    groups: word -> the models it stands for.
    """
    cell, models = runs[0].cell, dict.fromkeys(run.cell.model for run in runs)
    tasks = dict.fromkeys(run.cell.task for run in runs)
    named = []
    for word, names in groups.items():
        if names and models.keys() >= set(names):
            named.append(word)
            models = {name: None for name in models if name not in names}
    settings = next((run.settings for run in runs if run.settings), {})
    budget = "" if cell.budget == settings.get("budget") else cell.budget
    seeds, words = sorted({run.cell.seed for run in runs}), ""
    if seeds != list(range(len(seeds))) or len(seeds) != settings.get("seeds"):
        words = f"{seeds[0]}-{seeds[-1]}" if len(seeds) == 1 else ",".join(map(str, seeds))
    return command("run", tasks, [*named, *models], cell.protocol, budget, words)


def machine(facts: Mapping[str, Any]) -> str:
    """'4 cores of Some processor', or the name of the GPU."""
    return str(facts.get("gpu") or _processor(facts))


def whole_machine(facts: Mapping[str, Any]) -> str:
    """'4 cores of Some processor, 1 thread', or 'Some GPU, CUDA 12.8, 4 cores of Some processor'."""
    if gpu := facts.get("gpu"):
        return f"{gpu}, CUDA {facts.get('cuda') or '?'}, {_processor(facts)}"
    threads = facts.get("threads")
    return _processor(facts) + ("" if threads is None else f", {counted(threads, 'thread')}")


def _processor(facts: Mapping[str, Any]) -> str:
    return f"{facts.get('cores') or '?'} cores of {facts['cpu']}" if facts.get("cpu") else "an unknown machine"


def commits(machines: Iterable[Mapping[str, Any]]) -> str:
    """'0123456789, fedcba9876* (* with uncommitted changes)': the states of the code that ran there."""
    known = sorted({literal(str(m.get("commit") or "unknown")[:10]) + "*" * bool(m.get("dirty")) for m in machines})
    return ", ".join(known) + " (* with uncommitted changes)" * ("*" in "".join(known))


def origin(runs: Sequence[RunRecord]) -> str:
    """How many runs, with which seeds, on what machine, with which torch, when and of which commit; no full stop."""
    known = [run.machine for run in runs if run.machine]
    machines = sorted(set(map(machine, known)))
    dates = sorted(run.finished[:10] for run in runs if run.finished)
    torches = sorted({str(m.get("torch") or "?") for m in known})
    when = dates[0] if dates and dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}" if dates else "?"
    seeds = sorted({run.cell.seed for run in runs})
    return (
        f"{counted(len(runs), 'run')} with {_listed('seed', seeds)} on "
        f"{literal('; '.join(machines)) or 'an unknown machine'}, torch {literal(', '.join(torches))}, {when}, "
        f"commit {commits(known)}"
    )


def records(cells: Iterable[Cell]) -> str:
    """The records' paths below results/runs without their ending, written as a shell writes many at once.

    >>> records([Cell("quick", "sfc", "gru", "6k", seed) for seed in (0, 1)])
    'quick/sfc/gru/6k-{0,1}'
    """
    seeds: dict[Group, set[int]] = defaultdict(set)
    for cell in cells:
        seeds[cell.group].add(cell.seed)
    models: dict[tuple[str, str, str, tuple[int, ...]], list[str]] = defaultdict(list)
    for (protocol, task, model, budget), found in sorted(seeds.items()):
        models[protocol, task, budget, tuple(sorted(found))].append(model)
    tasks: dict[tuple[str, tuple[str, ...], str, tuple[int, ...]], list[str]] = defaultdict(list)
    for (protocol, task, budget, which), names in models.items():
        tasks[protocol, tuple(names), budget, which].append(task)
    return " ".join(
        f"{folder(protocol)}/{_braced(words)}/{_braced(names)}/{budget}-{_braced(map(str, which))}"
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
    found = list(map(folder, words))
    return found[0] if len(found) == 1 else "{" + ",".join(found) + "}"
