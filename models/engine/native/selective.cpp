// The selective state space of Mamba in one call for all steps, forward and back through time; one thread.
// Sequences lie one after the other, (B, T, E) or (B, T, N), states with the units last, (B, N, E), and so does A (N, E).

#include <cstring>
#include <vector>

#include "activations.h"
#include "products.h"

namespace {

template <class T> inline T *at(T *sequences, int r, int t, int steps, int width) {
    return sequences + (size_t(r) * steps + t) * width;
}

// kept: the state before every stretch of K steps, (B, stretches, N, E)
template <class T>
void selective_forward(int steps, int B, int E, int N, int K, const T *dt, const T *s, const T *in, const T *out,
                       const T *A, const T *h0, T *kept, T *y, T *last) {
    const size_t state = size_t(N) * E;
    std::vector<T> read(E);
    for (int r = 0; r < B; ++r) {
        T *h = last + r * state;
        std::memcpy(h, h0 + r * state, state * sizeof(T));
        for (int t = 0; t < steps; ++t) {
            if (t % K == 0) std::memcpy(kept, h, state * sizeof(T)), kept += state;
            const T *d = at(dt, r, t, steps, E), *x = at(s, r, t, steps, E);
            const T *b = at(in, r, t, steps, N), *c = at(out, r, t, steps, N);
            T *to = at(y, r, t, steps, E), *u = read.data();
            for (int e = 0; e < E; ++e) u[e] = d[e] * x[e], to[e] = 0;
            for (int n = 0; n < N; ++n) {
                const T *a = A + size_t(n) * E, b_n = b[n], c_n = c[n];
                T *now = h + size_t(n) * E;
#pragma GCC ivdep
                for (int e = 0; e < E; ++e) {
                    now[e] = exp_(d[e] * a[e]) * now[e] + u[e] * b_n;
                    to[e] += now[e] * c_n;
                }
            }
        }
    }
}

// d_h: of the last state, then of h0; d_A is added to
template <class T>
void selective_backward(int steps, int B, int E, int N, int K, const T *dt, const T *s, const T *in, const T *out,
                        const T *A, const T *kept, const T *d_y, T *d_h, T *d_dt, T *d_s, T *d_in, T *d_out, T *d_A) {
    const size_t state = size_t(N) * E;
    const int stretches = (steps + K - 1) / K;
    std::vector<T> states((K + 1) * state), decays(K * state), read(size_t(K) * E);
    for (int r = 0; r < B; ++r)
        for (int stretch = stretches - 1; stretch >= 0; --stretch) {
            const int first = stretch * K, n_steps = std::min(K, steps - first);
            std::memcpy(states.data(), kept + (size_t(r) * stretches + stretch) * state, state * sizeof(T));
            for (int k = 0; k < n_steps; ++k) {  // the states of the stretch once more
                const T *d = at(dt, r, first + k, steps, E), *x = at(s, r, first + k, steps, E);
                const T *b = at(in, r, first + k, steps, N);
                T *u = &read[size_t(k) * E];
                for (int e = 0; e < E; ++e) u[e] = d[e] * x[e];
                for (int n = 0; n < N; ++n) {
                    const T *a = A + size_t(n) * E, *before = &states[k * state + size_t(n) * E], b_n = b[n];
                    T *decay = &decays[k * state + size_t(n) * E], *now = &states[(k + 1) * state + size_t(n) * E];
#pragma GCC ivdep
                    for (int e = 0; e < E; ++e) {
                        decay[e] = exp_(d[e] * a[e]);
                        now[e] = decay[e] * before[e] + u[e] * b_n;
                    }
                }
            }
            for (int k = n_steps - 1; k >= 0; --k) {
                const int t = first + k;
                const T *d = at(dt, r, t, steps, E), *x = at(s, r, t, steps, E), *up = at(d_y, r, t, steps, E);
                const T *b = at(in, r, t, steps, N), *c = at(out, r, t, steps, N), *u = &read[size_t(k) * E];
                T *to_d = at(d_dt, r, t, steps, E), *to_u = at(d_s, r, t, steps, E);
                for (int e = 0; e < E; ++e) to_d[e] = to_u[e] = 0;
                for (int n = 0; n < N; ++n) {
                    const size_t row = size_t(n) * E;
                    const T *a = A + row, *decay = &decays[k * state + row], b_n = b[n], c_n = c[n];
                    const T *before = &states[k * state + row], *now = &states[(k + 1) * state + row];
                    T *to_h = d_h + r * state + row, *to_A = d_A + row, to_b = 0, to_c = 0;
#pragma omp simd reduction(+ : to_b, to_c)
                    for (int e = 0; e < E; ++e) {
                        const T all = to_h[e] + up[e] * c_n, on = all * decay[e], of_decay = on * before[e];
                        to_c += up[e] * now[e];
                        to_b += all * u[e];
                        to_u[e] += all * b_n;
                        to_d[e] += of_decay * a[e];
                        to_A[e] += of_decay * d[e];
                        to_h[e] = on;
                    }
                    at(d_in, r, t, steps, N)[n] = to_b;
                    at(d_out, r, t, steps, N)[n] = to_c;
                }
                for (int e = 0; e < E; ++e) {
                    to_d[e] += to_u[e] * x[e];
                    to_u[e] *= d[e];
                }
            }
        }
}

}  // namespace

EXPORT(selective_forward)
EXPORT(selective_backward)
