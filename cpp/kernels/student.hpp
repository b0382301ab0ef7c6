// E-step of a mixture of Student t distributions: the distances of a Gaussian mixture, heavier tails, weighted moments.
//
// Tiles and their moments are those of the Gaussian kernel; what is added up there are responsibilities times expected
// precisions u = (nu + d) / (nu + D), D the squared distance.
#pragma once

#include "kernels/gaussian_joint.hpp"
#include "kernels/gaussian_moments.hpp"
#include "kernels/student_api.hpp"

namespace emkit {
namespace EMKIT_ISA {

// 1 + D / nu is held below this: its logarithm, and the density, stay finite wherever a row lies.
constexpr double LARGEST_STRETCH = 1e300;

// The members' constants and scratch for one packet.
struct StudentTails {
    const double* log_peak;
    int k;
    double *inverse_dof, *half, *ratio, *log_ratio;  // (k,) 1 / nu, (nu + d) / 2, (nu + d) / nu and its logarithm
    double *stretch, *log_stretch;                   // (k, W)
    double *count, *log_u;                           // (k, W)

    static size_t memory(size_t k) { return 4 * Arena::padded(k) + 4 * Arena::padded(k * W); }

    StudentTails(Arena& arena, const Shape& shape, const StudentGiven& given) : log_peak(given.log_peak), k(shape.k) {
        inverse_dof = arena.take(k), half = arena.take(k), ratio = arena.take(k), log_ratio = arena.take(k);
        stretch = arena.take(k * W), log_stretch = arena.take(k * W);
        count = arena.take(k * W), log_u = arena.take(k * W);
        std::memset(count, 0, static_cast<size_t>(k) * W * sizeof(double));
        std::memset(log_u, 0, static_cast<size_t>(k) * W * sizeof(double));
        for (int c = 0; c < k; c++) {
            const double nu = given.dof[c];
            inverse_dof[c] = 1.0 / nu;
            half[c] = 0.5 * (nu + shape.d);
            ratio[c] = (nu + shape.d) / nu;
            log_ratio[c] = __builtin_log(ratio[c]);
        }
    }

    // Turn half distances, less than zero, of a vector of rows at `joint` (k, G) into log joint densities.
    void lengthen(double* joint) const {
        for (int c = 0; c < k; c++) {
            const vd square = set1(-2.0) * load(joint + c * G);
            const vd raw = set1(1.0) + square * set1(inverse_dof[c]);
            const vd s = raw < set1(LARGEST_STRETCH) ? raw : set1(LARGEST_STRETCH);
            const vd log_s = log_from_one(s);
            store(stretch + c * W, s);
            store(log_stretch + c * W, log_s);
            store(joint + c * G, set1(log_peak[c]) - set1(half[c]) * log_s);
        }
    }

    // Turn log joint densities into responsibilities times precisions; returns the log-likelihood of the rows.
    vd share(double* joint, vd weight) const {
        const vd top = row_max(joint, k);
        vd sum;
        exponentials(joint, k, top, set1(NEGLIGIBLE), sum);
        const vd scale = weight / sum;
        for (int c = 0; c < k; c++) {
            const vd r = load(joint + c * G) * scale;
            const vd log_precision = set1(log_ratio[c]) - load(log_stretch + c * W);
            store(count + c * W, load(count + c * W) + r);
            store(log_u + c * W, load(log_u + c * W) + r * log_precision);
            store(joint + c * G, r * set1(ratio[c]) / load(stretch + c * W));
        }
        return weight * (top + log_from_one(sum));
    }
};

// Half squared distances with the sign of a log-density: a level of zero leaves nothing else.
static void clear_levels(Mixture& mixture) { std::memset(mixture.level, 0, mixture.k * sizeof(double)); }

// The whole E-step: X (n, d) and weights (n,) or null in; the log-likelihood and sums out. Outputs must not overlap
// inputs. Returns 1 where memory is short, else 0.
template <typename T>
int student_moments(const T* X, const double* weights, long n, const Shape& shape, const StudentGiven& given,
                    double* loglik, const StudentSums& out) {
    Mixture mixture(shape, Given{given.log_peak, given.mean, given.whiten});
    Tile tile(mixture, n);
    const size_t k = shape.k, d = shape.d;
    Arena arena(mixture.memory() + tile.memory() + StudentTails::memory(k));
    if (arena.is_empty()) return 1;
    mixture.prepare(arena, given.log_peak);
    clear_levels(mixture);
    tile.prepare(arena);
    const StudentTails tails(arena, shape, given);
    std::memset(out.used, 0, k * sizeof(double));
    std::memset(out.first, 0, k * d * sizeof(double));
    std::memset(out.second, 0, k * d * d * sizeof(double));
    vd total{};
    for (long start = 0; start < n; start += tile.capacity) {
        const long left = n - start;
        tile.fill(X + start * shape.d, weights != nullptr ? weights + start : nullptr,
                  static_cast<int>(left < tile.capacity ? left : tile.capacity));
        compute_joint(tile);
        for (int p = 0; p < tile.packets; p++)
            for (int v = 0; v < V; v++) {
                double* joint = tile.packet_joint(p) + v * W;
                tails.lengthen(joint);
                total += tails.share(joint, load(tile.weight + p * G + v * W));
            }
        add_moments(tile, Sums{out.used, out.first, out.second});
    }
    *loglik = hsum(total);
    for (size_t c = 0; c < k; c++) {
        out.count[c] = hsum(load(tails.count + c * W));
        out.log_u[c] = hsum(load(tails.log_u + c * W));
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < i; j++) out.second[(c * d + j) * d + i] = out.second[(c * d + i) * d + j];
    }
    return 0;
}

// Per row: log joint densities and expected precisions, (n, k) each.
template <typename T>
int student_rows(const T* X, long n, const Shape& shape, const StudentGiven& given, double* log_joint, double* u) {
    Mixture mixture(shape, Given{given.log_peak, given.mean, given.whiten});
    Tile tile(mixture, n);
    const int k = shape.k;
    Arena arena(mixture.memory() + tile.memory() + StudentTails::memory(k));
    if (arena.is_empty()) return 1;
    mixture.prepare(arena, given.log_peak);
    clear_levels(mixture);
    tile.prepare(arena);
    const StudentTails tails(arena, shape, given);
    for (long start = 0; start < n; start += tile.capacity) {
        const long left = n - start;
        tile.fill(X + start * shape.d, nullptr, static_cast<int>(left < tile.capacity ? left : tile.capacity));
        compute_joint(tile);
        for (int p = 0; p < tile.packets; p++)
            for (int v = 0; v < V; v++) {
                const long at = start + static_cast<long>(p) * G + v * W;
                double* joint = tile.packet_joint(p) + v * W;
                tails.lengthen(joint);
                for (int r = 0; r < W && at + r < n; r++)
                    for (int c = 0; c < k; c++) {
                        log_joint[(at + r) * k + c] = joint[c * G + r];
                        u[(at + r) * k + c] = tails.ratio[c] / tails.stretch[c * W + r];
                    }
            }
    }
    return 0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
