// What the Gaussian kernels share: the mixture in the shape they read it, a tile of rows, and the sums.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/gaussian_api.hpp"
#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr int SMALL_D = 5;  // up to here all moments of a component fit the registers
constexpr int PAD = W > 4 ? W : 4;  // features are padded so that whole blocks can be read
constexpr double HALF_LOG_2PI = 0.91893853320467274178;

// The mixture, with what does not change from row to row worked out once.
struct Mixture {
    int d, k, width, panels_per_component;
    bool is_diagonal, is_large;
    const double *mean, *whiten;        // (k, d) and (k, d, d) or (k, d)
    std::vector<double> level;          // (k,) log mix - d/2 log 2 pi + log |W|
    std::vector<double> panels;         // (k, d/4, d, 4) W in groups of four rows
    std::vector<double> padded_mean;    // (k, width)

    Mixture(const Shape& shape, const Given& given)
        : d(shape.d), k(shape.k), width((shape.d + PAD - 1) / PAD * PAD), panels_per_component((shape.d + 3) / 4),
          is_diagonal(shape.is_diagonal), is_large(!shape.is_diagonal && shape.d > SMALL_D), mean(given.mean),
          whiten(given.whiten), level(shape.k) {
        for (int c = 0; c < k; c++) {
            double sum = given.log_mix[c] - d * HALF_LOG_2PI;
            for (int i = 0; i < d; i++) sum += std::log(is_diagonal ? whiten[c * d + i] : whiten[(c * d + i) * d + i]);
            level[c] = sum;
        }
        if (is_large) pack();
    }

    void pack() {
        panels.assign(static_cast<size_t>(k) * panels_per_component * 4 * d, 0.0);
        padded_mean.assign(static_cast<size_t>(k) * width, 0.0);
        for (int c = 0; c < k; c++) {
            for (int i = 0; i < d; i++) {
                padded_mean[c * width + i] = mean[c * d + i];
                double* panel = panels.data() + (static_cast<size_t>(c) * panels_per_component + i / 4) * 4 * d;
                for (int j = 0; j <= i; j++) panel[4 * j + i % 4] = whiten[(c * d + i) * d + j];
            }
        }
    }
};

// A tile of rows, feature-major and, for many features, row-major as well; scratch for one component.
struct Tile {
    int capacity, stride, used = 0, padded = 0;
    std::vector<double> x;          // (d, stride)
    std::vector<double> weight;     // (stride,)
    std::vector<double> joint;      // (k, stride) log joint densities, then responsibilities
    std::vector<double> wide;       // (capacity, width) rows
    std::vector<double> centred;    // (d, stride)
    std::vector<double> rows;       // 2 (capacity, width)

    explicit Tile(const Mixture& m) {
        capacity = m.is_large ? (m.d > 32 ? 64 : 128) : 256;
        stride = capacity;
        x.assign(static_cast<size_t>(m.d) * stride, 0.0);
        weight.assign(stride, 0.0);
        joint.assign(static_cast<size_t>(m.k) * stride, 0.0);
        if (m.is_large) {
            wide.assign(static_cast<size_t>(capacity) * m.width, 0.0);
            centred.assign(static_cast<size_t>(m.d) * stride, 0.0);
            rows.assign(2 * static_cast<size_t>(capacity) * m.width, 0.0);
        }
    }
};

// Sums over all rows; wide ones are padded so that vectors never run over the end.
struct Sums {
    int width, height;
    double *count, *first, *second;
    std::vector<double> wide_first, wide_second;  // (k, width), (k, height, width)

    Sums(const Mixture& m, double* count_, double* first_, double* second_)
        : width(m.width), height((m.d + 7) / 8 * 8), count(count_), first(first_), second(second_) {
        std::fill(count, count + m.k, 0.0);
        std::fill(first, first + static_cast<size_t>(m.k) * m.d, 0.0);
        std::fill(second, second + static_cast<size_t>(m.k) * m.d * (m.is_diagonal ? 1 : m.d), 0.0);
        if (m.is_large) {
            wide_first.assign(static_cast<size_t>(m.k) * width, 0.0);
            wide_second.assign(static_cast<size_t>(m.k) * height * width + 4 * W, 0.0);
        }
    }

    // Copy out of the padding and mirror the lower triangle.
    void finish(const Mixture& m) {
        if (m.is_diagonal) return;
        const int d = m.d;
        for (int k = 0; k < m.k; k++) {
            double* out = second + static_cast<size_t>(k) * d * d;
            if (m.is_large) {
                const double* in = wide_second.data() + static_cast<size_t>(k) * height * width;
                for (int i = 0; i < d; i++) {
                    first[k * d + i] = wide_first[k * width + i];
                    for (int j = 0; j <= i; j++) out[i * d + j] = in[i * width + j];
                }
            }
            for (int i = 0; i < d; i++)
                for (int j = 0; j < i; j++) out[j * d + i] = out[i * d + j];
        }
    }
};

// Copy rows into the tile. Padding and rows of weight zero take the place of the first mean: finite, and without effect.
template <typename T>
static void fill(Tile& tile, const Mixture& m, const T* X, const double* weights, long start, long used) {
    tile.used = static_cast<int>(used);
    tile.padded = static_cast<int>((used + 4 * W - 1) / (4 * W) * (4 * W));
    const int d = m.d;
    for (int r = 0; r < tile.padded; r++)
        tile.weight[r] = r < used ? (weights != nullptr ? weights[start + r] : 1.0) : 0.0;
    for (int r = 0; r < tile.padded; r++) {
        const bool is_used = tile.weight[r] > 0.0;
        const T* row = X + (start + r) * d;
        for (int i = 0; i < d; i++)
            tile.x[i * tile.stride + r] = is_used ? static_cast<double>(row[i]) : m.mean[i];
        if (m.is_large && r < used)
            for (int i = 0; i < d; i++) tile.wide[r * m.width + i] = tile.x[i * tile.stride + r];
    }
}

// Give a row whose every density underflows to the component whose scaled distance is smallest.
static int nearest(const Tile& tile, const Mixture& m, int r) {
    int best = 0;
    double smallest = INF;
    for (int k = 0; k < m.k; k++) {
        if (!(m.level[k] > -INF)) continue;
        double largest = 0.0;
        for (int i = 0; i < m.d; i++) {
            double z = 0.0;  // distances are scaled down so that their products stay finite
            const double* w = m.is_diagonal ? m.whiten + k * m.d : m.whiten + (k * m.d + i) * m.d;
            for (int j = m.is_diagonal ? i : 0; j <= i; j++)
                z += w[j] * 1e-150 * ((tile.x[j * tile.stride + r] * 1e-8 - m.mean[k * m.d + j] * 1e-8) * 1e-142);
            largest = std::max(largest, std::fabs(z));
        }
        if (largest < smallest) smallest = largest, best = k;
    }
    return best;
}

// Turn the tile's log joint densities into responsibilities (times case weights if asked); return the log-likelihood,
// and write the log-density per row where wanted.
static double normalise(Tile& tile, const Mixture& m, bool is_weighted, double* log_density) {
    vd total{};
    double lost = 0.0;
    for (int r = 0; r < tile.padded; r += W) {
        double* joint = tile.joint.data() + r;
        vd top = load(joint);
        for (int k = 1; k < m.k; k++) top = vmax(top, load(joint + k * tile.stride));
        bool is_lost[W] = {}, any = false;
        for (int b = 0; b < W; b++)
            if (!(top[b] > -INF)) any = is_lost[b] = true;
        if (any) {
            for (int b = 0; b < W; b++) {
                if (!is_lost[b]) continue;
                const int winner = nearest(tile, m, r + b);
                for (int k = 0; k < m.k; k++) joint[k * tile.stride + b] = k == winner ? 0.0 : -INF;
                top[b] = 0.0;
            }
        }
        vd sum{};
        for (int k = 0; k < m.k; k++) {
            const vd e = exp_nonpositive(load(joint + k * tile.stride) - top);
            store(joint + k * tile.stride, e);
            sum += e;
        }
        vd density = top + log_from_one(sum);
        const vd w = load(tile.weight.data() + r);
        if (any) {
            for (int b = 0; b < W; b++) {
                if (is_lost[b] && w[b] > 0.0) lost = -INF;
                if (is_lost[b] && log_density != nullptr && r + b < tile.used) log_density[r + b] = -INF;
                if (is_lost[b]) density[b] = 0.0;
            }
        }
        total += w * density;
        const vd scale = (is_weighted ? w : set1(1.0)) / sum;
        for (int k = 0; k < m.k; k++) store(joint + k * tile.stride, load(joint + k * tile.stride) * scale);
        if (log_density != nullptr)
            for (int b = 0; b < W && r + b < tile.used; b++)
                if (!is_lost[b]) log_density[r + b] = density[b];
    }
    return hsum(total) + lost;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
