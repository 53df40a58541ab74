// Whole recurrences in one call, forward and back through time, on one thread.
//
// Plain C interface over contiguous arrays; no torch headers, so that it builds in seconds. Every
// function exists for float and double. Shapes: T steps, B sequences, h units, G gates. The weights'
// gradients are large products that the caller makes afterwards from what is written here.
// The equations are in cells.py and asrnn.py; the eager loops there are the truth.

#include <cstring>
#include <type_traits>
#include <vector>

#include "products.h"

namespace {

// ---- the front end of the adaptive-scale cells: y = softmax(z + h W_z), x~ = sum_j y_j X_j

template <class T> struct Scales {
    int J, d;          // J = 0: there is none, and `projected` already holds W x + b
    const T *z, *X;    // (T, B, J) and (T, B, J, d)
    const T *W_z, *W;  // (J, h) and (G h, d)
    const T *b;        // (G h)
    T *y, *mixed;      // (T, B, J) and (T, B, d), written
    bool hard;         // one-hot at the largest instead of softmax

    // the pre-activations of step t: out (B, G h) = b + x~ W
    void project(int t, int B, int h, int rows, const T *previous, T *out) const {
        for (int r = 0; r < B; ++r) {
            const size_t at = size_t(t) * B + r;
            T *weight = y + at * J, *x = mixed + at * d, *to = out + size_t(r) * rows;
            int best = 0;
            for (int j = 0; j < J; ++j) {
                T sum = 0;
                for (int k = 0; k < h; ++k) sum += previous[size_t(r) * h + k] * W_z[size_t(j) * h + k];
                weight[j] = z[at * J + j] + sum;
                if (weight[j] > weight[best]) best = j;
            }
            const T most = weight[best];
            T total = 0;
            for (int j = 0; j < J; ++j) total += weight[j] = hard ? T(j == best) : exp_below(weight[j] - most);
            for (int j = 0; j < J; ++j) weight[j] /= total;
            for (int i = 0; i < d; ++i) {
                x[i] = 0;
                for (int j = 0; j < J; ++j) x[i] += weight[j] * X[(at * J + j) * d + i];
            }
            for (int n = 0; n < rows; ++n) to[n] = b[n];
            for (int i = 0; i < d; ++i)
                for (int n = 0; n < rows; ++n) to[n] += x[i] * W[size_t(n) * d + i];
        }
    }
    // from the gradient of the pre-activations: that of the logits, of x~, and what reaches h_{t-1}
    void back(int t, int B, int h, int rows, const T *gradient, T *d_logits, T *d_mixed, T *d_previous) const {
        for (int r = 0; r < B; ++r) {
            const size_t at = size_t(t) * B + r;
            const T *from = gradient + size_t(r) * rows, *weight = y + at * J;
            T *x = d_mixed + at * d, *logit = d_logits + at * J, mean = 0;
            for (int i = 0; i < d; ++i) {
                x[i] = 0;
                for (int n = 0; n < rows; ++n) x[i] += from[n] * W[size_t(n) * d + i];
            }
            for (int j = 0; j < J; ++j) {
                logit[j] = 0;
                for (int i = 0; i < d; ++i) logit[j] += x[i] * X[(at * J + j) * d + i];
                mean += weight[j] * logit[j];
            }
            for (int j = 0; j < J; ++j) {
                logit[j] = weight[j] * (logit[j] - mean);
                for (int k = 0; k < h; ++k) d_previous[size_t(r) * h + k] += logit[j] * W_z[size_t(j) * h + k];
            }
        }
    }
};

// ---- LSTM: gates (T, B, 4 h) come in as pre-activations and stay as i, f, g, o

template <class T>
void lstm_forward(int steps, int B, int h, T *gates, const T *U, const T *h0, const T *c0, T *hs, T *cs, T *squashed,
                  const Scales<T> *scales) {
    const Packed<T> P(U, h, 4 * h, 1, h);
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last_h = t ? hs + (t - 1) * row : h0, *last_c = t ? cs + (t - 1) * row : c0;
        T *z = gates + t * row * 4;
        if (scales) scales->project(t, B, h, 4 * h, last_h, z);
        multiply(P, last_h, h, z, 4 * h, B);
        for (int r = 0; r < B; ++r) {
            T *i = z + size_t(r) * 4 * h, *f = i + h, *g = f + h, *o = g + h;
            const T *before = last_c + size_t(r) * h;
            const size_t at = t * row + size_t(r) * h;
            T *c = cs + at, *s = squashed + at, *out = hs + at;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                i[k] = sigmoid(i[k]), f[k] = sigmoid(f[k]), g[k] = tanh_(g[k]), o[k] = sigmoid(o[k]);
                c[k] = f[k] * before[k] + i[k] * g[k];
                s[k] = tanh_(c[k]);
                out[k] = o[k] * s[k];
            }
        }
    }
}

// gates become the gradients of the pre-activations; d_h, d_c (B, h) come in as zeros and leave as those of h0, c0
template <class T>
void lstm_backward(int steps, int B, int h, T *gates, const T *U, const T *c0, const T *cs, const T *squashed,
                   const T *d_hs, const T *d_cs, T *d_h, T *d_c, const Scales<T> *scales, T *d_logits, T *d_mixed) {
    const Packed<T> P(U, 4 * h, h, h, 1);
    const size_t row = size_t(B) * h;
    for (int t = steps - 1; t >= 0; --t) {
        const T *last_c = t ? cs + (t - 1) * row : c0;
        T *z = gates + t * row * 4;
        for (int r = 0; r < B; ++r) {
            T *i = z + size_t(r) * 4 * h, *f = i + h, *g = f + h, *o = g + h;
            const size_t at = t * row + size_t(r) * h;
            const T *s = squashed + at, *before = last_c + size_t(r) * h, *up_h = d_hs + at, *up_c = d_cs + at;
            T *dh = d_h + size_t(r) * h, *dc = d_c + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                const T to_h = dh[k] + up_h[k];
                const T to_c = dc[k] + up_c[k] + to_h * o[k] * (1 - s[k] * s[k]);
                o[k] = to_h * s[k] * o[k] * (1 - o[k]);
                dc[k] = to_c * f[k];
                f[k] = to_c * before[k] * f[k] * (1 - f[k]);
                const T input = i[k];
                i[k] = to_c * g[k] * input * (1 - input);
                g[k] = to_c * input * (1 - g[k] * g[k]);
                dh[k] = 0;
            }
        }
        multiply(P, z, 4 * h, d_h, h, B);
        if (scales) scales->back(t, B, h, 4 * h, z, d_logits, d_mixed, d_h);
    }
}

// ---- GRU: gates (T, B, 3 h) come in as pre-activations and stay as r, z, g. `kept` (T, B, h) is r h_{t-1} where
//      the reset gate acts before the product, and U_g h_{t-1} where it acts after it, as in torch.nn.GRU.

template <class T>
void gru_forward(int steps, int B, int h, bool after, T *gates, const T *U, const T *h0, T *hs, T *kept,
                 const Scales<T> *scales) {
    const Packed<T> P_gates(U, h, 2 * h, 1, h), P_g(U + size_t(2) * h * h, h, h, 1, h);
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last = t ? hs + (t - 1) * row : h0;
        T *pre = gates + t * row * 3, *keep = kept + t * row;
        if (scales) scales->project(t, B, h, 3 * h, last, pre);
        multiply(P_gates, last, h, pre, 3 * h, B);
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
        if (!after) multiply(P_g, keep, h, pre + 2 * h, 3 * h, B);
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

// where the reset gate acts after the product, `kept` becomes the gradient of U_g h_{t-1}
template <class T>
void gru_backward(int steps, int B, int h, bool after, T *gates, const T *U, const T *h0, const T *hs, T *kept,
                  const T *d_hs, T *d_h, const Scales<T> *scales, T *d_logits, T *d_mixed) {
    const Packed<T> P_gates(U, 2 * h, h, h, 1), P_g(U + size_t(2) * h * h, h, h, h, 1);
    const size_t row = size_t(B) * h;
    std::vector<T> d_reset(row);
    for (int t = steps - 1; t >= 0; --t) {
        const T *last = t ? hs + (t - 1) * row : h0;
        T *pre = gates + t * row * 3, *keep = kept + t * row;
        for (int r = 0; r < B; ++r) {
            T *z = pre + size_t(r) * 3 * h + h, *g = z + h, *dh = d_h + size_t(r) * h;
            const T *up = d_hs + t * row + size_t(r) * h, *before = last + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                const T to = dh[k] + up[k], update = z[k];
                z[k] = to * (before[k] - g[k]) * update * (1 - update);
                g[k] = to * (1 - update) * (1 - g[k] * g[k]);
                dh[k] = to * update;
            }
        }
        if (!after) {
            std::memset(d_reset.data(), 0, row * sizeof(T));
            multiply(P_g, pre + 2 * h, 3 * h, d_reset.data(), h, B);
        }
        for (int r = 0; r < B; ++r) {
            T *gate = pre + size_t(r) * 3 * h, *g = gate + 2 * h, *dh = d_h + size_t(r) * h, *q = keep + size_t(r) * h;
            const T *before = last + size_t(r) * h, *to = d_reset.data() + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                const T reset = gate[k], slope = reset * (1 - reset);
                if (after) {
                    gate[k] = g[k] * q[k] * slope;
                    q[k] = g[k] * reset;
                } else {
                    dh[k] += to[k] * reset;
                    gate[k] = to[k] * before[k] * slope;
                }
            }
        }
        if (after) multiply(P_g, keep, h, d_h, h, B);
        multiply(P_gates, pre, 3 * h, d_h, h, B);
        if (scales) scales->back(t, B, h, 3 * h, pre, d_logits, d_mixed, d_h);
    }
}

// ---- tanh, of which only the first due[t] units change at step t (all of them: due = null). hs come in as
//      pre-activations. W may be block-triangular; its zero blocks are multiplied as zeros.

template <class T>
void tanh_forward(int steps, int B, int h, const T *pre, const T *U, const T *h0, const int *due, T *hs) {
    const Packed<T> P(U, h, h, 1, h);
    constexpr int width = Packed<T>::width;
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last = t ? hs + (t - 1) * row : h0;
        T *now = hs + t * row;
        const int n = due ? due[t] : h;
        std::memcpy(now, pre + t * row, row * sizeof(T));
        for (int p = 0; p * width < n; ++p) {  // the panels of the units that are due
            const T *panel = &P.data[size_t(p) * h * width];
            const int few = h - p * width < width ? h - p * width : width;
            int m = 0;
            for (; m + 8 <= B; m += 8)
                tile<T, 8>(panel, h, last + size_t(m) * h, h, now + size_t(m) * h + p * width, h, few);
            for (; m < B; ++m) tile<T, 1>(panel, h, last + size_t(m) * h, h, now + size_t(m) * h + p * width, h, few);
        }
        for (int r = 0; r < B; ++r) {
            T *out = now + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < n; ++k) out[k] = tanh_(out[k]);
            std::memcpy(out + n, last + size_t(r) * h + n, (h - n) * sizeof(T));
        }
    }
}

template <class T>
void tanh_backward(int steps, int B, int h, const T *U, const int *due, const T *hs, const T *d_hs, T *d_h, T *d_pre) {
    const size_t row = size_t(B) * h;
    std::vector<Packed<T>> packs;  // rows of the units that are due, once for each different number of them
    std::vector<int> sizes;
    for (int t = steps - 1; t >= 0; --t) {
        const int n = due ? due[t] : h;
        size_t which = 0;
        while (which < sizes.size() && sizes[which] != n) ++which;
        if (which == sizes.size()) sizes.push_back(n), packs.emplace_back(U, n, h, h, 1);
        T *pre = d_pre + t * row;
        for (int r = 0; r < B; ++r) {
            T *dh = d_h + size_t(r) * h, *to = pre + size_t(r) * h;
            const T *up = d_hs + t * row + size_t(r) * h, *out = hs + t * row + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                const T all = dh[k] + up[k];
                to[k] = k < n ? all * (1 - out[k] * out[k]) : T(0);
                dh[k] = k < n ? T(0) : all;
            }
        }
        multiply(packs[which], pre, h, d_h, h, B);
    }
}

}  // namespace

#define SCALES(T) int J, int d, int hard, const T *z, const T *X, const T *W_z, const T *W, const T *b, T *y, T *mixed
#define GIVEN(T) const Scales<T> scales{J, d, z, X, W_z, W, b, y, mixed, hard != 0}

#define EXPORT(T, NAME)                                                                                               \
    void lstm_forward_##NAME(int steps, int B, int h, T *gates, const T *U, const T *h0, const T *c0, T *hs, T *cs,   \
                             T *squashed, SCALES(T)) {                                                                \
        GIVEN(T);                                                                                                     \
        lstm_forward<T>(steps, B, h, gates, U, h0, c0, hs, cs, squashed, J ? &scales : nullptr);                      \
    }                                                                                                                 \
    void lstm_backward_##NAME(int steps, int B, int h, T *gates, const T *U, const T *c0, const T *cs,                \
                              const T *squashed, const T *d_hs, const T *d_cs, T *d_h, T *d_c, T *d_logits,           \
                              T *d_mixed, SCALES(T)) {                                                                \
        GIVEN(T);                                                                                                     \
        lstm_backward<T>(steps, B, h, gates, U, c0, cs, squashed, d_hs, d_cs, d_h, d_c, J ? &scales : nullptr,        \
                         d_logits, d_mixed);                                                                          \
    }                                                                                                                 \
    void gru_forward_##NAME(int steps, int B, int h, int after, T *gates, const T *U, const T *h0, T *hs, T *kept,    \
                            SCALES(T)) {                                                                              \
        GIVEN(T);                                                                                                     \
        gru_forward<T>(steps, B, h, after, gates, U, h0, hs, kept, J ? &scales : nullptr);                            \
    }                                                                                                                 \
    void gru_backward_##NAME(int steps, int B, int h, int after, T *gates, const T *U, const T *h0, const T *hs,      \
                             T *kept, const T *d_hs, T *d_h, T *d_logits, T *d_mixed, SCALES(T)) {                    \
        GIVEN(T);                                                                                                     \
        gru_backward<T>(steps, B, h, after, gates, U, h0, hs, kept, d_hs, d_h, J ? &scales : nullptr, d_logits,       \
                        d_mixed);                                                                                     \
    }                                                                                                                 \
    void tanh_forward_##NAME(int steps, int B, int h, const T *pre, const T *U, const T *h0, const int *due, T *hs) { \
        tanh_forward<T>(steps, B, h, pre, U, h0, due, hs);                                                            \
    }                                                                                                                 \
    void tanh_backward_##NAME(int steps, int B, int h, const T *U, const int *due, const T *hs, const T *d_hs,        \
                              T *d_h, T *d_pre) {                                                                     \
        tanh_backward<T>(steps, B, h, U, due, hs, d_hs, d_h, d_pre);                                                  \
    }

extern "C" {
EXPORT(float, float)
EXPORT(double, double)
}
