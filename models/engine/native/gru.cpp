// The GRU in one call for all steps, forward and back through time; conventions as in lstm.cpp.

#include <cstring>
#include <vector>

#include "scales.h"

namespace {

// writes x where there are scales. gates (T, B, 3 h) hold r, z, g. kept (T, B, h) is r h_{t-1} where the reset gate
// acts before the product, and U_g h_{t-1} where it acts after it, as in torch.nn.GRU.
template <class T>
void gru_forward(int steps, int B, int h, int d, int after, const T *x, const T *W, const T *b, const T *U,
                 const T *h0, T *gates, T *hs, T *kept, SCALES(T)) {
    GIVEN_SCALES(T);
    const size_t half = size_t(2) * h;  // the rows of r and z
    const Packed<T> P(b, W, d, U, h, 2 * h), P_x(b + half, W + half * d, d, U, 0, h), P_g(U + half * h, h, h, 1, h);
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last = t ? hs + (t - 1) * row : h0, *now = x + size_t(t) * B * d;
        T *pre = gates + t * row * 3, *keep = kept + t * row;
        if (scales) scales->mix(t, last);
        affine(P, now, d, last, pre, 3 * h, B);
        affine(P_x, now, d, last, pre + half, 3 * h, B);
        if (after) {
            std::memset(keep, 0, row * sizeof(T));
            multiply(P_g, last, h, keep, h, B);
        }
        for (int r = 0; r < B; ++r) {
            T *gate = pre + size_t(r) * 3 * h, *g = gate + 2 * h, *to = keep + size_t(r) * h;
            const T *before = last + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < 2 * h; ++k) gate[k] = sigmoid(gate[k]);
#pragma GCC ivdep
            for (int k = 0; k < h; ++k)
                if (after)
                    g[k] += gate[k] * to[k];
                else
                    to[k] = gate[k] * before[k];
        }
        if (!after) multiply(P_g, keep, h, pre + half, 3 * h, B);
        for (int r = 0; r < B; ++r) {
            T *z = pre + size_t(r) * 3 * h + h, *g = z + h, *out = hs + t * row + size_t(r) * h;
            const T *before = last + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                g[k] = tanh_(g[k]);
                out[k] = g[k] + z[k] * (before[k] - g[k]);
            }
        }
    }
}

// d_h (B, h) comes in as the gradient of the last state and leaves as that of the first; d_hs and d_x may be null.
// d_weights: [b; W^T; U^T] (1 + d + h, 3 h), and d_W_z^T (h, J) where there are scales, both added to.
template <class T>
void gru_backward(int steps, int B, int h, int d, int after, const T *x, const T *W, const T *U, const T *h0,
                  const T *gates, const T *hs, const T *kept, const T *d_hs, T *d_h, T *d_x, T *d_weights,
                  T *d_W_z, SCALES(T)) {
    GIVEN_SCALES(T);
    const Packed<T> P_gates(U, 2 * h, h, h, 1), P_g(U + size_t(2) * h * h, h, h, h, 1);
    const ToInput<T> to_input(W, 3 * h, d);
    const size_t row = size_t(B) * h;
    const int together = std::min(steps, steps_together(B)), G = 3 * h, spare = 2 * Lanes<T>::n;
    std::vector<T> d_s(together * row * 3 + spare), zeros(h, T(0));
    std::vector<T> d_kept(together * row + spare);  // of what is kept
    for (int end = steps; end > 0;) {
        const int n = std::min(together, end), first = end - n;
        for (int t = end - 1; t >= first; --t) {
            const T *last = t ? hs + (t - 1) * row : h0;
            T *to = &d_s[(t - first) * row * 3], *d_keep = &d_kept[(t - first) * row];
            for (int r = 0; r < B; ++r) {
                const size_t at = t * row + size_t(r) * h;
                const T *reset = gates + at * 3, *z = reset + h, *g = z + h, *before = last + size_t(r) * h;
                const T *up = d_hs ? d_hs + at : zeros.data();
                T *dh = d_h + size_t(r) * h, *dz = to + size_t(r) * G + h, *dg = dz + h, *dk = d_keep + size_t(r) * h;
#pragma GCC ivdep
                for (int k = 0; k < h; ++k) {
                    const T all = dh[k] + up[k];
                    dz[k] = all * (before[k] - g[k]) * z[k] * (1 - z[k]);
                    dg[k] = all * (1 - z[k]) * (1 - g[k] * g[k]);
                    dh[k] = all * z[k];
                    dk[k] = after ? dg[k] * reset[k] : T(0);
                }
            }
            if (!after) multiply(P_g, to + 2 * h, G, d_keep, h, B);
            for (int r = 0; r < B; ++r) {
                const size_t at = t * row + size_t(r) * h;
                const T *reset = gates + at * 3, *q = kept + at, *before = last + size_t(r) * h;
                const T *dg = to + size_t(r) * G + 2 * h, *dk = d_keep + size_t(r) * h;
                T *d_reset = to + size_t(r) * G, *dh = d_h + size_t(r) * h;
#pragma GCC ivdep
                for (int k = 0; k < h; ++k) {
                    const T slope = reset[k] * (1 - reset[k]);
                    d_reset[k] = (after ? dg[k] * q[k] : dk[k] * before[k]) * slope;
                    dh[k] += after ? T(0) : dk[k] * reset[k];
                }
            }
            if (after) multiply(P_g, d_keep, h, d_h, h, B);
            multiply(P_gates, to, G, d_h, h, B);
            if (scales) {
                to_input(to, d_x + size_t(t) * B * d, B);
                scales->back(t, d_h);
            }
        }
        if (d_x && !scales) to_input(d_s.data(), d_x + size_t(first) * B * d, n * B);
        T *d_W = d_weights + G, *d_U = d_W + size_t(d) * G, *d_U_g = d_U + 2 * h;
        add_column_sums(d_s.data(), G, G, n * B, d_weights);
        add_outer<T>(x + size_t(first) * B * d, d, d, d_s.data(), G, G, n * B, d_W, G);
        add_over_time(first, n, B, h0, hs, h, d_s.data(), G, 2 * h, d_U, G);
        if (after)
            add_over_time(first, n, B, h0, hs, h, d_kept.data(), h, h, d_U_g, G);
        else
            add_outer<T>(kept + first * row, h, h, d_s.data() + 2 * h, G, h, n * B, d_U_g, G);
        if (scales) scales->add_weights(first, n, h0, hs, d_W_z);
        end = first;
    }
}

}  // namespace

EXPORT(gru_forward)
EXPORT(gru_backward)
