"""Step latency and peak memory, in a pass of their own, with nothing else running.

The model and the yardstick are timed in turn (A B B A), so that a slow minute of the machine
falls on both. CUDA times are wall time over a block that ends with one synchronisation.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from .evaluate import loss_of
from .graph import REHEARSALS, Recorder, Repeated
from .record import Latency
from .replicas import Alone, Stacked

WARM_UP = 2
FEWEST, MOST = 4, 40


def training_step(
    module: nn.Module, x: Tensor, y: Tensor, clip: float, recorder: Recorder | None = None
) -> Callable[[], None]:
    """A function that does one whole training step on one batch, with Adam, as the trainer does.

    recorder: records it after a few calls and replays it from then on, as the trainer's on a GPU.
    """
    return replicas_step([module], x[None], y[None], clip, recorder)


def replicas_step(
    modules: Sequence[nn.Module], x: Tensor, y: Tensor, clip: float, recorder: Recorder | None = None
) -> Callable[[], None]:
    """training_step of several modules of one model at once; x, y (replicas, batch, ...): a batch for each."""
    model = Alone(modules[0], x.device) if len(modules) == 1 else Stacked(modules, range(len(modules)), x.device)
    optimizer = torch.optim.Adam(model.leaves, lr=1e-4, capturable=recorder is not None)

    def update() -> None:
        optimizer.zero_grad(set_to_none=True)
        with model.noise():
            model.scores(loss_of, x, y).sum().backward()
        if clip:
            model.clip(clip)
        optimizer.step()

    repeated = Repeated(update, recorder, model.module, model.leaves, model.generators)

    def step() -> None:
        model.module.train()
        repeated()

    return step


def forward(module: nn.Module, x: Tensor) -> Callable[[], None]:
    """A function that answers one batch in evaluation mode, without gradients."""

    def call() -> None:
        module.eval()
        with torch.no_grad():
            module(x)

    return call


def time_pair(
    function: Callable[[], None], yardstick: Callable[[], None], seconds: float, device: torch.device
) -> tuple[Latency, float]:
    """The latency of `function`, and the median ratio of adjacent timings to those of `yardstick`."""
    mine, theirs = pair_samples(function, yardstick, seconds, device)
    return _latency(mine), float(np.median(np.array(mine) / np.array(theirs)))


def pair_samples(
    function: Callable[[], None],
    yardstick: Callable[[], None],
    seconds: float,
    device: torch.device,
    *,
    rounds: int = FEWEST // 2,
    warm_up: int = WARM_UP,
) -> tuple[list[float], list[float]]:
    """Milliseconds of the two timed in turn, A B B A, at least so many rounds; equal places are neighbours."""
    for _ in range(_warm_up(warm_up, device)):
        function()
        yardstick()
    mine: list[float] = []
    theirs: list[float] = []
    end = time.perf_counter() + seconds
    while len(mine) < 2 * rounds or (time.perf_counter() < end and len(mine) < MOST):
        mine.append(_timed(function, device))
        theirs.append(_timed(yardstick, device))
        theirs.append(_timed(yardstick, device))
        mine.append(_timed(function, device))
    return mine, theirs


def time_alone(function: Callable[[], None], seconds: float, device: torch.device) -> Latency:
    """The latency of `function`."""
    for _ in range(_warm_up(WARM_UP, device)):
        function()
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while len(samples) < FEWEST or (time.perf_counter() < end and len(samples) < MOST):
        samples.append(_timed(function, device))
    return _latency(samples)


def peak_bytes(function: Callable[[], None], device: torch.device) -> int:
    """Bytes of tensors that one call holds at its peak, beyond those alive before it; not for a replayed step.

    On CUDA the allocator's own count; on a CPU the exact sum of live storages.
    """
    function()  # the optimizer's state is there from the second step on
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        function()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    with LiveBytes() as live:
        function()
    return int(live.peak)


def matmul_rate(device: torch.device, size: int | None = None) -> float:
    """Floating-point operations a second of a large float32 matrix product: the best of five."""
    size = size or (8192 if device.type == "cuda" else 2048)
    a, b = (torch.randn(size, size, device=device) for _ in range(2))

    def product() -> None:
        torch.mm(a, b)

    product()
    return 2 * size**3 / (min(_timed(product, device) for _ in range(5)) / 1000)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of storages that operators create inside the block and that are still alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now: int = 0
        self.peak: int = 0
        self._known: dict[int, weakref.finalize[Any, Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_key(t) for t in tree_iter((args, kwargs)) if isinstance(t, Tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in tree_iter(result):
            if isinstance(tensor, Tensor) and _key(tensor) not in self._known and _key(tensor) not in given:
                self._add(tensor)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        size, key = storage.nbytes(), _key(tensor)
        self.now += size
        self.peak = max(self.peak, self.now)
        self._known[key] = weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self.now -= size
        self._known.pop(key, None)


def _key(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _warm_up(least: int, device: torch.device) -> int:
    """A step that is recorded on a GPU is replayed after its rehearsals and the recording."""
    return max(least, REHEARSALS + 1) if device.type == "cuda" else least


def _timed(function: Callable[[], None], device: torch.device) -> float:
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) * 1000


def _latency(samples: list[float]) -> Latency:
    lower, median, upper = np.percentile(samples, (25, 50, 75))
    return Latency(float(median), float(lower), float(upper), len(samples))
