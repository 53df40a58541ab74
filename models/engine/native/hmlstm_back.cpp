// HM-LSTM back through time; see hmlstm.h.

#include "hmlstm.h"

namespace {

// Is the derivative of clamp(s_z, 0, 1) one?
template <class T> inline bool opens(T s_z) { return s_z >= 0 && s_z <= 1; }

// The gradients of s of one layer over some steps, and what they go with, without the rows where a state is copied.
template <class T> struct Gradients {
    std::vector<T> room;
    T *rows;              // (n, layer.rows); of the first layer every row, in order, where they are wanted
    std::vector<int> at;  // (t - first) B + r of each row
};

// sum of x^T d_s over the rows that `counts` takes: x of step t, or of t - 1 and then x0 of step 0
template <class T, class F>
void add_seen(const Gradients<T> &d_s, int rows, int first, int B, const T *x, const T *x0, int n, T *to, F counts) {
    std::vector<int> of_x, of_s, of_x0, of_s0;
    for (int i = 0; i < int(d_s.at.size()); ++i) {
        const int at = first * B + d_s.at[i];
        if (!counts(at)) continue;
        const bool start = x0 && at < B;
        (start ? of_x0 : of_x).push_back(x0 && !start ? at - B : at);
        (start ? of_s0 : of_s).push_back(i);
    }
    add_outer(x, n, n, d_s.rows, rows, rows, of_x.data(), of_s.data(), int(of_x.size()), to, rows);
    if (x0) add_outer(x0, n, n, d_s.rows, rows, rows, of_x0.data(), of_s0.data(), int(of_x0.size()), to, rows);
}

template <class T> struct Backward {
    int steps, B, L;
    bool selects;  // does the choice of the case have a gradient?
    const Layer<T> *layers;
    std::vector<Packed<T>> own, to_above, to_below;
    std::vector<Gradients<T>> d_s;
    std::vector<std::vector<T>> above0;                // z0 h0_above
    std::vector<std::vector<T>> detector, d_detector;  // the kernel's column of z, and the gradient of its part for h
    std::vector<T> d_seen, some, zeros;
    std::vector<int> which, taken;

    Backward(int steps, int B, int L, bool selects, const Layer<T> *layers, int together)
        : steps(steps), B(B), L(L), selects(selects), layers(layers), d_s(L), above0(L), detector(L), d_detector(L), which(B), taken(B) {
        int64_t widest = 0, most = 0;
        for (int l = 0; l < L; ++l) {
            const Layer<T> &layer = layers[l];
            const int h = int(layer.width), above = int(layer.above), below = int(layer.below), rows = int(layer.rows);
            own.emplace_back(layer.kernel, rows, h, 1, rows);
            to_above.emplace_back(layer.kernel + size_t(h) * rows, rows, above, 1, rows);
            to_below.emplace_back(layer.kernel + size_t(h + above) * rows, rows, below, 1, rows);
            if (below) d_s[l].room.resize(size_t(together) * B * rows + 2 * Lanes<T>::n);
            for (int r = 0; above && layer.z && r < B; ++r)
                for (int k = 0; k < above; ++k)
                    above0[l].push_back(layer.z0[r] * layers[l + 1].h0[size_t(r) * above + k]);
            for (int k = 0; layer.z && k < layer.inputs(); ++k)
                detector[l].push_back(layer.kernel[size_t(k) * rows + 4 * h]);
            d_detector[l].resize(h);
            widest = std::max(widest, layer.width), most = std::max(most, layer.rows);
        }
        d_seen.resize(B * widest), some.resize(B * most), zeros.assign(widest, T(0));
    }

    // writes the gradients of s to `to` and their sequences to `which`, but where a state is copied; how many
    int gates(int t, int l, const Seen<T> &seen, T *to) {
        const Layer<T> &layer = layers[l];
        const int h = int(layer.width), rows = int(layer.rows);
        const size_t step = size_t(t) * B;
        int n = 0;
        for (int r = 0; r < B; ++r) {
            const T *f = layer.gates + (step + r) * rows, *i = f + h, *o = i + h, *g = o + h;
            const T *h0 = seen.h + size_t(r) * h, *c0 = seen.c + size_t(r) * h, *s = layer.squashed + (step + r) * h;
            const T *up = layer.d_hs ? layer.d_hs + (step + r) * h : zeros.data();
            const T z = seen.gate(r), zb = seen.gate_below(r);
            const T stay = 1 - z, copy = stay * (1 - zb), move = 1 - copy, update = stay - copy;
            T *dh = layer.d_h + size_t(r) * h, *dc = layer.d_c + size_t(r) * h;
            T *df = to + size_t(n) * rows, *di = df + h, *d_o = di + h, *dg = d_o + h;
            T to_copy = 0, to_stay = 0;
#pragma omp simd reduction(+ : to_copy, to_stay)
            for (int k = 0; k < h; ++k) {
                const T F = f[k], I = i[k], O = o[k], G = g[k], to_h = dh[k] + up[k];
                const T to_out = move * to_h;
                const T to_c = dc[k] + to_out * O * (1 - s[k] * s[k]);
                const T to_keep = to_c * c0[k], to_ig = move * to_c;
                to_copy += to_keep * (1 - F) - to_h * (O * s[k] - h0[k]) - to_c * (I * G);
                to_stay += to_keep * F;
                dh[k] = copy * to_h;
                dc[k] = (copy + update * F) * to_c;
                df[k] = update * to_keep * F * (1 - F);
                di[k] = to_ig * G * I * (1 - I);
                d_o[k] = to_out * s[k] * O * (1 - O);
                dg[k] = to_ig * I * (1 - G * G);
            }
            if (!selects) to_copy = to_stay = 0;
            if (layer.z) {
                dg[h] = opens(g[h]) ? layer.d_z[r] : T(0);
                layer.d_z[r] = -to_stay - to_copy * (1 - zb);  // of step t - 1 from here on
            }
            if (layer.below) layers[l - 1].d_z[r] -= to_copy * stay;
            if (copy != 1)
                which[n++] = r;
            else if (layer.z && dg[h] != 0)
                through_detector(t, l, r, dg[h], seen);
        }
        return n;
    }

    // the gradient of s where a state is copied: only that of s_z, and both switches are 0
    void through_detector(int t, int l, int r, T d_s_z, const Seen<T> &seen) {
        const Layer<T> &layer = layers[l], *low = &layer - 1;
        const int h = int(layer.width), above = int(layer.above), below = int(layer.below);
        const T *k = detector[l].data();
        add(layer.d_h + size_t(r) * h, d_s_z, k, h);
        add(d_detector[l].data(), d_s_z, seen.h + size_t(r) * h, h);
        layer.d_bias[4 * h] += d_s_z;
        if (above && (t == 0 || opens(s_z(layer, t - 1, r))))
            layer.d_z[r] += d_s_z * dot(k + h, seen.upper + size_t(r) * above, above);
        if (opens(s_z(*low, t, r))) low->d_z[r] += d_s_z * dot(k + h + above, seen.lower + size_t(r) * below, below);
    }
    T s_z(const Layer<T> &of, int t, int r) const { return of.gates[(size_t(t) * B + r) * of.rows + 4 * of.width]; }

    // what came through x = [switch h_other] reaches h_other, and the switch where its own gradient goes on
    template <class F>
    void switched(const Packed<T> &P, const T *d_s, int rows, int n, const T *on, const T *other, T *d_other, T *d_on,
                  F goes_on) {
        int m = 0;
        for (int i = 0; i < n; ++i)
            if (on[which[i]] != 0 || goes_on(which[i])) taken[m++] = i;
        if (m < n) {
            for (int i = 0; i < m; ++i) std::copy_n(d_s + size_t(taken[i]) * rows, rows, &some[size_t(i) * rows]);
            d_s = some.data();
        }
        std::fill_n(d_seen.data(), size_t(m) * P.N, T(0));
        multiply(P, d_s, rows, d_seen.data(), P.N, m);
        for (int i = 0; i < m; ++i) {
            const T *x = &d_seen[size_t(i) * P.N];
            const int r = which[taken[i]];
            add(d_other + size_t(r) * P.N, on[r], x, P.N);
            d_on[r] += dot(x, other + size_t(r) * P.N, P.N);
        }
    }

    void step(int t, int first, int l) {
        const Layer<T> &layer = layers[l];
        const int rows = int(layer.rows);
        const Seen<T> seen(layers, l, t, B);
        Gradients<T> &kept = d_s[l];
        T *to = kept.rows + (layer.below ? kept.at.size() : size_t(t - first) * B) * rows;
        const int n = gates(t, l, seen, to);
        for (int i = 0; layer.below && i < n; ++i) kept.at.push_back((t - first) * B + which[i]);
        multiply(own[l], to, rows, layer.d_h, int(layer.width), n, own[l].N, which.data());
        if (seen.upper && seen.z)
            switched(to_above[l], to, rows, n, seen.z, seen.upper, (&layer)[1].d_h, layer.d_z,
                     [&](int r) { return t == 0 || opens(s_z(layer, t - 1, r)); });
        if (seen.lower) {
            const Layer<T> &low = (&layer)[-1];
            switched(to_below[l], to, rows, n, seen.zb, seen.lower, low.d_h, low.d_z,
                     [&](int r) { return opens(s_z(low, t, r)); });
        }
    }

    void weights(int first, int l) {
        const Layer<T> &layer = layers[l];
        const int h = int(layer.width), above = int(layer.above), below = int(layer.below), rows = int(layer.rows);
        T *to = layer.d_kernel;
        const Gradients<T> &sums = d_s[l];
        if (below) add_column_sums(sums.rows, rows, rows, int(sums.at.size()), layer.d_bias);
        add_seen(sums, rows, first, B, (const T *)layer.h, layer.h0, h, to, [](int) { return true; });
        to += size_t(h) * rows;
        if (above && layer.z)
            add_seen(sums, rows, first, B, (const T *)layers[l + 1].h, (const T *)above0[l].data(), above, to,
                     [&](int at) { return at < B || layer.z[at - B] != 0; });
        to += size_t(above) * rows;
        if (below)
            add_seen(sums, rows, first, B, (const T *)layers[l - 1].h, (const T *)nullptr, below, to,
                     [&](int at) { return layers[l - 1].z[at] != 0; });
    }
};

template <class T> void hmlstm_backward(int steps, int B, int L, int selects, const Layer<T> *layers) {
    const int together = std::min(steps, steps_together(B));
    Backward<T> back(steps, B, L, selects, layers, together);
    for (int end = steps; end > 0;) {
        const int n = std::min(together, end), first = end - n;
        for (int l = 0; l < L; ++l) {
            back.d_s[l].at.clear();
            back.d_s[l].rows = l ? back.d_s[l].room.data() : layers[0].d_bias + size_t(first) * B * layers[0].rows;
        }
        for (int at = 0; at < n * B; ++at) back.d_s[0].at.push_back(at);
        for (int t = end - 1; t >= first; --t)
            for (int l = L - 1; l >= 0; --l) back.step(t, first, l);
        for (int l = 0; l < L; ++l) back.weights(first, l);
        end = first;
    }
    for (int l = 0; l < L; ++l)
        for (int k = 0; layers[l].z && k < layers[l].width; ++k)
            layers[l].d_kernel[k * layers[l].rows + 4 * layers[l].width] += back.d_detector[l][k];
}

}  // namespace

#define EXPORT(T, NAME)                                                                         \
    void hmlstm_backward_##NAME(int steps, int B, int L, int selects, const Layer<T> *layers) { \
        hmlstm_backward<T>(steps, B, L, selects, layers);                                       \
    }

extern "C" {
EXPORT(float, float)
EXPORT(double, double)
}
