"""Mamba's selective state space in native code (selective.cpp)."""

import torch
from torch.autograd.function import once_differentiable

from .kernels import call
from .recurrences import dense

STRETCH = 32  # steps whose states are computed a second time on the way back


class Selective(torch.autograd.Function):
    """(dt, s (time, batch, E), B, C (time, batch, N), A (E, N), h_0 (batch, E, N)) -> y of every step (time, batch, E),
    and the last h.

    h_t = exp(dt A) h_{t-1} + dt s B,  y_t = h_t C.  Inputs that lie batch first are not copied.
    """

    @staticmethod
    def forward(ctx, dt, s, B, C, A, h_0):
        given = dense(*(v.transpose(0, 1) for v in (dt, s, B, C)), A.t(), h_0.transpose(1, 2))
        (batch, steps, E), N = given[0].shape, A.shape[1]
        ctx.sizes = steps, batch, E, N, STRETCH
        y, last = torch.empty_like(given[0]), torch.empty_like(given[-1])
        kept = last.new_empty(batch, -(-steps // STRETCH), N, E)
        call("selective_forward", y.dtype, *ctx.sizes, *given, kept, y, last)
        ctx.save_for_backward(*given[:-1], kept)
        return y.transpose(0, 1), last.transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_y, d_last):
        *given, kept = ctx.saved_tensors
        d_h = d_last.transpose(1, 2).clone(memory_format=torch.contiguous_format)
        found = [*map(torch.empty_like, given[:-1]), torch.zeros_like(given[-1])]
        call("selective_backward", d_h.dtype, *ctx.sizes, *given, kept, *dense(d_y.transpose(0, 1)), d_h, *found)
        *d_frames, d_A = found
        return *(to.transpose(0, 1) for to in d_frames), d_A.t(), d_h.transpose(1, 2)
