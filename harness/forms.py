"""What the data of a task may look like: any natural form becomes tensors, or a sentence that names split and row.

x may be arrays or tensors of any kind of real number, (sequences, time, inputs) or (sequences, time), or a list of
sequences, which are padded with zeros in front where their lengths differ. y are labels, whole numbers or bool, one a
sequence or one a step, or real targets, (sequences,) or (sequences, outputs).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .errors import BenchError, counted

if TYPE_CHECKING:
    from torch import Tensor

    from tasks.spec import Split, Splits, TaskSpec

NAMES = ("training", "validation", "test")
OF_LABELS = ("accuracy", "cross_entropy", "bits_per_character", "perplexity")
METRICS = (*OF_LABELS, "mse")


def tensors(
    name: str, given: Any, *, metric: str | None = None, classes: int | None = None, tokens: bool = False
) -> tuple[Splits, str]:
    """What a stranger's task gave as tensors, and in a clause what was done to it, or an empty string.

    metric, classes: where the task says what they are. tokens: x are such, and no numbers. Raises BenchError for what
    can be no data.
    """
    import torch

    from tasks.spec import Split, Splits

    known = given if isinstance(given, Splits) else None
    pairs = dict(zip(NAMES, _pairs(name, given), strict=True)) | dict({} if known is None else known.more)
    xs = {word: _inputs(f"{name}: x of the {word} data", x, tokens) for word, (x, _) in pairs.items()}
    ys = {word: _answers(f"{name}: y of the {word} data", y) for word, (_, y) in pairs.items()}
    lengths = sorted({len(sequence) for x in xs.values() for sequence in x})
    made = {}
    for word, y in ys.items():
        x = xs[word]
        if isinstance(x, list) or x.shape[1] < lengths[-1]:
            x = torch.stack([_padded(sequence, lengths[-1]) for sequence in x])
        column = y.shape[-1] == 1 and (y.ndim == 3 or (y.ndim == 2 and lengths[-1] > 1))
        if column and not y.is_floating_point():
            y = y[..., 0]
        if y.ndim > 1 + y.is_floating_point() and len(lengths) > 1:
            raise BenchError(f"{name}: sequences of different lengths cannot have an answer at each of their steps")
        made[word] = Split(x, y)
    _check_alike(name, made, metric)
    if not made[NAMES[0]].y.is_floating_point():
        _check_classes(name, made, classes)
    train, valid, test = (made.pop(word) for word in NAMES)
    known = Splits(train, valid, test) if known is None else known
    splits = replace(known, train=train, valid=valid, test=test, more=made)
    return splits, f"{lengths[0]} to {lengths[-1]} steps, padded in front" if len(lengths) > 1 else ""


def checksum(splits: Splits) -> str:
    """SHA-256 of all splits, their shapes and kinds."""
    found = hashlib.sha256()
    for word, split in (dict(zip(NAMES, splits, strict=True)) | dict(splits.more)).items():
        for tensor in split:
            found.update(f"{word} {tuple(tensor.shape)} {tensor.dtype} ".encode())
            found.update(tensor.contiguous().numpy().data)
    return found.hexdigest()


def check(task: TaskSpec, splits: Splits) -> None:
    """Raise BenchError, naming split and row, where data are not what their task says, or no finite numbers."""
    shape = task.shape
    row = (shape.length,) if shape.vocabulary else (shape.length, shape.inputs)
    for word, (x, y) in (dict(zip(NAMES, splits, strict=True)) | dict(splits.more)).items():
        what = f"{task.name}: {{}} of the {word} data"
        if len(x) != len(y) or not len(x):
            raise BenchError(f"{what.format('x')} are {counted(len(x), 'sequence')}, y {counted(len(y), 'answer')}")
        if splits.augment is None and tuple(x.shape[1:]) != row:
            raise BenchError(f"{what.format('x')} is {tuple(x.shape)}, but its task says {(len(x), *row)}")
        _check_finite(what.format("x"), x)
        _check_finite(what.format("y"), y)
        if y.is_floating_point() == (task.metric in OF_LABELS):
            raise BenchError(_misfit(task.name, task.metric, y))
        steps = (shape.length,) if shape.per_step else ()
        wanted = (len(y), *steps, *((shape.outputs,) if y.is_floating_point() else ()))
        if tuple(y.shape) != wanted:
            raise BenchError(f"{what.format('y')} is {tuple(y.shape)}, but its task says {wanted}")
        if not y.is_floating_point():
            _check_labels(what.format("y"), y, shape.vocabulary or shape.outputs)
        if shape.vocabulary:
            _check_labels(what.format("x"), x, shape.vocabulary, "token")


def check_metric(name: str, metric: str) -> None:
    """Raise BenchError for a metric that nobody computes."""
    if metric not in METRICS:
        (close,) = get_close_matches(metric.lower(), METRICS, n=1, cutoff=0.0)
        raise BenchError(
            f"{name}: there is no metric called '{metric}'; the nearest is '{close}', all are {', '.join(METRICS)}"
        )


def _pairs(name: str, given: Any) -> list[tuple[Any, Any]]:
    try:
        pairs = [tuple(pair) for pair in given]
    except TypeError:
        pairs = []
    if len(pairs) != 3 or any(len(pair) != 2 for pair in pairs):
        parts = f" of {len(pairs)} with {', '.join(str(len(pair)) for pair in pairs)} parts" if pairs else ""
        raise BenchError(
            f"{name} must give three pairs (x, y), for training, validation and test, but gives a "
            f"{type(given).__name__}{parts[:60]}"
        )
    return [(x, y) for x, y in pairs]


def _inputs(what: str, value: Any, tokens: bool) -> Tensor | list[Tensor]:
    """(sequences, time, inputs) float32, or (sequences, time) int64 tokens; a list where sequences differ in length."""
    found = _numbers(what, value)
    if isinstance(found, list):
        rows = [row[:, None] if row.ndim == 1 and not tokens else row for row in found]
        if len({row.shape[1:] for row in rows}) > 1 or not all(row.ndim == 2 - tokens and row.numel() for row in rows):
            raise BenchError(f"{what} is a list whose sequences are not all (time, inputs), with one number of inputs")
        return [row.long() if tokens else row.float() for row in rows]
    whole = found[..., None] if found.ndim == 2 and not tokens else found
    if whole.ndim != 3 - tokens or not whole.numel():
        wanted = "(sequences, time)" if tokens else "(sequences, time, inputs) or (sequences, time)"
        raise BenchError(f"{what} is {tuple(found.shape)}, but must be {wanted}, and not empty")
    return whole.long() if tokens else whole.float()


def _answers(what: str, value: Any) -> Tensor:
    """Labels int64, or targets (sequences, outputs) float32."""
    found = _numbers(what, value)
    if isinstance(found, list):
        raise BenchError(f"{what} is a list of parts of different lengths; give one answer a sequence, or one a step")
    if not found.ndim or not found.numel():
        raise BenchError(f"{what} is {tuple(found.shape)}, but must have an answer for each sequence")
    if not found.is_floating_point():
        return found.long()
    return (found[:, None] if found.ndim == 1 else found).float()


def _numbers(what: str, value: Any) -> Tensor | list[Tensor]:
    """Real numbers as a tensor; as a list of tensors where the parts of a list differ in shape."""
    import numpy as np
    import torch

    listed = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype == object)
    if listed and len(value) and all(hasattr(part, "__len__") and not isinstance(part, str) for part in value):
        parts = [_numbers(what, part) for part in value]
        rows = [part for part in parts if not isinstance(part, list)]
        if len(rows) < len(parts):
            raise BenchError(f"{what} is a list of lists whose lengths differ; give an array a sequence")
        real = any(row.is_floating_point() for row in rows)
        rows = [row.double() if real else row.long() for row in rows]
        return rows if len({row.shape for row in rows}) > 1 else torch.stack(rows)
    tensor: Tensor = value.detach().cpu() if isinstance(value, torch.Tensor) else _from_array(what, value)
    if tensor.is_complex():
        raise BenchError(f"{what} are complex numbers; give their real and imaginary parts as two inputs")
    return tensor.to_dense() if tensor.layout != torch.strided else tensor


def _from_array(what: str, value: Any) -> Tensor:
    import numpy as np
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(value, np.ma.MaskedArray):
            value = np.ma.filled(value.astype(np.float64), np.nan)
        array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise BenchError(f"{what} holds {array.dtype.name}, but must be numbers")
    kinds = {"b": np.bool_, "i": np.int64, "f": np.float64, "c": np.complex128}
    large = array.dtype.kind == "u" and array.size and int(array.max()) >= 2**63
    kind = kinds.get(array.dtype.kind, np.float64 if large else np.int64)
    return torch.from_numpy(np.array(array, dtype=np.float32 if array.dtype == np.float32 else kind, order="C"))


def _padded(sequence: Tensor, length: int) -> Tensor:
    import torch

    return torch.cat([sequence.new_zeros(length - len(sequence), *sequence.shape[1:]), sequence])


def _check_alike(name: str, made: Mapping[str, Split], metric: str | None) -> None:
    """All splits have the same inputs and the same kind of answers, and the metric is for these."""
    first = made[NAMES[0]]
    for word, (x, y) in made.items():
        if len(x) != len(y):
            raise BenchError(f"{name}: the {word} data have {len(x)} sequences x, but {len(y)} answers y")
        if x.shape[2:] != first.x.shape[2:]:
            raise BenchError(f"{name}: {x.shape[2]} inputs in the {word} data, but {first.x.shape[2]} in training")
        real = y.is_floating_point()
        if real != first.y.is_floating_point() or y.ndim != first.y.ndim or (real and y.shape[1:] != first.y.shape[1:]):
            raise BenchError(
                f"{name}: y of the {word} data is {tuple(y.shape)} {y.dtype}, in training {tuple(first.y.shape)} "
                f"{first.y.dtype}; they must be alike"
            )
        if not real and y.ndim > 1 and tuple(y.shape) != tuple(x.shape[:2]):
            raise BenchError(
                f"{name}: y of the {word} data is {tuple(y.shape)}, but labels are ({len(x)},), or with one at each "
                f"step {tuple(x.shape[:2])}"
            )
    y = first.y
    if metric is not None and y.is_floating_point() == (metric in OF_LABELS):
        raise BenchError(_misfit(name, metric, y))
    if metric is None and y.is_floating_point() and all(bool((y == y.round()).all()) for _, y in made.values()):
        raise BenchError(
            f"{name}: y are whole numbers written as {y.dtype}; make them integers if they are labels, or say that "
            "they are targets by the attribute `metric = 'mse'` of the task's function"
        )


def _misfit(name: str, metric: str, y: Tensor) -> str:
    if y.is_floating_point():
        return f"{name}: {metric} needs labels, whole numbers from 0, but y are real numbers ({y.dtype})"
    return f"{name}: {metric} needs real targets, but y are whole numbers; of labels there are {', '.join(OF_LABELS)}"


def _check_classes(name: str, made: Mapping[str, Split], classes: int | None) -> None:
    """Labels are whole numbers from 0 without a gap, unless the task says how many classes there are."""
    import torch

    for word, (_, y) in made.items():
        _check_labels(f"{name}: y of the {word} data", y, classes)
    seen = torch.cat([y.unique() for _, y in made.values()]).unique()
    count = int(seen[-1]) + 1
    if classes is None and len(seen) < count:
        gap = next(label for label, found in enumerate([*seen.tolist(), count]) if label != found)
        raise BenchError(
            f"{name}: no sequence has the label {gap}, but some have {count - 1}; number the classes from 0 without "
            f"gaps, or say how many there are by the attribute `classes` of the task's function"
        )
    if (classes or count) < 2:
        raise BenchError(f"{name}: all labels are 0; there must be two classes at least")


def _check_labels(what: str, y: Tensor, classes: int | None, kind: str = "label") -> None:
    low, high = y.aminmax()
    if low < 0 or (classes is not None and high >= classes):
        wrong = (y < 0) if classes is None else (y < 0) | (y >= classes)
        row = int(wrong.flatten(1).any(1).nonzero()[0]) if y.ndim > 1 else int(wrong.nonzero()[0])
        value = int(y[row][wrong[row]].flatten()[0])
        most = "" if classes is None else f" to {classes - 1}"
        raise BenchError(f"{what} has the {kind} {value} in row {row}; {kind}s are whole numbers from 0{most}")


def _check_finite(what: str, tensor: Tensor) -> None:
    import torch

    if not tensor.is_floating_point():
        return
    low, high = tensor.aminmax()
    if bool(torch.isfinite(low)) and bool(torch.isfinite(high)):
        return
    rows = (~torch.isfinite(tensor)).flatten(1).any(1).nonzero().flatten()
    kind = "NaN" if bool(tensor[rows[0]].isnan().any()) else "a number that is infinite or beyond float32"
    raise BenchError(
        f"{what} has {kind} in row {int(rows[0])}, where only finite numbers can be learned from; {len(rows)} of "
        f"{counted(len(tensor), 'row')} have such: fill them, or leave them out"
    )
