// HM-LSTM: all layers and all steps in one call, forward (hmlstm.cpp) and back through time (hmlstm_back.cpp), on one
// thread.
//
// The equations are in hmlstm.py; its eager loop is the truth. With z = z^l_{t-1} and zb = z^{l-1}_t, which is
// 1 in the first layer, and z = 0 where there is no detector, every layer is
//
//     s = [h, z h_above, zb h_below] K + b              columns f, i, o, g (h each) and z (one), slope worked in
//     stay = 1 - z;  copy = stay (1 - zb);  move = 1 - copy
//     c' = move i g + (copy + (stay - copy) f) c;  h' = copy h + move o tanh(c')
//     z' = 1[s_z > 1/2], with the gradient of clamp(s_z, 0, 1)
//
// On the way back stay and copy are constants where `selects` is 0.
//
// What a zero switches off is left out of the products: sequences whose z or zb is 0, and on the way back those whose
// state is copied, where only s_z has a gradient.

#pragma once

#include <algorithm>
#include <vector>

#include "activations.h"
#include "products.h"

namespace {

// The same fields in the same order in hmlstm_native.py. Arrays over steps are (T, B, ..); gates and squashed are one
// step long where nothing goes back through time.
template <class T> struct Layer {
    int64_t width, above, below, rows;  // below = 0: the first layer; rows = 4 width, and 1 for a detector
    const T *kernel;                    // (inputs, rows)
    const T *bias;                      // (rows), or of the first layer W x + b of all steps
    const T *h0, *c0, *z0;              // (B, ..); z0 = null: no detector
    T *gates;                           // f, i, o, g and s_z
    T *squashed;                        // tanh(c)
    T *c, *h, *z;
    const T *d_hs;                      // from outside, or null
    T *d_h, *d_c, *d_z;                 // of the last states, and after the way back of the first
    T *d_kernel, *d_bias;               // come in as zeros; of the first layer d_bias is that of all steps, and has
                                        // room for two vectors at its end
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

// What layer l sees at step t.
template <class T> struct Seen {
    const T *h, *c, *z, *upper, *lower, *zb;  // z = null: 0 throughout; zb = null: 1
    Seen(const Layer<T> *layers, int l, int t, int B) {
        const auto before = [&](const T *all, const T *first, int64_t n) {
            return t ? all + size_t(t - 1) * B * n : first;
        };
        const Layer<T> &layer = layers[l], *up = layer.above ? &layer + 1 : nullptr;
        const Layer<T> *low = layer.below ? &layer - 1 : nullptr;
        h = before(layer.h, layer.h0, layer.width), c = before(layer.c, layer.c0, layer.width);
        z = layer.z ? before(layer.z, layer.z0, 1) : nullptr;
        upper = up ? before(up->h, up->h0, up->width) : nullptr;
        lower = low ? low->h + size_t(t) * B * low->width : nullptr;
        zb = low ? low->z + size_t(t) * B : nullptr;
    }
    T gate(int r) const { return z ? z[r] : T(0); }
    T gate_below(int r) const { return zb ? zb[r] : T(1); }
};

}  // namespace
