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
    Seeding(const T* X, const double* weights, long n, int d, int trials)
        : n_(n), d_(d), trials_(trials), padded_((n + RUN - 1) / RUN * RUN), x_(static_cast<size_t>(padded_) * d),
          weight_(padded_), nearest_(padded_), tried_(static_cast<size_t>(trials) * padded_), mass_(padded_),
          sums_(padded_ / RUN), points_(static_cast<size_t>(trials) * d), potential_(trials) {
        for (long r = 0; r < n; r++) {
            weight_[r] = weights == nullptr ? 1.0 : weights[r];
            double* x = &x_[r / RUN * RUN * d + r % RUN];
            for (int i = 0; i < d; i++) x[i * RUN] = static_cast<double>(X[r * d + i]) - static_cast<double>(X[i]);
        }
    }

    int run(int k, const double* uniforms, long* rows) {
        nearest_.set(INF);
        rows[0] = draw(weight_, summed(weight_), uniforms[0]);
        reach(rows, 1);
        keep(0);
        Buffer<long> candidates(trials_);
        for (int found = 1; found < k; found++) {
            for (long r = 0; r < padded_; r += W) store(&mass_[r], load(&weight_[r]) * load(&nearest_[r]));
            const double total = summed(mass_);
            if (!(total > 0)) return found;
            for (int t = 0; t < trials_; t++)
                candidates[t] = draw(mass_, total, uniforms[1 + (found - 1) * trials_ + t]);
            reach(candidates.data(), trials_);
            int best = 0;
            for (int t = 1; t < trials_; t++)
                if (potential_[t] < potential_[best]) best = t;
            rows[found] = candidates[best];
            keep(best);
        }
        return k;
    }

private:
    long n_;
    int d_, trials_;
    long padded_;
    Buffer<double> x_;  // (padded / RUN, d, RUN) about the first row
    Buffer<double> weight_, nearest_;
    Buffer<double> tried_;  // (trials, padded) distances were a candidate a seed
    Buffer<double> mass_, sums_;
    Buffer<double> points_;     // (trials, d)
    Buffer<double> potential_;  // (trials,) weighted sums of `tried_`

    // Squared distances to the nearest seed were each of some rows one of them, and their weighted sums.
    void reach(const long* rows, int n_rows) {
        for (int t = 0; t < n_rows; t++) {
            potential_[t] = 0.0;
            for (int i = 0; i < d_; i++) points_[t * d_ + i] = x_[(rows[t] / RUN * d_ + i) * RUN + rows[t] % RUN];
        }
        for (long b = 0; b < padded_; b += RUN)
            for (int t = 0; t < n_rows; t++) potential_[t] += reach_run(b, &points_[t * d_], &tried_[t * padded_ + b]);
    }

    double reach_run(long start, const double* point, double* out) const {
        constexpr int V = RUN / W < 8 ? RUN / W : 8;  // vectors held at a time
        vd total{};
        for (int r = 0; r < RUN; r += V * W) {
            const double* x = &x_[start * d_ + r];
            vd sum[V];
            for (int v = 0; v < V; v++) sum[v] = vd{};
            for (int i = 0; i < d_; i++) {
                const vd p = set1(point[i]);
                for (int v = 0; v < V; v++) {
                    const vd gap = load(x + i * RUN + v * W) - p;
                    sum[v] += gap * gap;
                }
            }
            for (int v = 0; v < V; v++) {
                const vd old = load(&nearest_[start + r + v * W]);
                const vd nearer = sum[v] < old ? sum[v] : old;
                store(out + r + v * W, nearer);
                total += load(&weight_[start + r + v * W]) * nearer;
            }
        }
        return hsum(total);
    }

    void keep(int trial) { std::memcpy(nearest_.data(), &tried_[trial * padded_], padded_ * sizeof(double)); }

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
    return Seeding<T>(X, weights, n, d, trials).run(k, uniforms, rows);
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
