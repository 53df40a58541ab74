// HM-LSTM: all layers and all steps in one call, forward and back through time, on one thread.
//
// The equations are in hmlstm.py; its eager loop is the truth. With z = z^l_{t-1} and zb = z^{l-1}_t, which is
// 1 in the first layer, and z = 0 where there is no detector, every layer is
//
//     s = [h, z h_above, zb h_below] K + b              columns f, i, o, g (h each) and z (one), slope worked in
//     stay = 1 - z;  copy = stay (1 - zb);  move = 1 - copy
//     c' = move i g + (copy + (stay - copy) f) c;  h' = copy h + move o tanh(c')
//     z' = 1[s_z > 1/2], with the gradient of clamp(s_z, 0, 1)

#include <algorithm>
#include <cstring>
#include <vector>

#include "activations.h"
#include "products.h"

namespace {

// The same fields in the same order in hmlstm_native.py. Arrays over steps are (T, B, ..); seen, gates and squashed
// are one step long where nothing goes back through time.
template <class T> struct Layer {
    int64_t width, above, below, rows;  // below = 0: the first layer; rows = 4 width, and 1 for a detector
    const T *kernel;                    // (inputs, rows)
    const T *bias;                      // (rows), or of the first layer W x + b of all steps
    T *seen;                            // [h, z h_above, zb h_below] of each step
    T *gates;                           // f, i, o, g and s_z; after the way back the gradients of s
    T *squashed;                        // tanh(c)
    T *c, *h, *z;                       // z = null: no detector
    const T *d_h;                       // from outside, or null
    T *d_kernel;                        // comes in as zeros
    int inputs() const { return int(width + above + below); }
};

template <class T> inline T dot(const T *a, const T *b, int n) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int k = 0; k < n; ++k) sum += a[k] * b[k];
    return sum;
}

template <class T> inline void add(T *to, T factor, const T *from, int n) {
#pragma GCC ivdep
    for (int k = 0; k < n; ++k) to[k] += factor * from[k];
}

// The states of step t - 1, zeros where t = 0.
template <class T> struct Before {
    std::vector<T> zeros;
    int B;
    Before(const Layer<T> *layers, int L, int B) : B(B) {
        int64_t widest = 1;
        for (int l = 0; l < L; ++l) widest = std::max(widest, layers[l].width);
        zeros.assign(size_t(B) * widest, T(0));
    }
    const T *operator()(const T *all, int t, int64_t width) const {
        return t && all ? all + size_t(t - 1) * B * width : zeros.data();
    }
};

template <class T> void hmlstm_forward(int steps, int B, int L, int keep, const Layer<T> *layers) {
    std::vector<Packed<T>> packs;
    for (int l = 0; l < L; ++l)
        packs.emplace_back(layers[l].kernel, layers[l].inputs(), int(layers[l].rows), int(layers[l].rows), 1);
    const Before<T> before(layers, L, B);
    const std::vector<T> ones(B, T(1));
    for (int t = 0; t < steps; ++t) {
        for (int l = 0; l < L; ++l) {
            const Layer<T> &layer = layers[l];
            const int h = int(layer.width), above = int(layer.above), below = int(layer.below);
            const int rows = int(layer.rows), inputs = layer.inputs();
            const size_t step = size_t(t) * B, kept = keep ? step : 0;
            T *seen = layer.seen + kept * inputs, *gates = layer.gates + kept * rows;
            const T *last_h = before(layer.h, t, h), *last_c = before(layer.c, t, h), *z = before(layer.z, t, 1);
            const T *upper = above ? before(layers[l + 1].h, t, above) : nullptr;
            const T *lower = below ? layers[l - 1].h + step * below : nullptr;
            const T *zb = below ? layers[l - 1].z + step : ones.data();
            for (int r = 0; r < B; ++r) {
                T *x = seen + size_t(r) * inputs;
                std::memcpy(x, last_h + size_t(r) * h, h * sizeof(T));
                for (int k = 0; k < above; ++k) x[h + k] = z[r] * upper[size_t(r) * above + k];
                for (int k = 0; k < below; ++k) x[h + above + k] = zb[r] * lower[size_t(r) * below + k];
                const T *from = below ? layer.bias : layer.bias + (step + r) * rows;
                std::memcpy(gates + size_t(r) * rows, from, rows * sizeof(T));
            }
            multiply(packs[l], seen, inputs, gates, rows, B);
            for (int r = 0; r < B; ++r) {
                T *f = gates + size_t(r) * rows, *i = f + h, *o = i + h, *g = o + h;
                const T *h0 = last_h + size_t(r) * h, *c0 = last_c + size_t(r) * h;
                const T stay = 1 - z[r], copy = stay * (1 - zb[r]), move = 1 - copy;
                T *c = layer.c + (step + r) * h, *out = layer.h + (step + r) * h, *s = layer.squashed + (kept + r) * h;
#pragma GCC ivdep
                for (int k = 0; k < 3 * h; ++k) f[k] = sigmoid(f[k]);
#pragma GCC ivdep
                for (int k = 0; k < h; ++k) {
                    g[k] = tanh_(g[k]);
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

template <class T> void hmlstm_backward(int steps, int B, int L, const Layer<T> *layers) {
    std::vector<Packed<T>> packs;
    std::vector<std::vector<T>> d_h, d_c;
    std::vector<T> d_z(size_t(L) * B, T(0));
    int widest = 0;
    for (int l = 0; l < L; ++l) {
        const Layer<T> &layer = layers[l];
        packs.emplace_back(layer.kernel, int(layer.rows), layer.inputs(), 1, int(layer.rows));
        d_h.emplace_back(size_t(B) * layer.width, T(0));
        d_c.emplace_back(size_t(B) * layer.width, T(0));
        widest = std::max(widest, layer.inputs());
    }
    std::vector<T> d_seen(size_t(B) * widest);
    const int together = std::max(1, 64 / B);  // steps in one product for the kernels' gradients
    const Before<T> before(layers, L, B);
    const std::vector<T> ones(B, T(1));
    for (int t = steps - 1; t >= 0; --t) {
        for (int l = L - 1; l >= 0; --l) {
            const Layer<T> &layer = layers[l];
            const int h = int(layer.width), above = int(layer.above), below = int(layer.below);
            const int rows = int(layer.rows), inputs = layer.inputs();
            const size_t step = size_t(t) * B;
            T *gates = layer.gates + step * rows, *to_z = &d_z[size_t(l) * B], *to_zb = below ? to_z - B : nullptr;
            const T *last_h = before(layer.h, t, h), *last_c = before(layer.c, t, h), *z = before(layer.z, t, 1);
            const T *upper = above ? before(layers[l + 1].h, t, above) : nullptr;
            const T *lower = below ? layers[l - 1].h + step * below : nullptr;
            const T *zb = below ? layers[l - 1].z + step : ones.data();
            for (int r = 0; r < B; ++r) {
                T *f = gates + size_t(r) * rows, *i = f + h, *o = i + h, *g = o + h;
                const T *h0 = last_h + size_t(r) * h, *c0 = last_c + size_t(r) * h;
                const T *s = layer.squashed + (step + r) * h;
                const T *up = layer.d_h ? layer.d_h + (step + r) * h : before.zeros.data();
                const T stay = 1 - z[r], copy = stay * (1 - zb[r]), move = 1 - copy, update = stay - copy;
                T *dh = &d_h[l][size_t(r) * h], *dc = &d_c[l][size_t(r) * h];
                T to_copy = 0, to_stay = 0;
#pragma omp simd reduction(+ : to_copy, to_stay)
                for (int k = 0; k < h; ++k) {
                    const T F = f[k], I = i[k], O = o[k], G = g[k], to_h = dh[k] + up[k];
                    const T to_out = move * to_h;
                    const T to_c = dc[k] + to_out * O * (1 - s[k] * s[k]);
                    const T to_keep = to_c * c0[k], to_ig = move * to_c;
                    to_copy += to_keep * (1 - F) - to_h * (O * s[k] - h0[k]) - to_c * (I * G);
                    to_stay += to_keep * F;
                    dh[k] = copy * to_h;
                    dc[k] = (copy + update * F) * to_c;
                    f[k] = update * to_keep * F * (1 - F);
                    i[k] = to_ig * G * I * (1 - I);
                    o[k] = to_out * s[k] * O * (1 - O);
                    g[k] = to_ig * I * (1 - G * G);
                }
                if (layer.z) {
                    g[h] = g[h] >= 0 && g[h] <= 1 ? to_z[r] : T(0);
                    to_z[r] = -to_stay - to_copy * (1 - zb[r]);  // of step t - 1 from here on
                }
                if (below) to_zb[r] -= to_copy * stay;
            }
            std::fill_n(d_seen.data(), size_t(B) * inputs, T(0));
            multiply(packs[l], gates, rows, d_seen.data(), inputs, B);
            for (int r = 0; r < B; ++r) {
                const T *x = &d_seen[size_t(r) * inputs];
                add(&d_h[l][size_t(r) * h], T(1), x, h);
                if (above) {
                    add(&d_h[l + 1][size_t(r) * above], z[r], x + h, above);
                    to_z[r] += dot(x + h, upper + size_t(r) * above, above);
                }
                if (below) {
                    add(&d_h[l - 1][size_t(r) * below], zb[r], x + h + above, below);
                    to_zb[r] += dot(x + h + above, lower + size_t(r) * below, below);
                }
            }
        }
        if (t % together) continue;
        const int n = std::min(together, steps - t) * B;  // rows
        for (int l = 0; l < L; ++l) {
            const int rows = int(layers[l].rows), inputs = layers[l].inputs();
            const size_t step = size_t(t) * B;
            const T *seen = layers[l].seen + step * inputs, *d_s = layers[l].gates + step * rows;
            add_outer<T>(seen, inputs, inputs, d_s, rows, rows, nullptr, n, layers[l].d_kernel, rows);
        }
    }
}

}  // namespace

#define EXPORT(T, NAME)                                                                        \
    void hmlstm_forward_##NAME(int steps, int B, int L, int keep, const Layer<T> *layers) {    \
        hmlstm_forward<T>(steps, B, L, keep, layers);                                          \
    }                                                                                          \
    void hmlstm_backward_##NAME(int steps, int B, int L, const Layer<T> *layers) {             \
        hmlstm_backward<T>(steps, B, L, layers);                                               \
    }

extern "C" {
EXPORT(float, float)
EXPORT(double, double)
}
