// The products of products.h, for float and double.

#include "products.h"

namespace products {

template <class vec, int MR, int V, class T>
inline const T *gather(vec (&sum)[MR][V], const T *panel, int K, const T *A, int lda) {
    constexpr int n = sizeof(vec) / sizeof(T);
    for (int k = 0; k < K; ++k, panel += V * n) {
        vec b[V];
        for (int v = 0; v < V; ++v) b[v] = *reinterpret_cast<const vec *>(panel + v * n);
        for (int m = 0; m < MR; ++m)
            for (int v = 0; v < V; ++v) sum[m][v] += A[size_t(m) * lda + k] * b[v];
    }
    return panel;
}

template <class T>
void multiply(const Packed<T> &P, const T *A, int lda, T *C, int ldc, int M, int N, const int *which) {
    const Rows<T> to{C, size_t(ldc), which};
    over_columns<T>(P.N, [&](int j, auto V, auto bytes) {
        using vec = typename Lanes<T, bytes()>::vec;
        if (j >= N) return;
        over_rows(M, [&](int m, auto MR) {
            vec sum[MR()][V()] = {};
            load(sum, to, m, j, P.N - j);
            gather(sum, &P.data[size_t(P.K) * j], P.K, A + size_t(m) * lda, lda);
            store(sum, to, m, j, P.N - j);
        });
    });
}
template <class T> void affine(const Packed<T> &P, const T *x, int d, const T *h, T *C, int ldc, int M) {
    const int units = P.K - 1 - d;
    const Rows<T> to{C, size_t(ldc), nullptr};
    over_columns<T>(P.N, [&](int j, auto V, auto bytes) {
        using vec = typename Lanes<T, bytes()>::vec;
        const T *panel = &P.data[size_t(P.K) * j];
        over_rows(M, [&](int m, auto MR) {
            vec sum[MR()][V()];
            for (int r = 0; r < MR(); ++r)
                for (int v = 0; v < V(); ++v)
                    sum[r][v] = *reinterpret_cast<const vec *>(panel + v * Lanes<T, bytes()>::n);
            const T *rest = gather(sum, panel + V() * Lanes<T, bytes()>::n, d, x + size_t(m) * d, d);
            gather(sum, rest, units, h + size_t(m) * units, units);
            store(sum, to, m, j, P.N - j);
        });
    });
}

template <class T>
void add_outer(const T *A, int lda, int M, const T *B, int ldb, int N, const int *of_A, const int *of_B, int K, T *C,
               int ldc) {
    const Rows<T> to{C, size_t(ldc), nullptr};
    over_columns<T>(N, [&](int j, auto V, auto bytes) {
        using vec = typename Lanes<T, bytes()>::vec;
        over_rows(M, [&](int m, auto MR) {
            vec sum[MR()][V()] = {};
            load(sum, to, m, j, N - j);
            for (int k = 0; k < K; ++k) {
                const T *a = A + size_t(of_A ? of_A[k] : k) * lda + m, *from = B + size_t(of_B ? of_B[k] : k) * ldb + j;
                vec b[V()];
                for (int v = 0; v < V(); ++v) b[v] = *reinterpret_cast<const vec *>(from + v * Lanes<T, bytes()>::n);
                for (int r = 0; r < MR(); ++r)
                    for (int v = 0; v < V(); ++v) sum[r][v] += a[r] * b[v];
            }
            store(sum, to, m, j, N - j);
        });
    });
}

#define MAKE(T)                                                                                                       \
    template void multiply<T>(const Packed<T> &, const T *, int, T *, int, int, int, const int *);                    \
    template void affine<T>(const Packed<T> &, const T *, int, const T *, T *, int, int);                             \
    template void add_outer<T>(const T *, int, int, const T *, int, int, const int *, const int *, int, T *, int);
MAKE(float)
MAKE(double)

}  // namespace products
