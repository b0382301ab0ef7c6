// Forward and backward where every row has transitions of its own, in logarithms.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/guided_api.hpp"

namespace emkit {
namespace EMKIT_ISA {

static constexpr double GUIDED_INF = std::numeric_limits<double>::infinity();

static double log_sum(const double* x, int k) {
    double top = -GUIDED_INF;
    for (int i = 0; i < k; i++) top = x[i] > top ? x[i] : top;
    if (top == -GUIDED_INF) return top;
    double total = 0.0;
    for (int i = 0; i < k; i++) total += std::exp(x[i] - top);
    return top + std::log(total);
}

// alpha (n, k): log joint of state and rows so far. Return the row at which nothing is possible, or -1.
static long guided_forward(const GuidedBatch& b, const double* log_emit, const double* log_moves, long n, double* alpha,
                           double* filtered) {
    const int k = b.k;
    std::vector<double> through(k);
    for (long t = 0; t < n; t++) {
        double* own = alpha + t * k;
        for (int j = 0; j < k; j++) {
            if (t == 0) {
                own[j] = std::log(b.init[j]) + log_emit[j];
                continue;
            }
            for (int i = 0; i < k; i++) through[i] = own[i - k] + log_moves[((t - 1) * k + i) * k + j];
            own[j] = log_sum(through.data(), k) + log_emit[t * k + j];
        }
        const double total = log_sum(own, k);
        if (total == -GUIDED_INF) return t;
        for (int j = 0; j < k; j++) filtered[t * k + j] = std::exp(own[j] - total);
    }
    return -1;
}

static void guided_backward(const GuidedBatch& b, const double* log_emit, const double* log_moves, long n, double weight,
                            const double* alpha, double loglik, GuidedSums& out, double* moves, double* resp) {
    const int k = b.k;
    std::vector<double> beta(k, 0.0), next(k), through(k);
    for (long t = n - 1; t >= 0; t--) {
        if (t < n - 1) {
            for (int j = 0; j < k; j++) next[j] = log_emit[(t + 1) * k + j] + beta[j];
            for (int i = 0; i < k; i++) {
                for (int j = 0; j < k; j++) {
                    through[j] = log_moves[(t * k + i) * k + j] + next[j];
                    moves[(t * k + i) * k + j] = weight * std::exp(alpha[t * k + i] + through[j] - loglik);
                }
                beta[i] = log_sum(through.data(), k);
            }
        }
        for (int j = 0; j < k; j++) resp[t * k + j] = weight * std::exp(alpha[t * k + j] + beta[j] - loglik);
    }
    for (int j = 0; j < k; j++) out.first[j] += resp[j];
}

static void guided_smooth(const GuidedBatch& b, GuidedSums& out) {
    const long k = b.k;
    long longest = 1, total = 0;
    for (long s = 0; s < b.n_sequences; s++) {
        longest = b.lengths[s] > longest ? static_cast<long>(b.lengths[s]) : longest;
        total += static_cast<long>(b.lengths[s]);
    }
    std::vector<double> alpha(longest * k);
    std::memset(out.first, 0, sizeof(double) * k);
    std::memset(out.moves, 0, sizeof(double) * total * k * k);
    std::memset(out.resp, 0, sizeof(double) * total * k);
    std::memset(out.filtered, 0, sizeof(double) * total * k);
    long row = 0;
    for (long s = 0; s < b.n_sequences; s++) {
        const long n = b.lengths[s];
        const double weight = b.weights == nullptr ? 1.0 : b.weights[s];
        out.loglik[s] = 0.0;
        if (n > 0 && weight != 0.0) {
            const double *log_emit = b.log_emit + row * k, *log_moves = b.log_moves + row * k * k;
            const long bad = guided_forward(b, log_emit, log_moves, n, alpha.data(), out.filtered + row * k);
            out.loglik[s] = bad < 0 ? log_sum(alpha.data() + (n - 1) * k, b.k) : -GUIDED_INF;
            if (bad < 0)
                guided_backward(b, log_emit, log_moves, n, weight, alpha.data(), out.loglik[s], out,
                                out.moves + row * k * k, out.resp + row * k);
            else if (out.bad_sequence < 0)
                out.bad_sequence = s, out.bad_step = bad;
        }
        row += n;
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
