// Log joint densities of a tile: level - |W (x - mean)|^2 / 2, across rows, centred before it is multiplied.
#pragma once

#include "kernels/gaussian_tile.hpp"

namespace emkit {
namespace EMKIT_ISA {

// A distance that overflows, or is NaN because its parts did, is a density of zero.
static inline vd log_density_at(vd level, vd square) {
    return square < set1(INF) ? level - set1(0.5) * square : set1(-INF);
}

// Few features: R vectors of rows at once, the centred row in registers.
template <int D>
static void small_joint(const Tile& tile) {
    constexpr int R = D * 4 + 8 <= REGISTERS ? 4 : D * 2 + 6 <= REGISTERS ? 2 : 1;
    const Mixture& m = tile.m;
    for (int c = 0; c < m.k; c++) {
        const double *mean = m.mean + c * D, *whiten = m.whiten + c * D * D;
        const vd level = set1(m.level[c]);
        for (int p = 0; p < tile.packets; p++) {
            const double* x = tile.packet_x(p);
            double* joint = tile.packet_joint(p) + c * G;
            for (int v = 0; v < V; v += R) {
                vd y[D][R], square[R] = {};
                for (int i = 0; i < D; i++)
                    for (int b = 0; b < R; b++) y[i][b] = load(x + i * G + (v + b) * W) - set1(mean[i]);
                for (int i = 0; i < D; i++) {
                    vd z[R] = {};
                    for (int j = 0; j <= i; j++) {
                        const vd w = set1(whiten[i * D + j]);
                        for (int b = 0; b < R; b++) z[b] += w * y[j][b];
                    }
                    for (int b = 0; b < R; b++) square[b] += z[b] * z[b];
                }
                for (int b = 0; b < R; b++) store(joint + (v + b) * W, log_density_at(level, square[b]));
            }
        }
    }
}

// Many features: four rows of W by the V vectors of a packet in registers.
static void large_joint(const Tile& tile) {
    const Mixture& m = tile.m;
    const int d = m.d, whole = (d + 3) / 4 * 4;
    double* centred = tile.centred;  // (whole, G)
    for (int i = d * G; i < whole * G; i += W) store(centred + i, vd{});
    for (int c = 0; c < m.k; c++) {
        const double *mean = m.mean + static_cast<size_t>(c) * d, *panels = m.panels + c * m.panel_size();
        const vd level = set1(m.level[c]);
        for (int p = 0; p < tile.packets; p++) {
            const double* x = tile.packet_x(p);
            for (int i = 0; i < d; i++)
                for (int b = 0; b < V; b++) store(centred + i * G + b * W, load(x + i * G + b * W) - set1(mean[i]));
            vd square[V] = {};
            const double* w = panels;
            for (int columns = 4; columns <= whole; columns += 4) {
                vd z[4][V] = {};
                for (int j = 0; j < columns; j++, w += 4) {
                    vd y[V];
                    for (int b = 0; b < V; b++) y[b] = load(centred + j * G + b * W);
                    for (int a = 0; a < 4; a++) {
                        const vd s = set1(w[a]);
                        for (int b = 0; b < V; b++) z[a][b] += s * y[b];
                    }
                }
                for (int a = 0; a < 4; a++)
                    for (int b = 0; b < V; b++) square[b] += z[a][b] * z[a][b];
            }
            double* joint = tile.packet_joint(p) + c * G;
            for (int b = 0; b < V; b++) store(joint + b * W, log_density_at(level, square[b]));
        }
    }
}

static void diagonal_joint(const Tile& tile) {
    const Mixture& m = tile.m;
    const int d = m.d;
    for (int c = 0; c < m.k; c++) {
        const double *mean = m.mean + static_cast<size_t>(c) * d, *whiten = m.whiten + static_cast<size_t>(c) * d;
        for (int p = 0; p < tile.packets; p++) {
            const double* x = tile.packet_x(p);
            vd square[V] = {};
            for (int i = 0; i < d; i++) {
                const vd at = set1(mean[i]), scale = set1(whiten[i]);
                for (int b = 0; b < V; b++) {
                    const vd z = (load(x + i * G + b * W) - at) * scale;
                    square[b] += z * z;
                }
            }
            double* joint = tile.packet_joint(p) + c * G;
            for (int b = 0; b < V; b++) store(joint + b * W, log_density_at(set1(m.level[c]), square[b]));
        }
    }
}

static void compute_joint(const Tile& tile) {
    if (tile.m.is_diagonal) return diagonal_joint(tile);
    switch (tile.m.d) {
        case 1: return small_joint<1>(tile);
        case 2: return small_joint<2>(tile);
        case 3: return small_joint<3>(tile);
        case 4: return small_joint<4>(tile);
        case 5: return small_joint<5>(tile);
        case 6: return small_joint<6>(tile);
        case 7: return small_joint<7>(tile);
        case 8: return small_joint<8>(tile);
        default: return large_joint(tile);
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
