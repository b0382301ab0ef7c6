// Volumes of covariances that share all but these: Sigma_k = exp(l_k) C.
#pragma once

#include "kernels/covariance_api.hpp"
#include "kernels/small_dense.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr double LEFT = 1e-13;  // of the objective, relative to the counts: less than this left to gain is the minimum

// Minimises d sum_k n_k l_k + N log |S(l)| with S = sum_k exp(-l_k) W_k, what is left of -2 log-likelihood once C is solved
// for: convex in l, by Newton's method (the fixed point of Celeux & Govaert 1995, sections 4.3 and 4.6, takes many more
// steps). Never goes up.
struct Volumes {
    const int d, k, size;  // size: numbers of one W_k
    const bool is_diagonal;
    const double *count, *scatter;
    double total = 0.0;
    double *log_volume, *trial, *mass, *factor, *part, *whitened, *share, *slope, *curvature;

    Volumes(int features, int components, bool diagonal, const double* n, const double* W)
        : d(features), k(components), size(diagonal ? d : d * d), is_diagonal(diagonal), count(n), scatter(W) {
        for (int c = 0; c < k; c++) total += count[c];
    }

    static size_t memory(int d, int k) {
        const size_t square = static_cast<size_t>(d) * d;
        return 4 * Arena::padded(k) + 3 * Arena::padded(square) + Arena::padded(k * square) + Arena::padded(k * k);
    }

    void prepare(Arena& arena) {
        const size_t square = static_cast<size_t>(d) * d;
        log_volume = arena.take(k), trial = arena.take(k), share = arena.take(k), slope = arena.take(k);
        mass = arena.take(square), factor = arena.take(square), part = arena.take(square);
        whitened = arena.take(k * square), curvature = arena.take(static_cast<size_t>(k) * k);
    }

    // The objective at log-volumes, S times exp(-min l), and the summands of S whitened by it.
    double objective(const double* at) {
        double least = at[0], sum = 0.0;
        for (int c = 0; c < k; c++) least = at[c] < least ? at[c] : least, sum += count[c] * at[c];
        for (int i = 0; i < size; i++) mass[i] = 0.0;
        for (int c = 0; c < k; c++) {
            const double scale = std::exp(least - at[c]);
            for (int i = 0; i < size; i++) mass[i] += whitened[c * size + i] = scale * scatter[c * size + i];
        }
        double log_det = 0.0;
        if (is_diagonal) {
            for (int i = 0; i < d; i++) log_det += std::log(mass[i]);
            for (int c = 0; c < k; c++)
                for (int i = 0; i < d; i++) whitened[c * d + i] /= mass[i];
        } else {
            std::memcpy(factor, mass, sizeof(double) * size);
            if (!factorise(factor, d, d)) return INF;
            log_det = 2.0 * log_diagonal(factor, d, d);
            invert_lower(factor, d, d);
            for (int c = 0; c < k; c++) whiten(whitened + c * size);
        }
        return d * sum + total * (log_det - d * least);
    }

    // w = F w F' with F the lower triangular `factor`.
    void whiten(double* w) {
        for (int i = 0; i < d; i++)
            for (int j = 0; j < d; j++) {
                double s = 0.0;
                for (int l = 0; l <= i; l++) s += factor[i * d + l] * w[l * d + j];
                part[i * d + j] = s;
            }
        for (int i = 0; i < d; i++)
            for (int j = 0; j <= i; j++) {
                double s = 0.0;
                for (int l = 0; l <= j; l++) s += part[i * d + l] * factor[j * d + l];
                w[i * d + j] = w[j * d + i] = s;
            }
    }

    // The step of Newton's method in `slope`, and how far it falls to first order; below zero where there is none.
    double newton() {
        for (int c = 0; c < k; c++) {
            share[c] = 0.0;
            for (int i = 0; i < d; i++) share[c] += whitened[c * size + (is_diagonal ? i : i * (d + 1))];
        }
        for (int a = 0; a < k; a++)
            for (int b = 0; b <= a; b++) {
                double s = 0.0;
                for (int i = 0; i < size; i++) s += whitened[a * size + i] * whitened[b * size + i];
                curvature[a * k + b] = total * ((a == b ? share[a] + 1e-14 : 0.0) - s) + total / k;
            }
        if (!factorise(curvature, k, k)) return -1.0;
        double fall = 0.0;
        for (int a = 0; a < k; a++) {  // L y = slope; slope' H^-1 slope = |y|^2
            double s = d * count[a] - total * share[a];
            for (int b = 0; b < a; b++) s -= curvature[a * k + b] * slope[b];
            slope[a] = s / curvature[a * k + a];
            fall += slope[a] * slope[a];
        }
        for (int a = k - 1; a >= 0; a--) {
            double s = slope[a];
            for (int b = a + 1; b < k; b++) s -= curvature[b * k + a] * slope[b];
            slope[a] = s / curvature[a * k + a];
        }
        return fall;
    }

    // From `log_volume` to the minimum there, less its smallest entry, with `mass` S: whether there is one.
    bool solve() {
        double here = objective(log_volume);
        if (!(here < INF)) return false;
        for (int step = 0; step < 60; step++) {
            if (newton() < LEFT * total) break;
            double length = 1.0, there = INF;
            for (; length > 1e-6; length /= 2) {
                for (int c = 0; c < k; c++) trial[c] = log_volume[c] - length * slope[c];
                there = objective(trial);
                if (there < here) break;
            }
            if (!(there < here)) break;
            here = there;
            std::memcpy(log_volume, trial, sizeof(double) * k);
        }
        here = objective(log_volume);
        double least = log_volume[0];
        for (int c = 1; c < k; c++) least = log_volume[c] < least ? log_volume[c] : least;
        for (int c = 0; c < k; c++) log_volume[c] -= least;
        return here < INF;
    }
};

}  // namespace EMKIT_ISA
}  // namespace emkit
