"""The HM-LSTM recurrence in native code (hmlstm.h): all layers and all steps in one call."""

import ctypes

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .kernels import KINDS, library
from .recurrences import ROOM, dense, fresh, optional


class _Layer(ctypes.Structure):
    """The fields of hmlstm.h's Layer, in its order."""

    sizes = ("width", "above", "below", "rows")
    tensors = ("kernel", "bias", "h0", "c0", "z0", "gates", "squashed", "c", "h", "z")
    tensors += ("d_hs", "d_h", "d_c", "d_z", "d_kernel", "d_bias")
    _fields_ = [*((name, ctypes.c_int64) for name in sizes), *((name, ctypes.c_void_p) for name in tensors)]


class HMLSTM(torch.autograd.Function):
    """(widths, selects, W x + b of the first layer, L kernels, L - 1 biases, states) -> L times h, c and z, states.

    kernels: [U, U_above, W]^T of each layer, (inputs, 4 h), or (inputs, 4 h + 1) where there is a detector,
    with (a s + 1) / 2 worked into its column. biases: of the layers above the first. The sequences are
    (time, batch, units), z None where there is no detector; of these only h has a gradient. selects: has the choice of
    the case one? The states are
    L times h, L times c, and z of the layers with a detector, (batch, units) each, and have gradients.
    """

    @staticmethod
    def forward(ctx, widths, selects, projected, *given):
        projected, *given = dense(projected, *given)
        L, (steps, batch, _) = len(widths), projected.shape
        kernels, biases, states = given[:L], [projected, *given[L : 2 * L - 1]], given[2 * L - 1 :]
        detectors = [k.shape[1] > 4 * h for k, h in zip(kernels, widths, strict=True)]
        h0, c0, z0 = _by_layer(states, detectors)
        keep = any(ctx.needs_input_grad)

        def room(units: int, kept: bool = True) -> Tensor:
            return projected.new_empty(steps if kept else 1, batch, units)

        gates, squashed = [room(k.shape[1], keep) for k in kernels], [room(h, keep) for h in widths]
        cs, hs = [room(h) for h in widths], [room(h) for h in widths]
        zs = [room(1) if detector else None for detector in detectors]
        none = [[None] * L] * 6
        _call("hmlstm_forward", widths, hs, int(keep), kernels, biases, h0, c0, z0, gates, squashed, cs, hs, zs, *none)
        ctx.widths, ctx.selects, ctx.detectors = widths, selects, detectors
        if keep:
            ctx.save_for_backward(*kernels, *h0, *c0, *z0, *gates, *squashed, *cs, *hs, *zs)
        ctx.mark_non_differentiable(*cs, *(z for z in zs if z is not None))
        ctx.set_materialize_grads(False)
        return *hs, *cs, *zs, *(s[-1].clone() for s in (*hs, *cs, *zs) if s is not None)

    @staticmethod
    @once_differentiable
    def backward(ctx, *gradients):
        saved, widths, L = ctx.saved_tensors, ctx.widths, len(ctx.widths)
        kernels, h0, c0, z0, *made = (saved[n * L : (n + 1) * L] for n in range(9))
        hs = made[3]
        d_hs = [optional(gradient) for gradient in gradients[:L]]
        first = [*h0, *c0, *(z for z in z0 if z is not None)]
        d_states = [fresh(gradient, state) for gradient, state in zip(gradients[3 * L :], first, strict=True)]
        d_kernels = [torch.zeros_like(kernel) for kernel in kernels]
        steps, batch, rows = *hs[0].shape[:2], kernels[0].shape[1]
        d_projected = hs[0].new_empty(steps * batch * rows + ROOM)
        d_biases = [d_projected, *(kernel.new_zeros(kernel.shape[1]) for kernel in kernels[1:])]
        given = (kernels, [None] * L, h0, c0, z0, *made, d_hs, *_by_layer(d_states, ctx.detectors))
        _call("hmlstm_backward", widths, hs, int(ctx.selects), *given, d_kernels, d_biases)
        d_biases[0] = d_projected[:-ROOM].view(steps, batch, rows)
        return None, None, d_biases[0], *d_kernels, *d_biases[1:], *d_states


def _by_layer(states: list[Tensor], detectors: list[bool]) -> tuple[list[Tensor | None], ...]:
    """h, c and z of each layer, z None where there is no detector."""
    L, z = len(detectors), iter(states[2 * len(detectors) :])
    return states[:L], states[L : 2 * L], [next(z) if detector else None for detector in detectors]


def _call(name: str, widths: list[int], hs: list[Tensor], *given) -> None:
    """`given`: whole numbers, then for each of _Layer.tensors a list of one tensor for each layer."""
    (steps, batch, _), kind, L = hs[0].shape, hs[0].dtype, len(widths)
    tensors = given[-len(_Layer.tensors) :]
    layers = (_Layer * L)()
    for l, column in enumerate(zip(*tensors, strict=True)):
        above, below = widths[l + 1] if l < L - 1 else 0, widths[l - 1] if l else 0
        pointers = (None if tensor is None else tensor.data_ptr() for tensor in column)
        layers[l] = _Layer(widths[l], above, below, column[0].shape[1], *pointers)
    getattr(library(), f"{name}_{KINDS[kind]}")(steps, batch, L, *given[: -len(_Layer.tensors)], layers)
