"""Bytes: of tensors at their peak, kept for the backward pass, and of CUDA's allocator."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


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


def cuda_peaks(function: Callable[[], None], device: torch.device) -> tuple[int, int] | None:
    """The most that the allocator has given out, and has taken from the device, during a call; None without CUDA."""
    if device.type != "cuda":
        return None
    function()
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    function()
    torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device)), int(torch.cuda.max_memory_reserved(device))


def saved_bytes(forward: Callable[[], Any], known: Iterable[Tensor]) -> int:
    """Bytes of the storages that a forward pass keeps for its backward pass, each once; `known` ones do not count.

    known: tensors that are there in any case, as weights, buffers and inputs. The same on every device for the
    same operators.
    """
    given = {_key(tensor) for tensor in known}
    kept: dict[int, torch.UntypedStorage] = {}  # holding them keeps their addresses from being used again

    def keep(tensor: Tensor) -> Tensor:
        kept[_key(tensor)] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = forward()  # held until its storages are counted
    total = sum(storage.nbytes() for key, storage in kept.items() if key not in given)
    del result
    return total


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of storages that operators create inside the block and that are still alive.

    trace: the count after each of them, in order.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now: int = 0
        self.trace: list[int] = []
        self._known: dict[int, weakref.finalize[Any, Any]] = {}

    @property
    def peak(self) -> int:
        """The most that was alive at once."""
        return max(self.trace, default=0)

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
        self.trace.append(self.now)
        self._known[key] = weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self.now -= size
        self._known.pop(key, None)


def _key(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
