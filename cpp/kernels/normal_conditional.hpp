// What is missing given what is observed, under one normal distribution.
//
// In units of the standard deviations, with R the correlation matrix, P its inverse and z a row's deviation from the
// mean (zero where missing), two routes give the mean and covariance of the missing entries m given the observed o:
//
//   by the missing side    C = (P_mm)^-1, z_m = -C (P z)_m, log|R_oo| = log|R| + log|P_mm|, and z_o' R_oo^-1 z_o is the
//                          form of P at the completed row: one small factor, of the missing entries. The form is the
//                          square of K times the row, K' K = P, which loses half the digits that P itself would;
//   by the observed side   R_oo = L L', V = L^-1 R_om, C = R_mm - V'V, z_m = V' L^-1 z_o: no inverse of R.
//
// The first is several times cheaper where less than half is missing, but loses as many digits as P is large, so that it
// serves only where no column is nearly determined by the others. A factor is kept while rows have the same pattern.
#pragma once

#include <cmath>

#include "kernels/normal_patterns_api.hpp"
#include "kernels/simd.hpp"
#include "kernels/small_dense.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr double LARGEST_INVERSE = 2e4;  // largest diagonal entry of P (a variance inflation factor) of the missing side
constexpr double LOG_2PI = 1.8378770664093454836;

// Sum of logarithms with few calls of log: factors wait in a product while that is far from the ends of the numbers.
class LogSum {
public:
    void add(double factor, double count) {
        if (count == 1.0) {
            product_ *= factor;
            if (!(product_ > 1e-100 && product_ < 1e100)) sum_ += std::log(product_), product_ = 1.0;
        } else {
            sum_ += count * std::log(factor);
        }
    }
    double value() const { return sum_ + std::log(product_); }

private:
    double sum_ = 0.0, product_ = 1.0;
};

// One normal distribution and the pattern at hand.
class Conditional {
public:
    int d, width, n_words;
    bool by_missing = true;
    double *inverse_scale, *scale;  // (d,)
    double *corr, *precision;       // (d, width), zero beyond column d
    double* columns;                // (d, width): the columns of K as rows
    double log_det = 0.0;           // of the correlation matrix
    // of the present pattern
    int n_missing = 0, n_observed = 0;
    int *missing, *observed;        // (d,) columns
    double* left;                   // C, (m, m) at `width`
    double log_scale = 0.0;         // with `pivots`: half the log determinant of the observed columns' covariance
    double pivots = 1.0;            // is log_scale + log(pivots), |log pivots| < 230

    explicit Conditional(const NormalGiven& given) : d(given.d), width(padded_width(given.d)), n_words((given.d + 63) / 64), given_(given) {}

    size_t memory() const {
        const size_t matrix = static_cast<size_t>(d) * width + 8;
        return 6 * matrix + 8 * (static_cast<size_t>(width) + 8) + static_cast<size_t>(n_words) + 16 + 2 * (static_cast<size_t>(d) / 2 + 16);
    }

    // Returns false where the covariance is not positive definite.
    bool prepare(Arena& arena) {
        const size_t matrix = static_cast<size_t>(d) * width;
        corr = arena.take(matrix), precision = arena.take(matrix), left = arena.take(matrix);
        factor_ = arena.take(matrix), cross_ = arena.take(matrix), columns = arena.take(matrix);
        scale = arena.take(width), inverse_scale = arena.take(width), t_ = arena.take(width), log_scales_ = arena.take(width);
        code_ = reinterpret_cast<unsigned long long*>(arena.take(n_words));
        missing = reinterpret_cast<int*>(arena.take(d / 2 + 1)), observed = reinterpret_cast<int*>(arena.take(d / 2 + 1));
        for (size_t i = 0; i < matrix; i++) corr[i] = precision[i] = columns[i] = 0.0;
        for (int i = 0; i < d; i++) {
            const double var = given_.cov[static_cast<size_t>(i) * d + i];
            if (!(var > 0.0) || !(var < INF)) return false;
            scale[i] = std::sqrt(var), inverse_scale[i] = 1.0 / scale[i];
            log_scales_[i] = 0.5 * std::log(var), sum_log_scales_ += log_scales_[i];
        }
        for (int i = 0; i < d; i++)
            for (int j = 0; j < d; j++)
                corr[i * width + j] =
                    i == j ? 1.0 : given_.cov[static_cast<size_t>(i) * d + j] * inverse_scale[i] * inverse_scale[j];
        for (size_t i = 0; i < matrix; i++) factor_[i] = corr[i];
        if (!factorise(factor_, d, width)) return false;
        log_det = 2.0 * log_diagonal(factor_, d, width);
        invert_lower(factor_, d, width);
        square_of_lower(factor_, d, width, precision);
        for (int i = 0; i < d; i++)
            for (int j = 0; j <= i; j++) columns[j * width + i] = factor_[i * width + j];
        for (int i = 0; i < d; i++) by_missing = by_missing && precision[i * width + i] <= LARGEST_INVERSE;
        n_observed = -1;
        return true;
    }

    // Load a row as deviations in units of the scale, zero where missing, and its missing entries as bits in
    // `code` (n_words,). Returns whether the bits are not those that were there.
    template <typename T>
    bool load_row(const T* x, bool is_deviation, double* z, unsigned long long* code_out) const {
        bool is_new = false;
        for (int word = 0; word < n_words; word++) {  // no branch depends on the pattern: it is not to be foreseen
            unsigned long long code = 0;
            const int first = word * 64, last = first + 64 < d ? first + 64 : d;
            for (int j = first; j < last; j++)
                code |= static_cast<unsigned long long>(x[j] != x[j]) << (j - first);
            is_new = is_new || code != code_out[word];
            code_out[word] = code;
        }
        const double part = is_deviation ? 0.0 : 1.0;
        for (int j = 0; j < d; j++) {
            const double value = (static_cast<double>(x[j]) - part * given_.mean[j]) * inverse_scale[j];
            z[j] = value == value ? value : 0.0;
        }
        for (int j = d; j < width; j++) z[j] = 0.0;
        return is_new;
    }

    // Load a row and factor its pattern if it is a new one. Returns false where nothing of the row is observed.
    template <typename T>
    bool take(const T* x, bool is_deviation, double* z) {
        const bool is_new = load_row(x, is_deviation, z, code_);
        if (is_new || n_observed < 0) fresh_pattern();
        return is_good_ && n_observed > 0;
    }

    // Half the log determinant, but for the missing entries', of a pattern on the missing side.
    double log_scale_of(const unsigned long long* code) const {
        double level = sum_log_scales_ + 0.5 * log_det;
        for (int word = 0; word < n_words; word++)
            for (unsigned long long bits = code[word]; bits != 0; bits &= bits - 1)
                level -= log_scales_[word * 64 + __builtin_ctzll(bits)];
        return level;
    }

    bool is_good() const { return is_good_; }

    // Put the conditional means in their places. Returns the quadratic form of the observed entries, but by the missing
    // side 0: there it is `square_of_white` of the completed row.
    double complete(double* z) {
        if (!by_missing) return complete_by_observed(z);
        complete_by_missing(z);
        return 0.0;
    }

    // Sum of w |K z|^2 over n rows z at `width`, eight rows at a time; rows up to the next multiple of eight are read.
    double square_of_white(const double* z, const double* weights, int n) const {
        double total = 0.0;
        for (int r0 = 0; r0 < n; r0 += 8) {
            vd square[8] = {};
            const double* rows = z + static_cast<size_t>(r0) * width;
            for (int i = 0; i < width; i += W) {
                vd sum[8] = {};
                for (int j = 0; j < i + W && j < d; j++) {
                    const vd column = load(columns + static_cast<size_t>(j) * width + i);
                    for (int r = 0; r < 8; r++) sum[r] += set1(rows[r * width + j]) * column;
                }
                for (int r = 0; r < 8; r++) square[r] += sum[r] * sum[r];
            }
            for (int r = 0; r < 8 && r0 + r < n; r++) total += weights[r0 + r] * hsum(square[r]);
        }
        return total;
    }

    // A root of C in `root` (m, m) at `width`, lower: deviations are root e (observed side) or root' e (missing side).
    void take_root(double* root) const {
        if (by_missing) {
            for (int a = 0; a < n_missing; a++)
                for (int b = 0; b <= a; b++) root[a * width + b] = factor_[a * width + b];
        } else {
            for (int a = 0; a < n_missing; a++)
                for (int b = 0; b <= a; b++) root[a * width + b] = left[a * width + b];
            factorise_singular(root, n_missing, width, 1e-13);
        }
    }

    // Deviation number a of the missing entries from noise (d,), by the root.
    double deviation(const double* root, int a, const double* noise) const {
        double s = 0.0;
        if (by_missing)
            for (int b = a; b < n_missing; b++) s += root[b * width + a] * noise[missing[b]];
        else
            for (int b = 0; b <= a; b++) s += root[a * width + b] * noise[missing[b]];
        return s;
    }

private:
    const NormalGiven& given_;
    double *factor_, *cross_, *t_, *log_scales_;
    double sum_log_scales_ = 0.0;
    unsigned long long* code_;  // (n_words,) missing entries as bits
    bool is_good_ = true;

    void fresh_pattern() {
        int m = 0;
        log_scale = sum_log_scales_, pivots = 1.0;
        for (int word = 0; word < n_words; word++)
            for (unsigned long long code = code_[word]; code != 0; code &= code - 1) {
                const int j = word * 64 + __builtin_ctzll(code);
                log_scale -= log_scales_[j];
                missing[m++] = j;
            }
        n_missing = m, n_observed = d - m;
        is_good_ = by_missing ? factor_missing() : factor_observed();
    }

    bool factor_missing() {
        for (int a = 0; a < n_missing; a++) {
            const double* row = precision + static_cast<size_t>(missing[a]) * width;
            for (int b = 0; b <= a; b++) factor_[a * width + b] = row[missing[b]];
        }
        log_scale += 0.5 * log_det;
        pivots = invert_any(factor_, n_missing, width, left, &log_scale);
        return pivots > 0.0;
    }

    bool factor_observed() {
        const int o = n_observed, m = n_missing;
        for (int j = 0, a = 0, b = 0; j < d; j++) {
            if (b < m && missing[b] == j)
                b++;
            else
                observed[a++] = j;
        }
        for (int a = 0; a < o; a++)
            for (int b = 0; b <= a; b++) factor_[a * width + b] = corr[observed[a] * width + observed[b]];
        if (!factorise(factor_, o, width)) return false;
        log_scale += log_diagonal(factor_, o, width);
        for (int a = 0; a < o; a++) {  // V = L^-1 R_om, row by row
            double* row = cross_ + static_cast<size_t>(a) * width;
            for (int b = 0; b < m; b++) row[b] = corr[observed[a] * width + missing[b]];
            for (int l = 0; l < a; l++) {
                const double f = factor_[a * width + l];
                const double* above = cross_ + static_cast<size_t>(l) * width;
                for (int b = 0; b < m; b++) row[b] -= f * above[b];
            }
            const double pivot = 1.0 / factor_[a * width + a];
            for (int b = 0; b < m; b++) row[b] *= pivot;
        }
        for (int a = 0; a < m; a++)
            for (int b = 0; b < m; b++) left[a * width + b] = corr[missing[a] * width + missing[b]];
        for (int l = 0; l < o; l++) {
            const double* row = cross_ + static_cast<size_t>(l) * width;
            for (int a = 0; a < m; a++)
                for (int b = 0; b < m; b++) left[a * width + b] -= row[a] * row[b];
        }
        return true;
    }

    void complete_by_missing(double* z) {
        for (int a = 0; a < n_missing; a++) {
            const double* row = precision + static_cast<size_t>(missing[a]) * width;
            vd s{};
            for (int j = 0; j < width; j += W) s += load(row + j) * load(z + j);
            t_[a] = hsum(s);
        }
        for (int a = 0; a < n_missing; a++) {
            double s = 0.0;
            for (int b = 0; b < n_missing; b++) s += left[a * width + b] * t_[b];
            z[missing[a]] = -s;
        }
    }

    double complete_by_observed(double* z) {
        double square = 0.0;
        for (int a = 0; a < n_observed; a++) {
            double s = z[observed[a]];
            for (int l = 0; l < a; l++) s -= factor_[a * width + l] * t_[l];
            t_[a] = s / factor_[a * width + a];
            square += t_[a] * t_[a];
        }
        for (int b = 0; b < n_missing; b++) {
            double s = 0.0;
            for (int a = 0; a < n_observed; a++) s += cross_[a * width + b] * t_[a];
            z[missing[b]] = s;
        }
        return square;
    }
};

}  // namespace EMKIT_ISA
}  // namespace emkit
