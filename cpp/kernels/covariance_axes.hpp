// Principal axes that several groups share.
#pragma once

#include "kernels/covariance_volumes.hpp"
#include "kernels/small_eigen.hpp"

namespace emkit {
namespace EMKIT_ISA {

// Quasi-Newton on the rotations: each step turns by a skew matrix, scaled by the curvature of each pair of axes (as in
// Flury & Gautschi 1986, SIAM J. Sci. Stat. Comput. 7:169, which turns one pair at a time), corrected by the last steps
// (limited-memory BFGS). Never goes up.
//
// With b_k the diagonal of D' W_k D the objective is sum_k n_k sum_j log b_kj for volumes of their own, and
// N d log sum_k (prod_j b_kj)^(1/d) for a shared one: -2 log-likelihood once shapes and volumes are solved for.
struct CommonAxes {
    static constexpr int MEMORY = 8;
    const int d, k, pairs;
    const bool is_volume_shared;
    const double *count, *scatter;
    double total = 0.0;

    struct View {
        double *axes, *seen, *along, *pull;  // (d, d), (k, d, d), (k, d), (k, d)
        double objective;
    };
    View here, there;
    double *slope, *after, *step, *curvature, *work, *turn;
    double *steps, *changes;  // (MEMORY, pairs): the last steps and the changes of slope they made
    double bends[MEMORY];
    int held = 0;

    CommonAxes(int features, int components, bool shared, const double* n, const double* W)
        : d(features), k(components), pairs(features * (features - 1) / 2), is_volume_shared(shared), count(n), scatter(W) {
        for (int c = 0; c < k; c++) total += count[c];
    }

    static size_t memory(int d, int k) {
        const size_t square = static_cast<size_t>(d) * d, pairs = square / 2 + 1, wide = static_cast<size_t>(k) * d;
        const size_t view = Arena::padded(square) + Arena::padded(k * square) + 2 * Arena::padded(wide);
        return 2 * view + 4 * Arena::padded(pairs) + 2 * Arena::padded(2 * square) + 2 * Arena::padded(MEMORY * pairs);
    }

    void prepare(Arena& arena) {
        const size_t square = static_cast<size_t>(d) * d, wide = static_cast<size_t>(k) * d, room = square / 2 + 1;
        const auto view = [&] {
            double *axes = arena.take(square), *seen = arena.take(k * square);
            double *along = arena.take(wide), *pull = arena.take(wide);
            return View{axes, seen, along, pull, INF};
        };
        here = view(), there = view();
        slope = arena.take(room), after = arena.take(room), step = arena.take(room), curvature = arena.take(room);
        work = arena.take(2 * square), turn = arena.take(2 * square);
        steps = arena.take(MEMORY * room), changes = arena.take(MEMORY * room);
    }

    // Scatter seen along the view's axes, and what its diagonals cost.
    void look(View& view) const {
        for (int c = 0; c < k; c++) {
            multiply(scatter + c * d * d, view.axes, d, work);
            multiply_transposed(view.axes, work, d, view.seen + c * d * d);
            for (int i = 0; i < d; i++) view.along[c * d + i] = view.seen[c * d * d + i * (d + 1)];
        }
        double sum = 0.0, largest = -INF;
        double* sizes = view.pull;  // (k,) for now
        for (int c = 0; c < k; c++) {
            double logs = 0.0;
            for (int i = 0; i < d; i++) logs += std::log(view.along[c * d + i]);
            sizes[c] = is_volume_shared ? logs / d : logs;
            largest = sizes[c] > largest ? sizes[c] : largest;
        }
        if (is_volume_shared) {
            for (int c = 0; c < k; c++) sum += sizes[c] = std::exp(sizes[c] - largest);
            view.objective = total * d * (largest + std::log(sum));
        } else {
            for (int c = 0; c < k; c++) sum += count[c] * sizes[c];
            view.objective = sum;
        }
        for (int c = k - 1; c >= 0; c--) {  // from the end: the sizes lie at the front of what is written
            const double n = is_volume_shared ? total * sizes[c] / sum : count[c];
            for (int i = d - 1; i >= 0; i--) view.pull[c * d + i] = n / view.along[c * d + i];
        }
    }

    // Derivatives by the entries of a small rotation above its diagonal, (pairs,).
    void derive(const View& view, double* out) const {
        int at = 0;
        for (int i = 0; i < d; i++)
            for (int j = i + 1; j < d; j++, at++) {
                double s = 0.0;
                for (int c = 0; c < k; c++)
                    s += view.seen[c * d * d + i * d + j] * (view.pull[c * d + j] - view.pull[c * d + i]);
                out[at] = 2.0 * s;
            }
    }

    // Second derivatives by each of these for nearly diagonal groups, made positive.
    void bend(const View& view) {
        double most = 0.0;
        for (int i = 0; i < d; i++) {
            double own = 0.0;
            for (int c = 0; c < k; c++) own += view.along[c * d + i] * view.pull[c * d + i];
            most = own > most ? own : most;
        }
        int at = 0;
        for (int i = 0; i < d; i++)
            for (int j = i + 1; j < d; j++, at++) {
                double s = 0.0;
                for (int c = 0; c < k; c++) {
                    const double *a = view.along + c * d, *p = view.pull + c * d;
                    s += (a[i] - a[j]) * (p[j] - p[i]);
                }
                curvature[at] = std::fabs(2.0 * s) + 1e-6 * most;
            }
    }

    double dot(const double* a, const double* b) const {
        double s = 0.0;
        for (int i = 0; i < pairs; i++) s += a[i] * b[i];
        return s;
    }

    // step = - (inverse curvature) slope, that of each pair of axes at first (Nocedal 1980).
    void direct() {
        double parts[MEMORY];
        for (int i = 0; i < pairs; i++) step[i] = slope[i];
        for (int m = held - 1; m >= 0; m--) {
            parts[m] = dot(steps + m * pairs, step) / bends[m];
            for (int i = 0; i < pairs; i++) step[i] -= parts[m] * changes[m * pairs + i];
        }
        for (int i = 0; i < pairs; i++) step[i] /= curvature[i];
        for (int m = 0; m < held; m++) {
            const double rest = parts[m] - dot(changes + m * pairs, step) / bends[m];
            for (int i = 0; i < pairs; i++) step[i] += rest * steps[m * pairs + i];
        }
        for (int i = 0; i < pairs; i++) step[i] = -step[i];
    }

    void learn(double length) {
        double bent = 0.0;
        for (int i = 0; i < pairs; i++) bent += length * step[i] * (after[i] - slope[i]);
        if (!(bent > 0.0)) return;
        if (held == MEMORY) {
            held--;
            std::memmove(steps, steps + pairs, sizeof(double) * held * pairs);
            std::memmove(changes, changes + pairs, sizeof(double) * held * pairs);
            std::memmove(bends, bends + 1, sizeof(double) * held);
        }
        for (int i = 0; i < pairs; i++) {
            steps[held * pairs + i] = length * step[i];
            changes[held * pairs + i] = after[i] - slope[i];
        }
        bends[held++] = bent;
    }

    // there.axes = here.axes (I - K/2)^-1 (I + K/2), K the skew matrix of `length` times the step. Elimination needs no
    // pivots: every leading part of I - K/2 has a symmetric part of I.
    void turn_axes(double length) {
        double *left = work, *right = turn, *product = turn + d * d;
        int at = 0;
        for (int i = 0; i < d; i++) left[i * (d + 1)] = right[i * (d + 1)] = 1.0;
        for (int i = 0; i < d; i++)
            for (int j = i + 1; j < d; j++, at++) {
                const double half = 0.5 * length * step[at];
                left[i * d + j] = -half, left[j * d + i] = half;
                right[i * d + j] = half, right[j * d + i] = -half;
            }
        for (int p = 0; p < d; p++)
            for (int i = p + 1; i < d; i++) {
                const double f = left[i * d + p] / left[p * d + p];
                for (int j = p; j < d; j++) left[i * d + j] -= f * left[p * d + j];
                for (int j = 0; j < d; j++) right[i * d + j] -= f * right[p * d + j];
            }
        for (int i = d - 1; i >= 0; i--)
            for (int j = 0; j < d; j++) {
                double s = right[i * d + j];
                for (int l = i + 1; l < d; l++) s -= left[i * d + l] * right[l * d + j];
                right[i * d + j] = s / left[i * d + i];
            }
        multiply(here.axes, right, d, product);
        std::memcpy(there.axes, product, sizeof(double) * d * d);
    }

    // Take the step, shortened until the objective falls; 0 if it never does, or the length taken.
    double go() {
        double longest = 0.0;
        for (int i = 0; i < pairs; i++) longest = std::fabs(step[i]) > longest ? std::fabs(step[i]) : longest;
        const double fall = dot(slope, step);
        for (double length = longest > 1.0 ? 1.0 / longest : 1.0; length > 1e-5; length /= 2) {
            turn_axes(length);
            look(there);
            if (there.objective < here.objective + 1e-4 * length * fall) return length;
        }
        return 0.0;
    }

    // From here.axes to the minimum there: axes in here.axes, the scatter along them in here.along.
    void solve() {
        look(here);
        derive(here, slope);
        for (int n = 0; n < 200 && pairs > 0; n++) {
            bend(here);
            direct();
            if (-dot(slope, step) < LEFT * total) break;
            const double length = go();
            if (length == 0.0) {
                if (held == 0) break;
                held = 0;
                continue;
            }
            derive(there, after);
            learn(length);
            const View before = here;
            here = there, there = before;
            std::memcpy(slope, after, sizeof(double) * pairs);
        }
        straighten();
    }

    // Rounding leaves the axes a little askew.
    void straighten() {
        double *square = turn, *product = turn + d * d;
        multiply_transposed(here.axes, here.axes, d, square);
        multiply(here.axes, square, d, product);
        for (int i = 0; i < d * d; i++) here.axes[i] = 1.5 * here.axes[i] - 0.5 * product[i];
        look(here);
    }

    // The best axes to begin with, of those of the pooled scatter and of each group, also with features in their units.
    void begin() {
        double *pooled = there.seen, *values = there.along;
        double best = INF;
        std::memset(pooled, 0, sizeof(double) * d * d);
        for (int c = 0; c < k; c++)
            for (int i = 0; i < d * d; i++) pooled[i] += scatter[c * d * d + i];
        double* kept = turn + d * d;  // the best so far, out of the way of what `look` works on
        double* base = here.seen;     // (d, d) the pooled scatter, as `there` is overwritten
        double* units = after;        // (d,)
        for (int i = 0; i < d; i++) units[i] = std::sqrt(pooled[i * (d + 1)]);
        std::memcpy(base, pooled, sizeof(double) * d * d);
        for (int c = -1; c <= k; c++)
            for (int scaled = 0; scaled < 2; scaled++) {
                if (c == k && scaled) continue;
                const double* from = c < 0 ? base : scatter + (c < k ? c : 0) * d * d;
                for (int i = 0; i < d; i++)
                    for (int j = 0; j < d; j++)
                        turn[i * d + j] = c == k ? (i == j) : from[i * d + j] / (scaled ? units[i] * units[j] : 1.0);
                if (c == k)
                    std::memcpy(there.axes, turn, sizeof(double) * d * d);
                else
                    eigen(turn, d, values, there.axes);
                look(there);
                if (there.objective < best) best = there.objective, std::memcpy(kept, there.axes, sizeof(double) * d * d);
            }
        if (best < INF)
            std::memcpy(here.axes, kept, sizeof(double) * d * d);
        else
            for (int i = 0; i < d * d; i++) here.axes[i] = i % (d + 1) == 0 ? 1.0 : 0.0;
    }
};

}  // namespace EMKIT_ISA
}  // namespace emkit
