// What the recurrences share: products with a packed matrix, and vectorised exp, sigmoid and tanh.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

constexpr int BYTES = 64;

template <class T> struct Lanes {
    static constexpr int n = BYTES / sizeof(T);
    typedef T vec __attribute__((vector_size(BYTES), aligned(alignof(T)), may_alias));
};

// ---- products: C (M x N) += A (M x K) * P, where P is packed in panels of two vectors' width. Element (m, k) of A
//      lies at A[m * lda + k * next].

template <class T> struct Packed {
    static constexpr int width = 2 * Lanes<T>::n;
    int K, N, panels;
    std::vector<T> data;
    // element (k, n) lies at B[k * row + n * column]
    Packed(const T *B, int K, int N, int row, int column) : K(K), N(N), panels((N + width - 1) / width) {
        data.assign(size_t(panels) * K * width, T(0));
        for (int p = 0; p < panels; ++p)
            for (int k = 0; k < K; ++k) {
                T *to = &data[(size_t(p) * K + k) * width];
                const int few = N - p * width < width ? N - p * width : width;
                const T *from = B + size_t(k) * row + size_t(p) * width * column;
                if (column == 1)
                    std::copy_n(from, few, to);
                else
                    for (int n = 0; n < few; ++n) to[n] = from[size_t(n) * column];
            }
    }
};

// MR rows and the first V vectors of a panel, of whose columns the first `few` exist
template <class T, int MR, int V = 2>
inline void tile(const T *panel, int K, const T *A, int lda, T *C, int ldc, int few, int next = 1) {
    using vec = typename Lanes<T>::vec;
    constexpr int n = Lanes<T>::n;
    vec sum[MR][V];
    for (int m = 0; m < MR; ++m)
        for (int v = 0; v < V; ++v) sum[m][v] = vec{};
    for (int k = 0; k < K; ++k) {
        vec b[V];
        for (int v = 0; v < V; ++v) b[v] = *reinterpret_cast<const vec *>(panel + size_t(k) * 2 * n + v * n);
        for (int m = 0; m < MR; ++m)
            for (int v = 0; v < V; ++v) sum[m][v] += A[size_t(m) * lda + size_t(k) * next] * b[v];
    }
    for (int m = 0; m < MR; ++m) {
        T *to = C + size_t(m) * ldc;
        for (int v = 0; v < V; ++v)
            if (few >= (v + 1) * n)
                *reinterpret_cast<vec *>(to + v * n) += sum[m][v];
            else
                for (int i = 0; i < few - v * n; ++i) to[v * n + i] += sum[m][v][i];
    }
}

template <class T, int V>
inline void panel_times(const T *panel, int K, const T *A, int lda, T *C, int ldc, int M, int few, int next) {
    int m = 0;
#define ROWS(MR)                                                                                                      \
    for (; m + MR <= M; m += MR) tile<T, MR, V>(panel, K, A + size_t(m) * lda, lda, C + size_t(m) * ldc, ldc, few, next)
    ROWS(8);
    ROWS(4);
    ROWS(2);
    ROWS(1);
#undef ROWS
}

template <class T> void multiply(const Packed<T> &P, const T *A, int lda, T *C, int ldc, int M, int next = 1) {
    constexpr int width = Packed<T>::width;
    for (int p = 0; p < P.panels; ++p) {
        const T *panel = &P.data[size_t(p) * P.K * width];
        const int few = P.N - p * width < width ? P.N - p * width : width;
        if (2 * few > width)
            panel_times<T, 2>(panel, P.K, A, lda, C + p * width, ldc, M, few, next);
        else
            panel_times<T, 1>(panel, P.K, A, lda, C + p * width, ldc, M, few, next);
    }
}

// ---- exp, sigmoid and tanh that the compiler turns into vector code; NaN stays NaN

inline float power_of_two(float n) { return __builtin_bit_cast(float, (int32_t(n) + 127) << 23); }
inline double power_of_two(double n) { return __builtin_bit_cast(double, (int64_t(n) + 1023) << 52); }
// exp of x <= 0, by n = round(x / ln 2) and a polynomial on what is left
inline float exp_below(float x) {
    x = x < -87.0f ? -87.0f : x;
    const float shifted = x * 1.44269504f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return (p * r * r + r + 1.0f) * power_of_two(n);
}
inline double exp_below(double x) {
    x = x < -700.0 ? -700.0 : x;
    const double shifted = x * 1.4426950408889634 + 6755399441055744.0;
    const double n = shifted - 6755399441055744.0;
    const double r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    return (p * r * r + r + 1.0) * power_of_two(n);
}
template <class T> inline T sigmoid(T x) {
    const T e = exp_below(x < 0 ? x : -x), s = T(1) / (T(1) + e);
    return x < 0 ? e * s : s;
}
template <class T> inline T tanh_(T x) {
    const T e = exp_below(T(-2) * (x < 0 ? -x : x)), t = (T(1) - e) / (T(1) + e);
    return x < 0 ? -t : t;
}

}  // namespace
