// The LSTM in one call for all steps, forward and back through time, on one thread.
//
// Functions of contiguous arrays, for float and double; no torch headers, so that it builds in seconds. Shapes: T steps,
// B sequences, h units, d inputs. The equations are in parts/cells.py and asrnn.py; the eager loops there are the truth.

#include <vector>

#include "scales.h"

namespace {

struct Forward;
struct Back;

// writes x where there are scales; gates (T, B, 4 h) hold i, f, g, o; squashed (T, B, h) is tanh c
template <class T>
void lstm_forward(int steps, int B, int h, int d, const T *x, const T *W, const T *b, const T *U, const T *h0,
                  const T *c0, T *gates, T *hs, T *cs, T *squashed, SCALES(T)) {
    GIVEN_SCALES(T);
    const Packed<T> &P = packed_once<Forward>(b, W, d, U, h, 4 * h, true);
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last_h = t ? hs + (t - 1) * row : h0, *last_c = t ? cs + (t - 1) * row : c0;
        T *s = gates + t * row * 4;
        if (scales) scales->mix(t, last_h);
        affine(P, x + size_t(t) * B * d, d, last_h, s, 4 * h, B);
        for (int r = 0; r < B; ++r) {
            T *i = s + size_t(r) * 4 * h, *f = i + h, *g = f + h, *o = g + h;
            const T *before = last_c + size_t(r) * h;
            const size_t at = t * row + size_t(r) * h;
            T *c = cs + at, *tanh_c = squashed + at, *out = hs + at;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                i[k] = sigmoid(i[k]), f[k] = sigmoid(f[k]), g[k] = tanh_(g[k]), o[k] = sigmoid(o[k]);
                c[k] = f[k] * before[k] + i[k] * g[k];
                tanh_c[k] = tanh_(c[k]);
                out[k] = o[k] * tanh_c[k];
            }
        }
    }
}

// d_h, d_c (B, h) come in as the gradients of the last state and leave as those of the first. d_hs, d_cs and d_x may
// be null. d_weights: [b; W^T; U^T] (1 + d + h, 4 h), and d_W_z^T (h, J) where there are scales, both added to.
template <class T>
void lstm_backward(int steps, int B, int h, int d, const T *x, const T *W, const T *U, const T *h0, const T *c0,
                   const T *gates, const T *hs, const T *cs, const T *squashed, const T *d_hs, const T *d_cs, T *d_h,
                   T *d_c, T *d_x, T *d_weights, T *d_W_z, SCALES(T)) {
    GIVEN_SCALES(T);
    const Packed<T> &P = packed_once<Back, T>(nullptr, nullptr, 0, U, h, 4 * h, false);
    const ToInput<T> to_input(W, 4 * h, d);
    const size_t row = size_t(B) * h;
    const int together = std::min(steps, steps_together(B));
    std::vector<T> d_s(together * row * 4 + 2 * Lanes<T>::n), zeros(h, T(0));
    for (int end = steps; end > 0;) {
        const int n = std::min(together, end), first = end - n;
        for (int t = end - 1; t >= first; --t) {
            const T *last_c = t ? cs + (t - 1) * row : c0;
            T *to = &d_s[(t - first) * row * 4];
            for (int r = 0; r < B; ++r) {
                const size_t at = t * row + size_t(r) * h;
                const T *i = gates + at * 4, *f = i + h, *g = f + h, *o = g + h, *s = squashed + at;
                const T *before = last_c + size_t(r) * h;
                const T *up_h = d_hs ? d_hs + at : zeros.data(), *up_c = d_cs ? d_cs + at : zeros.data();
                T *dh = d_h + size_t(r) * h, *dc = d_c + size_t(r) * h;
                T *di = to + size_t(r) * 4 * h, *df = di + h, *dg = df + h, *d_o = dg + h;
#pragma GCC ivdep
                for (int k = 0; k < h; ++k) {
                    const T to_h = dh[k] + up_h[k];
                    const T to_c = dc[k] + up_c[k] + to_h * o[k] * (1 - s[k] * s[k]);
                    d_o[k] = to_h * s[k] * o[k] * (1 - o[k]);
                    dc[k] = to_c * f[k];
                    df[k] = to_c * before[k] * f[k] * (1 - f[k]);
                    di[k] = to_c * g[k] * i[k] * (1 - i[k]);
                    dg[k] = to_c * i[k] * (1 - g[k] * g[k]);
                    dh[k] = 0;
                }
            }
            multiply(P, to, 4 * h, d_h, h, B);
            if (scales) {
                to_input(to, d_x + size_t(t) * B * d, B);
                scales->back(t, d_h);
            }
        }
        if (d_x && !scales) to_input(d_s.data(), d_x + size_t(first) * B * d, n * B);
        T *d_W = d_weights + 4 * h, *d_U = d_W + size_t(d) * 4 * h;
        add_column_sums(d_s.data(), 4 * h, 4 * h, n * B, d_weights);
        add_outer<T>(x + size_t(first) * B * d, d, d, d_s.data(), 4 * h, 4 * h, n * B, d_W, 4 * h);
        add_over_time(first, n, B, h0, hs, h, d_s.data(), 4 * h, 4 * h, d_U, 4 * h);
        if (scales) scales->add_weights(first, n, h0, hs, d_W_z);
        end = first;
    }
}

}  // namespace

EXPORT(lstm_forward)
EXPORT(lstm_backward)
