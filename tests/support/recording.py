"""What a CUDA graph does, without CUDA: the operators of a step are recorded and called again in place."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

# what a step may not do while it is captured: wait for the device, or bring a number from the host
FORBIDDEN = ("_local_scalar_dense", "nonzero", "is_nonzero", "item", "equal", "lift_fresh", "masked_select", "unique")


class Recording(TorchDispatchMode):
    """Keeps every operator call with its very tensors; `replay` calls them again and fills the same outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Tensor]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func.namespace != "profiler":
            given = {place(tensor) for tensor in tensors((args, kwargs))}
            # an output that lies in an input's memory is a view, or the input itself changed in place
            self.calls.append((func, args, kwargs, [t if place(t) not in given else None for t in tensors(result)]))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, outputs in self.calls:
            for fresh, kept in zip(tensors(func(*args, **kwargs)), outputs, strict=True):
                if kept is not None:
                    kept.copy_(fresh)


class Checking(TorchDispatchMode):
    """Raises where a step waits for the device."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__()
        self.forbidden = set(FORBIDDEN) - set(allowed)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket.__name__ not in self.forbidden, f"{func} waits for the device"
        return func(*args, **(kwargs or {}))


class Emulated:
    """A recorder of training steps on a CPU."""

    def __init__(self) -> None:
        self.rehearsed = self.recorded = self.replayed = 0

    def rehearse(self, step: Callable[[], None]) -> None:
        self.rehearsed += 1
        step()

    def record(self, step: Callable[[], None], generators: Sequence[torch.Generator]) -> Callable[[], None]:
        self.recorded += 1
        with Recording() as recording:
            step()

        def again() -> None:
            self.replayed += 1
            recording.replay()

        return again


class Uncaptured(Emulated):
    """The same optimizer and rehearsals, but all steps run from Python; raises where one would wait."""

    def __init__(self, *allowed: str) -> None:
        super().__init__()
        self.allowed = allowed

    def record(self, step: Callable[[], None], generators: Sequence[torch.Generator]) -> Callable[[], None]:
        def again() -> None:
            self.replayed += 1
            with Checking(self.allowed):
                step()

        again()
        return again


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


def place(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
