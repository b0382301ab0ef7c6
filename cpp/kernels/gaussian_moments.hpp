// Moments of a tile about the current means: across rows for few features, across features otherwise.
#pragma once

#include "kernels/gaussian_tile.hpp"

namespace emkit {
namespace EMKIT_ISA {

// Sums over rows, added to.
struct Sums {
    double *count;   // (k,)
    double *first;   // (k, d)
    double *second;  // (k, d, d), lower triangle; or (k, d)
};

// Last feature of the strip of the second moments that starts at `lo` and still fits the registers.
constexpr int strip_end(int lo, int d) {
    int sums = lo == 0 ? 3 : 2, end = lo;
    while (end < d && (end == lo || sums + (end + 2) + end + 1 <= REGISTERS)) sums += end + 2, end++;
    return end;
}

// Rows LO .. HI - 1 of the second moments of one component, all sums in registers.
template <int D, int LO>
static void strip_moments(const Tile& tile, int c, const Sums& sums) {
    constexpr int HI = strip_end(LO, D);
    vd count{}, first[HI - LO] = {}, second[HI - LO][HI] = {}, mean[HI];
    for (int i = 0; i < HI; i++) mean[i] = set1(tile.m.mean[c * D + i]);
    for (int p = 0; p < tile.packets; p++) {
        const double *x = tile.packet_x(p), *resp = tile.packet_joint(p) + c * G;
        for (int r = 0; r < G; r += W) {
            const vd w = load(resp + r);
            vd y[HI];
            for (int i = 0; i < HI; i++) y[i] = load(x + i * G + r) - mean[i];
            if (LO == 0) count += w;
            for (int i = LO; i < HI; i++) {
                const vd wy = w * y[i];
                first[i - LO] += wy;
                for (int j = 0; j <= i; j++) second[i - LO][j] += wy * y[j];
            }
        }
    }
    if (LO == 0) sums.count[c] += hsum(count);
    for (int i = LO; i < HI; i++) {
        sums.first[c * D + i] += hsum(first[i - LO]);
        for (int j = 0; j <= i; j++) sums.second[(c * D + i) * D + j] += hsum(second[i - LO][j]);
    }
    if constexpr (HI < D) strip_moments<D, HI>(tile, c, sums);
}

template <int D>
static void small_moments(const Tile& tile, const Sums& sums) {
    for (int c = 0; c < tile.m.k; c++) strip_moments<D, 0>(tile, c, sums);
}

constexpr int BLOCK_I = PAD;  // with three columns: 24 sums in 32 registers, or 12 in 16

// Block of the second moments: BLOCK_I rows of the matrix by J vectors of columns, summed over the kept rows.
// `rows` and `columns` (vectors, capacity, W) hold centred features from the block's first row and column on.
template <int J>
static void second_block(const double* rows, const double* columns, const double* resp, int capacity, int kept, vd* sum) {
    vd s[BLOCK_I][J] = {};
    for (int r = 0; r < kept; r++) {
        const vd w = set1(resp[r]);
        vd column[J];
        for (int b = 0; b < J; b++) column[b] = w * load(columns + (static_cast<size_t>(b) * capacity + r) * W);
        for (int a = 0; a < BLOCK_I; a++) {
            const vd y = set1(rows[(static_cast<size_t>(a / W) * capacity + r) * W + a % W]);
            for (int b = 0; b < J; b++) s[a][b] += y * column[b];
        }
    }
    for (int a = 0; a < BLOCK_I; a++)
        for (int b = 0; b < J; b++) sum[a * J + b] = s[a][b];
}

// Add a block of sums to rows i0 .. of the matrix out (d, d), where they are inside it.
static void add_block(const vd* sum, int columns, int i0, int j0, int d, double* out) {
    for (int a = 0; a < BLOCK_I && i0 + a < d; a++) {
        for (int b = 0; b < columns; b++) {
            double* at = out + static_cast<size_t>(i0 + a) * d + j0 + b * W;
            const vd s = sum[a * columns + b];
            if (j0 + (b + 1) * W <= d)
                store(at, load(at) + s);
            else
                for (int l = 0; j0 + b * W + l < d; l++) at[l] += s[l];
        }
    }
}

static void add_second(const Tile& tile, int kept, double* out) {
    const int d = tile.m.d, capacity = tile.capacity;
    vd sum[BLOCK_I * 3];
    for (int i0 = 0; i0 < d; i0 += BLOCK_I) {
        const int end = round_up(i0 + BLOCK_I < d ? i0 + BLOCK_I : d, W);
        const double* rows = tile.centred + static_cast<size_t>(i0) * capacity;
        for (int j0 = 0; j0 < end;) {
            const double* at = tile.centred + static_cast<size_t>(j0) * capacity;
            const int left = (end - j0) / W, columns = left == 4 ? 2 : left >= 3 ? 3 : left;
            if (columns == 3)
                second_block<3>(rows, at, tile.kept_resp, capacity, kept, sum);
            else if (columns == 2)
                second_block<2>(rows, at, tile.kept_resp, capacity, kept, sum);
            else
                second_block<1>(rows, at, tile.kept_resp, capacity, kept, sum);
            add_block(sum, columns, i0, j0, d, out);
            j0 += columns * W;
        }
    }
}

// Centre J vectors of features of the kept rows, from feature j on, and add up the first moments. Four sums at once,
// over R = 4 / J rows where J is small, hide the latency of the additions.
template <int J>
static void centre(const Tile& tile, const double* mean, int j, int kept, double* first) {
    constexpr int R = 4 / J;
    vd sum[R][J] = {}, at[J];
    for (int b = 0; b < J; b++) at[b] = load(mean + j + b * W);
    const size_t capacity = tile.capacity, width = tile.m.width;
    const double *wide = tile.wide + j, *resp = tile.kept_resp;
    const int* rows = tile.kept;
    double* out = tile.centred + j * capacity;
    const auto take = [&](int r, vd* s) {
        const double* row = wide + rows[r] * width;
        const vd w = set1(resp[r]);
        for (int b = 0; b < J; b++) {
            const vd y = load(row + b * W) - at[b];
            store(out + (b * capacity + r) * W, y);
            s[b] += w * y;
        }
    };
    int r = 0;
    for (; r + R <= kept; r += R)
        for (int a = 0; a < R; a++) take(r + a, sum[a]);
    for (; r < kept; r++) take(r, sum[0]);
    for (int b = 0; b < J; b++) {
        for (int a = 1; a < R; a++) sum[0][b] += sum[a][b];
        for (int l = 0; l < W && j + b * W + l < tile.m.d; l++) first[j + b * W + l] += sum[0][b][l];
    }
}

static void add_first(const Tile& tile, int c, int kept, double* first) {
    const int width = tile.m.width;
    const double* mean = tile.m.wide_mean + static_cast<size_t>(c) * width;
    int j = 0;
    for (; j + 4 * W <= width; j += 4 * W) centre<4>(tile, mean, j, kept, first);
    for (; j + 2 * W <= width; j += 2 * W) centre<2>(tile, mean, j, kept, first);
    for (; j < width; j += W) centre<1>(tile, mean, j, kept, first);
}

// List the rows with a responsibility above zero; without a branch, as nobody can predict which they are.
static int keep_rows(const Tile& tile, int c, double* count) {
    double *kept_resp = tile.kept_resp, total = 0.0;
    int *rows = tile.kept, kept = 0;
    for (int p = 0; p < tile.packets; p++) {
        const double* resp = tile.packet_joint(p) + c * G;
        for (int r = 0; r < G; r++) {
            const double w = resp[r];
            kept_resp[kept] = w;
            rows[kept] = p * G + r;
            kept += w > 0.0;
            total += w;
        }
    }
    *count += total;
    return kept;
}

static void large_moments(const Tile& tile, const Sums& sums) {
    const size_t d = tile.m.d;
    for (int c = 0; c < tile.m.k; c++) {
        const int kept = keep_rows(tile, c, sums.count + c);
        if (kept == 0) continue;
        add_first(tile, c, kept, sums.first + c * d);
        add_second(tile, kept, sums.second + c * d * d);
    }
}

static void diagonal_moments(const Tile& tile, const Sums& sums) {
    const Mixture& m = tile.m;
    const int d = m.d;
    for (int c = 0; c < m.k; c++) {
        vd count{};
        for (int p = 0; p < tile.packets; p++)
            for (int b = 0; b < V; b++) count += load(tile.packet_joint(p) + c * G + b * W);
        const double total = hsum(count);
        if (total == 0.0) continue;
        sums.count[c] += total;
        for (int i = 0; i < d; i++) {
            const vd mean = set1(m.mean[static_cast<size_t>(c) * d + i]);
            vd first[V] = {}, second[V] = {};  // several chains hide the latency of the additions
            for (int p = 0; p < tile.packets; p++) {
                const double *x = tile.packet_x(p) + i * G, *resp = tile.packet_joint(p) + c * G;
                for (int b = 0; b < V; b++) {
                    const vd y = load(x + b * W) - mean, wy = load(resp + b * W) * y;
                    first[b] += wy;
                    second[b] += wy * y;
                }
            }
            sums.first[static_cast<size_t>(c) * d + i] += hsum((first[0] + first[1]) + (first[2] + first[3]));
            sums.second[static_cast<size_t>(c) * d + i] += hsum((second[0] + second[1]) + (second[2] + second[3]));
        }
    }
}

static void add_moments(const Tile& tile, const Sums& sums) {
    if (tile.m.is_diagonal) return diagonal_moments(tile, sums);
    switch (tile.m.d) {
        case 1: return small_moments<1>(tile, sums);
        case 2: return small_moments<2>(tile, sums);
        case 3: return small_moments<3>(tile, sums);
        case 4: return small_moments<4>(tile, sums);
        case 5: return small_moments<5>(tile, sums);
        case 6: return small_moments<6>(tile, sums);
        case 7: return small_moments<7>(tile, sums);
        case 8: return small_moments<8>(tile, sums);
        default: return large_moments(tile, sums);
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
