// The tanh cell in one call for all steps, forward and back through time; conventions as in lstm.cpp.

#include <cstring>
#include <vector>

#include "activations.h"
#include "products.h"

namespace {

// due: how many units, the first ones, change at each step; null for all. pre (T, B, h): W x + b. U may be
// block-triangular; its zero blocks are multiplied as zeros.

template <class T>
void tanh_forward(int steps, int B, int h, const T *pre, const T *U, const T *h0, const int *due, T *hs) {
    const Packed<T> P(U, h, h, 1, h);
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last = t ? hs + (t - 1) * row : h0;
        T *now = hs + t * row;
        const int n = due ? due[t] : h;
        std::memcpy(now, pre + t * row, row * sizeof(T));
        multiply(P, last, h, now, h, B, n);  // a few columns more, to the panel's end, are overwritten below
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
    const std::vector<T> zeros(h, T(0));
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
            const T *up = d_hs ? d_hs + t * row + size_t(r) * h : zeros.data(), *out = hs + t * row + size_t(r) * h;
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

EXPORT(tanh_forward)
EXPORT(tanh_backward)
