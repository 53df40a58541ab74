"""The kernel that takes a whole LSTM back through time in one launch (triton_lstm.py); as in triton_forward.py.

What a step gives the one before it, d h and d c, stays on the chip where KEPT, and otherwise lies in d_h0 and d_c0,
which must then be 0 at the start.
"""

import triton
import triton.language as tl

from .forward import load_4, matrices_4, store_4, tanh


@triton.jit
def sum_4(A_i, A_f, A_g, A_o, i, f, g, o, PRECISION: tl.constexpr):
    """The sum over the gates of each one's matrix times its tile."""
    i = tl.dot(A_i, i, input_precision=PRECISION, out_dtype=i.dtype)
    f = tl.dot(A_f, f, input_precision=PRECISION, out_dtype=f.dtype)
    g = tl.dot(A_g, g, input_precision=PRECISION, out_dtype=g.dtype)
    o = tl.dot(A_o, o, input_precision=PRECISION, out_dtype=o.dtype)
    return (i + f) + (g + o)  # four sums, as each product of one sum would wait for the one before


@triton.jit
def through_scales(d_x, y, X):
    """The logits' gradient (JP, B), from d_x (DP, B), y (JP, B) and X (JP, DP, B)."""
    d_y = tl.sum(X * d_x[None, :, :], 1)
    return y * (d_y - tl.sum(y * d_y, 0)[None, :])


@triton.jit(do_not_specialize=["steps", "batch"])
def backward(
    d_hs,  # (R, steps, batch, h), read where HAS_H
    d_cs,  # as d_hs, read where HAS_C
    V,  # (R, 4, P, P): U of each gate transposed
    gates,  # (R, steps, batch, 4 h)
    cs,  # (R, steps + 1, batch, h)
    d_gates,  # as gates, before the squashing; written
    d_h0,  # (R, batch, h), written
    d_c0,  # (R, batch, h), written
    X,  # (R, steps, batch, J, d); this and all below only where JP > 0
    y,  # (R, steps, batch, J)
    W_z,  # (R, JP, P)
    V_x,  # (R, 4, DP, P): W of each gate transposed
    d_z,  # as y, written
    d_mixed,  # (R, steps, batch, d), written
    steps,
    batch,
    h,
    J,
    d,
    P: tl.constexpr,
    N: tl.constexpr,
    K: tl.constexpr,
    B: tl.constexpr,
    KEPT: tl.constexpr,
    HAS_H: tl.constexpr,
    HAS_C: tl.constexpr,
    JP: tl.constexpr,
    DP: tl.constexpr,
    PRECISION: tl.constexpr,
):
    r = tl.program_id(1).to(tl.int64)
    rows = tl.program_id(0) * B + tl.arange(0, B)
    there = rows < batch
    n_ = tl.arange(0, N)
    k_ = tl.arange(0, K)
    V += r * 4 * P * P
    last = r * steps + steps - 1
    gates += last * batch * 4 * h
    d_gates += last * batch * 4 * h
    d_hs += last * batch * h
    d_cs += last * batch * h
    cs += (r * (steps + 1) + steps) * batch * h
    d_h0 += r * batch * h
    d_c0 += r * batch * h
    if JP:
        j_ = tl.arange(0, JP)
        d_ = tl.arange(0, DP)
        X += last * batch * J * d
        y += last * batch * J
        d_z += last * batch * J
        d_mixed += last * batch * d
        W_z += r * JP * P
        V_x += r * 4 * DP * P
        of_scale = rows[None, :] * J + j_[:, None]
        scale_there = (j_ < J)[:, None] & there[None, :]
        of_mixed = rows[None, :] * d + d_[:, None]
        mixed_there = (d_ < d)[:, None] & there[None, :]
        of_X = of_scale[:, None, :] * d + d_[None, :, None]
        X_there = scale_there[:, None, :] & (d_ < d)[None, :, None]
    if KEPT:
        V_i, V_f, V_g, V_o = matrices_4(V + n_[:, None] * P + k_[None, :], P * P)
        if JP:
            W_z_kept = tl.load(W_z + j_[:, None] * P + n_[None, :])
    ahead_h = tl.zeros([N, B], gates.dtype.element_ty)  # what step t + 1 gives h_t and c_t
    ahead_c = tl.zeros([N, B], gates.dtype.element_ty)
    for _ in range(steps):
        for n in range(0, P, N):
            units = n + n_
            mask = (units < h)[:, None] & there[None, :]
            of_gate = rows[None, :] * (4 * h) + units[:, None]
            of_state = rows[None, :] * h + units[:, None]
            i, f, g, o = load_4(gates + of_gate, h, mask)
            c = tanh(tl.load(cs + of_state, mask, 0.0))
            past_c = tl.load(cs - batch * h + of_state, mask, 0.0)
            if not KEPT:
                ahead_h = tl.load(d_h0 + of_state, mask, 0.0)
                ahead_c = tl.load(d_c0 + of_state, mask, 0.0)
            d_h = ahead_h
            d_c = ahead_c
            if HAS_H:
                d_h += tl.load(d_hs + of_state, mask, 0.0)
            if HAS_C:
                d_c += tl.load(d_cs + of_state, mask, 0.0)
            d_c += d_h * o * (1 - c * c)
            d_i = d_c * g * i * (1 - i)
            d_f = d_c * past_c * f * (1 - f)
            d_g = d_c * i * (1 - g * g)
            d_o = d_h * c * o * (1 - o)
            store_4(d_gates + of_gate, h, d_i, d_f, d_g, d_o, mask)
            ahead_c = d_c * f
            if KEPT:
                ahead_h = sum_4(V_i, V_f, V_g, V_o, d_i, d_f, d_g, d_o, PRECISION)
                if JP:
                    A_i, A_f, A_g, A_o = matrices_4(V_x + d_[:, None] * P + k_[None, :], DP * P)
                    d_x = sum_4(A_i, A_f, A_g, A_o, d_i, d_f, d_g, d_o, PRECISION)
                    weights = tl.load(y + of_scale, scale_there, 0.0)
                    d_logits = through_scales(d_x, weights, tl.load(X + of_X, X_there, 0.0))
                    ahead_h += tl.sum(W_z_kept[:, :, None] * d_logits[:, None, :], 0)
                    tl.store(d_mixed + of_mixed, d_x, mixed_there)
                    tl.store(d_z + of_scale, d_logits, scale_there)
            else:
                tl.debug_barrier()  # every thread has read d_c0
                tl.store(d_c0 + of_state, ahead_c, mask)
        if not KEPT:
            tl.debug_barrier()  # what follows reads what other threads have written
            if JP:
                d_x = tl.zeros([DP, B], gates.dtype.element_ty)
                for k in range(0, h, K):
                    of_term = rows[None, :] * (4 * h) + (k + k_)[:, None]
                    d_i, d_f, d_g, d_o = load_4(d_gates + of_term, h, (k + k_ < h)[:, None] & there[None, :])
                    A_i, A_f, A_g, A_o = matrices_4(V_x + d_[:, None] * P + (k + k_)[None, :], DP * P)
                    d_x += sum_4(A_i, A_f, A_g, A_o, d_i, d_f, d_g, d_o, PRECISION)
                weights = tl.load(y + of_scale, scale_there, 0.0)
                d_logits = through_scales(d_x, weights, tl.load(X + of_X, X_there, 0.0))
                tl.store(d_mixed + of_mixed, d_x, mixed_there)
                tl.store(d_z + of_scale, d_logits, scale_there)
            for n in range(0, P, N):
                units = n + n_
                ahead_h = tl.zeros([N, B], gates.dtype.element_ty)
                for k in range(0, h, K):
                    of_term = rows[None, :] * (4 * h) + (k + k_)[:, None]
                    d_i, d_f, d_g, d_o = load_4(d_gates + of_term, h, (k + k_ < h)[:, None] & there[None, :])
                    A_i, A_f, A_g, A_o = matrices_4(V + units[:, None] * P + (k + k_)[None, :], P * P)
                    ahead_h += sum_4(A_i, A_f, A_g, A_o, d_i, d_f, d_g, d_o, PRECISION)
                if JP:
                    block = tl.load(W_z + j_[:, None] * P + units[None, :])
                    ahead_h += tl.sum(block[:, :, None] * d_logits[:, None, :], 0)
                mask = (units < h)[:, None] & there[None, :]
                tl.store(d_h0 + rows[None, :] * h + units[:, None], ahead_h, mask)
            tl.debug_barrier()
        gates -= batch * 4 * h
        d_gates -= batch * 4 * h
        d_hs -= batch * h
        d_cs -= batch * h
        cs -= batch * h
        if JP:
            X -= batch * J * d
            y -= batch * J
            d_z -= batch * J
            d_mixed -= batch * d
    if KEPT:
        state_there = (n_ < h)[:, None] & there[None, :]
        tl.store(d_h0 + rows[None, :] * h + n_[:, None], ahead_h, state_there)
        tl.store(d_c0 + rows[None, :] * h + n_[:, None], ahead_c, state_there)
