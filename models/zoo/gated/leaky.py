"""An LSTM that takes a share of its new state, given for every unit and step: in Zoneout as in Phased LSTM.

    g, f, i, o = tanh, sigmoid, sigmoid, sigmoid (W x_t + U h_{t-1} + b)
    c~ = f c_{t-1} + i g;  h~ = o tanh(c~ + beta)
    c_t = k_c c~ + (1 - k_c) c_{t-1};  h_t = k_h h~ + (1 - k_h) h_{t-1}

h~ is made from all of c~, and not from the share of it that is in c_t. Where z is given, U reads z h_{t-1}.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from ...engine.scan import Recurrence, State, scan


def project(weights: State, x: Tensor, k_c: Tensor, k_h: Tensor) -> State:
    W, b, *_ = weights
    return F.linear(x, W, b), k_c, k_h


def step(weights: State, state: State, projected: Tensor, k_c: Tensor, k_h: Tensor) -> tuple[State, State]:
    _, _, U, beta, *z = weights
    h, c = state
    g, f, i, o = torch.addmm(projected, h * z[0] if z else h, U.t()).chunk(4, dim=1)
    new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.lerp(h, torch.sigmoid(o) * torch.tanh(new + beta), k_h)
    c = torch.lerp(c, new, k_c)
    return (h, c), (h,)


class _Leaky(torch.autograd.Function):
    """W x + b (time, batch, 4 h), k_c, k_h, U (4 h, h), beta, h_0, c_0, z (batch, h) -> h of every step, the last h, c.

    The loop without a graph of its steps; what of the way back depends on no gradient is computed for all steps at
    once, and so are the gradients of weights and shares. To z, which may be None, there is none.
    """

    @staticmethod
    def forward(ctx, projected, k_c, k_h, U, beta, h_0, c_0, z):
        (steps, batch, _), n = projected.shape, U.shape[1]
        gates = torch.empty_like(projected)
        hs, cs, squashed = (projected.new_empty(steps, batch, n) for _ in range(3))
        parts = (projected, gates, gates[..., n:], *gates.split(n, dim=2), squashed, hs, cs, k_c, k_h)
        U_t, h, c = U.t(), h_0, c_0
        for p, every, soft, g, f, i, o, s, h_t, c_t, new_c, new_h in zip(*(v.unbind(0) for v in parts), strict=True):
            torch.addmm(p, h if z is None else h * z, U_t, out=every)
            g.tanh_()
            soft.sigmoid_()
            new = torch.mul(f, c).addcmul_(i, g)
            torch.add(new, beta, out=s).tanh_()
            c = torch.lerp(c, new, new_c, out=c_t)
            h = torch.lerp(h, o * s, new_h, out=h_t)
        ctx.save_for_backward(k_c, k_h, U, beta, h_0, c_0, z, gates, squashed, hs, cs)
        return hs, h.clone(), c.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, d_hs, d_h, d_c):
        k_c, k_h, U, beta, h_0, c_0, z, gates, squashed, hs, cs = ctx.saved_tensors
        n = U.shape[1]
        g, f, i, o = gates.split(n, dim=2)
        h, c = (torch.cat([first.unsqueeze(0), every[:-1]]) for first, every in ((h_0, hs), (c_0, cs)))
        inner = o * (1 - squashed * squashed)  # of h~ to c~
        parts = (i * (1 - g * g), c * f * (1 - f), g * i * (1 - i), squashed * o * (1 - o))
        d_p = torch.cat(parts, dim=2)  # of c~ to g, f, i and of h~ to o, and then their gradients
        to_h, to_c = torch.empty_like(hs), torch.empty_like(cs)
        pieces = (d_p, d_p[..., : 3 * n].unflatten(2, (3, n)), d_p[..., 3 * n :])
        columns = (d_hs, k_c, 1 - k_c, k_h, 1 - k_h, f, inner, *pieces, to_h, to_c)
        backwards = zip(*(v.unbind(0)[::-1] for v in columns), strict=True)
        for d_t, new_c, old_c, new_h, old_h, f_t, inner_t, d_all, d_gfi, d_o, h_t, c_t in backwards:
            torch.add(d_h, d_t, out=h_t)
            c_t.copy_(d_c)
            d_said = new_h * h_t
            d_new = torch.mul(new_c, d_c).addcmul_(d_said, inner_t)
            d_gfi.mul_(d_new.unsqueeze(1))
            d_o.mul_(d_said)
            d_c = torch.mul(old_c, d_c).addcmul_(d_new, f_t)
            d_h = torch.addmm(old_h * h_t, d_all, U) if z is None else torch.addcmul(old_h * h_t, d_all @ U, z)
        needed = ctx.needs_input_grad
        d_k_c = (to_c * (f * c + i * g - c)).sum_to_size(k_c.shape) if needed[1] else None
        d_k_h = (to_h * (o * squashed - h)).sum_to_size(k_h.shape) if needed[2] else None
        d_beta = (k_h * to_h * inner).sum_to_size(beta.shape) if needed[4] else None
        read = h if z is None else h * z
        return d_p, d_k_c, d_k_h, d_p.flatten(0, 1).t() @ read.flatten(0, 1), d_beta, d_h, d_c, None


def whole(weights: State, state: State, x: Tensor, k_c: Tensor, k_h: Tensor) -> tuple[State, State]:
    _, _, U, beta, *z = weights
    every, *last = _Leaky.apply(*project(weights, x, k_c, k_h), U, beta, *state, z[0] if z else None)
    return tuple(last), (every,)


RECURRENCE = Recurrence(step, project, library=whole)


def leaky(weights: State, before: State, x: Tensor, k_c: Tensor, k_h: Tensor) -> tuple[Tensor, State]:
    """x (batch, time, d) -> h (batch, time, h), the last h, c (batch, h).

    weights: W (4 h, d), b (4 h), U (4 h, h) of g, f, i, o, beta (h) or (), and z (batch, h) where it is wanted, a
    mask that is not trained; k (batch or 1, time, h or 1).
    """
    after, (h,) = scan(RECURRENCE, weights, before, tuple(v.transpose(0, 1) for v in (x, k_c, k_h)))
    return h.transpose(0, 1), after
