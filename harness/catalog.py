"""Names become specs: the built-in tables, entry points, `file.py:Name` and `package:Name`.

A name may carry options, `tp-rnn-s@aggregation=mean+top_down=no`; with them it is another name,
with records of its own. This module is the harness's only door to `models` and `tasks`.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import foreign_package, strangers
from .errors import BenchError, nearest, one_line
from .plan import split_options, split_words
from .protocol import parse_changes

if message := foreign_package():
    raise BenchError(message)

from models import GROUPS, MODELS, SHOWN_AFTER
from models.targets import GATED, STEP_TARGETS
from tasks import FAMILIES, GATED_TASK, TASKS

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
    "ModelSpec",
    "Shape",
    "Split",
    "Splits",
    "TaskSpec",
    "chosen",
    "find_model",
    "find_task",
    "groups",
    "model_names",
    "task_names",
]

LISTED = "`bench list`"


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
    found = {word: list(names) for word, names in GROUPS.items()} | {"all": [*GROUPS["papers"], *plugged]}
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

    base, options = split_options(name)
    found = _resolve(base, "model", "models", MODELS, "bench.models")
    if not isinstance(found, ModelSpec):
        if not callable(found):
            raise BenchError(f"'{base}' is a {type(found).__name__}; a model is a function (shape, width) -> nn.Module")
        found = ModelSpec(base, getattr(found, "title", strangers.short(base)), build=found)
    found = replace(found, title=one_line(str(found.title)))
    changes = parse_changes(options)
    if not changes:
        return found
    changes = _checked(base, changes, options_of(found.build, skip=2))
    title = one_line(f"{found.title} ({', '.join(f'{key}={value}' for key, value in changes.items())})")
    return replace(found, name=name, title=title, build=partial(found.build, **changes))


def find_task(name: str, scale: str = "paper") -> TaskSpec:
    """The task of this name at a protocol's scale. Raises BenchError where there is none."""
    base, options = split_options(name)
    family, number = _family(base)
    if family is not None:
        factory = partial(_load("tasks", FAMILIES[family]), number)
    else:
        factory = _resolve(base, "task", "tasks", TASKS, "bench.tasks")
    if strangers.is_loader(factory):
        return strangers.task_of_loader(base, factory)
    spec: TaskSpec = _made(base, factory, {}) if callable(factory) else factory
    changes = parse_changes(options)
    if scale not in {*spec.scales, "paper", "quick", "smoke"}:
        raise BenchError(f"{name} does not come at the scale '{scale}', which is for tasks of another kind")
    if callable(factory):
        scaled = {**dict(spec.scales.get(scale, {})), **_checked(base, changes, options_of(factory))}
        if scaled:
            spec = _made(base, factory, scaled)
    elif changes:
        raise BenchError(f"the task {base} has no options")
    title, detail, why = (one_line(str(text)) for text in (spec.title, spec.detail, spec.target_why))
    return replace(spec, name=name, title=title, detail=detail, target_why=why)


def strange_model(name: str) -> bool:
    """Is it a stranger's code that runs for this model?"""
    return split_options(name)[0] not in MODELS


def strange_task(name: str) -> bool:
    """Is it a stranger's code that runs for this task?"""
    base = split_options(name)[0]
    return base not in TASKS and _family(base)[0] is None


def forget(model: str) -> None:
    """Forget the file of a model given as file.py:Name, so that the next look at it runs the file anew."""
    strangers.forget(split_options(model)[0])


def options_of(function: Callable[..., Any], *, skip: int = 0) -> dict[str, object]:
    """The keyword parameters of a factory and their defaults; the first `skip` parameters are not options."""
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.kind is p.KEYWORD_ONLY}


def sequence_shape(length: int, inputs: int, outputs: int) -> Shape:
    """A shape without a task, with one answer a sequence."""
    from tasks.spec import SequenceShape

    return SequenceShape(length, inputs, outputs)


def task_options(name: str) -> dict[str, object]:
    """The options of a built-in task."""
    family, _ = _family(name)
    return options_of(_load("tasks", FAMILIES[family] if family else TASKS[name]))


def describe(table: Mapping[str, str], package: str) -> dict[str, str]:
    """Each name with the first line of its function's docstring, or of its file's, without importing the file."""
    import ast

    root = Path(__file__).resolve().parent.parent / package
    lines = {}
    for name, place in table.items():
        file, _, attribute = place.lstrip(".").partition(":")
        tree = ast.parse((root / f"{file.replace('.', '/')}.py").read_text(encoding="utf-8"))
        own = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == attribute]
        lines[name] = (ast.get_docstring(own[0] if own else tree) or "").split("\n")[0]
    return lines


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
    if dash and family in FAMILIES and number.isdecimal():
        return family, int(number)
    return None, 0


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


def source_digest(model: str) -> str:
    """SHA-256 of the file of a model given as file.py:Name, else an empty string."""
    place = strangers.file_of(split_options(model)[0])
    return hashlib.sha256(place.read_bytes()).hexdigest() if place.suffix == ".py" and place.is_file() else ""
