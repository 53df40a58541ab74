"""The kernel that takes a whole LSTM forward in one launch (triton_lstm.py), and what both directions share.

One program takes one replica and B sequences through all steps. Tiles are (units, sequences): the weights are a
product's left side, whose tile is large, and few sequences are enough for the other. Weights come padded with zeros
to P units, so that only what belongs to the task needs a mask; a padded unit's h and c stay 0.

KEPT: h, c and all recurrent weights stay on the chip over the steps (N = K = P, a power of two). Otherwise the
program goes through blocks of N units, and for each through blocks of K terms: it reads the weights again at every
step, and h_{t-1} from where the step before has written it.

The cell is cells.py's; where JP > 0 its input is asrnn.py's mixture of the J scales in X.
"""

import triton
import triton.language as tl


@triton.jit
def sigmoid(x):
    return 1 / (1 + tl.exp(-x))  # exp may overflow: 1 / inf is 0


@triton.jit
def tanh(x):
    e = tl.exp(-2 * tl.abs(x))
    size = (1 - e) / (1 + e)
    return tl.where(x < 0, -size, size)


@triton.jit
def load_4(pointers, gap, mask):
    """What lies `gap` apart for the gates i, f, g, o."""
    i = tl.load(pointers, mask, 0.0)
    f = tl.load(pointers + gap, mask, 0.0)
    g = tl.load(pointers + 2 * gap, mask, 0.0)
    o = tl.load(pointers + 3 * gap, mask, 0.0)
    return i, f, g, o


@triton.jit
def matrices_4(pointers, gap):
    """The same without a mask: what is padded."""
    i = tl.load(pointers)
    f = tl.load(pointers + gap)
    g = tl.load(pointers + 2 * gap)
    o = tl.load(pointers + 3 * gap)
    return i, f, g, o


@triton.jit
def store_4(pointers, gap, i, f, g, o, mask):
    tl.store(pointers, i, mask)
    tl.store(pointers + gap, f, mask)
    tl.store(pointers + 2 * gap, g, mask)
    tl.store(pointers + 3 * gap, o, mask)


@triton.jit
def products_4(A_i, A_f, A_g, A_o, b, i, f, g, o, PRECISION: tl.constexpr):
    """Each gate plus its matrix times b (terms, B)."""
    i = tl.dot(A_i, b, i, input_precision=PRECISION, out_dtype=i.dtype)
    f = tl.dot(A_f, b, f, input_precision=PRECISION, out_dtype=f.dtype)
    g = tl.dot(A_g, b, g, input_precision=PRECISION, out_dtype=g.dtype)
    o = tl.dot(A_o, b, o, input_precision=PRECISION, out_dtype=o.dtype)
    return i, f, g, o


@triton.jit
def scale_weights(logits, j, J, HARD: tl.constexpr):
    """y (JP, B) of the logits: their softmax over the J scales, or one-hot at the first largest."""
    logits = tl.where((j < J)[:, None], logits, float("-inf"))
    if HARD:
        logits = tl.where(logits == logits, logits, float("inf"))  # torch's argmax takes a NaN for the largest
        largest = tl.max(logits, 0)
        first = tl.min(tl.where(logits == largest[None, :], j[:, None], J), 0)
        return tl.where(j[:, None] == first[None, :], 1.0, 0.0).to(logits.dtype)
    e = tl.exp(logits - tl.max(logits, 0)[None, :])
    return e / tl.sum(e, 0)[None, :]


@triton.jit(do_not_specialize=["steps", "batch"])
def forward(
    projected,  # (R, steps, batch, 4 h); not read where JP > 0
    U,  # (R, 4, P, P)
    gates,  # (R, steps, batch, 4 h), written where SAVE
    hs,  # (R, steps + 1, batch, h), row 0 given
    cs,  # as hs
    z,  # (R, steps, batch, J); this and all below only where JP > 0
    X,  # (R, steps, batch, J, d)
    W_z,  # (R, JP, P)
    W,  # (R, 4, P, DP)
    b,  # (R, 4, P)
    y,  # (R, steps, batch, J), written
    mixed,  # (R, steps, batch, d), written
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
    SAVE: tl.constexpr,
    JP: tl.constexpr,
    DP: tl.constexpr,
    HARD: tl.constexpr,
    PRECISION: tl.constexpr,
):
    r = tl.program_id(1).to(tl.int64)
    rows = tl.program_id(0) * B + tl.arange(0, B)
    there = rows < batch
    n_ = tl.arange(0, N)
    k_ = tl.arange(0, K)
    U += r * 4 * P * P
    projected += r * steps * batch * 4 * h
    gates += r * steps * batch * 4 * h
    hs += r * (steps + 1) * batch * h
    cs += r * (steps + 1) * batch * h
    if JP:
        j_ = tl.arange(0, JP)
        d_ = tl.arange(0, DP)
        z += r * steps * batch * J
        y += r * steps * batch * J
        X += r * steps * batch * J * d
        mixed += r * steps * batch * d
        W_z += r * JP * P
        W += r * 4 * P * DP
        b += r * 4 * P
        of_scale = rows[None, :] * J + j_[:, None]
        scale_there = (j_ < J)[:, None] & there[None, :]
        of_mixed = rows[None, :] * d + d_[:, None]
        mixed_there = (d_ < d)[:, None] & there[None, :]
        of_X = of_scale[:, None, :] * d + d_[None, :, None]
        X_there = scale_there[:, None, :] & (d_ < d)[None, :, None]
    if KEPT:
        U_i, U_f, U_g, U_o = matrices_4(U + n_[:, None] * P + k_[None, :], P * P)
        state_there = (n_ < h)[:, None] & there[None, :]
        last_h = tl.load(hs + rows[None, :] * h + n_[:, None], state_there, 0.0)
        last_c = tl.load(cs + rows[None, :] * h + n_[:, None], state_there, 0.0)
        if JP:
            W_z_kept = tl.load(W_z + j_[:, None] * P + n_[None, :])
    for _ in range(steps):
        if JP:
            logits = tl.load(z + of_scale, scale_there, 0.0)
            if KEPT:
                logits += tl.sum(W_z_kept[:, :, None] * last_h[None, :, :], 1)
            else:
                for k in range(0, h, K):
                    past = tl.load(hs + rows[None, :] * h + (k + k_)[:, None], (k + k_ < h)[:, None] & there, 0.0)
                    block = tl.load(W_z + j_[:, None] * P + (k + k_)[None, :])
                    logits += tl.sum(block[:, :, None] * past[None, :, :], 1)
            weights = scale_weights(logits, j_, J, HARD)
            tl.store(y + of_scale, weights, scale_there)
            x = tl.sum(weights[:, None, :] * tl.load(X + of_X, X_there, 0.0), 0)
            tl.store(mixed + of_mixed, x, mixed_there)
        for n in range(0, P, N):
            units = n + n_
            mask = (units < h)[:, None] & there[None, :]
            of_gate = rows[None, :] * (4 * h) + units[:, None]
            of_state = rows[None, :] * h + units[:, None]
            if JP:
                i, f, g, o = matrices_4(b + units[:, None] + tl.zeros_like(rows)[None, :], P)
                W_i, W_f, W_g, W_o = matrices_4(W + units[:, None] * DP + d_[None, :], P * DP)
                i, f, g, o = products_4(W_i, W_f, W_g, W_o, x, i, f, g, o, PRECISION)
            else:
                i, f, g, o = load_4(projected + of_gate, h, mask)
            if KEPT:
                i, f, g, o = products_4(U_i, U_f, U_g, U_o, last_h, i, f, g, o, PRECISION)
            else:
                for k in range(0, h, K):
                    past = tl.load(hs + rows[None, :] * h + (k + k_)[:, None], (k + k_ < h)[:, None] & there, 0.0)
                    A_i, A_f, A_g, A_o = matrices_4(U + units[:, None] * P + (k + k_)[None, :], P * P)
                    i, f, g, o = products_4(A_i, A_f, A_g, A_o, past, i, f, g, o, PRECISION)
                last_c = tl.load(cs + of_state, mask, 0.0)
            i = sigmoid(i)
            f = sigmoid(f)
            g = tanh(g)
            o = sigmoid(o)
            c = f * last_c + i * g
            new_h = o * tanh(c)
            tl.store(cs + batch * h + of_state, c, mask)
            tl.store(hs + batch * h + of_state, new_h, mask)
            if SAVE:
                store_4(gates + of_gate, h, i, f, g, o, mask)
            if KEPT:
                last_h = new_h
                last_c = c
        if not KEPT:
            tl.debug_barrier()  # the next step reads what other threads have written
        projected += batch * 4 * h
        gates += batch * 4 * h
        hs += batch * h
        cs += batch * h
        if JP:
            z += batch * J
            y += batch * J
            X += batch * J * d
            mixed += batch * d
