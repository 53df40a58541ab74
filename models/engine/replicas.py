"""Several replicas of a model in one pass: what torch.func.vmap cannot do by itself.

The trainer maps a model over stacked weights with vmap, which gives every operator a batching rule,
but none to a recurrence in native code or to a draw of random numbers. Such code goes through
`lifted`: it is called once with plain tensors that have a leading replica axis, and is itself
differentiated as usual. Noise comes from `streams`, one generator a replica, so that replica k draws
what seed k draws when it trains alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

Lifted = Callable[..., tuple[Tensor, ...]]
_streams: Sequence[torch.Generator] | None = None


def lifted(function: Lifted, *tensors: Tensor) -> tuple[Tensor, ...]:
    """function(replicas, *tensors): under vmap with their number and a leading replica axis, else with None."""
    if any(torch._C._functorch.is_batchedtensor(tensor) for tensor in tensors):
        return _Lifted.apply(function, *tensors)
    return function(None, *tensors)


class _Lifted(torch.autograd.Function):
    @staticmethod
    def forward(function, *tensors):
        raise AssertionError("only vmap's rule is ever called")

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise AssertionError("only vmap's rule is ever called")

    @staticmethod
    def vmap(info, in_dims, function, *tensors):
        stacked = [
            tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
            for tensor, dim in zip(tensors, in_dims[1:], strict=True)
        ]
        results = function(info.batch_size, *stacked)
        return results, (0,) * len(results)


def each(function: Lifted, replicas: int | None, *tensors: Tensor) -> tuple[Tensor, ...]:
    """function(*tensors) for one replica after the other, the results stacked; once where replicas is None."""
    if replicas is None:
        return function(*tensors)
    results = [function(*own) for own in zip(*(tensor.unbind(0) for tensor in tensors), strict=True)]
    return tuple(map(torch.stack, zip(*results, strict=True)))


@contextmanager
def streams(generators: Sequence[torch.Generator]) -> Iterator[None]:
    """Draw the noise of replica k from generators[k] inside the block."""
    global _streams
    before, _streams = _streams, generators
    try:
        yield
    finally:
        _streams = before


def exponential(like: Tensor) -> Tensor:
    """Draws from the exponential distribution of rate 1, in the shape of `like`.

    Outside of vmap they come from torch's global generator. Raises RuntimeError under vmap where
    there are no `streams`.
    """
    return lifted(partial(_draws, Tensor.exponential_), like)[0]


def uniform(like: Tensor) -> Tensor:
    """Draws from [0, 1), cheaper by far; else as `exponential`."""
    return lifted(partial(_draws, Tensor.uniform_), like)[0]


def _draws(draw: Callable[..., Tensor], replicas: int | None, like: Tensor) -> tuple[Tensor]:
    if replicas is None:
        return (draw(torch.empty_like(like)),)
    if _streams is None or len(_streams) != replicas:
        raise RuntimeError(f"{replicas} replicas need a generator each for their noise")
    drawn = torch.empty_like(like, memory_format=torch.contiguous_format)
    for one, generator in zip(drawn.unbind(0), _streams, strict=True):
        draw(one, generator=generator)
    return (drawn,)
