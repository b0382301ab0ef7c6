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

    // Labels (in rows.label) of `used` rows; `lower` too where asked for. `is_run`: the rows follow one another.
    void find(const int* index, int used, bool with_lower, bool is_run) {
        if (n_exact_ > 0) {
            n_exact_--;
            exactly(index, used, with_lower);
            return;
        }
        fill_rows(rows, screen_, X_, index, used, is_run);
        screen_rows(rows, screen_);
        const int unclear = list_unclear(used);
        if (with_lower) bound();
        if (unclear > 0) settle(index, unclear, with_lower);
        if (unclear > used / 2 && used > TILE / 2) n_exact_ = 16;
    }

private:
    const T* X_;
    Screen screen_;
    int n_exact_ = 0;  // tiles still to be done the exact way
    int unclear_[TILE], chosen_[TILE], winner_[TILE];

    int list_unclear(int used) {
        const vf unit = setf(screen_.error_unit()), base = setf(screen_.error_base());
        int unclear = 0;
        for (int r = 0; r < used; r += WF) {
            const vn clear = loadf(rows.second + r) - loadf(rows.best + r) > unit * (loadf(rows.norm2 + r) + base);
            int n_clear = 0;
            for (int a = 0; a < WF; a++) n_clear -= clear[a];
            if (n_clear == WF) continue;
            for (int a = 0; a < WF && r + a < used; a++)
                if (!clear[a]) unclear_[unclear++] = r + a;
        }
        return unclear;
    }

    void bound() {
        const double unit = screen_.error_unit(), base = screen_.error_base(), back = 1.0 / screen_.scale;
        for (int r = 0; r < TILE; r++) {
            const double square = static_cast<double>(rows.second[r]) + rows.norm2[r] - 2.0 * unit * (rows.norm2[r] + base);
            lower[r] = __builtin_sqrt(larger(square, 0.0)) * back;
        }
    }

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

// Adds w (x - c) to `sum` (d,) and returns |x - c|^2. D is d where it is known to the compiler, else 0.
template <int D, typename T>
static inline double add_gap(const T* x, const double* c, int n_features, double w, double* sum) {
    const int d = D > 0 ? D : n_features;
    double total = 0.0;
    int i = 0;
    if (D == 0 && d >= W) {
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

struct AssignOut {
    double inertia, *counts, *sums;
    int32_t* labels;  // (n,) or null
    double* squares;  // (n,) or null
};

template <int D, typename T>
static void add_rows(const T* X, const double* weights, long start, int used, const Clusters& clusters, const int* label,
                     AssignOut& out) {
    const int d = D > 0 ? D : clusters.d;
    double total = 0.0;
    for (int r = 0; r < used; r++) {
        const int j = label[r];
        const double w = weights == nullptr ? 1.0 : weights[start + r];
        const size_t at = static_cast<size_t>(j) * d;
        const double square = add_gap<D>(X + (start + r) * d, clusters.centers + at, d, w, out.sums + at);
        out.counts[j] += w;
        total += w * square;
        if (out.squares != nullptr) out.squares[start + r] = square;
    }
    out.inertia += total;
    if (out.labels != nullptr) std::memcpy(out.labels + start, label, used * sizeof(int));
}

template <typename T>
void kmeans_assign(const T* X, const double* weights, long n, const Clusters& clusters, double* inertia, double* counts,
                   double* sums, int32_t* labels, double* squares) {
    std::memset(counts, 0, clusters.k * sizeof(double));
    std::memset(sums, 0, static_cast<size_t>(clusters.k) * clusters.d * sizeof(double));
    AssignOut out{0.0, counts, sums, labels, squares};
    Nearest<T> nearest(X, clusters);
    int index[TILE];
    for (long start = 0; start < n; start += TILE) {
        const int used = static_cast<int>(smaller<long>(TILE, n - start));
        for (int r = 0; r < used; r++) index[r] = static_cast<int>(start) + r;
        nearest.find(index, used, false, true);
        const int* label = nearest.rows.label;
        switch (clusters.d) {
            case 1: add_rows<1>(X, weights, start, used, clusters, label, out); break;
            case 2: add_rows<2>(X, weights, start, used, clusters, label, out); break;
            case 3: add_rows<3>(X, weights, start, used, clusters, label, out); break;
            case 4: add_rows<4>(X, weights, start, used, clusters, label, out); break;
            default: add_rows<0>(X, weights, start, used, clusters, label, out);
        }
    }
    *inertia = out.inertia;
}

// One pass: rows whose bounds show that they stay are not read. Labels, bounds, and the changes of counts and sums out.
template <typename T>
class Pass {
public:
    Pass(const T* X, const double* weights, const Clusters& clusters, const PassGiven& given, const PassState& state,
         PassSums& out)
        : X_(X), weights_(weights), clusters_(clusters), given_(given), state_(state), out_(out), nearest_(X, clusters) {
        double own = 0.0, other = 0.0;
        for (int j = 0; j < clusters.k && state.upper != nullptr; j++)
            own = larger(own, given.own[j]), other = larger(other, given.other[j]);
        longest_ = rounded_up(rounded_up((own + other) * (1 + 1e-6)));
    }

    void run(long n) {
        if (state_.upper == nullptr) return look_at_all(n);
        for (long start = 0; start < n; start += TILE) {
            const long stop = smaller<long>(start + TILE, n);
            if (stop - start == TILE && all_stay(start)) continue;
            for (long row = start; row < stop; row++) {
                if (stays(row)) continue;
                waiting_[n_waiting_++] = static_cast<int>(row);
                if (n_waiting_ == TILE) flush();
            }
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
    float longest_;

    const T* at(long row) const { return X_ + row * clusters_.d; }
    const double* center(int j) const { return clusters_.centers + static_cast<size_t>(j) * clusters_.d; }

    // Whether all rows of a tile stay whatever their labels: the longest ways of any centre do not reach.
    bool all_stay(long start) const {
        vn stay = vn{} - 1;
        for (long row = start; row < start + TILE; row += WF)
            stay &= loadf(state_.lower + row) - loadf(state_.upper + row) > setf(longest_);
        long long parts[W], all = -1;
        put(parts, stay);
        for (int a = 0; a < W; a++) all &= parts[a];
        return all == -1;
    }

    void look_at_all(long n) {
        for (long start = 0; start < n; start += TILE) {
            const int used = static_cast<int>(smaller<long>(TILE, n - start));
            for (int r = 0; r < used; r++) waiting_[r] = static_cast<int>(start) + r;
            nearest_.find(waiting_, used, false, true);
            const int *label = nearest_.rows.label, *before = state_.label + start;
            if (std::memcmp(label, before, used * sizeof(int)) == 0) continue;
            for (int r = 0; r < used; r++)
                if (label[r] != before[r]) move(static_cast<int>(start) + r, before[r], label[r]);
        }
    }

    bool stays(long row) {
        const int j = state_.label[row];
        const double reach = larger<double>(state_.lower[row] - given_.other[j], given_.half_gap[j]);
        double own = state_.upper[row] + given_.own[j];
        if (own * (1 + 1e-12) < reach) return true;
        own = __builtin_sqrt(squared(at(row), center(j), clusters_.d));
        state_.upper[row] = rounded_up(own - given_.own[j]);
        return own * (1 + 1e-12) < reach;
    }

    void flush() {
        nearest_.find(waiting_, n_waiting_, true, false);
        for (int r = 0; r < n_waiting_; r++) {
            const int row = waiting_[r], from = state_.label[row], to = nearest_.rows.label[r];
            if (to != from) move(row, from, to);
            state_.lower[row] = rounded_down(nearest_.lower[r] + given_.other[to]);
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
        add_gap<0>(at(row), given_.reference + a, d, -w, out_.sums + a);
        add_gap<0>(at(row), given_.reference + b, d, w, out_.sums + b);
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
