// TP-RNN's attention over n nodes, forward and back, on one thread: S = sigmoid(W_out^T relu(W_in^T E)) and
// out = f(sum_m S_m E_m). The equations are in aggregation.py; its eager code is the truth.

#include <cstring>
#include <type_traits>
#include <vector>

#include "activations.h"
#include "products.h"

namespace {

template <class T, int MR, int NV>
inline void block(const T *A, int row, int column, int K, const T *B, int ld, T *C) {
    using vec = typename Lanes<T>::vec;
    constexpr int n = Lanes<T>::n;
    vec sum[MR][NV];
    for (int m = 0; m < MR; ++m)
        for (int v = 0; v < NV; ++v) sum[m][v] = vec{};
    for (int k = 0; k < K; ++k)
        for (int v = 0; v < NV; ++v) {
            const vec b = *reinterpret_cast<const vec *>(B + size_t(k) * ld + v * n);
            for (int m = 0; m < MR; ++m) sum[m][v] += A[size_t(m) * row + size_t(k) * column] * b;
        }
    for (int m = 0; m < MR; ++m)
        for (int v = 0; v < NV; ++v) *reinterpret_cast<vec *>(C + size_t(m) * ld + v * n) = sum[m][v];
}

// C (M x ld) = A (M x K) B (K x ld); element (m, k) of A lies at A[m * row + k * column]; ld is whole vectors
template <class T> void small_product(const T *A, int row, int column, int M, int K, const T *B, int ld, T *C) {
    constexpr int n = Lanes<T>::n;
    int j = 0;
    const auto columns = [&](auto width) {
        constexpr int NV = decltype(width)::value;
        int m = 0;
        for (; m + 8 <= M; m += 8) block<T, 8, NV>(A + size_t(m) * row, row, column, K, B + j, ld, C + size_t(m) * ld + j);
        for (; m + 2 <= M; m += 2) block<T, 2, NV>(A + size_t(m) * row, row, column, K, B + j, ld, C + size_t(m) * ld + j);
        for (; m < M; ++m) block<T, 1, NV>(A + size_t(m) * row, row, column, K, B + j, ld, C + size_t(m) * ld + j);
        j += NV * n;
    };
    while (j + 2 * n <= ld) columns(std::integral_constant<int, 2>{});
    if (j < ld) columns(std::integral_constant<int, 1>{});
}

template <class T> struct Attention {
    int n, nodes, batch, h, ld;  // n of up to `nodes` nodes; ld: h rounded up to whole vectors
    bool released, squash;
    std::vector<T> E, hidden, S, placed;  // rows of ld; placed: S where it is applied

    Attention(int n, int nodes, int batch, int h, bool released, bool squash)
        : n(n), nodes(nodes), batch(batch), h(h), ld((h + Lanes<T>::n - 1) / Lanes<T>::n * Lanes<T>::n),
          released(released), squash(squash), E(size_t(n) * ld), hidden(size_t(3) * n * ld), S(size_t(n) * ld),
          placed(size_t(n) * ld) {}

    // the released code reads the weight of (d, m) where that of node (d n + m) / h, dimension (d n + m) % h belongs
    void place(const T *from, T *to, bool back) const {
        if (!released) {
            std::memcpy(to, from, size_t(n) * ld * sizeof(T));
            return;
        }
        for (int d = 0; d < h; ++d)
            for (int m = 0; m < n; ++m) {
                const int k = d * n + m;
                const size_t made = size_t(m) * ld + d, applied = size_t(k / h) * ld + k % h;
                to[back ? made : applied] = from[back ? applied : made];
            }
    }

    void weigh(const T *nodes_in, int b, const T *w_in, const T *w_out) {
        for (int m = 0; m < n; ++m)
            std::memcpy(&E[size_t(m) * ld], nodes_in + (size_t(m) * batch + b) * h, h * sizeof(T));
        small_product(w_in, 1, 3 * nodes, 3 * n, n, E.data(), ld, hidden.data());
        for (auto &value : hidden) value = value > 0 ? value : T(0);
        small_product(w_out, 1, nodes, n, 3 * n, hidden.data(), ld, S.data());
        for (auto &value : S) value = sigmoid(value);
        place(S.data(), placed.data(), false);
    }
};

template <class T>
void attention_forward(int sets, int n, int nodes, int batch, int h, int released, int squash, const T *E,
                       const T *w_in, const T *w_out, T *out) {
    Attention<T> a(n, nodes, batch, h, released, squash);
    for (int s = 0; s < sets; ++s) {
        const size_t weights = size_t(s) * nodes * 3 * nodes, first = size_t(s) * n * batch * h;
        for (int b = 0; b < batch; ++b) {
            a.weigh(E + first, b, w_in + weights, w_out + weights);
            T *to = out + (size_t(s) * batch + b) * h;
            for (int d = 0; d < h; ++d) to[d] = 0;
            for (int m = 0; m < n; ++m)
                for (int d = 0; d < h; ++d) to[d] += a.placed[size_t(m) * a.ld + d] * a.E[size_t(m) * a.ld + d];
            if (squash)
                for (int d = 0; d < h; ++d) to[d] = tanh_(to[d]);
        }
    }
}

// d_w_in, d_w_out come in as zeros
template <class T>
void attention_backward(int sets, int n, int nodes, int batch, int h, int released, int squash, const T *E,
                        const T *w_in, const T *w_out, const T *out, const T *d_out, T *d_E, T *d_w_in, T *d_w_out) {
    using vec = typename Lanes<T>::vec;
    constexpr int lanes = Lanes<T>::n;
    Attention<T> a(n, nodes, batch, h, released, squash);
    const int ld = a.ld, D = 3 * n;
    std::vector<T> direct(size_t(n) * ld), d_placed(size_t(n) * ld), d_S(size_t(n) * ld), d_hidden(size_t(D) * ld),
        through(size_t(n) * ld), d_sum(ld);
    for (int s = 0; s < sets; ++s) {
        const size_t weights = size_t(s) * nodes * 3 * nodes, first = size_t(s) * n * batch * h;
        std::vector<T> sum_in(size_t(n) * D * lanes), sum_out(size_t(n) * D * lanes);  // one vector a weight
        for (int b = 0; b < batch; ++b) {
            a.weigh(E + first, b, w_in + weights, w_out + weights);
            const size_t at = (size_t(s) * batch + b) * h;
            for (int d = 0; d < h; ++d) d_sum[d] = d_out[at + d] * (squash ? 1 - out[at + d] * out[at + d] : T(1));
            for (int m = 0; m < n; ++m)
                for (int d = 0; d < ld; ++d) {
                    direct[size_t(m) * ld + d] = d_sum[d] * a.placed[size_t(m) * ld + d];
                    d_placed[size_t(m) * ld + d] = d_sum[d] * a.E[size_t(m) * ld + d];
                }
            a.place(d_placed.data(), d_S.data(), true);
            for (size_t i = 0; i < d_S.size(); ++i) d_S[i] *= a.S[i] * (1 - a.S[i]);
            small_product(w_out + weights, nodes, 1, D, n, d_S.data(), ld, d_hidden.data());
            for (size_t i = 0; i < d_hidden.size(); ++i) d_hidden[i] = a.hidden[i] > 0 ? d_hidden[i] : T(0);
            small_product(w_in + weights, 3 * nodes, 1, n, D, d_hidden.data(), ld, through.data());
            for (int m = 0; m < n; ++m) {
                T *to = d_E + first + (size_t(m) * batch + b) * h;
                for (int d = 0; d < h; ++d) to[d] = direct[size_t(m) * ld + d] + through[size_t(m) * ld + d];
            }
            const auto dots = [&](const T *left, int rows, const T *right, int columns, T *sums) {
                for (int i = 0; i < rows; ++i)
                    for (int j = 0; j < columns; ++j) {
                        vec &sum = *reinterpret_cast<vec *>(sums + (size_t(i) * columns + j) * lanes);
                        for (int d = 0; d < ld; d += lanes)
                            sum += *reinterpret_cast<const vec *>(left + size_t(i) * ld + d) *
                                   *reinterpret_cast<const vec *>(right + size_t(j) * ld + d);
                    }
            };
            dots(a.E.data(), n, d_hidden.data(), D, sum_in.data());
            dots(a.hidden.data(), D, d_S.data(), n, sum_out.data());
        }
        for (int m = 0; m < n; ++m)
            for (int k = 0; k < D; ++k)
                for (int l = 0; l < lanes; ++l) {
                    d_w_in[weights + size_t(m) * 3 * nodes + k] += sum_in[(size_t(m) * D + k) * lanes + l];
                    d_w_out[weights + size_t(k) * nodes + m] += sum_out[(size_t(k) * n + m) * lanes + l];
                }
    }
}

}  // namespace

#define EXPORT(T, NAME)                                                                                               \
    void attention_forward_##NAME(int sets, int n, int nodes, int batch, int h, int released, int squash, const T *E, \
                                  const T *w_in, const T *w_out, T *out) {                                            \
        attention_forward<T>(sets, n, nodes, batch, h, released, squash, E, w_in, w_out, out);                        \
    }                                                                                                                 \
    void attention_backward_##NAME(int sets, int n, int nodes, int batch, int h, int released, int squash,            \
                                   const T *E, const T *w_in, const T *w_out, const T *out, const T *d_out, T *d_E,   \
                                   T *d_w_in, T *d_w_out) {                                                           \
        attention_backward<T>(sets, n, nodes, batch, h, released, squash, E, w_in, w_out, out, d_out, d_E, d_w_in,    \
                              d_w_out);                                                                               \
    }

extern "C" {
EXPORT(float, float)
EXPORT(double, double)
}
