"""The HM-LSTM recurrence in native code (hmlstm.cpp): all layers and all steps in one call."""

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .native import KINDS, library
from .recurrences import dense


class _Layer(ctypes.Structure):
    """The fields of hmlstm.cpp's Layer, in its order."""

    sizes = ("width", "above", "below", "rows")
    tensors = ("kernel", "bias", "seen", "gates", "squashed", "c", "h", "z", "d_h", "d_kernel")
    _fields_ = [*((name, ctypes.c_int64) for name in sizes), *((name, ctypes.c_void_p) for name in tensors)]


class HMLSTM(torch.autograd.Function):
    """(widths, W x + b of the first layer, L kernels, L - 1 biases) -> L times h, L times c, L times z.

    kernels: [U, U_above, W]^T of each layer, (inputs, 4 h), or (inputs, 4 h + 1) where there is a detector,
    with (a s + 1) / 2 worked into its column. biases: of the layers above the first. The sequences are
    (time, batch, units), z None where there is no detector; only h has a gradient. All states start as zeros.
    """

    @staticmethod
    def forward(ctx, widths, projected, *weights):
        projected, *weights = dense(projected, *weights)
        L, (steps, batch, _) = len(widths), projected.shape
        kernels, biases = weights[:L], [projected, *weights[L:]]
        keep = any(ctx.needs_input_grad)

        def room(units: int, kept: bool = True) -> Tensor:
            return projected.new_empty(steps if kept else 1, batch, units)

        seen, gates = [room(k.shape[0], keep) for k in kernels], [room(k.shape[1], keep) for k in kernels]
        squashed, cs, hs = [room(h, keep) for h in widths], [room(h) for h in widths], [room(h) for h in widths]
        zs = [room(1) if k.shape[1] > 4 * h else None for k, h in zip(kernels, widths, strict=True)]
        none = [None] * L
        _call("hmlstm_forward", widths, hs, int(keep), kernels, biases, seen, gates, squashed, cs, hs, zs, none, none)
        ctx.widths = widths
        if keep:
            ctx.save_for_backward(*kernels, *seen, *gates, *squashed, *cs, *hs, *zs)
        ctx.mark_non_differentiable(*cs, *(z for z in zs if z is not None))
        ctx.set_materialize_grads(False)
        return *hs, *cs, *zs

    @staticmethod
    @once_differentiable
    def backward(ctx, *gradients):
        saved, L = ctx.saved_tensors, len(ctx.widths)
        kernels, seen, gates, squashed, cs, hs, zs = (saved[n * L : (n + 1) * L] for n in range(7))
        d_hs = [None if d_h is None else d_h.contiguous() for d_h in gradients[:L]]
        d_kernels = [torch.zeros_like(kernel) for kernel in kernels]
        given = (kernels, [None] * L, seen, gates, squashed, cs, hs, zs, d_hs, d_kernels)
        _call("hmlstm_backward", ctx.widths, hs, *given)
        return None, gates[0], *d_kernels, *(d_s.sum((0, 1)) for d_s in gates[1:])


def _call(name: str, widths: list[int], hs: list[Tensor], *given) -> None:
    """`given`: whole numbers, then a list of one tensor for each layer for each of _Layer.tensors."""
    (steps, batch, _), kind, L = hs[0].shape, hs[0].dtype, len(widths)
    tensors = given[-len(_Layer.tensors) :]
    layers = (_Layer * L)()
    for l, column in enumerate(zip(*tensors, strict=True)):
        above, below = widths[l + 1] if l < L - 1 else 0, widths[l - 1] if l else 0
        pointers = (None if tensor is None else tensor.data_ptr() for tensor in column)
        layers[l] = _Layer(widths[l], above, below, column[0].shape[1], *pointers)
    getattr(library(), f"{name}_{KINDS[kind]}")(steps, batch, L, *given[: -len(_Layer.tensors)], layers)
