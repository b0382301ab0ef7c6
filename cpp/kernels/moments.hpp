// Weighted moments of rows whose responsibilities are known, as in the E-step of a hidden Markov model:
//
//     count_k = sum_t r_tk,   first_k = sum_t r_tk (x_t - m_k),   second_k = sum_t r_tk (x_t - m_k)(x_t - m_k)'.
//
// Members are the lanes of the vectors, so one pass over the rows serves all of them.
#pragma once

#include "kernels/buffer.hpp"
#include "kernels/hmm_rows.hpp"
#include "kernels/moments_api.hpp"

namespace emkit {
namespace EMKIT_ISA {

template <int L, typename T>
static void given_as(const T* X, const double* resp, long n, const GivenMoments& out) {
    using R = Rows<L, 0>;
    using vec = typename R::vec;
    const R rows(out.k);
    const int d = out.d, k = out.k, kp = rows.stride(), nv = rows.vectors();
    const int pairs = out.is_full ? d * (d + 1) / 2 : d;
    Buffer<double> mean(static_cast<size_t>(d) * kp), count(kp), first(static_cast<size_t>(d) * kp),
        second(static_cast<size_t>(pairs) * kp), share(kp), gap(static_cast<size_t>(d) * L);
    for (int f = 0; f < d; f++)
        for (int j = 0; j < k; j++) mean[f * kp + j] = out.mean[j * d + f];
    for (long t = 0; t < n; t++) {
        std::memcpy(share.data(), resp + t * k, k * sizeof(double));
        const T* x = X + t * d;
        for (int v = 0; v < nv; v++) {
            const int at = v * L;
            const vec r = R::get(share.data() + at);
            R::put(count.data() + at, R::get(count.data() + at) + r);
            double* sums = second.data() + at;
            for (int f = 0; f < d; f++) {
                const vec own = R::all(static_cast<double>(x[f])) - R::get(mean.data() + f * kp + at);
                const vec weighted = r * own;
                double* total = first.data() + f * kp + at;
                R::put(total, R::get(total) + weighted);
                R::put(gap.data() + f * L, own);
                for (int g = out.is_full ? 0 : f; g <= f; g++, sums += kp)
                    R::put(sums, R::get(sums) + weighted * R::get(gap.data() + g * L));
            }
        }
    }
    for (int j = 0; j < k; j++) {
        out.count[j] = count[j];
        for (int f = 0; f < d; f++) out.first[j * d + f] = first[f * kp + j];
        for (int f = 0, p = 0; f < d; f++) {
            if (!out.is_full) out.second[j * d + f] = second[f * kp + j];
            for (int g = 0; g <= f && out.is_full; g++, p++)
                out.second[(j * d + f) * d + g] = out.second[(j * d + g) * d + f] = second[p * kp + j];
        }
    }
}

template <typename T>
static void given_moments(const T* X, const double* resp, long n, const GivenMoments& out) {
    constexpr int FOUR = W < 4 ? W : 4;
    if (out.k <= 2) return given_as<2>(X, resp, n, out);
    if (out.k <= 4) return given_as<FOUR>(X, resp, n, out);
    given_as<W>(X, resp, n, out);
}

constexpr long STRETCH = 512;  // rows whose features stay in the cache while all products pass over them

// Adds to total[s * n_products + m] for S shares, rows from .. end - 1.
template <int S>
static void add_products(const FeatureProducts& of, const double* shares, long from, long end, double* total) {
    const long whole = from + (end - from) / W * W;
    for (int m = 0; m < of.n_products; m++) {
        const double *left = of.features + of.left[m] * of.n, *right = of.features + of.right[m] * of.n;
        vd sums[S] = {};
        for (long t = from; t < whole; t += W) {
            const vd product = load(left + t) * load(right + t);
            for (int s = 0; s < S; s++) sums[s] += product * load(shares + s * of.n + t);
        }
        for (int s = 0; s < S; s++) {
            double sum = hsum(sums[s]);
            for (long t = whole; t < end; t++) sum += left[t] * right[t] * shares[s * of.n + t];
            total[static_cast<size_t>(s) * of.n_products + m] += sum;
        }
    }
}

static void sum_products(const FeatureProducts& of, const double* shares, int n_shares, double* total) {
    std::memset(total, 0, sizeof(double) * n_shares * of.n_products);
    for (long from = 0; from < of.n; from += STRETCH) {
        const long end = from + STRETCH < of.n ? from + STRETCH : of.n;
        for (int s = 0; s < n_shares;) {
            const double* own = shares + s * of.n;
            double* to = total + static_cast<size_t>(s) * of.n_products;
            const int left = n_shares - s;
            if (left >= 4) add_products<4>(of, own, from, end, to);
            else if (left == 3) add_products<3>(of, own, from, end, to);
            else if (left == 2) add_products<2>(of, own, from, end, to);
            else add_products<1>(of, own, from, end, to);
            s += left < 4 ? left : 4;
        }
    }
}

static void sum_by_code(const int32_t* codes, const double* resp, long n, int k, int m, double* total) {
    std::memset(total, 0, sizeof(double) * m * k);
    for (long t = 0; t < n; t++) {
        double* to = total + static_cast<size_t>(codes[t]) * k;
        const double* from = resp + t * k;
        int j = 0;
        for (; j + W <= k; j += W) store(to + j, load(to + j) + load(from + j));
        for (; j < k; j++) to[j] += from[j];
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
