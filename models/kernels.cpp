// Whole recurrences in one call, forward and back through time, on one thread.
//
// Plain C interface over contiguous arrays; no torch headers, so that it builds in seconds. Every
// function exists for float and double. Shapes: T steps, B sequences, h units, G gates. The weights'
// gradients are large products that the caller makes afterwards from what is written here.
// The equations are in cells.py, asrnn.py and hmlstm.py; the eager loops there are the truth.

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

constexpr int BYTES = 64;

template <class T> struct Lanes {
    static constexpr int n = BYTES / sizeof(T);
    typedef T vec __attribute__((vector_size(BYTES), aligned(alignof(T)), may_alias));
};

// ---- products: C (M x N) += A (M x K) * P, where P is packed in panels of two vectors' width

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
                for (int n = 0; n < few; ++n) to[n] = B[size_t(k) * row + size_t(p * width + n) * column];
            }
    }
};

template <class T, int MR> inline void tile(const T *panel, int K, const T *A, int lda, T *C, int ldc, int few) {
    using vec = typename Lanes<T>::vec;
    constexpr int n = Lanes<T>::n;
    vec sum[MR][2];
    for (int m = 0; m < MR; ++m) sum[m][0] = sum[m][1] = vec{};
    for (int k = 0; k < K; ++k) {
        const vec b0 = *reinterpret_cast<const vec *>(panel + size_t(k) * 2 * n);
        const vec b1 = *reinterpret_cast<const vec *>(panel + size_t(k) * 2 * n + n);
        for (int m = 0; m < MR; ++m) {
            const T a = A[size_t(m) * lda + k];
            sum[m][0] += a * b0;
            sum[m][1] += a * b1;
        }
    }
    for (int m = 0; m < MR; ++m) {
        T *to = C + size_t(m) * ldc;
        if (few == 2 * n) {
            *reinterpret_cast<vec *>(to) += sum[m][0];
            *reinterpret_cast<vec *>(to + n) += sum[m][1];
        } else {
            for (int i = 0; i < few; ++i) to[i] += i < n ? sum[m][0][i] : sum[m][1][i - n];
        }
    }
}

template <class T> void multiply(const Packed<T> &P, const T *A, int lda, T *C, int ldc, int M) {
    constexpr int width = Packed<T>::width;
    for (int p = 0; p < P.panels; ++p) {
        const T *panel = &P.data[size_t(p) * P.K * width];
        const int few = P.N - p * width < width ? P.N - p * width : width;
        T *to = C + p * width;
        int m = 0;
        for (; m + 8 <= M; m += 8) tile<T, 8>(panel, P.K, A + size_t(m) * lda, lda, to + size_t(m) * ldc, ldc, few);
        for (; m + 4 <= M; m += 4) tile<T, 4>(panel, P.K, A + size_t(m) * lda, lda, to + size_t(m) * ldc, ldc, few);
        for (; m < M; ++m) tile<T, 1>(panel, P.K, A + size_t(m) * lda, lda, to + size_t(m) * ldc, ldc, few);
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

// ---- the front end of the adaptive-scale cells: y = softmax(z + h W_z), x~ = sum_j y_j X_j

template <class T> struct Scales {
    int J, d;          // J = 0: there is none, and `projected` already holds W x + b
    const T *z, *X;    // (T, B, J) and (T, B, J, d)
    const T *W_z, *W;  // (J, h) and (G h, d)
    const T *b;        // (G h)
    T *y, *mixed;      // (T, B, J) and (T, B, d), written
    bool hard;         // one-hot at the largest instead of softmax

    // the pre-activations of step t: out (B, G h) = b + x~ W
    void project(int t, int B, int h, int rows, const T *previous, T *out) const {
        for (int r = 0; r < B; ++r) {
            const size_t at = size_t(t) * B + r;
            T *weight = y + at * J, *x = mixed + at * d, *to = out + size_t(r) * rows;
            int best = 0;
            for (int j = 0; j < J; ++j) {
                T sum = 0;
                for (int k = 0; k < h; ++k) sum += previous[size_t(r) * h + k] * W_z[size_t(j) * h + k];
                weight[j] = z[at * J + j] + sum;
                if (weight[j] > weight[best]) best = j;
            }
            const T most = weight[best];
            T total = 0;
            for (int j = 0; j < J; ++j) total += weight[j] = hard ? T(j == best) : exp_below(weight[j] - most);
            for (int j = 0; j < J; ++j) weight[j] /= total;
            for (int i = 0; i < d; ++i) {
                x[i] = 0;
                for (int j = 0; j < J; ++j) x[i] += weight[j] * X[(at * J + j) * d + i];
            }
            for (int n = 0; n < rows; ++n) to[n] = b[n];
            for (int i = 0; i < d; ++i)
                for (int n = 0; n < rows; ++n) to[n] += x[i] * W[size_t(n) * d + i];
        }
    }
    // from the gradient of the pre-activations: that of the logits, of x~, and what reaches h_{t-1}
    void back(int t, int B, int h, int rows, const T *gradient, T *d_logits, T *d_mixed, T *d_previous) const {
        for (int r = 0; r < B; ++r) {
            const size_t at = size_t(t) * B + r;
            const T *from = gradient + size_t(r) * rows, *weight = y + at * J;
            T *x = d_mixed + at * d, *logit = d_logits + at * J, mean = 0;
            for (int i = 0; i < d; ++i) {
                x[i] = 0;
                for (int n = 0; n < rows; ++n) x[i] += from[n] * W[size_t(n) * d + i];
            }
            for (int j = 0; j < J; ++j) {
                logit[j] = 0;
                for (int i = 0; i < d; ++i) logit[j] += x[i] * X[(at * J + j) * d + i];
                mean += weight[j] * logit[j];
            }
            for (int j = 0; j < J; ++j) {
                logit[j] = weight[j] * (logit[j] - mean);
                for (int k = 0; k < h; ++k) d_previous[size_t(r) * h + k] += logit[j] * W_z[size_t(j) * h + k];
            }
        }
    }
};

// ---- LSTM: gates (T, B, 4 h) come in as pre-activations and stay as i, f, g, o

template <class T>
void lstm_forward(int steps, int B, int h, T *gates, const T *U, const T *h0, const T *c0, T *hs, T *cs, T *squashed,
                  const Scales<T> *scales) {
    const Packed<T> P(U, h, 4 * h, 1, h);
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last_h = t ? hs + (t - 1) * row : h0, *last_c = t ? cs + (t - 1) * row : c0;
        T *z = gates + t * row * 4;
        if (scales) scales->project(t, B, h, 4 * h, last_h, z);
        multiply(P, last_h, h, z, 4 * h, B);
        for (int r = 0; r < B; ++r) {
            T *i = z + size_t(r) * 4 * h, *f = i + h, *g = f + h, *o = g + h;
            const T *before = last_c + size_t(r) * h;
            const size_t at = t * row + size_t(r) * h;
            T *c = cs + at, *s = squashed + at, *out = hs + at;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                i[k] = sigmoid(i[k]), f[k] = sigmoid(f[k]), g[k] = tanh_(g[k]), o[k] = sigmoid(o[k]);
                c[k] = f[k] * before[k] + i[k] * g[k];
                s[k] = tanh_(c[k]);
                out[k] = o[k] * s[k];
            }
        }
    }
}

// gates become the gradients of the pre-activations; d_h, d_c (B, h) come in as zeros and leave as those of h0, c0
template <class T>
void lstm_backward(int steps, int B, int h, T *gates, const T *U, const T *c0, const T *cs, const T *squashed,
                   const T *d_hs, const T *d_cs, T *d_h, T *d_c, const Scales<T> *scales, T *d_logits, T *d_mixed) {
    const Packed<T> P(U, 4 * h, h, h, 1);
    const size_t row = size_t(B) * h;
    for (int t = steps - 1; t >= 0; --t) {
        const T *last_c = t ? cs + (t - 1) * row : c0;
        T *z = gates + t * row * 4;
        for (int r = 0; r < B; ++r) {
            T *i = z + size_t(r) * 4 * h, *f = i + h, *g = f + h, *o = g + h;
            const size_t at = t * row + size_t(r) * h;
            const T *s = squashed + at, *before = last_c + size_t(r) * h, *up_h = d_hs + at, *up_c = d_cs + at;
            T *dh = d_h + size_t(r) * h, *dc = d_c + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                const T to_h = dh[k] + up_h[k];
                const T to_c = dc[k] + up_c[k] + to_h * o[k] * (1 - s[k] * s[k]);
                o[k] = to_h * s[k] * o[k] * (1 - o[k]);
                dc[k] = to_c * f[k];
                f[k] = to_c * before[k] * f[k] * (1 - f[k]);
                const T input = i[k];
                i[k] = to_c * g[k] * input * (1 - input);
                g[k] = to_c * input * (1 - g[k] * g[k]);
                dh[k] = 0;
            }
        }
        multiply(P, z, 4 * h, d_h, h, B);
        if (scales) scales->back(t, B, h, 4 * h, z, d_logits, d_mixed, d_h);
    }
}

// ---- GRU: gates (T, B, 3 h) come in as pre-activations and stay as r, z, g

template <class T>
void gru_forward(int steps, int B, int h, T *gates, const T *U, const T *h0, T *hs, T *reset,
                 const Scales<T> *scales) {
    const Packed<T> P_gates(U, h, 2 * h, 1, h), P_g(U + size_t(2) * h * h, h, h, 1, h);
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last = t ? hs + (t - 1) * row : h0;
        T *pre = gates + t * row * 3, *rh = reset + t * row;
        if (scales) scales->project(t, B, h, 3 * h, last, pre);
        multiply(P_gates, last, h, pre, 3 * h, B);
        for (int r = 0; r < B; ++r) {
            T *gate = pre + size_t(r) * 3 * h;
            const T *before = last + size_t(r) * h;
            T *to = rh + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < 2 * h; ++k) gate[k] = sigmoid(gate[k]);
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) to[k] = gate[k] * before[k];
        }
        multiply(P_g, rh, h, pre + 2 * h, 3 * h, B);
        for (int r = 0; r < B; ++r) {
            T *z = pre + size_t(r) * 3 * h + h, *g = z + h, *out = hs + t * row + size_t(r) * h;
            const T *before = last + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                g[k] = tanh_(g[k]);
                out[k] = g[k] + z[k] * (before[k] - g[k]);
            }
        }
    }
}

template <class T>
void gru_backward(int steps, int B, int h, T *gates, const T *U, const T *h0, const T *hs, const T *d_hs, T *d_h,
                  const Scales<T> *scales, T *d_logits, T *d_mixed) {
    const Packed<T> P_gates(U, 2 * h, h, h, 1), P_g(U + size_t(2) * h * h, h, h, h, 1);
    const size_t row = size_t(B) * h;
    std::vector<T> d_reset(row);
    for (int t = steps - 1; t >= 0; --t) {
        const T *last = t ? hs + (t - 1) * row : h0;
        T *pre = gates + t * row * 3;
        for (int r = 0; r < B; ++r) {
            T *z = pre + size_t(r) * 3 * h + h, *g = z + h, *dh = d_h + size_t(r) * h;
            const T *up = d_hs + t * row + size_t(r) * h, *before = last + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                const T to = dh[k] + up[k], update = z[k];
                z[k] = to * (before[k] - g[k]) * update * (1 - update);
                g[k] = to * (1 - update) * (1 - g[k] * g[k]);
                dh[k] = to * update;
            }
        }
        std::memset(d_reset.data(), 0, row * sizeof(T));
        multiply(P_g, pre + 2 * h, 3 * h, d_reset.data(), h, B);
        for (int r = 0; r < B; ++r) {
            T *gate = pre + size_t(r) * 3 * h, *dh = d_h + size_t(r) * h;
            const T *before = last + size_t(r) * h, *to = d_reset.data() + size_t(r) * h;
#pragma GCC ivdep
            for (int k = 0; k < h; ++k) {
                dh[k] += to[k] * gate[k];
                gate[k] = to[k] * before[k] * gate[k] * (1 - gate[k]);
            }
        }
        multiply(P_gates, pre, 3 * h, d_h, h, B);
        if (scales) scales->back(t, B, h, 3 * h, pre, d_logits, d_mixed, d_h);
    }
}

// ---- tanh, of which only the first due[t] units change at step t (all of them: due = null). hs come in as
//      pre-activations. W may be block-triangular; its zero blocks are multiplied as zeros.

template <class T>
void tanh_forward(int steps, int B, int h, const T *pre, const T *U, const T *h0, const int *due, T *hs) {
    const Packed<T> P(U, h, h, 1, h);
    constexpr int width = Packed<T>::width;
    const size_t row = size_t(B) * h;
    for (int t = 0; t < steps; ++t) {
        const T *last = t ? hs + (t - 1) * row : h0;
        T *now = hs + t * row;
        const int n = due ? due[t] : h;
        std::memcpy(now, pre + t * row, row * sizeof(T));
        for (int p = 0; p * width < n; ++p) {  // the panels of the units that are due
            const T *panel = &P.data[size_t(p) * h * width];
            const int few = h - p * width < width ? h - p * width : width;
            int m = 0;
            for (; m + 8 <= B; m += 8)
                tile<T, 8>(panel, h, last + size_t(m) * h, h, now + size_t(m) * h + p * width, h, few);
            for (; m < B; ++m) tile<T, 1>(panel, h, last + size_t(m) * h, h, now + size_t(m) * h + p * width, h, few);
        }
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
            const T *up = d_hs + t * row + size_t(r) * h, *out = hs + t * row + size_t(r) * h;
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

// ---- TP-RNN's attention over n nodes: S = sigmoid(W_out^T relu(W_in^T E)), out = f(sum_m S_m E_m).
//      One sequence at a time: its nodes (n x h) and all that is made of them stay in the cache.

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

#define SCALES(T) int J, int d, int hard, const T *z, const T *X, const T *W_z, const T *W, const T *b, T *y, T *mixed
#define GIVEN(T) const Scales<T> scales{J, d, z, X, W_z, W, b, y, mixed, hard != 0}

#define EXPORT(T, NAME)                                                                                               \
    void lstm_forward_##NAME(int steps, int B, int h, T *gates, const T *U, const T *h0, const T *c0, T *hs, T *cs,   \
                             T *squashed, SCALES(T)) {                                                                \
        GIVEN(T);                                                                                                     \
        lstm_forward<T>(steps, B, h, gates, U, h0, c0, hs, cs, squashed, J ? &scales : nullptr);                      \
    }                                                                                                                 \
    void lstm_backward_##NAME(int steps, int B, int h, T *gates, const T *U, const T *c0, const T *cs,                \
                              const T *squashed, const T *d_hs, const T *d_cs, T *d_h, T *d_c, T *d_logits,           \
                              T *d_mixed, SCALES(T)) {                                                                \
        GIVEN(T);                                                                                                     \
        lstm_backward<T>(steps, B, h, gates, U, c0, cs, squashed, d_hs, d_cs, d_h, d_c, J ? &scales : nullptr,        \
                         d_logits, d_mixed);                                                                          \
    }                                                                                                                 \
    void gru_forward_##NAME(int steps, int B, int h, T *gates, const T *U, const T *h0, T *hs, T *reset, SCALES(T)) { \
        GIVEN(T);                                                                                                     \
        gru_forward<T>(steps, B, h, gates, U, h0, hs, reset, J ? &scales : nullptr);                                  \
    }                                                                                                                 \
    void gru_backward_##NAME(int steps, int B, int h, T *gates, const T *U, const T *h0, const T *hs, const T *d_hs,  \
                             T *d_h, T *d_logits, T *d_mixed, SCALES(T)) {                                            \
        GIVEN(T);                                                                                                     \
        gru_backward<T>(steps, B, h, gates, U, h0, hs, d_hs, d_h, J ? &scales : nullptr, d_logits, d_mixed);          \
    }                                                                                                                 \
    void tanh_forward_##NAME(int steps, int B, int h, const T *pre, const T *U, const T *h0, const int *due, T *hs) { \
        tanh_forward<T>(steps, B, h, pre, U, h0, due, hs);                                                            \
    }                                                                                                                 \
    void tanh_backward_##NAME(int steps, int B, int h, const T *U, const int *due, const T *hs, const T *d_hs,        \
                              T *d_h, T *d_pre) {                                                                     \
        tanh_backward<T>(steps, B, h, U, due, hs, d_hs, d_h, d_pre);                                                  \
    }                                                                                                                 \
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
