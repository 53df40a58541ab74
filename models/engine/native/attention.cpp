// TP-RNN's attention over n nodes, forward and back, on one thread: S = sigmoid(W_out^T relu(W_in^T E)) and
// out = f(sum_m S_m E_m). The equations are in aggregation.py; its eager code is the truth.

#include <cstring>
#include <vector>

#include "activations.h"
#include "products.h"

namespace {

// C (M x ld) = A^T (M x K) B (K x ld); A has rows of lda; ld is whole vectors; negative results become 0 if `clip`
template <class T> void small_product(const T *A, int lda, int M, int K, const T *B, int ld, T *C, bool clip = false) {
    over_columns<T>(ld, [&](int j, auto V, auto bytes) {
        using vec = typename Lanes<T, bytes()>::vec;
        constexpr int n = Lanes<T, bytes()>::n;
        over_rows(M, [&](int m, auto MR) {
            vec sum[MR()][V()] = {};
            for (int k = 0; k < K; ++k) {
                vec b[V()];
                for (int v = 0; v < V(); ++v) b[v] = *reinterpret_cast<const vec *>(B + size_t(k) * ld + j + v * n);
                for (int r = 0; r < MR(); ++r)
                    for (int v = 0; v < V(); ++v) sum[r][v] += A[size_t(k) * lda + m + r] * b[v];
            }
            for (int r = 0; clip && r < MR(); ++r)
                for (int v = 0; v < V(); ++v) sum[r][v] = sum[r][v] > 0 ? sum[r][v] : vec{};
            store(sum, Rows<T>{C, size_t(ld), nullptr}, m, j, ld - j);
        });
    });
}

// sums (rows x columns, a vector each) += the products of all rows of left and right (.. x ld), vector by vector
template <class T, int RI, int RJ>
inline void dots_block(const T *left, const T *right, int ld, T *sums, int columns) {
    using vec = typename Lanes<T>::vec;
    vec sum[RI][RJ] = {};
    for (int d = 0; d < ld; d += Lanes<T>::n) {
        vec b[RJ];
        for (int j = 0; j < RJ; ++j) b[j] = *reinterpret_cast<const vec *>(right + size_t(j) * ld + d);
        for (int i = 0; i < RI; ++i) {
            const vec a = *reinterpret_cast<const vec *>(left + size_t(i) * ld + d);
            for (int j = 0; j < RJ; ++j) sum[i][j] += a * b[j];
        }
    }
    for (int i = 0; i < RI; ++i)
        for (int j = 0; j < RJ; ++j)
            *reinterpret_cast<vec *>(sums + (size_t(i) * columns + j) * Lanes<T>::n) += sum[i][j];
}
constexpr int SIDE = MOST_ROWS < 12 ? 3 : 5;  // of a block of sums that fits the registers
template <class T>
void dots(const T *left, int rows, const T *right, int columns, int ld, T *sums) {
    int i = 0;
    const auto some = [&](auto RI) {
        const T *from = left + size_t(i) * ld;
        int j = 0;
        const auto at = [&] { return sums + (size_t(i) * columns + j) * Lanes<T>::n; };
        for (; j + SIDE <= columns; j += SIDE) dots_block<T, RI(), SIDE>(from, right + size_t(j) * ld, ld, at(), columns);
        for (; j + 2 <= columns; j += 2) dots_block<T, RI(), 2>(from, right + size_t(j) * ld, ld, at(), columns);
        for (; j < columns; ++j) dots_block<T, RI(), 1>(from, right + size_t(j) * ld, ld, at(), columns);
        i += RI();
    };
    while (i + SIDE <= rows) some(Number<SIDE>{});
    while (i + 2 <= rows) some(Number<2>{});
    while (i < rows) some(Number<1>{});
}

template <class T> struct Attention {
    int n, nodes, all, h, ld;  // n of up to `nodes` nodes; h of all (batch h) columns at once; ld: in whole vectors
    bool released, squash;
    std::vector<T> E, hidden, S, placed;  // rows of ld; placed: S where it is applied

    // only the released code's weights tie the columns of a sequence together; others go in any number
    Attention(int n, int nodes, int batch, int h_, bool released, bool squash)
        : n(n), nodes(nodes), all(batch * h_), h(released ? h_ : std::min(8 * Lanes<T>::n, all)),
          ld((h + Lanes<T>::n - 1) / Lanes<T>::n * Lanes<T>::n),
          released(released), squash(squash), E(size_t(n) * ld), hidden(size_t(3) * n * ld), S(size_t(n) * ld),
          placed(size_t(n) * ld) {}

    // the released code reads the weight of (d, m) where that of node (d n + m) / h, dimension (d n + m) % h belongs
    void place(const T *from, T *to, bool back) const {
        if (!released) {
            std::memcpy(to, from, size_t(n) * ld * sizeof(T));
            return;
        }
        size_t applied = 0;  // of the element d n + m
        for (int d = 0, column = 0; d < h; ++d)
            for (int m = 0; m < n; ++m) {
                const size_t made = size_t(m) * ld + d;
                to[back ? made : applied] = from[back ? applied : made];
                ++applied;
                if (++column == h) applied += ld - h, column = 0;
            }
    }

    void weigh(const T *nodes_in, int start, int count, const T *w_in, const T *w_out) {
        for (int m = 0; m < n; ++m) std::copy_n(nodes_in + size_t(m) * all + start, count, &E[size_t(m) * ld]);
        small_product(w_in, 3 * nodes, 3 * n, n, E.data(), ld, hidden.data(), true);
        small_product(w_out, nodes, n, 3 * n, hidden.data(), ld, S.data());
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
        for (int start = 0; start < a.all; start += a.h) {
            const int count = std::min(a.h, a.all - start);
            a.weigh(E + first, start, count, w_in + weights, w_out + weights);
            T *to = out + size_t(s) * a.all + start;
            for (int d = 0; d < count; ++d) to[d] = 0;
            for (int m = 0; m < n; ++m)
                for (int d = 0; d < count; ++d) to[d] += a.placed[size_t(m) * a.ld + d] * a.E[size_t(m) * a.ld + d];
            if (squash)
                for (int d = 0; d < count; ++d) to[d] = tanh_(to[d]);
        }
    }
}

// d_w_in, d_w_out come in as zeros
template <class T>
void attention_backward(int sets, int n, int nodes, int batch, int h, int released, int squash, const T *E,
                        const T *w_in, const T *w_out, const T *out, const T *d_out, T *d_E, T *d_w_in, T *d_w_out) {
    constexpr int lanes = Lanes<T>::n;
    Attention<T> a(n, nodes, batch, h, released, squash);
    const int ld = a.ld, D = 3 * n;
    std::vector<T> direct(size_t(n) * ld), d_placed(size_t(n) * ld), d_S(size_t(n) * ld), d_hidden(size_t(D) * ld),
        through(size_t(n) * ld), d_sum(ld), turned_in(size_t(n) * D), turned_out(size_t(n) * D);
    for (int s = 0; s < sets; ++s) {
        const size_t weights = size_t(s) * nodes * 3 * nodes, first = size_t(s) * n * batch * h;
        std::vector<T> sum_in(size_t(n) * D * lanes), sum_out(size_t(n) * D * lanes);  // one vector a weight
        for (int m = 0; m < n; ++m)
            for (int k = 0; k < D; ++k) {
                turned_in[size_t(k) * n + m] = w_in[weights + size_t(m) * 3 * nodes + k];
                turned_out[size_t(m) * D + k] = w_out[weights + size_t(k) * nodes + m];
            }
        for (int start = 0; start < a.all; start += a.h) {
            const int count = std::min(a.h, a.all - start);
            a.weigh(E + first, start, count, w_in + weights, w_out + weights);
            const size_t at = size_t(s) * a.all + start;
            std::fill(d_sum.begin(), d_sum.end(), T(0));  // so that columns beyond the last add nothing
            for (int d = 0; d < count; ++d) d_sum[d] = d_out[at + d] * (squash ? 1 - out[at + d] * out[at + d] : T(1));
            for (int m = 0; m < n; ++m)
                for (int d = 0; d < ld; ++d) {
                    direct[size_t(m) * ld + d] = d_sum[d] * a.placed[size_t(m) * ld + d];
                    d_placed[size_t(m) * ld + d] = d_sum[d] * a.E[size_t(m) * ld + d];
                }
            a.place(d_placed.data(), d_S.data(), true);
            for (size_t i = 0; i < d_S.size(); ++i) d_S[i] *= a.S[i] * (1 - a.S[i]);
            small_product(turned_out.data(), D, D, n, d_S.data(), ld, d_hidden.data());
            for (size_t i = 0; i < d_hidden.size(); ++i) d_hidden[i] = a.hidden[i] > 0 ? d_hidden[i] : T(0);
            small_product(turned_in.data(), n, n, D, d_hidden.data(), ld, through.data());
            for (int m = 0; m < n; ++m) {
                T *to = d_E + first + size_t(m) * a.all + start;
                for (int d = 0; d < count; ++d) to[d] = direct[size_t(m) * ld + d] + through[size_t(m) * ld + d];
            }
            dots(a.E.data(), n, d_hidden.data(), D, ld, sum_in.data());
            dots(a.hidden.data(), D, d_S.data(), n, ld, sum_out.data());
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

EXPORT(attention_forward)
EXPORT(attention_backward)
