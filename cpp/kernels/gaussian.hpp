// E-step of a Gaussian mixture: log-densities, responsibilities and moments about the current means, in one pass.
//
// Rows are taken in tiles that stay in first-level cache. The log-density runs across rows (feature-major tile), so that
// exp and log are vectors; second moments run across rows for few features and across features otherwise. Everything is
// centred on the component's mean before it is multiplied: no digit is lost at any offset or scale of the data.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/gaussian_tile.hpp"

namespace emkit {
namespace EMKIT_ISA {

// Moments of a tile, few features (D at compile time): all sums of a component in registers, across rows.
template <int D>
static void small_moments(const Tile& tile, const Mixture& mixture, Sums& sums) {
    for (int k = 0; k < mixture.k; k++) {
        const double* mean = mixture.mean + k * D;
        const double* resp = tile.joint.data() + k * tile.stride;
        vd count{}, first[D], second[D * (D + 1) / 2];
        for (int i = 0; i < D; i++) first[i] = vd{};
        for (int i = 0; i < D * (D + 1) / 2; i++) second[i] = vd{};
        for (int r = 0; r < tile.padded; r += W) {
            const vd w = load(resp + r);
            vd y[D];
            for (int i = 0; i < D; i++) y[i] = load(tile.x.data() + i * tile.stride + r) - set1(mean[i]);
            count += w;
            int at = 0;
            for (int i = 0; i < D; i++) {
                const vd wy = w * y[i];
                first[i] += wy;
                for (int j = 0; j <= i; j++) second[at++] += wy * y[j];
            }
        }
        sums.count[k] += hsum(count);
        int at = 0;
        for (int i = 0; i < D; i++) {
            sums.first[k * D + i] += hsum(first[i]);
            for (int j = 0; j <= i; j++) sums.second[(k * D + i) * D + j] += hsum(second[at++]);
        }
    }
}

// Log-densities of a tile, few features.
template <int D>
static void small_joint(Tile& tile, const Mixture& mixture) {
    for (int k = 0; k < mixture.k; k++) {
        const double* mean = mixture.mean + k * D;
        const double* whiten = mixture.whiten + k * D * D;
        double* joint = tile.joint.data() + k * tile.stride;
        const vd level = set1(mixture.level[k]);
        for (int r = 0; r < tile.padded; r += W) {
            vd y[D], q{};
            for (int i = 0; i < D; i++) y[i] = load(tile.x.data() + i * tile.stride + r) - set1(mean[i]);
            for (int i = 0; i < D; i++) {
                vd z{};
                for (int j = 0; j <= i; j++) z += set1(whiten[i * D + j]) * y[j];
                q += z * z;
            }
            store(joint + r, level - set1(0.5) * q);
        }
    }
}

// Log-densities of a tile, many features: z = W (x - mean), four rows of W by four vectors of rows in registers.
static void large_joint(Tile& tile, const Mixture& mixture) {
    const int d = mixture.d, panels = (d + 3) / 4;
    double* centred = tile.centred.data();  // (d, stride)
    for (int k = 0; k < mixture.k; k++) {
        for (int i = 0; i < d; i++) {
            const vd m = set1(mixture.mean[k * d + i]);
            for (int r = 0; r < tile.padded; r += W)
                store(centred + i * tile.stride + r, load(tile.x.data() + i * tile.stride + r) - m);
        }
        double* joint = tile.joint.data() + k * tile.stride;
        const vd level = set1(mixture.level[k]);
        for (int r = 0; r < tile.padded; r += 4 * W) {
            vd q[4] = {};
            for (int p = 0; p < panels; p++) {
                const double* panel = mixture.panels.data() + (k * panels + p) * 4 * d;  // (d, 4)
                const int end = std::min(4 * p + 4, d);
                vd z[4][4] = {};
                for (int j = 0; j < end; j++) {
                    const double* y = centred + j * tile.stride + r;
                    const vd y0 = load(y), y1 = load(y + W), y2 = load(y + 2 * W), y3 = load(y + 3 * W);
                    for (int a = 0; a < 4; a++) {
                        const vd w = set1(panel[4 * j + a]);
                        z[a][0] += w * y0;
                        z[a][1] += w * y1;
                        z[a][2] += w * y2;
                        z[a][3] += w * y3;
                    }
                }
                for (int a = 0; a < 4; a++)
                    for (int b = 0; b < 4; b++) q[b] += z[a][b] * z[a][b];
            }
            for (int b = 0; b < 4; b++) store(joint + r + b * W, level - set1(0.5) * q[b]);
        }
    }
}

// Block of the second moments: rows i0 .. i0 + I of the matrix by J vectors of columns, over the tile's kept rows.
template <int I, int J>
static void second_block(const double* weighted, const double* centred, int rows, int width, int i0, int j0,
                         double* out) {
    vd sum[I][J];
    for (int a = 0; a < I; a++)
        for (int b = 0; b < J; b++) sum[a][b] = load(out + (i0 + a) * width + j0 + b * W);
    for (int r = 0; r < rows; r++) {
        const double* y = centred + r * width + j0;
        const double* wy = weighted + r * width + i0;
        vd column[J];
        for (int b = 0; b < J; b++) column[b] = load(y + b * W);
        for (int a = 0; a < I; a++) {
            const vd w = set1(wy[a]);
            for (int b = 0; b < J; b++) sum[a][b] += w * column[b];
        }
    }
    for (int a = 0; a < I; a++)
        for (int b = 0; b < J; b++) store(out + (i0 + a) * width + j0 + b * W, sum[a][b]);
}

#if defined(__AVX512F__)
constexpr int BLOCK_I = 8, BLOCK_J = 3;  // 24 sums, 3 columns and a broadcast in 32 registers
#else
constexpr int BLOCK_I = 4, BLOCK_J = 3;  // 12 sums, 3 columns and a broadcast in 16 registers
#endif

// Moments of a tile, many features: only rows with a responsibility above zero are kept, sums run across features.
static void large_moments(Tile& tile, const Mixture& mixture, Sums& sums) {
    const int d = mixture.d, width = sums.width;
    double* centred = tile.rows.data();                      // (kept, width)
    double* weighted = centred + tile.capacity * width;      // (kept, width)
    for (int k = 0; k < mixture.k; k++) {
        const double* mean = mixture.padded_mean.data() + k * width;
        const double* resp = tile.joint.data() + k * tile.stride;
        double* first = sums.wide_first.data() + k * width;
        double count = 0.0;
        int kept = 0;
        for (int r = 0; r < tile.used; r++) {
            const double w = resp[r];
            if (w == 0.0) continue;
            count += w;
            const double* x = tile.wide.data() + r * width;
            double *y = centred + kept * width, *wy = weighted + kept * width;
            for (int j = 0; j < width; j += W) {
                const vd c = load(x + j) - load(mean + j);
                const vd wc = set1(w) * c;
                store(y + j, c);
                store(wy + j, wc);
                store(first + j, load(first + j) + wc);
            }
            kept++;
        }
        sums.count[k] += count;
        if (kept == 0) continue;
        double* second = sums.wide_second.data() + static_cast<size_t>(k) * sums.height * width;
        for (int i0 = 0; i0 < d; i0 += BLOCK_I) {
            const int columns = std::min(i0 + BLOCK_I, d);
            int j0 = 0;
            for (; j0 + (BLOCK_J - 1) * W < columns; j0 += BLOCK_J * W)
                second_block<BLOCK_I, BLOCK_J>(weighted, centred, kept, width, i0, j0, second);
            if (j0 + W < columns)
                second_block<BLOCK_I, 2>(weighted, centred, kept, width, i0, j0, second), j0 += 2 * W;
            else if (j0 < columns)
                second_block<BLOCK_I, 1>(weighted, centred, kept, width, i0, j0, second);
        }
    }
}

// Diagonal covariances: log-densities and moments across rows, one feature after another.
static void diagonal_joint(Tile& tile, const Mixture& mixture) {
    const int d = mixture.d;
    for (int k = 0; k < mixture.k; k++) {
        double* joint = tile.joint.data() + k * tile.stride;
        for (int r = 0; r < tile.padded; r += 4 * W) {
            vd q[4] = {};
            for (int i = 0; i < d; i++) {
                const vd m = set1(mixture.mean[k * d + i]), s = set1(mixture.whiten[k * d + i]);
                const double* x = tile.x.data() + i * tile.stride + r;
                for (int b = 0; b < 4; b++) {
                    const vd z = (load(x + b * W) - m) * s;
                    q[b] += z * z;
                }
            }
            for (int b = 0; b < 4; b++) store(joint + r + b * W, set1(mixture.level[k]) - set1(0.5) * q[b]);
        }
    }
}

static void diagonal_moments(const Tile& tile, const Mixture& mixture, Sums& sums) {
    const int d = mixture.d;
    for (int k = 0; k < mixture.k; k++) {
        const double* resp = tile.joint.data() + k * tile.stride;
        vd count{};
        for (int r = 0; r < tile.padded; r += W) count += load(resp + r);
        const double total = hsum(count);
        sums.count[k] += total;
        if (total == 0.0) continue;
        for (int i = 0; i < d; i++) {
            const vd m = set1(mixture.mean[k * d + i]);
            const double* x = tile.x.data() + i * tile.stride;
            vd first[2] = {}, second[2] = {};  // two chains hide the latency of the additions
            for (int r = 0; r < tile.padded; r += 2 * W) {
                for (int b = 0; b < 2; b++) {
                    const vd y = load(x + r + b * W) - m, wy = load(resp + r + b * W) * y;
                    first[b] += wy;
                    second[b] += wy * y;
                }
            }
            sums.first[k * d + i] += hsum(first[0] + first[1]);
            sums.second[k * d + i] += hsum(second[0] + second[1]);
        }
    }
}

static void compute_joint(Tile& tile, const Mixture& mixture) {
    if (mixture.is_diagonal) return diagonal_joint(tile, mixture);
    switch (mixture.d) {
        case 1: return small_joint<1>(tile, mixture);
        case 2: return small_joint<2>(tile, mixture);
        case 3: return small_joint<3>(tile, mixture);
        case 4: return small_joint<4>(tile, mixture);
        case 5: return small_joint<5>(tile, mixture);
        default: return large_joint(tile, mixture);
    }
}

static void add_moments(Tile& tile, const Mixture& mixture, Sums& sums) {
    if (mixture.is_diagonal) return diagonal_moments(tile, mixture, sums);
    switch (mixture.d) {
        case 1: return small_moments<1>(tile, mixture, sums);
        case 2: return small_moments<2>(tile, mixture, sums);
        case 3: return small_moments<3>(tile, mixture, sums);
        case 4: return small_moments<4>(tile, mixture, sums);
        case 5: return small_moments<5>(tile, mixture, sums);
        default: return large_moments(tile, mixture, sums);
    }
}

// The whole E-step: X (n, d) and weights (n,) or null in; log-likelihood, count (k,), first (k, d) and second moments
// (k, d, d) or (k, d) out. Outputs must not overlap inputs.
template <typename T>
void mixture_moments(const T* X, const double* weights, long n, const Shape& shape, const Given& given,
                     double* loglik, double* count, double* first, double* second) {
    const Mixture mixture(shape, given);
    Tile tile(mixture);
    Sums sums(mixture, count, first, second);
    double total = 0.0;
    for (long start = 0; start < n; start += tile.capacity) {
        fill(tile, mixture, X, weights, start, std::min<long>(tile.capacity, n - start));
        compute_joint(tile, mixture);
        total += normalise(tile, mixture, true, nullptr);
        add_moments(tile, mixture, sums);
    }
    sums.finish(mixture);
    *loglik = total;
}

// Per-row results: log joint densities (n, k), or log-density (n,) and responsibilities (n, k).
template <typename T>
void mixture_rows(const T* X, long n, const Shape& shape, const Given& given, double* log_density, double* out) {
    const Mixture mixture(shape, given);
    Tile tile(mixture);
    for (long start = 0; start < n; start += tile.capacity) {
        const long used = std::min<long>(tile.capacity, n - start);
        fill(tile, mixture, X, static_cast<const double*>(nullptr), start, used);
        compute_joint(tile, mixture);
        if (log_density != nullptr) normalise(tile, mixture, false, log_density + start);
        for (int k = 0; k < mixture.k; k++)
            for (long r = 0; r < used; r++) out[(start + r) * mixture.k + k] = tile.joint[k * tile.stride + r];
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
