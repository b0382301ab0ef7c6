// Rows with equally many missing entries, one to a lane: the small inverses of a vector of rows at once, without a shuffle.
#pragma once

#include <cmath>

#include "kernels/normal_conditional.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr int NORMAL_TILE = 256;  // completed rows that wait, in cache, for their products

// A tile of rows and what is known of each.
struct NormalTile {
    double *z, *weights, *counts;  // (TILE + 8, width), (TILE,), (TILE,)
    unsigned long long* codes;     // (TILE, n_words) missing entries as bits
    int *n_missing, *order;        // (TILE,)
    int held = 0;
};

// Completes the rows of a tile by the missing side.
class Lanes {
public:
    Lanes(const Conditional& at, double* scratch, double* spread)
        : at_(at), spread_(spread), factor_(reinterpret_cast<vd*>(scratch)), t_(factor_ + triangle(at.d)),
          reciprocal_(t_ + at.d), index_(reinterpret_cast<int*>(reciprocal_ + at.d)) {}

    static size_t memory(int d) { return (triangle(d) + 2 * static_cast<size_t>(d)) * W + static_cast<size_t>(d) * W + 16; }

    // Put conditional means in their places, and add conditional covariances times counts to `spread`. Returns false
    // where a matrix is not positive definite.
    bool complete(const NormalTile& tile) {
        int begin[MOST + 2] = {};
        for (int r = 0; r < tile.held; r++) begin[bucket(tile.n_missing[r]) + 1]++;
        for (int m = 0; m <= MOST; m++) begin[m + 1] += begin[m];
        int next[MOST + 1];
        for (int m = 0; m <= MOST; m++) next[m] = begin[m];
        for (int r = 0; r < tile.held; r++) tile.order[next[bucket(tile.n_missing[r])]++] = r;
        for (int m = 1; m <= MOST; m++)
            for (int at = begin[m]; at < begin[m + 1];) {
                const int size = tile.n_missing[tile.order[at]];
                int lanes = 1;
                while (lanes < W && at + lanes < begin[m + 1] && tile.n_missing[tile.order[at + lanes]] == size) lanes++;
                if (!run(tile, tile.order + at, lanes, size)) return false;
                at += lanes;
            }
        return true;
    }

    // Half the log determinants of the missing entries' inverse covariances, times counts, of all rows so far.
    double half_log_det() const { return 0.5 * logs_.value(); }

private:
    static constexpr int MOST = 64;  // rows with more missing entries share a bucket, in order of appearance
    const Conditional& at_;
    double* spread_;
    vd *factor_, *t_, *reciprocal_;  // lower triangle row by row; (d,); (d,)
    int* index_;                     // (d, W) columns that are missing
    LogSum logs_;

    static size_t triangle(int d) { return static_cast<size_t>(d) * (d + 1) / 2; }
    static int bucket(int m) { return m < MOST ? m : MOST; }

    bool run(const NormalTile& tile, const int* rows, int lanes, int m) {
        switch (m) {
            case 1: return solve<1>(tile, rows, lanes, m);
            case 2: return solve<2>(tile, rows, lanes, m);
            case 3: return solve<3>(tile, rows, lanes, m);
            case 4: return solve<4>(tile, rows, lanes, m);
            case 5: return solve<5>(tile, rows, lanes, m);
            case 6: return solve<6>(tile, rows, lanes, m);
            default: return solve<0>(tile, rows, lanes, m);
        }
    }

    // With P_mm = L D L' and N = L^-1: C = N' D^-1 N and z_m = -C (P z)_m. M is the size where it is small, or 0.
    template <int M>
    bool solve(const NormalTile& tile, const int* rows, int lanes, int size) {
        const int m = M > 0 ? M : size, width = at_.width;
        vd own[M > 0 ? M * (M + 1) / 2 : 1];
        vd* f = M > 0 ? own : factor_;
        gather(tile, rows, lanes, m, f);
        if (!decompose<M>(f, m, tile, rows, lanes)) return false;
        invert<M>(f, m);
        for (int a = 0; a < m; a++) {
            vd s{};
            for (int b = 0; b < m; b++) s += f[a >= b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a] * t_[b];
            for (int l = 0; l < lanes; l++) tile.z[static_cast<size_t>(rows[l]) * width + index_[a * W + l]] = -s[l];
        }
        vd count{};
        for (int l = 0; l < lanes; l++) count[l] = tile.counts[rows[l]];
        for (int a = 0; a < m; a++)
            for (int b = 0; b <= a; b++) {
                const vd c = count * f[a * (a + 1) / 2 + b];
                for (int l = 0; l < lanes; l++) spread_[index_[a * W + l] * width + index_[b * W + l]] += c[l];
            }
        return true;
    }

    // The columns that are missing, P of them, and P z at them. Idle lanes repeat the first row.
    void gather(const NormalTile& tile, const int* rows, int lanes, int m, vd* f) {
        const int width = at_.width;
        for (int l = 0; l < W; l++) {
            const int row = rows[l < lanes ? l : 0];
            const unsigned long long* code = tile.codes + static_cast<size_t>(row) * at_.n_words;
            const double* z = tile.z + static_cast<size_t>(row) * width;
            int a = 0;
            for (int word = 0; word < at_.n_words; word++)
                for (unsigned long long bits = code[word]; bits != 0; bits &= bits - 1)
                    index_[a++ * W + l] = word * 64 + __builtin_ctzll(bits);
            for (a = 0; a < m; a++) {
                const double* p = at_.precision + static_cast<size_t>(index_[a * W + l]) * width;
                vd s{};
                for (int j = 0; j < width; j += W) s += load(p + j) * load(z + j);
                reinterpret_cast<double*>(t_ + a)[l] = hsum(s);
                for (int b = 0; b <= a; b++) reinterpret_cast<double*>(f + a * (a + 1) / 2 + b)[l] = p[index_[b * W + l]];
            }
        }
    }

    template <int M>
    bool decompose(vd* f, int size, const NormalTile& tile, const int* rows, int lanes) {
        const int m = M > 0 ? M : size;
        vd product = set1(1.0);
        for (int i = 0; i < m; i++) {
            vd* row = f + i * (i + 1) / 2;
            vd pivot = row[i];
            for (int j = 0; j < i; j++) {  // row[j] = L_ij D_j
                const vd* above = f + j * (j + 1) / 2;
                vd s = row[j];
                for (int l = 0; l < j; l++) s -= row[l] * above[l];
                row[j] = s;
            }
            for (int j = 0; j < i; j++) {
                const vd scaled = row[j] * reciprocal_[j];
                pivot -= row[j] * scaled;
                row[j] = scaled;
            }
            reciprocal_[i] = set1(1.0) / pivot;
            product *= pivot;
            for (int l = 0; l < lanes; l++)
                if (!(pivot[l] > 0.0) || pivot[l] > 1e300) return false;
            if (i % 16 == 15 || i == m - 1) {  // far from the ends of the numbers: pivots lie between 1 and 2e4
                for (int l = 0; l < lanes; l++) logs_.add(product[l], tile.counts[rows[l]]);
                product = set1(1.0);
            }
        }
        return true;
    }

    // N in place of L, then C in place of N.
    template <int M>
    void invert(vd* f, int size) {
        const int m = M > 0 ? M : size;
        for (int i = 1; i < m; i++) {
            vd* row = f + i * (i + 1) / 2;
            for (int j = 0; j < i; j++) {
                vd s = row[j];
                for (int l = j + 1; l < i; l++) s += row[l] * f[l * (l + 1) / 2 + j];
                row[j] = -s;
            }
        }
        for (int a = 0; a < m; a++)
            for (int b = 0; b <= a; b++) {
                vd s = b == a ? reciprocal_[a] : reciprocal_[a] * f[a * (a + 1) / 2 + b];
                for (int l = a + 1; l < m; l++) {
                    const vd* below = f + l * (l + 1) / 2;
                    s += reciprocal_[l] * below[a] * below[b];
                }
                f[a * (a + 1) / 2 + b] = s;
            }
    }
};

}  // namespace EMKIT_ISA
}  // namespace emkit
