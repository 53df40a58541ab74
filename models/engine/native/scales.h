// The front end of the adaptive-scale cells: y = softmax(z + h W_z), x~ = sum_j y_j X_j. The equations are in asrnn.py.

#pragma once

#include <memory>

#include "activations.h"
#include "products.h"

namespace {

template <class T> struct Scales {
    int J, d, h, B;
    bool hard;         // one-hot at the largest instead of softmax
    const T *z, *X;    // (T, B, J) and (T, B, J, d)
    T *y, *mixed;      // (T, B, J) and (T, B, d), written on the way forward
    T *d_z, *d_mixed;  // the same on the way back, d_z with room for two vectors at its end
    Packed<T> to_logits, from_logits;

    Scales(int J, int d, int h, int B, bool hard, const T *z, const T *X, const T *W_z, T *y, T *mixed, T *d_z,
           T *d_mixed)
        : J(J), d(d), h(h), B(B), hard(hard), z(z), X(X), y(y), mixed(mixed), d_z(d_z), d_mixed(d_mixed),
          to_logits(W_z, h, J, 1, h), from_logits(W_z, J, h, h, 1) {}

    void mix(int t, const T *previous) const {
        const size_t first = size_t(t) * B;
        std::copy_n(z + first * J, size_t(B) * J, y + first * J);
        multiply(to_logits, previous, h, y + first * J, J, B);
        for (size_t at = first; at < first + B; ++at) {
            T *weight = y + at * J, *x = mixed + at * d;
            const int best = int(std::max_element(weight, weight + J) - weight);
            const T most = weight[best];
            T total = 0;
            for (int j = 0; j < J; ++j) total += weight[j] = hard ? T(j == best) : exp_(weight[j] - most);
            for (int j = 0; j < J; ++j) weight[j] /= total;
            for (int i = 0; i < d; ++i) {
                x[i] = 0;
                for (int j = 0; j < J; ++j) x[i] += weight[j] * X[(at * J + j) * d + i];
            }
        }
    }

    // from the gradient of x~, which is there: that of the logits, and what reaches h_{t-1}
    void back(int t, T *d_previous) const {
        const size_t first = size_t(t) * B;
        for (size_t at = first; at < first + B; ++at) {
            const T *weight = y + at * J, *x = d_mixed + at * d;
            T *logit = d_z + at * J, mean = 0;
            for (int j = 0; j < J; ++j) {
                logit[j] = 0;
                for (int i = 0; i < d; ++i) logit[j] += x[i] * X[(at * J + j) * d + i];
                mean += weight[j] * logit[j];
            }
            for (int j = 0; j < J; ++j) logit[j] = weight[j] * (logit[j] - mean);
        }
        multiply(from_logits, d_z + first * J, J, d_previous, h, B);
    }

    // d_W_z^T (h, J) over n steps
    void add_weights(int first, int n, const T *h0, const T *hs, T *d_W_z) const {
        add_over_time(first, n, B, h0, hs, h, d_z + size_t(first) * B * J, J, J, d_W_z, J);
    }
};

// the arguments that make scales, J = 0: there are none
#define SCALES(T) int J, int hard, const T *z, const T *X, const T *W_z, T *y, T *mixed, T *d_z, T *d_mixed
#define GIVEN_SCALES(T)                   \
    std::unique_ptr<const Scales<T>> scales; \
    if (J) scales.reset(new Scales<T>(J, d, h, B, hard != 0, z, X, W_z, y, mixed, d_z, d_mixed))

// the gradient of the input of a product with W (N, d): C (M, d) = A (M, N) W
template <class T> struct ToInput {
    int N, d;
    std::vector<T> turned;  // W^T: dots where there are few columns
    Packed<T> packed;
    ToInput(const T *W, int N, int d) : N(N), d(d), turned(size_t(N) * d), packed(W, N, d, d, 1) {
        for (int n = 0; n < N; ++n)
            for (int i = 0; i < d; ++i) turned[size_t(i) * N + n] = W[size_t(n) * d + i];
    }
    void operator()(const T *A, T *C, int M) const {
        if (d > 3) {
            std::fill_n(C, size_t(M) * d, T(0));
            multiply(packed, A, N, C, d, M);
            return;
        }
        for (int m = 0; m < M; ++m)
            for (int i = 0; i < d; ++i) {
                const T *a = A + size_t(m) * N, *w = &turned[size_t(i) * N];
                T sum = 0;
#pragma omp simd reduction(+ : sum)
                for (int n = 0; n < N; ++n) sum += a[n] * w[n];
                C[size_t(m) * d + i] = sum;
            }
    }
};

}  // namespace
