"""The recurrence without a matrix, h_t = a_t h_{t-1} + u_t, real or complex, for gates that read no state."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..engine.scan import Recurrence, State, scan


def step(weights: State, state: State, a: Tensor, u: Tensor) -> tuple[State, State]:
    h = torch.addcmul(u, a, state[0])
    return (h,), (h,)


class _Linear(torch.autograd.Function):
    """(a, u (time, batch, h), h_0 (batch, h)) -> h of every step, and of the last one.

    The loop without a graph of its steps; the way back is the same recurrence from the other end.
    """

    @staticmethod
    def forward(ctx, a, u, h_0):
        h, before = torch.empty_like(u), h_0
        for a_t, u_t, h_t in zip(a.unbind(0), u.unbind(0), h.unbind(0), strict=True):
            before = torch.addcmul(u_t, a_t, before, out=h_t)
        ctx.save_for_backward(a, h, h_0)
        return h, before.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_h, d_last):
        a, h, h_0 = ctx.saved_tensors
        d_u, after = torch.empty_like(h), d_last
        for a_t, d_t, d_u_t in zip(*(tensor.unbind(0)[::-1] for tensor in (a.conj(), d_h, d_u)), strict=True):
            after = a_t * torch.add(d_t, after, out=d_u_t)
        return d_u * torch.cat([h_0.unsqueeze(0), h[:-1]]).conj(), d_u, after


def whole(weights: State, state: State, a: Tensor, u: Tensor) -> tuple[State, State]:
    h, last = _Linear.apply(a, u, *state)
    return (last,), (h,)


LINEAR = Recurrence(step, library=whole)


def linear(a: Tensor, u: Tensor, before: Tensor) -> Tensor:
    """h of every step from h_0 = `before` (batch, h); a, u and the result are (batch, time, h)."""
    _, (h,) = scan(LINEAR, (), (before,), (a.transpose(0, 1), u.transpose(0, 1)))
    return h.transpose(0, 1)
