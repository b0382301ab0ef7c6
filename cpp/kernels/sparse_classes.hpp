// The E-step of classes behind sparse counts: one pass over the entries, forwards and back.
//
// A tile of rows at a time: log joint = log mix + sum over entries of value times a row of the table (gather), softmax over
// classes, then the posteriors times the values are added to the same rows of the counts (scatter). The number of classes
// is known to the compiler where it is small, so that a row of the table is a register or two.
#pragma once

#include "kernels/buffer.hpp"
#include "kernels/softmax.hpp"
#include "kernels/sparse_classes_api.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr int SPARSE_TILE = 256;  // rows: their posteriors stay in the first cache

// Adds values times rows of the table to `sum` (k,), and values times `resp` (k,) to rows of the counts; K classes, or
// k where K is 0. Of K classes the sums are kept in registers.
template <int K>
struct Entries {
    static void gather(const SparseRows& x, long i, const double* table, double* sum) {
        double own[K];
        for (int l = 0; l < K; l++) own[l] = sum[l];
        for (int32_t e = x.first[i]; e < x.first[i + 1]; e++) {
            const double* row = table + static_cast<long>(x.columns[e]) * K;
            for (int l = 0; l < K; l++) own[l] += x.values[e] * row[l];
        }
        for (int l = 0; l < K; l++) sum[l] = own[l];
    }
    static void scatter(const SparseRows& x, long i, const double* resp, double* counts) {
        double own[K];
        for (int l = 0; l < K; l++) own[l] = resp[l];
        for (int32_t e = x.first[i]; e < x.first[i + 1]; e++) {
            double* row = counts + static_cast<long>(x.columns[e]) * K;
            const double value = x.values[e];
            for (int l = 0; l < K; l++) row[l] += value * own[l];
        }
    }
};

template <>
struct Entries<0> {
    static void gather(const SparseRows& x, long i, const double* table, double* sum) {
        for (int32_t e = x.first[i]; e < x.first[i + 1]; e++) {
            const double* row = table + static_cast<long>(x.columns[e]) * x.k;
            const double value = x.values[e];
            for (int l = 0; l < x.k; l++) sum[l] += value * row[l];
        }
    }
    static void scatter(const SparseRows& x, long i, const double* resp, double* counts) {
        for (int32_t e = x.first[i]; e < x.first[i + 1]; e++) {
            double* row = counts + static_cast<long>(x.columns[e]) * x.k;
            const double value = x.values[e];
            for (int l = 0; l < x.k; l++) row[l] += value * resp[l];
        }
    }
};

// `joint` (SPARSE_TILE, k) is scratch. Returns 1 where memory is short, else 0.
template <int K>
static int sparse_moments(const SparseRows& x, const double* weights, const double* table, const double* log_mix,
                          double* joint, double* loglik, double* count, double* counts) {
    double density[SPARSE_TILE];
    *loglik = 0.0;
    for (long start = 0; start < x.n; start += SPARSE_TILE) {
        const int rows = x.n - start < SPARSE_TILE ? static_cast<int>(x.n - start) : SPARSE_TILE;
        for (int r = 0; r < rows; r++) {
            double* own = joint + static_cast<size_t>(r) * x.k;
            for (int l = 0; l < x.k; l++) own[l] = log_mix[l];
            Entries<K>::gather(x, start + r, table, own);
        }
        if (softmax_rows(joint, rows, x.k, density, joint)) return 1;
        double part = 0.0;
        for (int r = 0; r < rows; r++) {
            const double weight = weights == nullptr ? 1.0 : weights[start + r];
            if (!(weight > 0.0)) continue;
            double* own = joint + static_cast<size_t>(r) * x.k;
            part += weight * density[r];
            for (int l = 0; l < x.k; l++) count[l] += own[l] *= weight;
            Entries<K>::scatter(x, start + r, own, counts);
        }
        *loglik += part;
    }
    return 0;
}

// weights (n,) or null; loglik, count (k,) and counts (c, k) out. Rows of weight zero are passed over. Returns 1 where
// memory is short, else 0.
static int sparse_classes_moments(const SparseRows& x, const double* weights, const double* table, const double* log_mix,
                                  double* loglik, double* count, double* counts) {
    Buffer<double> joint(static_cast<size_t>(SPARSE_TILE) * x.k);
    for (int l = 0; l < x.k; l++) count[l] = 0.0;
    std::memset(counts, 0, static_cast<size_t>(x.c) * x.k * sizeof(double));
    auto* step = &sparse_moments<0>;
    switch (x.k) {
        case 2: step = &sparse_moments<2>; break;
        case 3: step = &sparse_moments<3>; break;
        case 4: step = &sparse_moments<4>; break;
        case 5: step = &sparse_moments<5>; break;
        case 6: step = &sparse_moments<6>; break;
        case 8: step = &sparse_moments<8>; break;
        default: break;
    }
    return step(x, weights, table, log_mix, joint.data(), loglik, count, counts);
}

}  // namespace EMKIT_ISA
}  // namespace emkit
