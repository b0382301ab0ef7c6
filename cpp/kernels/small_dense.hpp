// Small dense matrices with a padded row stride: Cholesky factors, triangular inverses, their squares.
#pragma once

#include <cmath>

#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

static inline int padded_width(int d) { return (d + W - 1) / W * W; }

// Lower Cholesky factor in place of the lower half of a (d rows at `stride`). Returns whether all pivots were positive.
static bool factorise(double* a, int d, int stride) {
    for (int i = 0; i < d; i++) {
        double* row = a + static_cast<size_t>(i) * stride;
        for (int j = 0; j < i; j++) {
            const double* above = a + static_cast<size_t>(j) * stride;
            double s = row[j];
            for (int l = 0; l < j; l++) s -= row[l] * above[l];
            row[j] = s / above[j];
        }
        double s = row[i];
        for (int l = 0; l < i; l++) s -= row[l] * row[l];
        if (!(s > 0.0) || s > 1e300) return false;
        row[i] = std::sqrt(s);
    }
    return true;
}

// As above for a matrix that may be singular: a pivot below `floor` makes its column zero.
static void factorise_singular(double* a, int d, int stride, double floor) {
    for (int i = 0; i < d; i++) {
        double* row = a + static_cast<size_t>(i) * stride;
        for (int j = 0; j < i; j++) {
            const double* above = a + static_cast<size_t>(j) * stride;
            double s = row[j];
            for (int l = 0; l < j; l++) s -= row[l] * above[l];
            row[j] = above[j] > 0.0 ? s / above[j] : 0.0;
        }
        double s = row[i];
        for (int l = 0; l < i; l++) s -= row[l] * row[l];
        row[i] = s > floor ? std::sqrt(s) : 0.0;
    }
}

// Inverse of a lower triangular matrix in its own place.
static void invert_lower(double* a, int d, int stride) {
    for (int i = 0; i < d; i++) {
        double* row = a + static_cast<size_t>(i) * stride;
        const double pivot = 1.0 / row[i];
        for (int j = 0; j < i; j++) {  // places above j of the row still hold the factor
            double s = row[j] * a[static_cast<size_t>(j) * stride + j];
            for (int l = j + 1; l < i; l++) s += row[l] * a[static_cast<size_t>(l) * stride + j];
            row[j] = -pivot * s;
        }
        row[i] = pivot;
    }
}

// out = a' a for a lower triangular, both (d, d) at `stride`: all of the symmetric result.
static void square_of_lower(const double* a, int d, int stride, double* out) {
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) {
            double s = 0.0;
            for (int l = i; l < d; l++) s += a[static_cast<size_t>(l) * stride + i] * a[static_cast<size_t>(l) * stride + j];
            out[static_cast<size_t>(i) * stride + j] = out[static_cast<size_t>(j) * stride + i] = s;
        }
}

// Sum of logarithms of the diagonal, with few calls of log.
static double log_diagonal(const double* a, int d, int stride) {
    double sum = 0.0, product = 1.0;
    for (int i = 0; i < d; i++) {
        product *= a[static_cast<size_t>(i) * stride + i];
        if (!(product > 1e-100 && product < 1e100)) sum += std::log(product), product = 1.0;
    }
    return sum + std::log(product);
}

// Inverse `out` (M, M) of the matrix in the lower half of `a`, the inverse of its factor in place of it, both at `stride`,
// and the product of the factor's diagonal, which is zero where the matrix is not positive definite. All in registers.
template <int M>
static double invert_small(double* a, int stride, double* out) {
    double f[M][M], product = 1.0;
    for (int i = 0; i < M; i++) {
        double pivot = a[i * stride + i];
        for (int j = 0; j < i; j++) {
            double s = a[i * stride + j];
            for (int l = 0; l < j; l++) s -= f[i][l] * f[j][l];
            f[i][j] = s * f[j][j];  // the diagonal holds reciprocals
            pivot -= f[i][j] * f[i][j];
        }
        if (!(pivot > 0.0) || pivot > 1e300) return 0.0;
        pivot = std::sqrt(pivot);
        product *= pivot;
        f[i][i] = 1.0 / pivot;
    }
    for (int i = 0; i < M; i++)
        for (int j = 0; j < i; j++) {
            double s = 0.0;
            for (int l = j; l < i; l++) s += f[i][l] * f[l][j];
            f[i][j] = -f[i][i] * s;
        }
    for (int i = 0; i < M; i++)
        for (int j = 0; j <= i; j++) {
            double s = 0.0;
            for (int l = i; l < M; l++) s += f[l][i] * f[l][j];
            out[i * stride + j] = out[j * stride + i] = s;
            a[i * stride + j] = f[i][j];
        }
    return product;
}

// The same for any size: the logarithm of the product is added to `log_product` where the product itself might overflow.
static double invert_any(double* a, int m, int stride, double* out, double* log_product) {
    switch (m) {
        case 0: return 1.0;
        case 1: return invert_small<1>(a, stride, out);
        case 2: return invert_small<2>(a, stride, out);
        case 3: return invert_small<3>(a, stride, out);
        case 4: return invert_small<4>(a, stride, out);
        case 5: return invert_small<5>(a, stride, out);
        case 6: return invert_small<6>(a, stride, out);
        case 7: return invert_small<7>(a, stride, out);
        case 8: return invert_small<8>(a, stride, out);
        default: break;
    }
    if (!factorise(a, m, stride)) return 0.0;
    *log_product += log_diagonal(a, m, stride);
    invert_lower(a, m, stride);
    square_of_lower(a, m, stride, out);
    return 1.0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
