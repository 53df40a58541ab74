"""Whole recurrences as autograd functions over the native kernels (kernels.cpp, attention.cpp).

The kernels go through time; the weights' gradients are one large product each, made here afterwards.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .native import call

NO_SCALES = (0, 0, 0, None, None, None, None, None, None, None)


class LSTM(torch.autograd.Function):
    """(W x + b (time, batch, 4 h), U (4 h, h), h_0, c_0 (batch, h)) -> h, c of every step (time, batch, h)."""

    @staticmethod
    def forward(ctx, projected, U, h0, c0):
        steps, batch, _ = projected.shape
        h = U.shape[1]
        gates, U, h0, c0 = projected.clone(memory_format=torch.contiguous_format), *dense(U, h0, c0)
        hs, cs, squashed = (projected.new_empty(steps, batch, h) for _ in range(3))
        call("lstm_forward", gates.dtype, steps, batch, h, gates, U, h0, c0, hs, cs, squashed, *NO_SCALES)
        ctx.save_for_backward(gates, U, h0, c0, hs, cs, squashed)
        return hs, cs

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_cs):
        gates, U, h0, c0, hs, cs, squashed = taken(ctx)
        steps, batch, h = hs.shape
        d_hs, d_cs = dense(d_hs, d_cs)
        d_h, d_c = torch.zeros_like(h0), torch.zeros_like(c0)
        given = (gates, U, c0, cs, squashed, d_hs, d_cs, d_h, d_c, None, None)
        call("lstm_backward", gates.dtype, steps, batch, h, *given, *NO_SCALES)
        return gates, _over_time(gates, hs, h0), d_h, d_c


class GRU(torch.autograd.Function):
    """(W x + b (time, batch, 3 h), U (3 h, h), h_0 (batch, h), after) -> h of every step (time, batch, h).

    after: the reset gate acts after the product, as in torch.nn.GRU, and not before it.
    """

    @staticmethod
    def forward(ctx, projected, U, h0, after):
        steps, batch, _ = projected.shape
        h = U.shape[1]
        gates, U, h0 = projected.clone(memory_format=torch.contiguous_format), *dense(U, h0)
        hs, kept = (projected.new_empty(steps, batch, h) for _ in range(2))
        call("gru_forward", gates.dtype, steps, batch, h, int(after), gates, U, h0, hs, kept, *NO_SCALES)
        ctx.save_for_backward(gates, U, h0, hs, kept)
        ctx.after = after
        return hs

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs):
        gates, U, h0, hs, kept = taken(ctx)
        d_h = torch.zeros_like(h0)
        given = (gates, U, h0, hs, kept, *dense(d_hs), d_h, None, None)
        call("gru_backward", gates.dtype, *hs.shape, int(ctx.after), *given, *NO_SCALES)
        return gates, _gru_weights(gates, hs, h0, kept, ctx.after), d_h, None


class Tanh(torch.autograd.Function):
    """(W x + b (time, batch, h), U (h, h), h_0 (batch, h), due) -> h of every step.

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
        return hs

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs):
        U, h0, hs = ctx.saved_tensors
        d_projected, d_h = torch.empty_like(hs), torch.zeros_like(h0)
        call("tanh_backward", hs.dtype, *hs.shape, U, ctx.due, hs, *dense(d_hs), d_h, d_projected)
        return d_projected, _over_time(d_projected, hs, h0), d_h, None


class Scaled(torch.autograd.Function):
    """The adaptive-scale cells: (z (time, batch, J), X (time, batch, J, d), W_z (J, h), W (G h, d), b (G h),
    U (G h, h), hard, state) -> (h of every step, y (time, batch, J)); G = 4 for an LSTM's state (h, c), else 3.
    """

    @staticmethod
    def forward(ctx, z, X, W_z, W, b, U, hard, h0, *c0):
        z, X, W_z, W, b, U, h0, *c0 = dense(z, X, W_z, W, b, U, h0, *c0)
        steps, batch, J, d = X.shape
        h = U.shape[1]
        gates = z.new_empty(steps, batch, len(U))
        y, mixed = torch.empty_like(z), z.new_empty(steps, batch, d)
        scales = (J, d, int(hard), z, X, W_z, W, b, y, mixed)
        extra = [z.new_empty(steps, batch, h) for _ in range(2 if c0 else 1)]  # c and tanh c, or r h
        hs = z.new_empty(steps, batch, h)
        name, sizes = ("lstm_forward", (steps, batch, h)) if c0 else ("gru_forward", (steps, batch, h, 0))
        call(name, z.dtype, *sizes, gates, U, h0, *c0, hs, *extra, *scales)
        ctx.save_for_backward(gates, hs, y, mixed, z, X, W_z, W, b, U, h0, *c0, *extra)
        ctx.hard = hard
        ctx.mark_non_differentiable(y)
        return hs, y

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, _):
        gates, hs, y, mixed, z, X, W_z, W, b, U, h0, *rest = taken(ctx)
        steps, batch, J, d = X.shape
        d_h, d_z, d_mixed = torch.zeros_like(h0), torch.empty_like(z), torch.empty_like(mixed)
        sizes = (steps, batch, hs.shape[2])
        scales = (J, d, int(ctx.hard), z, X, W_z, W, b, y, mixed)
        (d_hs,) = dense(d_hs)
        if len(rest) == 3:
            c0, cs, squashed = rest
            d_c = [torch.zeros_like(c0)]
            given = (gates, U, c0, cs, squashed, d_hs, torch.zeros_like(cs), d_h, *d_c, d_z, d_mixed)
            call("lstm_backward", gates.dtype, *sizes, *given, *scales)
            d_U = _over_time(gates, hs, h0)
        else:
            d_c = []
            given = (gates, U, h0, hs, rest[0], d_hs, d_h, d_z, d_mixed)
            call("gru_backward", gates.dtype, *sizes, 0, *given, *scales)
            d_U = _gru_weights(gates, hs, h0, rest[0], False)
        flat = gates.flatten(0, 1)
        d_X = y.unsqueeze(3) * d_mixed.unsqueeze(2) if ctx.needs_input_grad[1] else None
        d_W = flat.t() @ mixed.flatten(0, 1)
        return d_z, d_X, _over_time(d_z, hs, h0), d_W, flat.sum(0), d_U, None, d_h, *d_c


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


def dense(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().contiguous() for tensor in tensors]


def taken(ctx) -> tuple[Tensor, ...]:
    """The saved tensors, once: the kernels turn the gates into their gradients in place."""
    if getattr(ctx, "spent", False):
        raise RuntimeError("a native recurrence can go back through time once; compute the forward pass again")
    ctx.spent = True
    return ctx.saved_tensors


def _over_time(gradient: Tensor, hs: Tensor, h0: Tensor) -> Tensor:
    """sum_t gradient_t^T h_{t-1}: (time, batch, n), (time, batch, h) -> (n, h)."""
    total = gradient[0].t() @ h0
    if len(hs) > 1:
        total.addmm_(gradient[1:].flatten(0, 1).t(), hs[:-1].flatten(0, 1))
    return total


def _gru_weights(gates: Tensor, hs: Tensor, h0: Tensor, kept: Tensor, after: bool) -> Tensor:
    """The gradient of U: r and z read h_{t-1}; the candidate reads r h_{t-1}, or h_{t-1} where r acts after."""
    h = hs.shape[2]
    for_gates = _over_time(gates[:, :, : 2 * h], hs, h0)
    if after:
        return torch.cat([for_gates, _over_time(kept, hs, h0)])
    return torch.cat([for_gates, gates.flatten(0, 1)[:, 2 * h :].t() @ kept.flatten(0, 1)])
