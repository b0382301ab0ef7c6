// Rows of k states padded to whole vectors, and the three products of a chain: x A, A y and the sum of x' y.
#pragma once

#include <cstring>

#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

template <int L>
struct Lanes {
    typedef double vec __attribute__((vector_size(L * sizeof(double))));
    typedef long long mask __attribute__((vector_size(L * sizeof(double))));
};

// V vectors of L lanes where the number of states is small and known, and any number of vectors where V is zero.
template <int L, int V>
struct Rows {
    using vec = typename Lanes<L>::vec;
    static constexpr bool IS_FIXED = V > 0;
    static constexpr int BLOCK = V > 0 ? V : 4;  // vectors taken together

    int k, kp;

    explicit Rows(int states) : k(states), kp(V > 0 ? V * L : (states + L - 1) / L * L) {}

    int vectors() const { return V > 0 ? V : kp / L; }
    int stride() const { return V > 0 ? V * L : kp; }

    static vec get(const double* p) {
        vec v;
        std::memcpy(&v, p, sizeof(v));
        return v;
    }
    static void put(double* p, vec v) { std::memcpy(p, &v, sizeof(v)); }
    static vec all(double a) { return a - vec{}; }

    static double sum(vec v) {
        if constexpr (L == W && L > 2) {
            vd same;
            std::memcpy(&same, &v, sizeof(v));
            return hsum(same);
        } else if constexpr (L == 4) {
            return (v[0] + v[2]) + (v[1] + v[3]);
        } else {
            return v[0] + v[1];
        }
    }

    // out (kp,) = x (k,) times the matrix M (k, kp), a block of vectors from `at` on; two sums hide the latency.
    void product(const double* x, const double* M, int at, int width, vec* out) const {
        vec even[BLOCK], odd[BLOCK];
        for (int v = 0; v < BLOCK; v++) even[v] = odd[v] = vec{};
        const int step = stride(), terms = IS_FIXED ? V * L : k;
        const double* row = M + at * L;
        int i = 0;
        if constexpr (IS_FIXED) {
#pragma GCC unroll 8
            for (; i < V * L; i += 2)
                for (int v = 0; v < BLOCK; v++) {
                    even[v] += all(x[i]) * get(row + i * step + v * L);
                    odd[v] += all(x[i + 1]) * get(row + (i + 1) * step + v * L);
                }
        } else if (width == BLOCK) {
            for (; i + 1 < terms; i += 2)
                for (int v = 0; v < BLOCK; v++) {
                    even[v] += all(x[i]) * get(row + i * step + v * L);
                    odd[v] += all(x[i + 1]) * get(row + (i + 1) * step + v * L);
                }
            if (i < terms)
                for (int v = 0; v < BLOCK; v++) even[v] += all(x[i]) * get(row + i * step + v * L);
        } else {
            for (; i < terms; i++)
                for (int v = 0; v < width; v++) even[v] += all(x[i]) * get(row + i * step + v * L);
        }
        for (int v = 0; v < width; v++) out[v] = even[v] + odd[v];
    }

    // total (kp, kp) += sum over rows t of x_t' y_t; x and y (n, kp).
    void outer(const double* x, const double* y, long n, double* total) const {
        constexpr int H = IS_FIXED && V == 1 ? (L < 8 ? L : 8) : 4;  // rows of `total` taken together
        const int step = stride(), nv = vectors();
        for (int i = 0; i < step; i += H)
            for (int at = 0; at < nv; at += BLOCK) {
                const int width = nv - at < BLOCK ? nv - at : BLOCK;
                if (width == BLOCK && step - i >= H)
                    outer_tile<H, BLOCK>(x + i, y + at * L, n, total + i * step + at * L);
                else
                    for (int h = 0; h < H && i + h < step; h++)
                        for (int v = 0; v < width; v++)
                            outer_tile<1, 1>(x + i + h, y + (at + v) * L, n, total + (i + h) * step + (at + v) * L);
            }
    }

private:
    template <int H, int B>
    void outer_tile(const double* x, const double* y, long n, double* total) const {
        vec sums[H][B];
        const int step = stride();
        for (int h = 0; h < H; h++)
            for (int v = 0; v < B; v++) sums[h][v] = get(total + h * step + v * L);
        for (long t = 0; t < n; t++)
            for (int v = 0; v < B; v++) {
                const vec right = get(y + t * step + v * L);
                for (int h = 0; h < H; h++) sums[h][v] += all(x[t * step + h]) * right;
            }
        for (int h = 0; h < H; h++)
            for (int v = 0; v < B; v++) put(total + h * step + v * L, sums[h][v]);
    }
};

// A sum that carries its rounding error along (Neumaier 1974).
struct Compensated {
    double total = 0.0, error = 0.0;
    void add(double x) {
        const double next = total + x;
        error += __builtin_fabs(total) >= __builtin_fabs(x) ? (total - next) + x : (x - next) + total;
        total = next;
    }
    double value() const { return total + error; }
};

}  // namespace EMKIT_ISA
}  // namespace emkit
