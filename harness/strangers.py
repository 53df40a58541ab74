"""Models and tasks that are not ours: in a file or a package that a name leads to."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BenchError, nearest, one_line

if TYPE_CHECKING:
    from tasks.spec import Splits, TaskSpec


def named(name: str) -> Any:
    """What `file.py:Name` or `package:Name` leads to. Raises BenchError where it leads nowhere."""
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        module = _file_module(file_of(name))
    else:
        module = loaded(name, partial(importlib.import_module, place))
    if not hasattr(module, attribute):
        raise nearest("name in that file", attribute, [word for word in vars(module) if word[0] != "_"], f"'{name}'")
    return getattr(module, attribute)


def loaded(name: str, load: Callable[[], Any]) -> Any:
    """What a stranger's code gives as it is imported. Raises BenchError whatever it raises."""
    try:
        return load()
    except (Exception, SystemExit) as error:
        raise BenchError(f"'{name}' cannot be imported: {type(error).__name__}: {error}") from None


_files: dict[Path, Path] = {}


def file_of(name: str) -> Path:
    """The file of `file.py:Name`, as it was at first where a stranger has changed the working folder since."""
    path = Path(name.rpartition(":")[0])
    if path.is_file():
        _files[path] = path.resolve()
    return _files.get(path, path)


def forget(name: str) -> None:
    """Forget the file of `file.py:Name`, so that the next look at it runs the file anew."""
    sys.modules.pop(f"bench_file_{file_of(name).resolve()}", None)


def _file_module(path: Path) -> Any:
    if not path.is_file():
        raise BenchError(f"there is no file {path}; write the path of a Python file, a colon and a name in it")
    key = f"bench_file_{path.resolve()}"
    if key not in sys.modules:
        spec = importlib.util.spec_from_file_location(key, path)
        if spec is None or spec.loader is None:
            raise BenchError(f"{path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[key] = module
        try:
            loaded(str(path), partial(spec.loader.exec_module, module))
        except BenchError:
            del sys.modules[key]
            raise
    return sys.modules[key]


def short(name: str) -> str:
    """The name in the file alone."""
    return name.rpartition(":")[2]


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
    except (Exception, SystemExit) as error:
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
