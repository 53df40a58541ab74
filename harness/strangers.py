"""Models and tasks that are not ours: in a file or a package that a name leads to."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import beside, forms
from .errors import BenchError, nearest, one_line, said, sentence

if TYPE_CHECKING:
    from models.spec import ModelSpec, Shape
    from tasks.spec import Splits, TaskSpec

TRIED_WIDTH = 8
MOST_KEPT = 2  # data sets in a process
SAID = ("title", "chance", "target")  # attributes of a task's function, which it may set itself as it is called


def named(name: str) -> Any:
    """What `file.py:Name` or `package:Name` leads to. Raises BenchError where it leads nowhere."""
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        path = beside.located(place)
        if not path.is_file():
            raise BenchError(f"there is no file {place}; write the path of a Python file, a colon and a name in it")
        module = loaded(place, partial(beside.file_module, path))
    else:
        module = loaded(name, partial(beside.package_module, place))
    if not hasattr(module, attribute):
        raise nearest("name in that file", attribute, [word for word in vars(module) if word[0] != "_"], f"'{name}'")
    return getattr(module, attribute)


def loaded(name: str, load: Callable[[], Any]) -> Any:
    """What a stranger's code gives as it is imported. Raises BenchError whatever it raises."""
    try:
        return load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise BenchError(f"'{name}' cannot be imported: {type(error).__name__}: {said(error)}") from None


@contextmanager
def sentences(what: str) -> Iterator[None]:
    """Whatever a stranger's code raises in this block, but Ctrl-C, becomes a BenchError that begins with `what`."""
    try:
        yield
    except (BenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise BenchError(f"{what}: {sentence(error)}") from None


def short(name: str) -> str:
    """The name in the file alone."""
    return name.rpartition(":")[2]


def model_of(name: str, build: Callable[..., Any]) -> ModelSpec:
    """A plain function or class (shape, width) -> nn.Module as a model, with its `title` and `causal`."""
    from models.spec import ModelSpec

    return ModelSpec(
        name, getattr(build, "title", short(name)), build=build, causal=bool(getattr(build, "causal", True))
    )


def refusal(build: Callable[..., Any]) -> Callable[[Shape], str | None]:
    """Why a plain model does not serve a shape: a ValueError that it raises where there is an answer a step alone."""

    def why_not(shape: Shape) -> str | None:
        from tasks.spec import SequenceShape

        said = _value_error(build, shape) if shape.per_step else None
        once = SequenceShape(shape.length, shape.inputs, shape.outputs)
        return None if said is None or _value_error(build, once) is not None else said

    return why_not


def _value_error(build: Callable[..., Any], shape: Shape) -> str | None:
    """What a ValueError of a model's constructor says, or None where it raises none."""
    import torch

    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            build(shape, TRIED_WIDTH)
    except ValueError as error:
        return said(error) or "its constructor raises a ValueError"
    except (Exception, SystemExit):  # will be said where the model is built
        return None
    return None


def is_loader(found: Any) -> bool:
    """A plain function (data_seed, data_root) instead of a TaskSpec or a factory of one."""
    if isinstance(found, type) or not callable(found):
        return False
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return len(needed) == 2 or (bool(parameters) and parameters[0].name == "data_seed")


@dataclass(frozen=True, slots=True)
class Loader:
    """`TaskSpec.load` of a stranger's task. What it gave is kept: some data take long to make."""

    name: str
    function: Callable[[int, Path | None], Any]
    source: str
    metric: str | None = None
    classes: int | None = None
    tokens: bool = False

    def __call__(self, data_seed: int, data_root: Path | None) -> Splits:
        return self.made(data_seed, data_root).splits

    def made(self, data_seed: int, data_root: Path | None) -> Made:
        """The data, made once in a process. Raises BenchError for what can be no data."""
        key = (self.name, self.source, data_seed, data_root)
        if key not in _KEPT:
            while len(_KEPT) >= MOST_KEPT:
                _KEPT.pop(next(iter(_KEPT)))
            _KEPT[key] = _MAKER.get()(self.name, partial(self._make, data_seed, data_root))
        return _KEPT[key]

    def _make(self, data_seed: int, data_root: Path | None) -> Made:
        try:
            with _drawing_from(data_seed):
                given = self.function(data_seed, data_root)
            said = {word: getattr(self.function, word) for word in SAID if hasattr(self.function, word)}
            splits, clause = forms.tensors(
                self.name, given, metric=self.metric, classes=self.classes, tokens=self.tokens
            )
        except (BenchError, KeyboardInterrupt):
            raise
        except BaseException as error:  # it may raise anything
            hint = "; it got no folder of data, which --data or BENCH_DATA names" if data_root is None else ""
            raise BenchError(f"{self.name} does not give its data: {sentence(error)}{hint}") from None
        return Made(splits, clause, forms.checksum(splits), said)


class Made(NamedTuple):
    """Data, what was done to bring them into form, their checksum, and what their function says of them."""

    splits: Splits
    clause: str
    checksum: str
    said: Mapping[str, Any]


Maker = Callable[[str, Callable[[], Made]], Made]
_KEPT: dict[tuple[str, str, int, Path | None], Made] = {}
_MAKER: ContextVar[Maker] = ContextVar("maker", default=lambda name, make: make())


@contextmanager
def made_by(maker: Maker) -> Iterator[None]:
    """What strangers' data are made by while this block runs: maker(name of the task, function without arguments)."""
    token = _MAKER.set(maker)
    try:
        yield
    finally:
        _MAKER.reset(token)


def forget() -> None:
    """Look at files and data anew, as they may have changed; what is at work keeps what it has."""
    _KEPT.clear()
    beside.forget()


def data_digest(task: TaskSpec, data_seed: int, data_root: Path | None) -> str:
    """The checksum of a stranger's data, all splits; of ours, which follow from the code, an empty string."""
    return task.load.made(data_seed, data_root).checksum if isinstance(task.load, Loader) else ""


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """What draws from a global generator of Python, numpy or torch gets the same numbers each time."""
    import numpy as np
    import torch

    known = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(known[0])
            np.random.set_state(known[1])


def task_of_loader(name: str, function: Callable[..., Any], source: str, data_root: Path | None) -> TaskSpec:
    """A stranger's task: what the spec needs is read off the data and the function's attributes."""
    from tasks.spec import SequenceShape, TaskSpec

    metric = getattr(function, "metric", None)
    if metric is not None:
        forms.check_metric(name, str(metric))
    classes = getattr(function, "classes", None)
    if classes is not None and (isinstance(classes, bool) or not hasattr(classes, "__index__") or int(classes) < 2):
        raise BenchError(f"{name}: classes is {classes!r}, but must be a whole number of at least 2")
    load = Loader(name, function, source, metric and str(metric), classes and int(classes))
    splits, clause, _, said = load.made(0, data_root)
    x, y = splits.train
    labels = not y.is_floating_point()
    outputs = load.classes or int(max(split.y.max() for split in splits)) + 1 if labels else y.shape[-1]
    spec = TaskSpec(
        name=name,
        title=one_line(str(said.get("title", short(name)))),
        shape=SequenceShape(x.shape[1], x.shape[2], outputs, per_step=y.ndim == (2 if labels else 3)),
        load=load,
        metric=load.metric or ("accuracy" if labels else "mse"),
        higher_is_better=(load.metric or "accuracy") == "accuracy" and labels,
        chance=said.get("chance"),
        target=said.get("target"),
        detail=clause,
    )
    return _with_numbers(spec)


def task_of_spec(name: str, spec: object, source: str) -> TaskSpec:
    """A stranger's TaskSpec, whose data are brought into form and kept as well. name: also of its scale."""
    from tasks.spec import TaskSpec

    if not isinstance(spec, TaskSpec):
        raise BenchError(
            f"'{name}' gives a {type(spec).__name__}; a task is a function (data_seed, data_root) of three pairs (x, y)"
        )
    forms.check_metric(spec.name, spec.metric)
    if spec.higher_is_better != (spec.metric == "accuracy"):
        raise BenchError(f"{spec.name}: higher_is_better is {spec.higher_is_better}, but its metric is {spec.metric}")
    labels = spec.metric in forms.OF_LABELS
    tokens = bool(spec.shape.vocabulary)
    classes = (spec.shape.vocabulary or spec.shape.outputs) if labels else None
    return _with_numbers(replace(spec, load=Loader(name, spec.load, source, spec.metric, classes, tokens)))


def _with_numbers(spec: TaskSpec) -> TaskSpec:
    """The task whose numbers are Python's. Raises BenchError for one that its metric cannot be."""
    low, high = {"accuracy": (0.0, 1.0), "perplexity": (1.0, math.inf)}.get(spec.metric, (0.0, math.inf))
    found: dict[str, float | None] = {}
    for word in ("chance", "target", "reference"):
        value = found[word] = getattr(spec, word)
        if value is None:
            continue
        try:
            number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
        except (TypeError, ValueError, RuntimeError):
            number = math.nan
        if not (math.isfinite(number) and low <= number <= high):
            raise BenchError(
                f"{spec.name}: {word} is {value!r}, but must be a number from {low:g}"
                f"{f' to {high:g}' if math.isfinite(high) else ''}, as {spec.metric} is"
            )
        found[word] = number
    return replace(spec, **found)  # type: ignore[arg-type]
