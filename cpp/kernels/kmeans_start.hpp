// Starting points for k-means and for mixtures: greedy k-means++ seeds, and the exact partition of one variable.
#pragma once

#include "kernels/kmeans_tile.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr long RUN = 64;  // rows whose masses are summed together in a draw

// Greedy k-means++ (Arthur & Vassilvitskii 2007, section 5) with draws by the uniforms given: each seed is the best of
// `trials` rows drawn with probability proportional to their weighted squared distance from the seeds so far.
template <typename T>
class Seeding {
public:
    Seeding(const T* X, const double* weights, long n, int d)
        : n_(n), d_(d), padded_((n + RUN - 1) / RUN * RUN), x_(static_cast<size_t>(padded_) * d),
          weight_(padded_), nearest_(padded_), tried_(padded_), kept_(padded_), mass_(padded_), sums_(padded_ / RUN) {
        for (long r = 0; r < n; r++) {
            weight_[r] = weights == nullptr ? 1.0 : weights[r];
            for (int i = 0; i < d; i++) x_[i * padded_ + r] = static_cast<double>(X[r * d + i]) - static_cast<double>(X[i]);
        }
    }

    int run(int k, int trials, const double* uniforms, long* rows) {
        rows[0] = draw(weight_, summed(weight_), uniforms[0]);
        nearest_.set(INF);
        reach(rows[0], kept_);
        nearest_.swap(kept_);
        for (int found = 1; found < k; found++) {
            for (long r = 0; r < padded_; r += W) store(&mass_[r], load(&weight_[r]) * load(&nearest_[r]));
            const double total = summed(mass_);
            if (!(total > 0)) return found;
            double best = INF;
            for (int t = 0; t < trials; t++) {
                const long row = draw(mass_, total, uniforms[1 + (found - 1) * trials + t]);
                const double potential = reach(row, tried_);
                if (potential < best) {
                    best = potential;
                    rows[found] = row;
                    kept_.swap(tried_);
                }
            }
            nearest_.swap(kept_);
        }
        return k;
    }

private:
    long n_;
    int d_;
    long padded_;
    Buffer<double> x_;  // (d, padded) feature-major, about the first row
    Buffer<double> weight_, nearest_, tried_, kept_, mass_, sums_;

    // Squared distances to the nearest seed were `row` one of them; returns their weighted sum.
    double reach(long row, Buffer<double>& out) const {
        vd total{};
        for (long r = 0; r < padded_; r += W) {
            vd sum{};
            for (int i = 0; i < d_; i++) {
                const vd gap = load(&x_[i * padded_ + r]) - set1(x_[i * padded_ + row]);
                sum += gap * gap;
            }
            const vd old = load(&nearest_[r]);
            const vd nearer = sum < old ? sum : old;
            store(&out[r], nearer);
            total += load(&weight_[r]) * nearer;
        }
        return hsum(total);
    }

    double summed(const Buffer<double>& mass) {
        double total = 0.0;
        for (long b = 0; b < padded_ / RUN; b++) {
            vd sum{};
            for (long r = b * RUN; r < (b + 1) * RUN; r += W) sum += load(&mass[r]);
            sums_[b] = hsum(sum);
            total += sums_[b];
        }
        return total;
    }

    // The row at which the running sum of masses passes uniform * total; always one of positive mass.
    long draw(const Buffer<double>& mass, double total, double uniform) const {
        double left = uniform * total;
        long b = 0, last = 0;
        for (; b + 1 < static_cast<long>(sums_.size()) && left >= sums_[b]; b++) left -= sums_[b];
        for (long r = b * RUN; r < n_; r++) {
            if (!(mass[r] > 0)) continue;
            last = r;
            left -= mass[r];
            if (left < 0) return r;
        }
        for (long r = n_ - 1; r >= 0 && !(mass[last] > 0); r--) last = r;
        return last;
    }
};

template <typename T>
int kmeans_seed(const T* X, const double* weights, long n, int d, int k, int trials, const double* uniforms,
                long* rows) {
    return Seeding<T>(X, weights, n, d).run(k, trials, uniforms, rows);
}

// Best partition of sorted numbers into at most k runs, by dynamic programming with divide and conquer (Groenlund et
// al. 2017, arXiv:1701.07204): cost of a run from prefix sums about the mean. k n log n steps, 4 k n bytes.
class Line {
public:
    Line(const double* x, const double* weights, long n) : n_(n), w_(n + 1), s_(n + 1), q_(n + 1) {
        double mass = 0.0, mean = 0.0;
        for (long i = 0; i < n; i++) mass += weights[i];
        for (long i = 0; i < n; i++) mean += weights[i] / mass * x[i];
        for (long i = 0; i < n; i++) {
            const double y = x[i] - mean;
            w_[i + 1] = w_[i] + weights[i];
            s_[i + 1] = s_[i] + weights[i] * y;
            q_[i + 1] = q_[i] + weights[i] * y * y;
        }
    }

    void run(int k, long* starts) {
        Buffer<double> before(n_ + 1), now(n_ + 1);
        Buffer<int> cut(k * (n_ + 1));
        for (long j = 0; j <= n_; j++) before[j] = cost(0, j);
        for (int m = 1; m < k; m++) {
            now[0] = 0.0;
            fill(before, now, cut.data() + m * (n_ + 1), 1, n_, 0, n_ - 1);
            before.swap(now);
        }
        long end = n_;
        for (int m = k - 1; m >= 0; m--) {
            starts[m] = m == 0 ? 0 : cut[m * (n_ + 1) + end];
            end = starts[m];
        }
    }

private:
    long n_;
    Buffer<double> w_, s_, q_;

    double cost(long i, long j) const {
        const double w = w_[j] - w_[i], s = s_[j] - s_[i];
        return w > 0 ? larger(0.0, (q_[j] - q_[i]) - s * s / w) : 0.0;
    }

    // Best costs of the first j numbers for j from `low` to `high`, whose last run starts between `from` and `to`.
    void fill(const Buffer<double>& before, Buffer<double>& now, int* cut, long low, long high,
              long from, long to) {
        if (low > high) return;
        const long middle = (low + high) / 2;
        double best = INF;
        long at = from;
        for (long i = from; i <= smaller(to, middle - 1); i++) {
            const double total = before[i] + cost(i, middle);
            if (total < best) best = total, at = i;
        }
        now[middle] = best;
        cut[middle] = static_cast<int>(at);
        fill(before, now, cut, low, middle - 1, from, at);
        fill(before, now, cut, middle + 1, high, at, to);
    }
};

static void kmeans_line(const double* x, const double* weights, long n, int k, long* starts) {
    Line(x, weights, n).run(k, starts);
}

}  // namespace EMKIT_ISA
}  // namespace emkit
