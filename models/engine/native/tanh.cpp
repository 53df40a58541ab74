// The tanh cell, and that of modReLU, in one call for all steps, forward and back through time; conventions as in
// lstm.cpp.

#include <cmath>
#include <cstring>
#include <vector>

#include "activations.h"
#include "products.h"

namespace {

// What a cell makes of a, the sum of what it reads, in unit k; its derivative is told by what comes out.
struct Tanh {
    template <class T> T operator()(T a, int) const { return tanh_(a); }
    template <class T> T slope(T out) const { return 1 - out * out; }
};
template <class T> struct ModReLU {
    const T *b;
    T operator()(T a, int k) const {
        const T size = std::abs(a) + b[k];
        return size <= 0 ? T(0) : a > 0 ? size : a < 0 ? -size : a;  // 0 stays 0 and NaN stays NaN
    }
    T slope(T out) const { return out != 0; }
};

// due: how many units, the first ones, change at each step; null for all. pre (T, B, h): W x + b. U may be
// block-triangular; its zero blocks are multiplied as zeros.

template <class T, class F>
void forward(int steps, int B, int h, const T *pre, const T *U, const T *h0, const int *due, T *hs, F f) {
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
            for (int k = 0; k < n; ++k) out[k] = f(out[k], k);
            std::memcpy(out + n, last + size_t(r) * h + n, (h - n) * sizeof(T));
        }
    }
}

template <class T, class F>
void backward(int steps, int B, int h, const T *U, const int *due, const T *hs, const T *d_hs, T *d_h, T *d_pre, F f) {
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
                to[k] = k < n ? all * f.slope(out[k]) : T(0);
                dh[k] = k < n ? T(0) : all;
            }
        }
        multiply(packs[which], pre, h, d_h, h, B);
    }
}

template <class T>
void tanh_forward(int steps, int B, int h, const T *pre, const T *U, const T *h0, const int *due, T *hs) {
    forward(steps, B, h, pre, U, h0, due, hs, Tanh{});
}

template <class T>
void tanh_backward(int steps, int B, int h, const T *U, const int *due, const T *hs, const T *d_hs, T *d_h, T *d_pre) {
    backward(steps, B, h, U, due, hs, d_hs, d_h, d_pre, Tanh{});
}

template <class T>
void modrelu_forward(int steps, int B, int h, const T *pre, const T *U, const T *b, const T *h0, T *hs) {
    forward(steps, B, h, pre, U, h0, nullptr, hs, ModReLU<T>{b});
}

template <class T>
void modrelu_backward(int steps, int B, int h, const T *U, const T *hs, const T *d_hs, T *d_h, T *d_pre) {
    backward(steps, B, h, U, nullptr, hs, d_hs, d_h, d_pre, ModReLU<T>{nullptr});
}

}  // namespace

EXPORT(tanh_forward)
EXPORT(tanh_backward)
EXPORT(modrelu_forward)
EXPORT(modrelu_backward)
