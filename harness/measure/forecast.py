"""How much memory a cell will hold, before it runs, and whether that is there.

Two training steps and two evaluations on a few sequences of full length are traced: the bytes of live tensors after
every operator. Each of these counts grows evenly with the batch, their maximum does not; so each is continued to
the whole batch, and the largest counts. Where the two traces do not match step by step, their peaks are continued.
What cannot be traced is not forecast, and what is not forecast is run. Of a model that is fitted to the data at once
the evaluations alone are traced.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from .. import machine
from ..engine import backend
from ..errors import BenchError
from ..plan import Group
from ..prepare.modules import Where, first_batch, load_splits, made, resolved
from ..seeds import global_stream
from ..train.evaluate import EVALUATION_BATCH
from ..train.fitting import at_once
from . import steps as measure
from .memory import LiveBytes

FEW = (2, 4)  # sequences of the steps that are traced
SPARED = 3  # compiled code and the kernels of a GPU keep down to a third of what the plain loop keeps
MOMENTS = {"adam": 2, "rmsprop": 1}  # copies of the weights that an optimizer keeps


class TooLarge(BenchError):
    """A cell needs more memory than there is."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bytes that a cell of one seed holds beside its data.

    step, evaluation: at the peak of each, beyond `held`: weights, optimizer state and the best weights so far.
    exact: traced on the code that will run; otherwise on the plain loop, which keeps more.
    """

    step: int
    evaluation: int
    held: int
    exact: bool = True

    @property
    def total(self) -> int:
        """All that it holds at its peak."""
        return self.held + max(self.step, self.evaluation)

    @property
    def least(self) -> int:
        """It cannot be less than this."""
        return self.total if self.exact else self.total // SPARED


def check_fits(group: Group, where: Where, replicas: int = 1) -> None:
    """Raise TooLarge, a sentence, where so many seeds of a cell clearly need more memory than is free."""
    found = forecast(group, where)
    if found is None or (free := _free(found.least * replicas, where.device)) is None:
        return
    if found.least * replicas > free:
        raise TooLarge(f"needs about {_gibibytes(found.total * replicas)}, {_gibibytes(free)} are free")


def forecast(group: Group, where: Where) -> Forecast | None:
    """What a cell of this group will hold, or None where that cannot be said."""
    try:
        return _forecast(group, where)
    except Exception:  # the run itself will say what is wrong, if anything is
        return None


@lru_cache(maxsize=64)
def _forecast(group: Group, where: Where) -> Forecast:
    protocol, task, spec, found = resolved(group, where)
    splits = load_splits(group.task, protocol.scale, protocol.data_seed, where)
    exact = where.device == "cpu" and where.backend != "compiled"  # else each batch size would be compiled
    module = made(spec, task.shape, found.width, "cpu", frame=task.frame)
    x, y = (tensor.cpu() for tensor in first_batch(splits, FEW[1]))
    sizes = sorted({min(few, protocol.batch, len(y)) for few in FEW})
    answered = (
        protocol.batch if task.shape.carried else min(EVALUATION_BATCH, max(len(splits.valid.y), len(splits.test.y)))
    )
    with global_stream(0, "noise"), backend(where.backend if exact else "eager", where.recompute):
        stepped = [] if at_once(module) else sizes
        steps = {n: trace(measure.training_step(module, x[:n], y[:n], protocol.clip)) for n in stepped}
        answers = {n: trace(measure.forward(module, x[:n])) for n in sizes}
    weights = sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
    held = weights * (2 + MOMENTS.get(protocol.optimizer, 2))
    return Forecast(continued(steps, protocol.batch), continued(answers, answered), held, exact)


def trace(function: Callable[[], None]) -> list[int]:
    """Bytes alive after every operator of the second call, beyond those alive before it."""
    function()
    with LiveBytes() as live:
        function()
    return list(live.trace)


def continued(traces: Mapping[int, Sequence[int]], batch: int) -> int:
    """The peak at a batch of this size, from the traces of one or two smaller sizes; 0 where there are none."""
    if not traces:
        return 0
    (few, first), (more, second) = min(traces.items()), max(traces.items())
    if more == few:
        return round(max(first, default=0) * max(1.0, batch / few))
    if len(first) != len(second):
        first, second = [max(first, default=0)], [max(second, default=0)]
    slope = (batch - few) / (more - few)
    return round(max((a + (b - a) * slope for a, b in zip(first, second, strict=True)), default=0.0))


def _free(needed: int, device: str) -> int | None:
    """Free bytes; where they are too few, after the process has given back what it does not use."""
    free = machine.free_memory(device)
    if free is not None and needed > free:
        if device == "cpu":
            machine.trim()
        else:
            torch.cuda.empty_cache()
        free = machine.free_memory(device)
    return free


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
