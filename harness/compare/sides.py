"""The records of A and of B, as `bench compare` is given them: two models, or two folders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import BenchError, nearest
from ..records.kinds import RunRecord
from ..records.store import Loaded, Store

FOLDERS = 3  # a place is longer where two folders are compared
Place = tuple[str, ...]  # protocol, task, budget, and of two folders the model
Side = Mapping[Place, Mapping[int, RunRecord]]


def sides(
    first: str, second: str, results: Path, protocol: str | None, tasks: Sequence[str]
) -> tuple[Side, Side, list[str]]:
    """The records of A and B by what they share: two folders of records, or two models in `results`.

    Third a sentence for each record that cannot be read. Raises BenchError where a word is neither, or one is a
    folder and the other is not.
    """
    folders = [Path(word).is_dir() for word in (first, second)]
    if all(folders):
        loaded = [_loaded(Path(word), protocol, tasks) for word in (first, second)]
        found = [_by_place(one, None) for one in loaded]
    elif any(folders):
        raise BenchError(f"of '{first}' and '{second}' only one is a folder; give two folders of records or two models")
    else:
        loaded = [_loaded(results, protocol, tasks)]
        known = sorted({run.cell.model for run in loaded[0].runs})
        for word in (first, second):
            if word not in known:
                raise nearest("model with records, or folder,", word, known, f"`bench status --results {results}`")
        found = [_by_place(loaded[0], word) for word in (first, second)]
    if not set(found[0]) & set(found[1]):
        raise BenchError(
            f"'{first}' and '{second}' have no task, budget and protocol in common; `bench status` shows what there is"
        )
    return found[0], found[1], [sentence for one in loaded for sentence in one.left_out]


def _loaded(folder: Path, protocol: str | None, tasks: Sequence[str]) -> Loaded:
    loaded = Store(folder).load(protocol, tasks or None)
    if not loaded.runs:
        asked = [f"protocol {protocol}"] * (protocol is not None) + [f"task {', '.join(tasks)}"] * bool(tasks)
        raise BenchError(
            f"there is no record{' of ' if asked else ''}{' and '.join(asked)} in {folder} to compare; "
            f"`bench status --results {folder}` shows what there is"
        )
    return loaded


def _by_place(loaded: Loaded, model: str | None) -> Side:
    result: dict[Place, dict[int, RunRecord]] = defaultdict(dict)
    for run in loaded.runs:
        cell = run.cell
        if model is None:
            result[cell.protocol, cell.task, cell.budget, cell.model][cell.seed] = run
        elif cell.model == model:
            result[cell.protocol, cell.task, cell.budget][cell.seed] = run
    return result
