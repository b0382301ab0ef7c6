// E-step of a Gaussian mixture: log-densities, responsibilities and moments about the current means, in one pass.
//
// Rows are taken in tiles that stay in cache. Everything is centred on the component's mean before it is multiplied: no
// digit is lost at any offset or scale of the data. Sums run in a fixed order that depends on the shapes alone.
#pragma once

#include "kernels/gaussian_joint.hpp"
#include "kernels/gaussian_moments.hpp"

namespace emkit {
namespace EMKIT_ISA {

// The upper triangles of the second moments (k, d, d) from the lower ones.
static void mirror(const Shape& shape, double* second) {
    const size_t k = shape.k, d = shape.d;
    for (size_t c = 0; c < k; c++)
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < i; j++) second[(c * d + j) * d + i] = second[(c * d + i) * d + j];
}

// The whole E-step: X (n, d) and weights (n,) or null in; log-likelihood, count (k,), first (k, d) and second moments
// (k, d, d) or (k, d) out. Outputs must not overlap inputs. Returns 1 where memory is short, else 0.
template <typename T>
int mixture_moments(const T* X, const double* weights, long n, const Shape& shape, const Given& given, double* loglik,
                    double* count, double* first, double* second) {
    Mixture mixture(shape, given);
    Tile tile(mixture, n);
    Arena arena(mixture.memory() + tile.memory());
    if (arena.is_empty()) return 1;
    mixture.prepare(arena, given.log_mix);
    tile.prepare(arena);
    const size_t k = shape.k, d = shape.d;
    std::memset(count, 0, k * sizeof(double));
    std::memset(first, 0, k * d * sizeof(double));
    std::memset(second, 0, k * d * (shape.is_diagonal ? 1 : d) * sizeof(double));
    *loglik = 0.0;
    for (long start = 0; start < n; start += tile.capacity) {
        const long left = n - start;
        tile.fill(X + start * shape.d, weights != nullptr ? weights + start : nullptr,
                  static_cast<int>(left < tile.capacity ? left : tile.capacity));
        compute_joint(tile);
        for (int p = 0; p < tile.packets; p++) *loglik += normalise(tile, p);
        add_moments(tile, Sums{count, first, second});
    }
    if (!shape.is_diagonal) mirror(shape, second);
    return 0;
}

// Moments of rows whose responsibilities (n, k), case weights included, are known, as in the E-step of a hidden Markov
// model. Returns 1 where memory is short, else 0.
template <typename T>
int given_moments(const T* X, const double* resp, long n, const Shape& shape, const double* mean, double* count,
                  double* first, double* second) {
    Mixture mixture(shape, Given{nullptr, mean, nullptr});
    Tile tile(mixture, n);
    Arena arena(mixture.memory() + tile.memory());
    if (arena.is_empty()) return 1;
    mixture.prepare_means(arena);
    tile.prepare(arena);
    const size_t k = shape.k, d = shape.d;
    std::memset(count, 0, k * sizeof(double));
    std::memset(first, 0, k * d * sizeof(double));
    std::memset(second, 0, k * d * (shape.is_diagonal ? 1 : d) * sizeof(double));
    for (long start = 0; start < n; start += tile.capacity) {
        const long left = n - start;
        tile.fill(X + start * shape.d, nullptr, static_cast<int>(left < tile.capacity ? left : tile.capacity));
        tile.fill_shares(resp + start * shape.k);
        add_moments(tile, Sums{count, first, second});
    }
    if (!shape.is_diagonal) mirror(shape, second);
    return 0;
}

// Per-row results: log joint densities (n, k), or, where log_density (n,) is given, responsibilities (n, k).
template <typename T>
int mixture_rows(const T* X, long n, const Shape& shape, const Given& given, double* log_density, double* out) {
    Mixture mixture(shape, given);
    Tile tile(mixture, n);
    Arena arena(mixture.memory() + tile.memory());
    if (arena.is_empty()) return 1;
    mixture.prepare(arena, given.log_mix);
    tile.prepare(arena);
    const int k = shape.k;
    for (long start = 0; start < n; start += tile.capacity) {
        const long left = n - start;
        tile.fill(X + start * shape.d, nullptr, static_cast<int>(left < tile.capacity ? left : tile.capacity));
        compute_joint(tile);
        for (int p = 0; p < tile.packets; p++) {
            const long at = start + static_cast<long>(p) * G;
            const int rows = n - at < G ? static_cast<int>(n - at) : G;
            double density[G];
            if (log_density != nullptr) {
                posterior(tile, p, density);
                std::memcpy(log_density + at, density, rows * sizeof(double));
            }
            const double* joint = tile.packet_joint(p);
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < k; c++) out[(at + r) * k + c] = joint[c * G + r];
        }
    }
    return 0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
