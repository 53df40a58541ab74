"""Names become specs: the built-in tables, entry points, `file.py:Name` and `package:Name`.

A name may carry options, `tp-rnn-s@aggregation=mean+top_down=no`; with them it is another name,
with records of its own. This module is the harness's only door to `models` and `tasks`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import beside, foreign_package, strangers
from .errors import BenchError, nearest, one_line
from .plan import split_options, split_words
from .protocol import parse_changes

if message := foreign_package():
    raise BenchError(message)

from models import GROUPS, MODELS, PARTS, SHOWN_AFTER
from models.targets import GATED, STEP_TARGETS
from models.vitals import ENOUGH as VITALS_ENOUGH
from models.vitals import SEEDS as VITALS_SEEDS
from models.vitals import VITALS, Vital
from tasks import FAMILIES, GATED_TASK, MEMORYLESS, SHARED_DATA, TASKS

if TYPE_CHECKING:
    from models.spec import ModelSpec, Shape
    from tasks.spec import Split, Splits, TaskSpec

__all__ = [
    "FAMILIES",
    "GATED",
    "GATED_TASK",
    "GROUPS",
    "MODELS",
    "STEP_TARGETS",
    "TASKS",
    "VITALS",
    "VITALS_ENOUGH",
    "VITALS_SEEDS",
    "ModelSpec",
    "Shape",
    "Split",
    "Splits",
    "TaskSpec",
    "Vital",
    "chosen",
    "find_model",
    "find_task",
    "groups",
    "model_names",
    "needs_memory",
    "shared_data",
    "task_names",
]

LISTED = "`bench list`"
entry_points: Callable[..., Any] = cache(metadata.entry_points)  # it reads a file of every installed package
MOST_DIGITS = 6  # of the number in `copy-120`: nobody unrolls a million steps


def model_names() -> list[str]:
    """The built-in models in the order of every report, then those of entry points."""
    names = [name for name in MODELS if name not in SHOWN_AFTER]
    for name, before in SHOWN_AFTER.items():
        names.insert(names.index(before) + 1, name)
    return [*names, *_plugged("bench.models", MODELS)]


def groups() -> dict[str, list[str]]:
    """The words that stand for several models, and their names. `all`: the papers' and those of entry points.

    Raises BenchError where an entry point claims such a word.
    """
    plugged = _plugged("bench.models", MODELS)
    found = {word: list(names) for word, names in (GROUPS | PARTS).items()} | {"all": [*GROUPS["papers"], *plugged]}
    for word in found.keys() & plugged.keys():
        raise BenchError(f"'{word}' has two owners: it is a group of models, and {plugged[word].value} claims it")
    return found


def chosen(words: str) -> list[str]:
    """The models that groups and names, separated by commas, stand for: each once, in the order of the words.

    Raises BenchError where that is none.
    """
    known, asked = groups(), split_words(words)
    names = list(dict.fromkeys(name for word in asked for name in known.get(word, [word])))
    if not names:
        what = f"--models is '{words}', which has no model yet" if asked else "--models names nothing"
        raise BenchError(f"{what}; {LISTED} shows what there is")
    return names


def task_names() -> list[str]:
    """The built-in tasks, then those of entry points."""
    return [*TASKS, *_plugged("bench.tasks", TASKS)]


def find_model(name: str) -> ModelSpec:
    """The model of this name. Raises BenchError, with the nearest name, where there is none."""
    from models.spec import ModelSpec
    from models.starts import with_head

    base, options = split_options(name)
    given = _resolve(base, "model", "models", MODELS, "bench.models")
    plain = not isinstance(given, ModelSpec)
    if plain and not callable(given):
        raise BenchError(f"'{base}' is a {type(given).__name__}; a model is a function (shape, width) -> nn.Module")
    spec: ModelSpec = strangers.model_of(base, given) if plain else given
    if spec.head:
        spec = replace(spec, build=with_head(spec.build, spec.head))
    title = str(spec.title)
    if changes := parse_changes(options):
        changes = _checked(base, changes, options_of(spec.build, skip=2))
        title += f" ({', '.join(f'{key}={value}' for key, value in changes.items())})"
        spec = replace(spec, name=name, build=partial(spec.build, **changes))
    why_not = strangers.refusal(spec.build) if plain else spec.why_not
    return replace(spec, title=one_line(title), why_not=why_not)


def find_task(name: str, scale: str = "paper", data_root: Path | None = None) -> TaskSpec:
    """The task of this name at a protocol's scale. Raises BenchError where there is none.

    data_root: the folder of the data, which a stranger's plain function may need to say what its shape is.
    """
    with strangers.sentences(f"the task {name} cannot be made") if strange_task(name) else nullcontext():
        return _task(name, scale, data_root)


def _task(name: str, scale: str, data_root: Path | None) -> TaskSpec:
    from tasks.spec import TaskSpec

    base, options = split_options(name)
    family, number = _family(base)
    if family is not None:
        factory = partial(_load("tasks", FAMILIES[family]), number)
    else:
        factory = _resolve(base, "task", "tasks", TASKS, "bench.tasks")
    changes = parse_changes(options)
    strange = strange_task(name)
    if changes and (not callable(factory) or (strange and strangers.is_loader(factory))):
        raise BenchError(f"the task {base} has no options")
    if strange and strangers.is_loader(factory):
        return strangers.task_of_loader(base, factory, source_digest(base), data_root)
    spec: TaskSpec = _made(base, factory, {}) if callable(factory) else factory
    if isinstance(spec, TaskSpec):
        if scale not in {*spec.scales, "paper", "quick", "smoke"}:
            raise BenchError(f"{name} does not come at the scale '{scale}', which is for tasks of another kind")
        known = options_of(factory) if callable(factory) else {}
        scaled = {**dict(spec.scales.get(scale, {})), **_checked(base, changes, known)}
        if scaled and callable(factory):
            spec = _made(base, factory, scaled)
        title, detail, why = (one_line(str(text)) for text in (spec.title, spec.detail, spec.target_why))
        spec = replace(spec, name=name, title=title, detail=detail, target_why=why)
    return strangers.task_of_spec(f"{name} {scale}", spec, source_digest(base)) if strange else spec


def imported_task(name: str) -> Any:
    """What a task's name leads to, imported and not yet asked for anything. Raises BenchError where it is none."""
    return _resolve(split_options(name)[0], "task", "tasks", TASKS, "bench.tasks")


def shared_data(name: str) -> str:
    """What a task's data are shared under: tasks with one word are not independent under one seed."""
    base, _ = split_options(name)
    word = _family(base)[0] or base
    return SHARED_DATA.get(word, word)


def needs_memory(name: str) -> bool:
    """Must a model remember to do well on a task? What is not known to need none is taken to need one."""
    return split_options(name)[0] not in MEMORYLESS


def strange_task(name: str) -> bool:
    """Is it a stranger's code that runs for this task?"""
    base, _ = split_options(name)
    return base not in TASKS and _family(base)[0] is None


def strange_model(name: str) -> bool:
    """Is it a stranger's code that runs for this model?"""
    return split_options(name)[0] not in MODELS


def forget_files(model: str) -> None:
    """Run the file of a model, and those that it imports from beside it, anew when they are next looked at."""
    if (place := split_options(model)[0].rpartition(":")[0]).endswith(".py"):
        beside.forget(beside.located(place).parent)


def options_of(function: Callable[..., Any], *, skip: int = 0) -> dict[str, object]:
    """The keyword parameters of a factory and their defaults; the first `skip` parameters are not options."""
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.kind is p.KEYWORD_ONLY}


def sequence_shape(length: int, inputs: int, outputs: int, *, carried: bool = False, vocabulary: int = 0) -> Shape:
    """A shape without a task, with one answer a sequence; carried: pieces of one text (of words), an answer a step."""
    from tasks.spec import SequenceShape

    return SequenceShape(length, inputs, outputs, per_step=carried, carried=carried, vocabulary=vocabulary)


def task_options(name: str) -> dict[str, object]:
    """The options of a built-in task."""
    family, _ = _family(name)
    return options_of(_load("tasks", FAMILIES[family] if family else TASKS[name]))


def docstrings(table: Mapping[str, str], package: str) -> dict[str, str]:
    """Each name with the docstring of its function, or of its file, without importing the file."""
    import ast

    places = {name: place.lstrip(".").split(":") for name, place in table.items()}
    files = {file: Path(__file__).parents[1] / package / f"{file.replace('.', '/')}.py" for file, _ in places.values()}
    trees = {file: ast.parse(path.read_text(encoding="utf-8")) for file, path in files.items()}
    found = {}
    for name, (file, attribute) in places.items():
        own = [node for node in trees[file].body if isinstance(node, ast.FunctionDef) and node.name == attribute]
        found[name] = ast.get_docstring(own[0] if own else trees[file]) or ""
    return found


def _made(name: str, factory: Callable[..., Any], options: Mapping[str, object]) -> Any:
    try:
        return factory(**options)
    except (ValueError, TypeError) as error:
        raise BenchError(f"{name}: {error}") from None


def _checked(name: str, changes: Mapping[str, object], known: Mapping[str, object]) -> dict[str, object]:
    for key, value in changes.items():
        if key not in known:
            if not known:
                raise BenchError(f"{name} has no options, so '{key}' cannot be set")
            raise nearest(f"option of {name}", key, sorted(known), f"`bench list {name}`")
        default = known[key]
        if isinstance(default, bool) and not isinstance(value, bool):
            raise BenchError(f"{name}: {key} is '{value}', but must be yes or no")
    return dict(changes)


def _family(base: str) -> tuple[str | None, int]:
    family, dash, number = base.rpartition("-")
    if not dash or family not in FAMILIES or not number.isdecimal():
        return None, 0
    if len(number) > MOST_DIGITS:
        raise BenchError(f"{base[:40]} is too long: a length has at most {MOST_DIGITS} digits, such as {family}-1000")
    return family, int(number)


def _resolve(name: str, kind: str, package: str, table: Mapping[str, str], group: str) -> Any:
    plugged = _plugged(group, table)
    if name in table:
        return _load(package, table[name])
    if name in plugged:
        return strangers.loaded(name, plugged[name].load)
    if ":" in name:
        return strangers.named(name)
    raise nearest(kind, name, [*table, *plugged], LISTED)


def _load(package: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module, package), attribute)


def _plugged(group: str, builtin: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for point in entry_points(group=group):
        if point.name in builtin:
            raise BenchError(f"'{point.name}' has two owners: it is built in, and {point.value} claims it ({group})")
        if point.name in found and found[point.name].value != point.value:
            raise BenchError(f"'{point.name}' has two owners: {found[point.name].value} and {point.value} ({group})")
        found[point.name] = point
    return found


def source_digest(name: str) -> str:
    """What the code of a model or a task is, for records: two that differ are not of one thing.

    Of a stranger's, SHA-256 of its source with what it imports from beside it; of ours, its revision; an empty string
    stands for the first revision, and for what has no source.
    """
    base, _ = split_options(name)
    if base in MODELS or base in TASKS or _family(base)[0] is not None:
        spec = find_model(base) if base in MODELS else find_task(base)
        return "" if spec.revision == 1 else f"revision {spec.revision}"
    points = [point for group in ("bench.models", "bench.tasks") for point in entry_points(group=group, name=base)]
    return beside.digest(points[0].module if points else base.rpartition(":")[0])
