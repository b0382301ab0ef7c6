// E-step of one normal distribution on rows with missing entries, and what fills them in. Sums run in a fixed order that
// depends on the shapes alone.
#pragma once

#include <cmath>

#include "kernels/normal_lanes.hpp"

namespace emkit {
namespace EMKIT_ISA {

// Rows I0 .. I0 + 3 by J vectors of columns of sum_r w_r z_r z_r', for n rows at `width`.
template <int J>
static void product_block(const double* z, const double* weights, int n, int width, int i0, int j0, double* out) {
    vd sum[4][J] = {};
    for (int r = 0; r < n; r++) {
        const double* row = z + static_cast<size_t>(r) * width;
        vd column[J];
        for (int b = 0; b < J; b++) column[b] = load(row + j0 + b * W);
        for (int a = 0; a < 4; a++) {
            const vd y = set1(row[i0 + a] * weights[r]);
            for (int b = 0; b < J; b++) sum[a][b] += y * column[b];
        }
    }
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < J; b++) {
            double* at = out + static_cast<size_t>(i0 + a) * width + j0 + b * W;
            store(at, load(at) + sum[a][b]);
        }
}

// Add sum_r w_r z_r z_r' to out (rows + 3, width): the lower triangle, and more of it than asked.
static void add_products(const double* z, const double* weights, int n, int d, int width, double* out) {
    for (int i0 = 0; i0 < d; i0 += 4) {
        const int end = padded_width(i0 + 4 < d ? i0 + 4 : d);
        int j0 = 0;
        for (; j0 + 3 * W <= end; j0 += 3 * W) product_block<3>(z, weights, n, width, i0, j0, out);
        if (j0 + 2 * W <= end) product_block<2>(z, weights, n, width, i0, j0, out), j0 += 2 * W;
        if (j0 + W <= end) product_block<1>(z, weights, n, width, i0, j0, out);
    }
}

// What the sums of an E-step are collected in.
struct NormalTotals {
    double level = 0.0, square = 0.0, weight = 0.0;
    double *product, *spread, *first;  // (d + 4, width) both; (width,)
};

// Add a tile of completed rows.
static void add_tile(const Conditional& at, const NormalTile& tile, NormalTotals& totals) {
    const int width = at.width;
    for (int r = 0; r < tile.held; r++) {
        const double* z = tile.z + static_cast<size_t>(r) * width;
        const vd count = set1(tile.counts[r]);
        for (int j = 0; j < width; j += W) store(totals.first + j, load(totals.first + j) + count * load(z + j));
    }
    add_products(tile.z, tile.weights, tile.held, at.d, width, totals.product);
    if (at.by_missing) totals.square += at.square_of_white(tile.z, tile.weights, tile.held);
}

// Take a row into the tile by the missing side; it is completed with the tile. Returns whether anything is observed.
template <typename T>
static bool take_by_missing(const Conditional& at, const T* x, double count, NormalTile& tile, NormalTotals& totals) {
    unsigned long long* code = tile.codes + static_cast<size_t>(tile.held) * at.n_words;
    at.load_row(x, !(count > 0.0), tile.z + static_cast<size_t>(tile.held) * at.width, code);
    int m = 0;
    for (int word = 0; word < at.n_words; word++) m += __builtin_popcountll(code[word]);
    if (m == at.d) return false;
    tile.n_missing[tile.held] = m;
    totals.level += count * (0.5 * LOG_2PI * (at.d - m) + at.log_scale_of(code));
    return true;
}

// Take a row into the tile by the observed side, and complete it. Returns whether anything is observed.
template <typename T>
static bool take_by_observed(Conditional& at, const T* x, double weight, double count, NormalTile& tile,
                             NormalTotals& totals) {
    double* z = tile.z + static_cast<size_t>(tile.held) * at.width;
    if (!at.take(x, !(count > 0.0), z)) return false;
    totals.square += weight * at.complete(z);
    totals.level += count * (0.5 * LOG_2PI * at.n_observed + at.log_scale + std::log(at.pivots));
    for (int a = 0; a < at.n_missing; a++)
        for (int b = 0; b <= a; b++)
            totals.spread[at.missing[a] * at.width + at.missing[b]] += count * at.left[a * at.width + b];
    return true;
}

// Log-likelihood and expected moments of the completed rows about the mean.
template <typename T>
int normal_sums(const NormalRows<T>& rows, const NormalGiven& given, NormalSums& sums) {
    Conditional at(given);
    const int d = at.d, width = at.width;
    const size_t matrix = static_cast<size_t>(d + 4) * width;  // blocks of four rows may pass the end
    const size_t size = static_cast<size_t>(NORMAL_TILE + 8) * width;
    Arena arena(at.memory() + size + 2 * matrix + width + NORMAL_TILE * (4 + at.n_words) + Lanes::memory(d) + 160);
    if (arena.is_empty()) return 1;
    if (!at.prepare(arena)) return 2;
    NormalTile tile;
    tile.z = arena.take(size), tile.weights = arena.take(NORMAL_TILE), tile.counts = arena.take(NORMAL_TILE);
    tile.codes = reinterpret_cast<unsigned long long*>(arena.take(static_cast<size_t>(NORMAL_TILE) * at.n_words));
    tile.n_missing = reinterpret_cast<int*>(arena.take(NORMAL_TILE));
    tile.order = reinterpret_cast<int*>(arena.take(NORMAL_TILE));
    NormalTotals totals;
    totals.product = arena.take(matrix), totals.spread = arena.take(matrix), totals.first = arena.take(width);
    for (size_t i = 0; i < matrix; i++) totals.product[i] = totals.spread[i] = 0.0;
    for (int j = 0; j < width; j++) totals.first[j] = 0.0;
    for (size_t i = 0; i < size; i++) tile.z[i] = 0.0;
    Lanes lanes(at, arena.take(Lanes::memory(d)), totals.spread);
    for (long r = 0; r < rows.n; r++) {
        const double weight = rows.weights == nullptr ? 1.0 : rows.weights[r];
        if (!(weight > 0.0)) continue;
        const double count = rows.counts == nullptr ? weight : rows.counts[r];
        const T* x = rows.X + r * d;
        const bool is_taken = at.by_missing ? take_by_missing(at, x, count, tile, totals)
                                            : take_by_observed(at, x, weight, count, tile, totals);
        if (!at.is_good()) return 2;
        if (!is_taken) continue;
        totals.weight += count;
        tile.weights[tile.held] = weight, tile.counts[tile.held] = count, tile.held++;
        if (tile.held < NORMAL_TILE) continue;
        if (at.by_missing && !lanes.complete(tile)) return 2;
        add_tile(at, tile, totals);
        tile.held = 0;
    }
    if (at.by_missing && !lanes.complete(tile)) return 2;
    add_tile(at, tile, totals);
    sums.loglik = -totals.level - lanes.half_log_det() - 0.5 * totals.square, sums.weight = totals.weight;
    for (int i = 0; i < d; i++) {
        sums.first[i] = totals.first[i] * at.scale[i];
        for (int j = 0; j <= i; j++) {
            const double s = (totals.product[i * width + j] + totals.spread[i * width + j]) * at.scale[i] * at.scale[j];
            sums.second[static_cast<size_t>(i) * d + j] = sums.second[static_cast<size_t>(j) * d + i] = s;
        }
    }
    return 0;
}

// Rows with their missing entries at conditional means, or draws; their conditional standard deviations; and densities.
template <typename T>
int normal_fill(const NormalRows<T>& rows, const NormalGiven& given, const NormalFill& out) {
    Conditional at(given);
    const int d = at.d, width = at.width;
    Arena arena(at.memory() + static_cast<size_t>(d) * width + 8 * width + 64);
    if (arena.is_empty()) return 1;
    if (!at.prepare(arena)) return 2;
    double *root = arena.take(static_cast<size_t>(d) * width), *z = arena.take(8 * width);
    const double one = 1.0;
    for (int j = 0; j < 8 * width; j++) z[j] = 0.0;
    for (long r = 0; r < rows.n; r++) {
        const T* x = rows.X + r * d;
        double* filled = out.filled + r * d;
        for (int j = 0; j < d; j++) filled[j] = static_cast<double>(x[j]);
        for (int j = 0; j < d; j++) out.sd[r * d + j] = 0.0;
        at.take(x, false, z);
        if (!at.is_good()) return 2;
        double square = at.complete(z);
        if (at.by_missing) square = at.square_of_white(z, &one, 1);
        out.log_density[r] =
            at.n_observed > 0 ? -0.5 * (LOG_2PI * at.n_observed + square) - at.log_scale - std::log(at.pivots) : 0.0;
        if (out.noise != nullptr) at.take_root(root);
        for (int a = 0; a < at.n_missing; a++) {
            const int j = at.missing[a];
            double value = z[j];
            if (out.noise != nullptr) value += at.deviation(root, a, out.noise + r * d);
            filled[j] = given.mean[j] + at.scale[j] * value;
            const double var = at.left[a * width + a];
            out.sd[r * d + j] = at.scale[j] * std::sqrt(var > 0.0 ? var : 0.0);
        }
    }
    return 0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
