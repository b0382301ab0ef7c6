// Inverse Cholesky factor of a small matrix: what every EM iteration needs of a covariance.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace emkit {

// cov (d, d) symmetric, lower half read; factor (d, d) scratch; whiten (d, d) out, lower triangular with
// cov^-1 = whiten' whiten; half_log_det out. Returns 0, or the number
// (from 1) of the first pivot that is not positive; then half_log_det is NaN and whiten zero.
inline int64_t cholesky_inverse(const double* cov, int d, double* factor, double* whiten, double* half_log_det) {
    double sum_log = 0.0;
    for (size_t i = 0; i < static_cast<size_t>(d) * d; i++) whiten[i] = 0.0;
    *half_log_det = NAN;
    for (int i = 0; i < d; i++) {
        for (int j = 0; j <= i; j++) {
            double s = cov[i * d + j];
            for (int l = 0; l < j; l++) s -= factor[i * d + l] * factor[j * d + l];
            if (i == j) {
                if (!(s > 0.0) || !std::isfinite(s)) return i + 1;
                factor[i * d + i] = std::sqrt(s);
                sum_log += std::log(factor[i * d + i]);
            } else {
                factor[i * d + j] = s / factor[j * d + j];
            }
        }
    }
    for (int i = 0; i < d; i++) {  // row i of the inverse from the rows above it
        const double pivot = 1.0 / factor[i * d + i];
        double* row = whiten + i * d;
        for (int l = 0; l < i; l++) {
            const double f = factor[i * d + l];
            const double* above = whiten + l * d;
            for (int j = 0; j <= l; j++) row[j] -= f * above[j];
        }
        for (int j = 0; j < i; j++) row[j] *= pivot;
        row[i] = pivot;
    }
    *half_log_det = sum_log;
    return 0;
}

}  // namespace emkit
