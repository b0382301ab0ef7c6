// k-means over a run of rows: the plain assignment with its sums, and a pass that only looks at rows that may move.
#pragma once

#include "kernels/kmeans_api.hpp"
#include "kernels/kmeans_tile.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr float ROUND_OUT = 1.3e-7f;  // more than the rounding of a double to a float

static inline float rounded_up(double v) { return static_cast<float>(v) + ROUND_OUT * static_cast<float>(__builtin_fabs(v)); }
static inline float rounded_down(double v) {
    return static_cast<float>(v) - ROUND_OUT * static_cast<float>(__builtin_fabs(v));
}

// Finds nearest centres of tiles of rows, and turns to the exact way at once where the screen keeps failing.
template <typename T>
class Nearest {
public:
    Rows rows;
    double lower[TILE];  // not above the distance to the second centre

    Nearest(const T* X, const Clusters& clusters)
        : rows(clusters.d), X_(X), screen_(clusters.centers, clusters.k, clusters.d) {}

    // Labels (in rows.label) of `used` rows; `lower` too where asked for.
    void find(const int* index, int used, bool with_lower) {
        if (n_exact_ > 0) {
            n_exact_--;
            exactly(index, used, with_lower);
            return;
        }
        fill_rows(rows, screen_, X_, index, used);
        screen_rows(rows, screen_);
        int unclear = 0;
        for (int r = 0; r < used; r++) {
            const float error = screen_.error(rows.norm2[r]);
            if (!(rows.second[r] - rows.best[r] > error)) unclear_[unclear++] = r;
            if (with_lower) {
                const double square = static_cast<double>(rows.second[r]) + rows.norm2[r] - 2.0 * error;
                lower[r] = square > 0 ? __builtin_sqrt(square) / screen_.scale : 0.0;
            }
        }
        if (unclear > 0) settle(index, unclear, with_lower);
        if (unclear > used / 2 && used > TILE / 2) n_exact_ = 16;
    }

private:
    const T* X_;
    Screen screen_;
    int n_exact_ = 0;  // tiles still to be done the exact way
    int unclear_[TILE], chosen_[TILE], winner_[TILE];

    void exactly(const int* index, int used, bool with_lower) {
        rows.used = used;
        fill_raw(rows, screen_.d, X_, index, used);
        exact_rows(rows, screen_, used, rows.label);
        if (with_lower)
            for (int r = 0; r < used; r++) lower[r] = __builtin_sqrt(rows.exact_second[r]);
    }

    void settle(const int* index, int unclear, bool with_lower) {
        for (int u = 0; u < unclear; u++) chosen_[u] = index[unclear_[u]];
        fill_raw(rows, screen_.d, X_, chosen_, unclear);
        exact_rows(rows, screen_, unclear, winner_);
        for (int u = 0; u < unclear; u++) {
            rows.label[unclear_[u]] = winner_[u];
            if (with_lower) lower[unclear_[u]] = __builtin_sqrt(rows.exact_second[u]);
        }
    }
};

// Adds w (x - c) to `sum` (d,) and returns |x - c|^2.
template <typename T>
static inline double add_gap(const T* x, const double* c, int d, double w, double* sum) {
    double total = 0.0;
    int i = 0;
    if (d >= W) {
        vd squares{};
        for (; i + W <= d; i += W) {
            const vd gap = widened(x + i) - load(c + i);
            squares += gap * gap;
            store(sum + i, load(sum + i) + set1(w) * gap);
        }
        total = hsum(squares);
    }
    for (; i < d; i++) {
        const double gap = static_cast<double>(x[i]) - c[i];
        total += gap * gap;
        sum[i] += w * gap;
    }
    return total;
}

template <typename T>
void kmeans_assign(const T* X, const double* weights, long n, const Clusters& clusters, double* inertia, double* counts,
                   double* sums, int32_t* labels, double* squares) {
    const int d = clusters.d, k = clusters.k;
    std::memset(counts, 0, k * sizeof(double));
    std::memset(sums, 0, static_cast<size_t>(k) * d * sizeof(double));
    Nearest<T> nearest(X, clusters);
    int index[TILE];
    double total = 0.0;
    for (long start = 0; start < n; start += TILE) {
        const int used = static_cast<int>(smaller<long>(TILE, n - start));
        for (int r = 0; r < used; r++) index[r] = static_cast<int>(start) + r;
        nearest.find(index, used, false);
        for (int r = 0; r < used; r++) {
            const int j = nearest.rows.label[r];
            const double w = weights == nullptr ? 1.0 : weights[start + r];
            const size_t at = static_cast<size_t>(j) * d;
            const double square = add_gap(X + (start + r) * d, clusters.centers + at, d, w, sums + at);
            counts[j] += w;
            total += w * square;
            if (labels != nullptr) labels[start + r] = j;
            if (squares != nullptr) squares[start + r] = square;
        }
    }
    *inertia = total;
}

// One pass: rows whose bounds show that they stay are not read. Labels, bounds, and the changes of counts and sums out.
template <typename T>
class Pass {
public:
    Pass(const T* X, const double* weights, const Clusters& clusters, const PassGiven& given, const PassState& state,
         PassSums& out)
        : X_(X), weights_(weights), clusters_(clusters), given_(given), state_(state), out_(out), nearest_(X, clusters) {}

    void run(long n) {
        for (long row = 0; row < n; row++) {
            if (stays(row)) continue;
            waiting_[n_waiting_++] = static_cast<int>(row);
            if (n_waiting_ == TILE) flush();
        }
        flush();
    }

private:
    const T* X_;
    const double* weights_;
    const Clusters& clusters_;
    const PassGiven& given_;
    const PassState& state_;
    PassSums& out_;
    Nearest<T> nearest_;
    int waiting_[TILE], n_waiting_ = 0;

    const T* at(long row) const { return X_ + row * clusters_.d; }
    const double* center(int j) const { return clusters_.centers + static_cast<size_t>(j) * clusters_.d; }

    bool stays(long row) {
        if (state_.upper == nullptr) return false;
        const int j = state_.label[row];
        const double reach = larger<double>(state_.lower[row] - given_.other[j], given_.half_gap[j]);
        double own = state_.upper[row] + given_.own[j];
        if (own * (1 + 1e-12) < reach) return true;
        own = __builtin_sqrt(squared(at(row), center(j), clusters_.d));
        state_.upper[row] = rounded_up(own - given_.own[j]);
        return own * (1 + 1e-12) < reach;
    }

    void flush() {
        const bool has_bounds = state_.upper != nullptr;
        nearest_.find(waiting_, n_waiting_, has_bounds);
        for (int r = 0; r < n_waiting_; r++) {
            const int row = waiting_[r], from = state_.label[row], to = nearest_.rows.label[r];
            if (to != from) move(row, from, to);
            if (has_bounds) state_.lower[row] = rounded_down(nearest_.lower[r] + given_.other[to]);
        }
        n_waiting_ = 0;
    }

    void move(int row, int from, int to) {
        const int d = clusters_.d;
        const double w = weights_ == nullptr ? 1.0 : weights_[row];
        const double square = squared(at(row), center(to), d);
        out_.n_moved++;
        out_.gain += w * (squared(at(row), center(from), d) - square);
        out_.counts[from] -= w;
        out_.counts[to] += w;
        const size_t a = static_cast<size_t>(from) * d, b = static_cast<size_t>(to) * d;
        add_gap(at(row), given_.reference + a, d, -w, out_.sums + a);
        add_gap(at(row), given_.reference + b, d, w, out_.sums + b);
        state_.label[row] = to;
        if (state_.upper != nullptr) state_.upper[row] = rounded_up(__builtin_sqrt(square) - given_.own[to]);
    }
};

template <typename T>
void kmeans_pass(const T* X, const double* weights, long n, const Clusters& clusters, const PassGiven& given,
                 const PassState& state, PassSums& out) {
    std::memset(out.counts, 0, clusters.k * sizeof(double));
    std::memset(out.sums, 0, static_cast<size_t>(clusters.k) * clusters.d * sizeof(double));
    out.gain = 0.0;
    out.n_moved = 0;
    Pass<T>(X, weights, clusters, given, state, out).run(n);
}

// Half the distance of each centre to its nearest other: rows nearer than that to their centre stay with it.
static void kmeans_half_gaps(const Clusters& clusters, double* half_gap) {
    const int d = clusters.d, k = clusters.k;
    for (int j = 0; j < k; j++) half_gap[j] = INF;
    for (int j = 0; j < k; j++) {
        for (int i = 0; i < j; i++) {
            const double* c = clusters.centers;
            const double square = squared(c + static_cast<size_t>(j) * d, c + static_cast<size_t>(i) * d, d);
            half_gap[i] = smaller(half_gap[i], square);
            half_gap[j] = smaller(half_gap[j], square);
        }
    }
    for (int j = 0; j < k; j++) half_gap[j] = 0.5 * __builtin_sqrt(half_gap[j]);
}

}  // namespace EMKIT_ISA
}  // namespace emkit
