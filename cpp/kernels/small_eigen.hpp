// Eigenvalues of small symmetric matrices by Jacobi's rotations, and products of small square matrices.
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

// out = a b, all (d, d); out is none of them.
static void multiply(const double* a, const double* b, int d, double* out) {
    for (int i = 0; i < d; i++) {
        double* row = out + i * d;
        for (int j = 0; j < d; j++) row[j] = 0.0;
        for (int l = 0; l < d; l++) {
            const double s = a[i * d + l];
            for (int j = 0; j < d; j++) row[j] += s * b[l * d + j];
        }
    }
}

// out = a' b, all (d, d); out is none of them.
static void multiply_transposed(const double* a, const double* b, int d, double* out) {
    std::memset(out, 0, sizeof(double) * d * d);
    for (int l = 0; l < d; l++)
        for (int i = 0; i < d; i++) {
            const double s = a[l * d + i];
            for (int j = 0; j < d; j++) out[i * d + j] += s * b[l * d + j];
        }
}

// out = axes diag(along) axes'; `along` (d,) at any place. Symmetric to the last bit.
static void compose(const double* axes, const double* along, int d, double* out) {
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) {
            double s = 0.0;
            for (int l = 0; l < d; l++) s += axes[i * d + l] * along[l] * axes[j * d + l];
            out[i * d + j] = out[j * d + i] = s;
        }
}

static void rotate(double* a, double* axes, int d, int p, int q) {
    const double off = a[p * d + q], gap = a[q * d + q] - a[p * d + p];
    const double theta = 0.5 * gap / off;
    const double t = (theta >= 0 ? 1.0 : -1.0) / (std::fabs(theta) + std::sqrt(theta * theta + 1.0));
    const double c = 1.0 / std::sqrt(t * t + 1.0), s = t * c;
    for (int l = 0; l < d; l++) {
        const double x = a[l * d + p], y = a[l * d + q];
        a[l * d + p] = c * x - s * y;
        a[l * d + q] = s * x + c * y;
    }
    for (int l = 0; l < d; l++) {
        const double x = a[p * d + l], y = a[q * d + l];
        a[p * d + l] = c * x - s * y;
        a[q * d + l] = s * x + c * y;
    }
    for (int l = 0; l < d; l++) {
        const double x = axes[l * d + p], y = axes[l * d + q];
        axes[l * d + p] = c * x - s * y;
        axes[l * d + q] = s * x + c * y;
    }
    a[p * d + q] = a[q * d + p] = 0.0;
}

// Eigenvalues (d,) rising and eigenvectors, columns of (d, d), of the symmetric matrix a, which is lost.
static void eigen(double* a, int d, double* values, double* axes) {
    for (int i = 0; i < d * d; i++) axes[i] = i % (d + 1) == 0 ? 1.0 : 0.0;
    for (int sweep = 0; sweep < 60; sweep++) {
        bool is_done = true;
        for (int p = 0; p < d; p++)
            for (int q = p + 1; q < d; q++) {
                const double off = std::fabs(a[p * d + q]);
                if (!(off > 1e-17 * std::sqrt(std::fabs(a[p * d + p] * a[q * d + q])))) continue;
                if (off > 1e-16 * (std::fabs(a[p * d + p]) + std::fabs(a[q * d + q]))) is_done = false;
                rotate(a, axes, d, p, q);
            }
        if (is_done) break;
    }
    for (int i = 0; i < d; i++) values[i] = a[i * d + i];
    for (int i = 0; i < d; i++) {  // selection sort: d is small
        int least = i;
        for (int j = i + 1; j < d; j++)
            if (values[j] < values[least]) least = j;
        if (least == i) continue;
        const double v = values[i];
        values[i] = values[least], values[least] = v;
        for (int l = 0; l < d; l++) {
            const double x = axes[l * d + i];
            axes[l * d + i] = axes[l * d + least], axes[l * d + least] = x;
        }
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
