// One k-means on few rows from start to finish, to make starting points: Lloyd's algorithm, then moves of single rows
// (Hartigan & Wong 1979, AS 136), then swaps of a centre for a random row (Franti 2018, J Big Data 5:13).
#pragma once

#include "kernels/kmeans.hpp"

namespace emkit {
namespace EMKIT_ISA {

template <typename T>
class Improve {
public:
    Improve(const T* X, const double* weights, long n, int d, int k)
        : X_(X), weights_(weights), n_(n), d_(d), k_(k), wide_((k + W - 1) / W * W), counts_(k), sums_(size_t(k) * d),
          new_counts_(k), new_sums_(size_t(k) * d), reference_(size_t(k) * d),
          across_(size_t(wide_) * d), add_(wide_), nearest_(n), tried_(size_t(k) * d), tried_labels_(n),
          far_(n), missed_(k) {}

    // Give every row to its nearest centre and begin running sums.
    void begin(const double* centers, int32_t* labels, double* inertia) {
        assign(centers, labels, inertia);
        reference_.take(centers);
    }

    // Lloyd's algorithm until nothing moves, from where `begin` or an earlier call left off; empty clusters take the row
    // farthest from its centre. Counts, sums and the inertia change by the rows that move alone.
    int lloyd(double* centers, int32_t* labels, double* inertia, int max_iter) {
        for (int it = 0; it < max_iter; it++) {
            if (refill(centers, labels)) {
                begin(centers, labels, inertia);
                continue;
            }
            *inertia -= update(centers);
            PassSums out{0.0, 0, new_counts_.data(), new_sums_.data()};
            kmeans_pass<T>(X_, weights_, n_, Clusters{d_, k_, centers}, PassGiven{reference_.data(), nullptr, nullptr, nullptr},
                           PassState{labels, nullptr, nullptr}, out);
            *inertia -= out.gain;
            for (int j = 0; j < k_; j++) counts_[j] += new_counts_[j];
            for (size_t i = 0; i < sums_.size(); i++) sums_[i] += new_sums_[i];
            if (out.n_moved == 0) return it + 1;
        }
        return max_iter;
    }

    // Moves of single rows that lower the inertia, each followed by both means at once, until a whole sweep finds none.
    bool exchange(double* centers, int32_t* labels, int max_sweeps) {
        spread(centers);
        bool has_moved = false;
        for (int sweep = 0; sweep < max_sweeps; sweep++) {
            bool is_quiet = true;
            for (long row = 0; row < n_; row++) is_quiet &= !exchange_row(row, labels);
            if (is_quiet) break;
            has_moved = true;
        }
        for (int j = 0; j < k_; j++)
            for (int i = 0; i < d_; i++) centers[j * d_ + i] = across_[i * wide_ + j];
        return has_moved;
    }

    // Lloyd and single moves in turn until neither finds anything, after `begin`; labels and inertia are exact at the end.
    int settle(double* centers, int32_t* labels, double* inertia, int max_iter) {
        int n_iter = lloyd(centers, labels, inertia, max_iter);
        const bool is_small = static_cast<double>(n_) * k_ * d_ <= EXCHANGE_WORK;
        for (int round = 0; is_small && round < 20 && exchange(centers, labels, 50); round++) {
            begin(centers, labels, inertia);
            n_iter += lloyd(centers, labels, inertia, max_iter);
        }
        assign(centers, labels, inertia);
        return n_iter;
    }

    // Centres tried at rows far from their own, in place of another centre; what lowers the inertia is kept. Every other
    // attempt takes one of the centres that would be missed least. A bad one is given up after a couple of iterations.
    void swaps(double* centers, int32_t* labels, double* inertia, int max_iter, int n_swaps, const double* uniforms) {
        bool is_new = true;
        for (int s = 0; s < n_swaps && *inertia > 0; s++) {
            if (is_new) weigh(centers, labels, inertia);
            tried_.take(centers);
            const long row = draw(far_, uniforms[2 * s]);
            const int out = chosen_out(uniforms[2 * s + 1]);
            for (int i = 0; i < d_; i++) tried_[out * d_ + i] = static_cast<double>(X_[row * d_ + i]);
            double found = 0.0;
            if (is_promising(*inertia, max_iter, found)) settle(tried_.data(), tried_labels_.data(), &found, max_iter);
            else found = INF;
            is_new = found < *inertia * (1 - 1e-12);
            if (!is_new) continue;
            *inertia = found;
            tried_.give(centers);
            tried_labels_.give(labels);
        }
    }

private:
    static constexpr double EXCHANGE_WORK = 4e4;  // above this a sweep over single rows costs more than it finds
    static constexpr int TRIAL_ITERATIONS = 2;
    static constexpr double HOPE = 1.05;  // a swap whose inertia is above this after the trial is not worth following
    static constexpr double PATIENCE = 6.0;  // or whose last gains, so many times, would not bring it down to the best
    static constexpr int N_CHEAP = 3;

    const T* X_;
    const double* weights_;
    long n_;
    int d_, k_, wide_;
    Buffer<double> counts_, sums_, new_counts_, new_sums_;
    Buffer<double> reference_;  // (k, d) points about which `sums_` are taken
    Buffer<double> across_;  // (d, wide) centres, feature-major
    Buffer<double> add_;     // (wide,) n / (n + w) of each centre, for rows of weight one
    Buffer<double> nearest_;  // (n,) squared distance to the own centre
    Buffer<double> tried_;
    Buffer<int32_t> tried_labels_;
    Buffer<double> far_;     // (n,) weighted squared distance to the own centre
    Buffer<double> missed_;  // (k,) rise of the inertia were the centre left out

    double weight(long row) const { return weights_ == nullptr ? 1.0 : weights_[row]; }

    void assign(const double* centers, int32_t* labels, double* inertia) {
        kmeans_assign<T>(X_, weights_, n_, Clusters{d_, k_, centers}, inertia, counts_.data(), sums_.data(), labels,
                         nearest_.data());
    }

    // Moves centres to the means of their rows; returns by how much that lowers the inertia.
    double update(double* centers) {
        double gain = 0.0;
        for (int j = 0; j < k_; j++) {
            if (!(counts_[j] > 0)) continue;
            for (int i = 0; i < d_; i++) {
                const size_t at = static_cast<size_t>(j) * d_ + i;
                const double mean = reference_[at] + sums_[at] / counts_[j], shift = mean - centers[at];
                gain += counts_[j] * shift * shift;
                centers[at] = mean;
            }
        }
        return gain;
    }

    // Whether centres of empty clusters were put on far rows; the others are then at their means.
    bool refill(double* centers, int32_t* labels) {
        bool has_empty = false;
        for (int j = 0; j < k_; j++) has_empty |= !(counts_[j] > 0);
        if (!has_empty) return false;
        update(centers);
        double inertia = 0.0;
        begin(centers, labels, &inertia);
        bool has_filled = false;
        for (int j = 0; j < k_; j++) {
            if (counts_[j] > 0) continue;
            long far = -1;
            for (long row = 0; row < n_; row++)
                if (weight(row) > 0 && nearest_[row] > 0 && (far < 0 || nearest_[row] > nearest_[far])) far = row;
            if (far < 0) break;
            for (int i = 0; i < d_; i++) centers[j * d_ + i] = static_cast<double>(X_[far * d_ + i]);
            nearest_[far] = 0.0;
            has_filled = true;
        }
        return has_filled;
    }

    // Iterates on the centres tried for as long as their inertia, `found`, may come to lie below that to beat.
    bool is_promising(double to_beat, int max_iter, double& found) {
        double before = INF;
        begin(tried_.data(), tried_labels_.data(), &found);
        for (int done = 0; done < max_iter;) {
            const int n_iter = lloyd(tried_.data(), tried_labels_.data(), &found, TRIAL_ITERATIONS);
            done += n_iter;
            if (before == INF && found > to_beat * HOPE) return false;
            if (found - PATIENCE * (before - found) > to_beat) return false;
            if (found < to_beat || n_iter < TRIAL_ITERATIONS) return true;
            before = found;
        }
        return true;
    }

    // What the attempts to swap need to know of the present centres.
    void weigh(const double* centers, int32_t* labels, double* inertia) {
        assign(centers, labels, inertia);
        for (long row = 0; row < n_; row++) far_[row] = weight(row) * nearest_[row];
        for (int j = 0; j < k_; j++) missed_[j] = 0.0;
        Nearest<T> nearest(X_, Clusters{d_, k_, centers});
        int index[TILE];
        for (long start = 0; start < n_; start += TILE) {
            const int used = static_cast<int>(smaller<long>(TILE, n_ - start));
            for (int r = 0; r < used; r++) index[r] = static_cast<int>(start) + r;
            nearest.find(index, used, true, true);
            for (int r = 0; r < used; r++) {
                const long row = start + r;
                missed_[labels[row]] += weight(row) * (nearest.lower[r] * nearest.lower[r] - nearest_[row]);
            }
        }
    }

    int chosen_out(double uniform) const {
        if (uniform >= 0.5) return smaller(k_ - 1, static_cast<int>((2 * uniform - 1) * k_));
        const int wanted = static_cast<int>(2 * uniform * smaller(N_CHEAP, k_));
        for (int j = 0; j < k_; j++) {
            int rank = 0;
            for (int i = 0; i < k_; i++) rank += missed_[i] < missed_[j] || (missed_[i] == missed_[j] && i < j);
            if (rank == wanted) return j;
        }
        return 0;
    }

    // A row drawn with probability proportional to its mass.
    long draw(const Buffer<double>& mass, double uniform) const {
        double total = 0.0;
        for (long row = 0; row < n_; row++) total += mass[row];
        double left = uniform * total;
        long last = 0;
        for (long row = 0; row < n_; row++) {
            if (!(mass[row] > 0)) continue;
            last = row;
            left -= mass[row];
            if (left < 0) break;
        }
        return last;
    }

    void spread(const double* centers) {
        for (int j = 0; j < wide_; j++)
            for (int i = 0; i < d_; i++)
                across_[i * wide_ + j] = j < k_ ? centers[j * d_ + i] : INF;
        for (int j = 0; j < wide_; j++) add_[j] = j < k_ ? counts_[j] / (counts_[j] + 1.0) : 1.0;
    }

    bool exchange_row(long row, int32_t* labels) {
        const double w = weight(row);
        const int from = labels[row];
        if (!(w > 0) || !(counts_[from] > w)) return false;
        const T* x = X_ + row * d_;
        vd best = set1(INF);
        vi winner{};
        double own = 0.0;
        for (int j = 0; j < wide_; j += W) {
            vd sum{};
            for (int i = 0; i < d_; i++) {
                const vd gap = load(&across_[i * wide_ + j]) - set1(static_cast<double>(x[i]));
                sum += gap * gap;
            }
            if (from >= j && from < j + W) own = sum[from - j], sum[from - j] = INF;
            const vd factor = w == 1.0 ? load(&add_[j]) : factors(j, w);
            const vd cost = sum * factor;
            const vi wins = cost < best;
            best = wins ? cost : best;
            winner = wins ? vi{} + j : winner;
        }
        double least = INF;
        int to = from;
        for (int a = 0; a < W; a++)
            if (best[a] < least) least = best[a], to = static_cast<int>(winner[a]) + a;
        if (!(least < own * counts_[from] / (counts_[from] - w) * (1 - 1e-10))) return false;
        shift(x, from, -w);
        shift(x, to, w);
        labels[row] = to;
        return true;
    }

    vd factors(int j, double w) const {
        vd factor = set1(1.0);
        for (int a = 0; a < W && j + a < k_; a++) factor[a] = counts_[j + a] / (counts_[j + a] + w);
        return factor;
    }

    void shift(const T* x, int j, double w) {
        counts_[j] += w;
        const double part = w / counts_[j];
        for (int i = 0; i < d_; i++) {
            double& c = across_[i * wide_ + j];
            c += part * (static_cast<double>(x[i]) - c);
        }
        add_[j] = counts_[j] / (counts_[j] + 1.0);
    }
};

template <typename T>
int kmeans_improve(const T* X, const double* weights, long n, int d, int k, int max_iter, int n_swaps,
                   const double* uniforms, double* centers, int32_t* labels, double* inertia) {
    Improve<T> improve(X, weights, n, d, k);
    improve.begin(centers, labels, inertia);
    const int n_iter = improve.settle(centers, labels, inertia, max_iter);
    if (n_swaps > 0 && k > 1) improve.swaps(centers, labels, inertia, max_iter, n_swaps, uniforms);
    return n_iter;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
