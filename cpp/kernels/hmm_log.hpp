// Forward and backward in logarithms: slow, and never lost to underflow. Serves the sequences for which scaling fails.
#pragma once

#include <cmath>

#include "kernels/buffer.hpp"
#include "kernels/hmm_api.hpp"

namespace emkit {
namespace EMKIT_ISA {

// log of the sum of exp(x_i + y_i), y with a stride.
static double log_dot(const double* x, const double* y, int k, int stride) {
    double top = -INF;
    for (int i = 0; i < k; i++) top = larger(top, x[i] + y[i * stride]);
    if (!(top > -INF)) return -INF;
    double sum = 0.0;
    for (int i = 0; i < k; i++) sum += exp(x[i] + y[i * stride] - top);
    return top + log(sum);
}

struct LogChain {
    int k;
    Buffer<double> init, trans;

    explicit LogChain(const Batch& batch) : k(batch.k), init(batch.k), trans(static_cast<size_t>(batch.k) * batch.k) {
        for (int i = 0; i < k; i++) init[i] = log(batch.init[i]);
        for (int i = 0; i < k * k; i++) trans[i] = log(batch.trans[i]);
    }

    // log alpha (n, k) of one sequence; returns the first impossible step, or -1.
    long forward(const double* log_emit, long n, const double* entry, double* alpha) const {
        Buffer<double> before(k);
        if (entry != nullptr)
            for (int i = 0; i < k; i++) before[i] = log(entry[i]);
        for (long t = 0; t < n; t++) {
            const double* past = t > 0 ? alpha + (t - 1) * k : before.data();
            double top = -INF;
            for (int j = 0; j < k; j++) {
                const double prior = t == 0 && entry == nullptr ? init[j] : log_dot(past, trans.data() + j, k, k);
                alpha[t * k + j] = prior + log_emit[t * k + j];
                top = larger(top, alpha[t * k + j]);
            }
            if (!(top > -INF)) return t;
        }
        return -1;
    }

    double end(const double* alpha_last, const double* exit) const {
        Buffer<double> after(k);
        for (int i = 0; i < k; i++) after[i] = exit == nullptr ? 0.0 : log(exit[i]);
        return log_dot(alpha_last, after.data(), k, 1);
    }
};

// The E-step of one sequence in logarithms; sums are added to, weighted. Returns the impossible step, or -1.
static long log_smooth(const LogChain& chain, const double* log_emit, long n, double weight, const double* entry,
                       const double* exit, double* loglik, double* first, double* moves, double* resp, double* last,
                       double* carry) {
    const int k = chain.k;
    Buffer<double> alpha(static_cast<size_t>(n) * k), beta(k), next(k), before(k);
    const long lost = chain.forward(log_emit, n, entry, alpha.data());
    const double* end = alpha.data() + (n - 1) * k;
    *loglik = lost >= 0 ? -INF : chain.end(end, nullptr);
    const double total = lost >= 0 ? -INF : chain.end(end, exit);  // of all rows, up to the factors of what follows
    for (int i = 0; i < k; i++) last[i] = lost >= 0 ? 0.0 : exp(end[i] - *loglik);
    if (!(total > -INF)) {
        for (long i = 0; i < n * k; i++) resp[i] = 0.0;
        for (int i = 0; i < k && carry != nullptr; i++) carry[i] = 0.0;
        return lost >= 0 ? lost : n - 1;
    }
    for (int i = 0; i < k; i++) beta[i] = exit == nullptr ? 0.0 : log(exit[i]);
    if (entry != nullptr)
        for (int i = 0; i < k; i++) before[i] = log(entry[i]);
    for (long t = n - 1; t >= 0; t--) {
        for (int j = 0; j < k; j++) {
            resp[t * k + j] = weight * exp(alpha[t * k + j] + beta[j] - total);
            next[j] = log_emit[t * k + j] + beta[j];
        }
        if (t == 0 && entry == nullptr) break;
        const double* past = t > 0 ? alpha.data() + (t - 1) * k : before.data();
        for (int i = 0; i < k; i++) {
            for (int j = 0; j < k; j++)
                moves[i * k + j] += weight * exp(past[i] + chain.trans[i * k + j] + next[j] - total);
            beta[i] = log_dot(next.data(), chain.trans.data() + i * k, k, 1);
        }
        if (t == 0)
            for (int i = 0; i < k && carry != nullptr; i++) carry[i] = exp(beta[i] - *loglik);
    }
    for (int j = 0; j < k && entry == nullptr; j++) first[j] += resp[j];
    return -1;
}

static long log_filter(const LogChain& chain, const double* log_emit, long n, const double* entry, double* loglik,
                       double* filtered, double* last) {
    const int k = chain.k;
    Buffer<double> alpha(static_cast<size_t>(n) * k);
    const long lost = chain.forward(log_emit, n, entry, alpha.data());
    *loglik = lost >= 0 ? -INF : chain.end(alpha.data() + (n - 1) * k, nullptr);
    for (long t = 0; t < n; t++) {
        double top = -INF, sum = 0.0;
        double* row = alpha.data() + t * k;
        const bool is_known = lost < 0 || t < lost;
        for (int j = 0; j < k; j++) top = larger(top, row[j]);
        for (int j = 0; j < k; j++) sum += row[j] = is_known ? exp(row[j] - top) : 0.0;
        for (int j = 0; j < k; j++) row[j] = is_known ? row[j] / sum : 0.0;
        for (int j = 0; j < k && filtered != nullptr; j++) filtered[t * k + j] = row[j];
    }
    for (int j = 0; j < k; j++) last[j] = alpha[(n - 1) * k + j];
    return lost;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
