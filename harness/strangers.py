"""Models and tasks that are not ours: in a file or a package that a name leads to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import beside
from .errors import BenchError, nearest, one_line

if TYPE_CHECKING:
    from models.spec import ModelSpec, Shape
    from tasks.spec import Splits, TaskSpec

TRIED_WIDTH = 8


def named(name: str) -> Any:
    """What `file.py:Name` or `package:Name` leads to. Raises BenchError where it leads nowhere."""
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise BenchError(f"there is no file {place}; write the path of a Python file, a colon and a name in it")
        module = loaded(place, partial(beside.file_module, Path(place)))
    else:
        module = loaded(name, partial(beside.package_module, place))
    if not hasattr(module, attribute):
        raise nearest("name in that file", attribute, [word for word in vars(module) if word[0] != "_"], f"'{name}'")
    return getattr(module, attribute)


def loaded(name: str, load: Callable[[], Any]) -> Any:
    """What a stranger's code gives as it is imported. Raises BenchError whatever it raises."""
    try:
        return load()
    except Exception as error:
        raise BenchError(f"'{name}' cannot be imported: {type(error).__name__}: {error}") from None


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
        return " ".join(str(error).split()) or "its constructor raises a ValueError"
    except Exception:  # will be said where the model is built
        return None
    return None


def is_loader(found: Any) -> bool:
    """A plain function (data_seed, data_root) instead of a TaskSpec or a factory of one."""
    if not inspect.isroutine(found):
        return False
    needed = [p for p in inspect.signature(found).parameters.values() if p.default is p.empty]
    return len(needed) == 2


def task_of_loader(name: str, load: Callable[..., Any]) -> TaskSpec:
    """A stranger's task: what the spec needs is read off the data and the function's attributes."""
    from tasks.spec import SequenceShape, Split, Splits, TaskSpec

    def checked(data_seed: int, data_root: Path | None) -> Splits:
        train, valid, test = (Split(*split) for split in load(data_seed, data_root))
        return Splits(train, valid, test)

    try:
        splits = checked(0, None)
        x, y = splits.train
        labels = not y.is_floating_point()
        outputs = int(max(split.y.max() for split in splits)) + 1 if labels else y.shape[-1]
        shape = SequenceShape(x.shape[1], x.shape[2], outputs, per_step=y.ndim == (2 if labels else 3))
    except Exception as error:
        raise BenchError(
            f"the task '{name}' does not give three pairs (x, y) with x (sequences, time, inputs): "
            f"{type(error).__name__}: {error}"
        ) from None
    metric = str(getattr(load, "metric", "accuracy" if labels else "mse"))
    return TaskSpec(
        name=name,
        title=one_line(str(getattr(load, "title", short(name)))),
        shape=shape,
        load=checked,
        metric=metric,
        higher_is_better=metric == "accuracy",
        chance=getattr(load, "chance", None),
        target=getattr(load, "target", None),
    )
