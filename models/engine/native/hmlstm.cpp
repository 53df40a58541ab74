// HM-LSTM forward; see hmlstm.h.

#include "hmlstm.h"

namespace {

// gates += [switch x] P in the rows whose switch is not 0
template <class T>
void add_switched(const Packed<T> &P, const T *x, const T *on, T *gates, int rows, int B, T *dense, int *which) {
    int n = 0;
    for (int r = 0; r < B; ++r) {
        if (on[r] == 0) continue;
        T *to = dense + size_t(n) * P.K;
        for (int k = 0; k < P.K; ++k) to[k] = on[r] * x[size_t(r) * P.K + k];
        which[n++] = r;
    }
    multiply(P, dense, P.K, gates, rows, n, P.N, which);
}

template <class T> void hmlstm_forward(int steps, int B, int L, int keep, const Layer<T> *layers) {
    std::vector<Packed<T>> own, from_above, from_below;
    int64_t widest = 0;
    for (int l = 0; l < L; ++l) {
        const Layer<T> &layer = layers[l];
        const int h = int(layer.width), above = int(layer.above), below = int(layer.below), rows = int(layer.rows);
        own.emplace_back(1 + h, rows);  // with the bias, and zeros in the first layer, whose bias comes for each step
        if (below) own[l].fill(0, layer.bias, 1, 0, 1);
        own[l].fill(1, layer.kernel, h, rows, 1);
        from_above.emplace_back(layer.kernel + size_t(h) * rows, above, rows, rows, 1);
        from_below.emplace_back(layer.kernel + size_t(h + above) * rows, below, rows, rows, 1);
        widest = std::max(widest, layer.width);
    }
    std::vector<T> dense(B * widest);
    std::vector<int> which(B);
    for (int t = 0; t < steps; ++t) {
        for (int l = 0; l < L; ++l) {
            const Layer<T> &layer = layers[l];
            const int h = int(layer.width), rows = int(layer.rows);
            const size_t step = size_t(t) * B, kept = keep ? step : 0;
            T *gates = layer.gates + kept * rows;
            const Seen<T> seen(layers, l, t, B);
            affine(own[l], (const T *)nullptr, 0, seen.h, gates, rows, B);
            if (!layer.below) add(gates, T(1), layer.bias + step * rows, B * rows);
            if (seen.upper && seen.z)
                add_switched(from_above[l], seen.upper, seen.z, gates, rows, B, dense.data(), which.data());
            if (seen.lower)
                add_switched(from_below[l], seen.lower, seen.zb, gates, rows, B, dense.data(), which.data());
            for (int r = 0; r < B; ++r) {
                T *f = gates + size_t(r) * rows, *i = f + h, *o = i + h, *g = o + h;
                const T *h0 = seen.h + size_t(r) * h, *c0 = seen.c + size_t(r) * h;
                const T stay = 1 - seen.gate(r), copy = stay * (1 - seen.gate_below(r)), move = 1 - copy;
                T *c = layer.c + (step + r) * h, *out = layer.h + (step + r) * h, *s = layer.squashed + (kept + r) * h;
#pragma GCC ivdep
                for (int k = 0; k < h; ++k) {
                    f[k] = sigmoid(f[k]), i[k] = sigmoid(i[k]), o[k] = sigmoid(o[k]), g[k] = tanh_(g[k]);
                    c[k] = move * (i[k] * g[k]) + (copy + (stay - copy) * f[k]) * c0[k];
                    s[k] = tanh_(c[k]);
                    // exactly h where the case is COPY, exactly o tanh(c) where it is not
                    out[k] = copy * h0[k] + move * (o[k] * s[k]);
                }
                if (layer.z) {
                    const T a = g[h];
                    layer.z[step + r] = a != a ? a : T(a > T(0.5));
                }
            }
        }
    }
}

}  // namespace

EXPORT(hmlstm_forward)
