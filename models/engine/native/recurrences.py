"""Whole recurrences as autograd functions over the native kernels (lstm.cpp, gru.cpp, tanh.cpp, attention.cpp)."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .kernels import call

NO_SCALES = (0, 0, *[None] * 7)
ROOM = 32  # two vectors that the kernels may read beyond some tensors' ends


class LSTM(torch.autograd.Function):
    """(x (time, batch, d), W (4 h, d), b (4 h), U (4 h, h), h_0, c_0 (batch, h)), gates i, f, g, o -> h, c of every
    step (time, batch, h), and h, c of the last one: who wants no more spares a gradient for every step.
    """

    @staticmethod
    def forward(ctx, x, W, b, U, h0, c0):
        x, W, b, U, h0, c0 = dense(x, W, b, U, h0, c0)
        (steps, batch, d), h = x.shape, U.shape[1]
        gates = x.new_empty(steps, batch, 4 * h)
        hs, cs, squashed = (x.new_empty(steps, batch, h) for _ in range(3))
        given = (x, W, b, U, h0, c0, gates, hs, cs, squashed)
        call("lstm_forward", x.dtype, steps, batch, h, d, *given, *NO_SCALES)
        ctx.save_for_backward(x, W, U, h0, c0, gates, hs, cs, squashed)
        ctx.set_materialize_grads(False)
        return hs, cs, hs[-1].clone(), cs[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_cs, d_h, d_c):
        saved = ctx.saved_tensors
        (x, W, U, h0, c0), (steps, batch, d) = saved[:5], saved[0].shape
        d_h, d_c = fresh(d_h, h0), fresh(d_c, c0)
        d_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        weights = _Weights(x, W, U)
        given = (*saved, optional(d_hs), optional(d_cs), d_h, d_c, d_x, weights.sums, None)
        call("lstm_backward", x.dtype, steps, batch, U.shape[1], d, *given, *NO_SCALES)
        return d_x, *weights.split(), d_h, d_c


class GRU(torch.autograd.Function):
    """(x (time, batch, d), W (3 h, d), b (3 h), U (3 h, h), h_0 (batch, h), after), gates r, z, g -> h of every step
    (time, batch, h), and of the last one.

    after: the reset gate acts after the product, as in torch.nn.GRU, and not before it.
    """

    @staticmethod
    def forward(ctx, x, W, b, U, h0, after):
        x, W, b, U, h0 = dense(x, W, b, U, h0)
        (steps, batch, d), h = x.shape, U.shape[1]
        gates = x.new_empty(steps, batch, 3 * h)
        hs, kept = (x.new_empty(steps, batch, h) for _ in range(2))
        call("gru_forward", x.dtype, steps, batch, h, d, int(after), x, W, b, U, h0, gates, hs, kept, *NO_SCALES)
        ctx.save_for_backward(x, W, U, h0, gates, hs, kept)
        ctx.after = after
        ctx.set_materialize_grads(False)
        return hs, hs[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_h):
        saved = ctx.saved_tensors
        (x, W, U, h0), (steps, batch, d) = saved[:4], saved[0].shape
        d_h = fresh(d_h, h0)
        d_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        weights = _Weights(x, W, U)
        given = (*saved, optional(d_hs), d_h, d_x, weights.sums, None)
        call("gru_backward", x.dtype, steps, batch, U.shape[1], d, int(ctx.after), *given, *NO_SCALES)
        return d_x, *weights.split(), d_h, None


class Tanh(torch.autograd.Function):
    """(W x + b (time, batch, h), U (h, h), h_0 (batch, h), due) -> h of every step, and of the last one.

    due: int32 (time,), how many units, the first ones, change at each step; or None for all. The
    rows of U of a unit are read only where it is due.
    """

    @staticmethod
    def forward(ctx, projected, U, h0, due):
        projected, U, h0 = dense(projected, U, h0)
        hs = torch.empty_like(projected)
        call("tanh_forward", hs.dtype, *hs.shape, projected, U, h0, due, hs)
        ctx.save_for_backward(U, h0, hs)
        ctx.due = due
        ctx.set_materialize_grads(False)
        return hs, hs[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_h):
        U, h0, hs = ctx.saved_tensors
        d_projected, d_h = torch.empty_like(hs), fresh(d_h, h0)
        call("tanh_backward", hs.dtype, *hs.shape, U, ctx.due, hs, optional(d_hs), d_h, d_projected)
        return d_projected, _over_time(d_projected, hs, h0), d_h, None


class ModReLU(torch.autograd.Function):
    """(W x (time, batch, h), U (h, h), b (h), h_0 (batch, h)) -> h of every step, and of the last one."""

    @staticmethod
    def forward(ctx, projected, U, b, h0):
        projected, U, b, h0 = dense(projected, U, b, h0)
        hs = torch.empty_like(projected)
        call("modrelu_forward", hs.dtype, *hs.shape, projected, U, b, h0, hs)
        ctx.save_for_backward(U, h0, hs)
        ctx.set_materialize_grads(False)
        return hs, hs[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_h):
        U, h0, hs = ctx.saved_tensors
        d_projected, d_h = torch.empty_like(hs), fresh(d_h, h0)
        call("modrelu_backward", hs.dtype, *hs.shape, U, hs, optional(d_hs), d_h, d_projected)
        return d_projected, _over_time(d_projected, hs, h0), (d_projected * torch.sign(hs)).sum((0, 1)), d_h


class Scaled(torch.autograd.Function):
    """The adaptive-scale cells: (z (time, batch, J), X (time, batch, J, d), W_z (J, h), W (G h, d), b (G h),
    U (G h, h), hard, state) -> (h of every step, y (time, batch, J), the last state); G = 4 for an LSTM's
    state (h, c), else 3.
    """

    @staticmethod
    def forward(ctx, z, X, W_z, W, b, U, hard, h0, *c0):
        z, X, W_z, W, b, U, h0, *c0 = dense(z, X, W_z, W, b, U, h0, *c0)
        (steps, batch, J, d), h = X.shape, U.shape[1]
        gates, hs = z.new_empty(steps, batch, len(U)), z.new_empty(steps, batch, h)
        y, mixed = torch.empty_like(z), z.new_empty(steps, batch, d)
        extra = [z.new_empty(steps, batch, h) for _ in range(2 if c0 else 1)]  # c and tanh c, or r h
        name, sizes = ("lstm_forward", (steps, batch, h, d)) if c0 else ("gru_forward", (steps, batch, h, d, 0))
        scales = (J, int(hard), z, X, W_z, y, mixed, None, None)
        call(name, z.dtype, *sizes, mixed, W, b, U, h0, *c0, gates, hs, *extra, *scales)
        ctx.save_for_backward(y, z, X, W_z, mixed, W, U, h0, *c0, gates, hs, *extra)
        ctx.hard = hard
        ctx.mark_non_differentiable(y)
        ctx.set_materialize_grads(False)
        return hs, y, hs[-1].clone(), *(extra[0][-1].clone() for _ in c0)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, _, d_h, *d_c):
        y, z, X, W_z, *saved = ctx.saved_tensors
        mixed, W, U, h0 = saved[:4]
        (steps, batch, J, d), h = X.shape, U.shape[1]
        room = z.new_empty(z.numel() + ROOM)
        d_z, d_mixed = room[: z.numel()].view_as(z), torch.empty_like(mixed)
        d_h, d_c, d_hs = fresh(d_h, h0), [fresh(to, h0) for to in d_c], optional(d_hs)
        weights, d_W_z = _Weights(mixed, W, U), z.new_zeros(h, J)
        name, sizes = ("lstm_backward", (steps, batch, h, d)) if d_c else ("gru_backward", (steps, batch, h, d, 0))
        gradients = (d_hs, None, d_h, *d_c) if d_c else (d_hs, d_h)
        scales = (J, int(ctx.hard), z, X, W_z, y, mixed, d_z, d_mixed)
        call(name, z.dtype, *sizes, *saved, *gradients, d_mixed, weights.sums, d_W_z, *scales)
        d_X = y.unsqueeze(3) * d_mixed.unsqueeze(2) if ctx.needs_input_grad[1] else None
        return d_z, d_X, d_W_z.t(), *weights.split(), None, d_h, *d_c


class Attention(torch.autograd.Function):
    """TP-RNN's theta (aggregation.py): (E, w_in, w_out, released, squash) -> (sets, batch, h).

    E (sets, n, batch, h); w_in (sets, M, 3 M), w_out (sets, 3 M, M) with M >= n.
    """

    @staticmethod
    def forward(ctx, E, w_in, w_out, released, squash):
        E, w_in, w_out = dense(E, w_in, w_out)
        sets, n, batch, h = E.shape
        out = E.new_empty(sets, batch, h)
        ctx.sizes = (sets, n, w_in.shape[1], batch, h, int(released), int(squash))
        call("attention_forward", E.dtype, *ctx.sizes, E, w_in, w_out, out)
        ctx.save_for_backward(E, w_in, w_out, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, d_out):
        E, w_in, w_out, out = ctx.saved_tensors
        d_E, d_in, d_out_weights = torch.empty_like(E), torch.zeros_like(w_in), torch.zeros_like(w_out)
        given = (E, w_in, w_out, out, *dense(d_out), d_E, d_in, d_out_weights)
        call("attention_backward", E.dtype, *ctx.sizes, *given)
        return d_E, d_in, d_out_weights, None, None


class _Weights:
    """Room for the sums [b; W^T; U^T] (1 + d + h, G h) that the kernels add the weights' gradients to."""

    def __init__(self, x: Tensor, W: Tensor, U: Tensor) -> None:
        self.d = x.shape[2]
        self.sums = x.new_zeros(1 + self.d + U.shape[1], len(W))

    def split(self) -> tuple[Tensor, Tensor, Tensor]:
        """The gradients of W, b and U."""
        return self.sums[1 : 1 + self.d].t(), self.sums[0], self.sums[1 + self.d :].t()


def dense(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().contiguous() for tensor in tensors]


def optional(gradient: Tensor | None) -> Tensor | None:
    """The gradient of an output as the kernels take it, null where nobody used that output."""
    return None if gradient is None else gradient.contiguous()


def fresh(gradient: Tensor | None, like: Tensor) -> Tensor:
    """The gradient of a last state, for the kernels to carry back to the first in place."""
    return torch.zeros_like(like) if gradient is None else gradient.clone(memory_format=torch.contiguous_format)


def _over_time(gradient: Tensor, hs: Tensor, h0: Tensor) -> Tensor:
    """sum_t gradient_t^T h_{t-1}: (time, batch, n), (time, batch, h) -> (n, h)."""
    total = gradient[0].t() @ h0
    if len(hs) > 1:
        total.addmm_(gradient[1:].flatten(0, 1).t(), hs[:-1].flatten(0, 1))
    return total
