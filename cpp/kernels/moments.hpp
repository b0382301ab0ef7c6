// Sums of responsibilities by code, and of products of features.
#pragma once

#include "kernels/buffer.hpp"
#include "kernels/hmm_rows.hpp"
#include "kernels/moments_api.hpp"

namespace emkit {
namespace EMKIT_ISA {

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

// Rows of `total` are padded to whole vectors, and rows in turn go to one of four totals: equal codes in a row would
// wait for each other.
template <int L>
static void sum_by_code_as(const int32_t* codes, const double* resp, long n, int k, int m, double* total) {
    using R = Rows<L, 0>;
    const R rows(k);
    const int kp = rows.stride(), copies = static_cast<long>(m) * kp <= 1024 ? 4 : 1;
    const size_t size = static_cast<size_t>(m) * kp;
    Buffer<double> sums(size * copies);
    double last[W] = {};
    for (long t = 0; t < n; t++) {
        double* to = sums.data() + (copies == 4 ? t % 4 : 0) * size + static_cast<size_t>(codes[t]) * kp;
        const double* from = resp + t * k;
        int j = 0;
        for (; j + L <= k; j += L) R::put(to + j, R::get(to + j) + R::get(from + j));
        if (j == k) continue;
        if (t + 1 < n && L == kp) {  // what is read beyond the row goes to the padding
            R::put(to, R::get(to) + R::get(from));
        } else {
            std::memcpy(last, from + j, (k - j) * sizeof(double));
            R::put(to + j, R::get(to + j) + R::get(last));
        }
    }
    for (int c = 0; c < m; c++)
        for (int j = 0; j < k; j++) {
            double sum = sums[static_cast<size_t>(c) * kp + j];
            for (int copy = 1; copy < copies; copy++) sum += sums[copy * size + static_cast<size_t>(c) * kp + j];
            total[static_cast<size_t>(c) * k + j] = sum;
        }
}

static void sum_by_code(const int32_t* codes, const double* resp, long n, int k, int m, double* total) {
    constexpr int FOUR = W < 4 ? W : 4;
    if (k <= 2) return sum_by_code_as<2>(codes, resp, n, k, m, total);
    if (k <= 4) return sum_by_code_as<FOUR>(codes, resp, n, k, m, total);
    sum_by_code_as<W>(codes, resp, n, k, m, total);
}

}  // namespace EMKIT_ISA
}  // namespace emkit
