// From log joint densities (n, k) to log-densities and responsibilities: what every finite mixture ends with.
#pragma once

#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

// Rows taken together, component-major, so that exp and log are vectors whatever k.
struct Packet {
    static constexpr int ROWS = 4 * W;
    double* values;  // (k, ROWS)
    int k;

    // Copy rows in; those beyond `rows` repeat the first.
    void fill(const double* joint, int rows) {
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < k; c++) values[c * ROWS + r] = joint[static_cast<size_t>(r < rows ? r : 0) * k + c];
    }

    // Largest value of each row of vector v; zero where all are -infinity, and those rows get ones.
    vd settle(int v, vd& log_density) {
        double* at = values + v * W;
        vd top = load(at);
        for (int c = 1; c < k; c++) top = vmax(load(at + c * ROWS), top);
        const vi is_lost = !(top > set1(-INF));
        for (int c = 0; c < k; c++) store(at + c * ROWS, is_lost ? vd{} : load(at + c * ROWS));
        log_density = is_lost ? set1(-INF) : vd{};
        return is_lost ? vd{} : top;
    }

    // Log-density of vector v, whose values become exponentials that add up to `sum`.
    vd normalise(int v, vd& sum) {
        vd log_density;
        const vd top = settle(v, log_density);
        double* at = values + v * W;
        sum = vd{};
        for (int c = 0; c < k; c++) {
            const vd e = exp_nonpositive(load(at + c * ROWS) - top, set1(UNDERFLOW));
            store(at + c * ROWS, e);
            sum += e;
        }
        return log_density + (top + log_from_one(sum));
    }
};

// joint (n, k) in; log_density (n,) and resp (n, k) out, which may be `joint` itself. A row of -infinity has
// log-density -infinity and equal responsibilities. Returns 1 where memory is short, else 0.
static int softmax_rows(const double* joint, long n, int k, double* log_density, double* resp) {
    Arena arena(static_cast<size_t>(k) * Packet::ROWS);
    if (arena.is_empty()) return 1;
    Packet packet{arena.take(static_cast<size_t>(k) * Packet::ROWS), k};
    for (long start = 0; start < n; start += Packet::ROWS) {
        const int rows = n - start < Packet::ROWS ? static_cast<int>(n - start) : Packet::ROWS;
        packet.fill(joint + start * k, rows);
        double density[Packet::ROWS];
        for (int v = 0; v < 4; v++) {
            vd sum;
            store(density + v * W, packet.normalise(v, sum));
            const vd scale = set1(1.0) / sum;
            double* at = packet.values + v * W;
            for (int c = 0; c < k; c++) store(at + c * Packet::ROWS, load(at + c * Packet::ROWS) * scale);
        }
        std::memcpy(log_density + start, density, rows * sizeof(double));
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < k; c++) resp[(start + r) * k + c] = packet.values[c * Packet::ROWS + r];
    }
    return 0;
}

// Sum over rows of weight times log-density, joint (n, k), weights (n,) or null. Rows of weight zero are passed over.
static int weighted_logsumexp(const double* joint, const double* weights, long n, int k, double* loglik) {
    Arena arena(static_cast<size_t>(k) * Packet::ROWS);
    if (arena.is_empty()) return 1;
    Packet packet{arena.take(static_cast<size_t>(k) * Packet::ROWS), k};
    *loglik = 0.0;
    for (long start = 0; start < n; start += Packet::ROWS) {
        const int rows = n - start < Packet::ROWS ? static_cast<int>(n - start) : Packet::ROWS;
        packet.fill(joint + start * k, rows);
        vd total{};
        for (int v = 0; v < 4; v++) {
            vd weight{}, sum;
            for (int b = 0; b < W && v * W + b < rows; b++)
                weight[b] = weights == nullptr ? 1.0 : weights[start + v * W + b];
            const vd density = packet.normalise(v, sum);
            total += weight > vd{} ? weight * density : vd{};
        }
        *loglik += hsum(total);
    }
    return 0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
