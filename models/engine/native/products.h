// Products for the recurrences: with a packed matrix, and sums of outer products over rows. One thread. The large
// ones are in products.cpp, so that they are compiled once.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace products {

// The widest vectors of the processor, and as many rows at a time as two vectors each leave registers for.
#if defined(__AVX512F__)
constexpr int BYTES = 64, MOST_ROWS = 12;  // of 32 registers
#elif defined(__AVX__)
constexpr int BYTES = 32, MOST_ROWS = 6;  // of 16
#elif defined(__aarch64__)
constexpr int BYTES = 16, MOST_ROWS = 12;  // of 32
#else
constexpr int BYTES = 16, MOST_ROWS = 6;
#endif

template <class T, int bytes = BYTES> struct Lanes {
    static constexpr int n = bytes / sizeof(T);
    typedef T vec __attribute__((vector_size(bytes), aligned(alignof(T)), may_alias));
};

// Columns are taken two vectors at a time, at the end one, or half of one: f(first column, vectors, bytes of each).
template <class T> inline int columns_at_once(int left) {
    constexpr int n = Lanes<T>::n;
    return 2 * left > 3 * n ? 2 * n : 2 * left > n ? n : n / 2;
}
template <int n> using Number = std::integral_constant<int, n>;
template <class T, class F> inline void over_columns(int N, F f) {
    constexpr int n = Lanes<T>::n;
    for (int j = 0; j < N;) {
        const int width = columns_at_once<T>(N - j);
        if (width == 2 * n)
            f(j, Number<2>{}, Number<BYTES>{});
        else if (width == n)
            f(j, Number<1>{}, Number<BYTES>{});
        else
            f(j, Number<1>{}, Number<BYTES / 2>{});
        j += width;
    }
}

// Rows are taken in blocks of like sizes, at most MOST_ROWS: f(first row, rows).
template <class F> inline void over_rows(int M, F f) {
    for (int m = 0; m < M;) {
        const int left = M - m, blocks = (left + MOST_ROWS - 1) / MOST_ROWS, share = (left + blocks - 1) / blocks;
#define ROWS(least, n)                      \
    if constexpr (n <= MOST_ROWS)           \
        if (share >= least && left >= n) {  \
            f(m, Number<n>{});              \
            m += n;                         \
            continue;                       \
        }
        ROWS(11, 12) ROWS(9, 10) ROWS(7, 8) ROWS(5, 6) ROWS(4, 4) ROWS(3, 3) ROWS(2, 2) ROWS(1, 1)
#undef ROWS
    }
}

// A matrix (K x N) in panels of as many columns as are taken at once, each panel with its rows one after the other.
template <class T> struct Packed {
    int K, N;
    std::vector<T> data;
    Packed(int K, int N) : K(K), N(N), data(size_t(K) * (N + 2 * Lanes<T>::n), T(0)) {}
    // element (k, n) lies at B[k * row + n * column]
    Packed(const T *B, int K, int N, int row, int column) : Packed(K, N) { fill(0, B, K, row, column); }
    // [b; W^T; U^T], the product with [1, x, h]: b (N) or null for zeros, W (N, d), U (N, h)
    Packed(const T *b, const T *W, int d, const T *U, int h, int N) : Packed(1 + d + h, N) {
        if (b) fill(0, b, 1, 0, 1);
        fill(1, W, d, 1, d);
        fill(1 + d, U, h, 1, h);
    }
    void fill(int first, const T *B, int rows, int row, int column) {
        for (int j = 0, width; j < N; j += width) {
            width = columns_at_once<T>(N - j);
            T *to = &data[size_t(K) * j + size_t(first) * width];
            const T *from = B + size_t(j) * column;
            const int few = std::min(width, N - j);
            if (column == 1)
                for (int k = 0; k < rows; ++k) std::copy_n(from + size_t(k) * row, few, to + size_t(k) * width);
            else
                for (int n = 0; n < few; ++n)
                    for (int k = 0; k < rows; ++k)
                        to[size_t(k) * width + n] = from[size_t(n) * column + size_t(k) * row];
        }
    }
};

// The packed form of the weights that this thread packed last, as a pyramid calls for the same ones every few steps.
// One place for each Tag. Compared in full, not by their address: an optimizer changes weights in place.
template <class Tag, class T>
const Packed<T> &packed_once(const T *b, const T *W, int d, const T *U, int h, int N, bool forward) {
    thread_local std::vector<T> kept;
    thread_local int sizes[3] = {-1, -1, -1};
    thread_local Packed<T> made(0, 0);
    const T *parts[] = {b, W, U};
    const size_t lengths[] = {forward ? size_t(N) : 0, forward ? size_t(N) * d : 0, size_t(N) * h};
    bool same = sizes[0] == d && sizes[1] == h && sizes[2] == N;
    size_t at = 0;
    for (int i = 0; i < 3 && same; at += lengths[i++])
        same = !lengths[i] || !std::memcmp(&kept[at], parts[i], lengths[i] * sizeof(T));
    if (same) return made;
    kept.clear();
    for (int i = 0; i < 3; ++i) kept.insert(kept.end(), parts[i], parts[i] + lengths[i]);
    made = forward ? Packed<T>(b, W, d, U, h, N) : Packed<T>(U, N, h, h, 1);
    sizes[0] = d, sizes[1] = h, sizes[2] = N;
    return made;
}

// the rows of C from m on, or those that `which` names
template <class T> struct Rows {
    T *C;
    size_t ldc;
    const int *which;
    T *operator()(int m) const { return C + (which ? which[m] : m) * ldc; }
};

template <class vec, int MR, int V, class T> inline void store(vec (&sum)[MR][V], Rows<T> C, int row, int j, int few) {
    constexpr int n = sizeof(vec) / sizeof(T);
    for (int m = 0; m < MR; ++m)
        for (int v = 0; v < V; ++v) {
            T *to = C(row + m) + j + v * n;
            if (few >= (v + 1) * n)
                *reinterpret_cast<vec *>(to) = sum[m][v];
            else
                for (int i = 0; i < few - v * n; ++i) to[i] = sum[m][v][i];
        }
}
template <class vec, int MR, int V, class T> inline void load(vec (&sum)[MR][V], Rows<T> C, int row, int j, int few) {
    constexpr int n = sizeof(vec) / sizeof(T);
    for (int m = 0; m < MR; ++m)
        for (int v = 0; v < V; ++v) {
            const T *from = C(row + m) + j + v * n;
            if (few >= (v + 1) * n)
                sum[m][v] = *reinterpret_cast<const vec *>(from);
            else
                for (int i = 0; i < few - v * n; ++i) sum[m][v][i] = from[i];
        }
}

// C (M x N) += A (M x K) P, of which only the first N columns are wanted; to the rows of C that `which` names, if any
template <class T>
void multiply(const Packed<T> &P, const T *A, int lda, T *C, int ldc, int M, int N, const int *which = nullptr);
template <class T> inline void multiply(const Packed<T> &P, const T *A, int lda, T *C, int ldc, int M) {
    multiply(P, A, lda, C, ldc, M, P.N);
}

// C (M x N) = [1, x, h] P with P = [b; W^T; U^T]; x (M, d) and h (M, P.K - 1 - d) lie dense
template <class T> void affine(const Packed<T> &P, const T *x, int d, const T *h, T *C, int ldc, int M);

// C (M x N) += sum_k A_k^T B_k over K rows of both, or over those that of_A and of_B name. Two vectors beyond the last
// row of B may be read.
template <class T>
void add_outer(const T *A, int lda, int M, const T *B, int ldb, int N, const int *of_A, const int *of_B, int K, T *C,
               int ldc);
template <class T> inline void add_outer(const T *A, int lda, int M, const T *B, int ldb, int N, int K, T *C, int ldc) {
    add_outer<T>(A, lda, M, B, ldb, N, nullptr, nullptr, K, C, ldc);
}

template <class T> void add_column_sums(const T *B, int ldb, int N, int K, T *to) {
    static const T one = 1;
    add_outer<T>(&one, 0, 1, B, ldb, N, K, to, N);
}

// sum_t h_{t-1}^T d_t (h, N) over n steps from `first` on: h0 and hs (T, B, h), d (n, B, ldb)
template <class T>
void add_over_time(int first, int n, int B, const T *h0, const T *hs, int h, const T *d, int ldb, int N, T *C,
                   int ldc) {
    const int start = first == 0;  // step 0 follows h0
    const size_t rows = size_t(start) * B;
    if (start) add_outer<T>(h0, h, h, d, ldb, N, B, C, ldc);
    if (n > start)
        add_outer<T>(hs + size_t(first + start - 1) * B * h, h, h, d + rows * ldb, ldb, N, n * B - int(rows), C, ldc);
}

// how many steps of B sequences go into one product for the weights' gradients, so that they stay in the cache
inline int steps_together(int B) { return std::max(1, 200 / B); }

}  // namespace products

using namespace products;

// A kernel's addresses for float and double under names that ctypes finds.
#define EXPORT(NAME)                                                  \
    extern "C" {                                                      \
    void *NAME##_float = reinterpret_cast<void *>(NAME<float>);       \
    void *NAME##_double = reinterpret_cast<void *>(NAME<double>);     \
    }
