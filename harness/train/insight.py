"""What a trained model does with time, recorded with its run. Nothing here changes a number of the run.

    gradient   for each step t the mean over sequences i of |d loss_i / d x_{i,t}|, Euclidean, before the training and
               at the best checkpoint; loss_i: of the last answer to sequence i (a text: to the last word of its
               piece, which begins here without a past); x: what enters the model, the embedding of a token
    scales     what the module's own `scale_use` (models/spec.py) tells of the best checkpoint: its mean over sequences
               for each step, its mean for each class of sequences, and one sequence as an example

The module is in evaluation mode, and the gradient is that of what it then computes: through a choice that it makes
by argmax no gradient goes. Modules are built anew with the weights of their seed, and all that is drawn at random
comes from streams that are put back. It is made for the first seed alone, to keep the others' records small and
their runs short.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..engine import backend
from ..errors import sentence
from ..prepare.modules import Where, framed
from ..records.kinds import FIRST_SEED, NO_INSIGHT, RunRecord
from ..seeds import global_stream
from .evaluate import loss_of

if TYPE_CHECKING:
    from ..catalog import ModelSpec, Splits, TaskSpec

SEQUENCES = 64  # the first ones of the test set
CLASS_SEQUENCES = 512  # spread evenly over the test set, which may be in the order of its classes
CLASSES = 20  # at most
BINS = 128  # of time, at most
SIGNAL_STEPS, WORDS = 512, 60  # of the example, at most
AT_ONCE = 200_000  # steps of all sequences in a pass, so that a long sequence takes no more memory

Values = list[float | None]


def with_insight(
    record: RunRecord,
    spec: ModelSpec,
    task: TaskSpec,
    splits: Splits,
    where: Where,
    weights: Mapping[str, Any] | None,
    progress: float,
) -> RunRecord:
    """The record with its insight; where that fails, with a sentence in its notes. weights: the best checkpoint's.

    progress: the part of the training, in [0, 1], that was done at that checkpoint.
    """
    if record.status != "ok" or record.cell.seed != FIRST_SEED or record.width is None or weights is None:
        return record
    try:
        found = insight(spec, task, record.width, splits, where, weights, progress)
    except Exception as error:  # a stranger's model may raise anything; its results stand
        note = f"{NO_INSIGHT} {record.cell.model}: {sentence(error)}"
        return replace(record, notes="\n".join(filter(None, [record.notes, note])))
    return replace(record, insight=found)


def insight(
    spec: ModelSpec,
    task: TaskSpec,
    width: float,
    splits: Splits,
    where: Where,
    weights: Mapping[str, Any],
    progress: float,
) -> dict[str, Any]:
    """See the module's docstring; plain values. Raises whatever the model raises."""
    # a GPU's code would be built for these few passes alone, as the choice by argmax is never trained
    name = "auto" if where.device == "cpu" and where.backend != "eager" else "eager"
    # cuDNN's recurrences have no gradient in evaluation mode
    no_cudnn = torch.backends.cudnn.flags(enabled=False)
    with backend(name, where.recompute), global_stream(FIRST_SEED, "noise"), no_cudnn:
        module, inner = framed(spec, task.shape, width, where.device, seed=FIRST_SEED, frame=task.frame)
        module.eval()
        sequences = min(SEQUENCES, len(splits.test.y))
        rows = torch.arange(sequences)
        initial = gradients(module, inner, splits, rows, task)
        module.load_state_dict(weights)
        if (tell := getattr(module, "set_progress", None)) is not None:
            tell(progress)
        trained = gradients(module, inner, splits, rows, task)
        steps = len(trained)
        return {
            "sequences": sequences,
            "steps": steps,
            "bin": _bin(steps),  # steps; the last one may be shorter
            "gradient": {"initial": _binned(initial), "trained": _binned(trained)},
            "scales": _scales(module, inner, splits, rows, task) if hasattr(inner, "scale_use") else None,
        }


def gradients(module: nn.Module, inner: nn.Module, splits: Splits, rows: Tensor, task: TaskSpec) -> Tensor:
    """Mean over these test sequences of |d loss_i / d x_{i,t}|, (time,) float64."""
    total = torch.zeros((), dtype=torch.float64)
    for x, y in _parts(splits, rows):
        with _entering(inner) as entered:
            outputs = module(x)
        if task.shape.per_step:
            outputs, y = outputs[:, -1:], y[:, -1:]
        # a sum: no sequence's loss depends on another's input
        loss = loss_of(outputs, y, reduction="sum") / y[0].numel()
        (gradient,) = torch.autograd.grad(loss, _only(entered))
        # squares of small numbers are no float32
        total = total + torch.linalg.vector_norm(gradient.flatten(2).double(), dim=2).sum(0).cpu()
    return total / len(rows)


@torch.no_grad()
def _scales(module: nn.Module, inner: nn.Module, splits: Splits, rows: Tensor, task: TaskSpec) -> dict[str, Any] | None:
    """What the scales do, over these test sequences, by class, and in the first of the sequences."""
    total: Tensor | None = None
    for x, _ in _parts(splits, rows):
        told = _told(module, inner, x)
        if told is None:
            return None
        if total is None:
            example = _example(told, x, splits, task)
        total = told.use.double().sum(0) + (0.0 if total is None else total)
    assert total is not None
    mean = total / len(rows)  # (time, labels)
    found = {
        "labels": list(told.labels),
        "meaning": told.meaning,
        "exclusive": told.exclusive,
        "mean": [_binned(series) for series in mean.t()],
        "overall": _rounded(mean.mean(0)),
        "example": example,
    }
    if (y := splits.test.y).ndim == 1 and not y.is_floating_point() and task.shape.outputs <= CLASSES:
        found["classes"] = _by_class(module, inner, splits, task)
    return found


def _by_class(module: nn.Module, inner: nn.Module, splits: Splits, task: TaskSpec) -> list[dict[str, Any]]:
    """The mean over time and sequences of each true class that there is: what it is called, of how many."""
    number = len(splits.test.y)
    rows = torch.arange(min(number, CLASS_SEQUENCES)) * number // min(number, CLASS_SEQUENCES)
    means, labels = [], []
    for x, y in _parts(splits, rows):
        means.append(_told(module, inner, x).use.double().mean(1).cpu())
        labels.append(y.cpu())
    use, true = torch.cat(means), torch.cat(labels)
    return [
        {
            "name": _name(task, label),
            "sequences": int((true == label).sum()),
            "use": _rounded(use[true == label].mean(0)),
        }
        for label in true.unique().tolist()
    ]


def _example(told: Any, x: Tensor, splits: Splits, task: TaskSpec) -> dict[str, Any]:
    """The first sequence: its signal or its words, and what the scales do at each of its steps."""
    steps = min(x.shape[1], SIGNAL_STEPS if x.is_floating_point() else WORDS)
    use, answer = told.use[0, :steps], splits.test.y[0]
    found: dict[str, Any] = {"steps": steps}
    if answer.ndim == 0 and not answer.is_floating_point():
        found["class"] = _name(task, int(answer))
    if x.is_floating_point() and x.shape[2] == 1:
        found["signal"] = _rounded(x[0, :steps, 0])
    if not x.is_floating_point() and splits.words:
        found["words"] = [splits.words[token] for token in x[0, :steps].tolist()]
    if told.exclusive:
        return found | {"chosen": use.argmax(1).tolist()}
    return found | {"use": [_rounded(series) for series in use.t()]}


def _told(module: nn.Module, inner: nn.Module, x: Tensor) -> Any:
    """What `scale_use` says of x, checked, or None."""
    entering = x
    if module is not inner:
        with _entering(inner) as entered:
            module(x)
        entering = _only(entered).detach()
    told = inner.scale_use(entering)  # type: ignore[operator]
    if told is not None and tuple(told.use.shape) != (*x.shape[:2], len(told.labels)):
        raise ValueError(
            f"scale_use gives {tuple(told.use.shape)} for {tuple(x.shape[:2])} steps and {len(told.labels)} labels"
        )
    return told


@contextmanager
def _entering(inner: nn.Module) -> Iterator[list[Tensor]]:
    """What enters the model inside the block, each a leaf that gradients can be asked of."""
    found: list[Tensor] = []

    def keep(module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        found.append(given[0].detach().requires_grad_())
        return (found[-1], *given[1:])

    handle = inner.register_forward_pre_hook(keep)
    try:
        yield found
    finally:
        handle.remove()


def _only(entered: list[Tensor]) -> Tensor:
    if len(entered) != 1:
        raise ValueError(f"the model was called {len(entered)} times for one batch, so what enters it is not known")
    return entered[0]


def _parts(splits: Splits, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """x and y of these test sequences on the device, as many at once as AT_ONCE lets."""
    x, y = splits.test
    for some in rows.split(max(1, AT_ONCE // x.shape[1])):
        yield x[some.to(x.device)].to(y.device), y[some.to(y.device)]


def _name(task: TaskSpec, label: int) -> str:
    return task.class_names[label] if label < len(task.class_names) else str(label)


def _bin(steps: int) -> int:
    """How many steps share a value, so that there are at most BINS values."""
    return -(-steps // BINS)


def _binned(series: Tensor) -> Values:
    """(time,) -> the mean in each bin."""
    return _rounded(torch.stack([part.mean() for part in series.split(_bin(len(series)))]))


def _rounded(values: Tensor) -> Values:
    """Four significant digits; None for what is no finite number."""
    return [_short(value) if math.isfinite(value) else None for value in values.tolist()]


def _short(value: float) -> float:
    short = float(f"{value:.4g}")
    # 0, not 0.0: half of a record may be zeros; a huge one keeps its e+30
    return int(short) if short.is_integer() and abs(short) < 2**53 else short
