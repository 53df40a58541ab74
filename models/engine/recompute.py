"""Activation recomputation: a stretch keeps its inputs alone, and is computed a second time on the way back."""

from collections.abc import Callable

import torch
from torch import Tensor


def again(function: Callable[..., tuple[Tensor, ...]], *tensors: Tensor) -> tuple[Tensor, ...]:
    """function(*tensors) now, and once more on the way back instead of what it would keep.

    Not torch.utils.checkpoint: it wants the second pass to keep tensors in the order of the first, and
    torch.compile may answer the two with different code.
    """
    return _Again.apply(function, *tensors)


class _Again(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, *tensors):
        ctx.function = function
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return function(*tensors)

    @staticmethod
    def backward(ctx, *gradients):
        wanted = ctx.needs_input_grad[1:]
        with torch.enable_grad():
            inputs = [t.detach().requires_grad_(want) for t, want in zip(ctx.saved_tensors, wanted, strict=True)]
            results = ctx.function(*inputs)
            given = [(r, g) for r, g in zip(results, gradients, strict=True) if g is not None and r.requires_grad]
            outputs, grads = zip(*given, strict=True)
            leaves = [tensor for tensor in inputs if tensor.requires_grad]
            found = iter(torch.autograd.grad(outputs, leaves, grads, allow_unused=True))
        return None, *(next(found) if want else None for want in wanted)
