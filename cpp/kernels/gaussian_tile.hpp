// What the Gaussian kernels share: the mixture in the shape they read it, a tile of rows, and responsibilities.
//
// A tile is cut into packets of G rows. Within a packet arrays are feature-major, (d, G) or (k, G): every inner loop
// reads memory in order, whatever d and k, and never at a power-of-two stride.
#pragma once

#include "kernels/gaussian_api.hpp"
#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr int V = 4, G = V * W;     // vectors and rows of a packet
constexpr int PAD = W > 4 ? W : 4;  // features are padded so that whole blocks can be read
constexpr int SMALL_D = 8;          // up to here the loops over features are unrolled
constexpr double HALF_LOG_2PI = 0.91893853320467274178;

// In sums over rows a responsibility below this part of the largest one of its row is taken as zero: e^-69 is about
// 1e-30, far below what the log-likelihood or any sum of responsibilities can hold. Per-row results keep all.
constexpr double NEGLIGIBLE = -69.0;

static inline int round_up(int a, int to) { return (a + to - 1) / to * to; }

// The mixture and the memory of one call.
struct Mixture {
    int d, k, width;                 // width: d rounded up to whole blocks
    bool is_diagonal, is_large;
    const double *mean, *whiten;     // (k, d) and (k, d, d) or (k, d)
    double* level;                   // (k,) log mix - d/2 log 2 pi + log |W|
    double* panels;                  // (k, panel_size) W in groups of four rows, each (columns, 4)
    double* wide_mean;               // (k, width)

    // Panel p holds rows 4p .. 4p + 3 of W over the 4p + 4 columns where they are not zero.
    static size_t panel_start(int p) { return static_cast<size_t>(8) * p * (p + 1); }
    size_t panel_size() const { return panel_start((d + 3) / 4); }

    Mixture(const Shape& shape, const Given& given)
        : d(shape.d), k(shape.k), width(round_up(shape.d, PAD)), is_diagonal(shape.is_diagonal),
          is_large(!shape.is_diagonal && shape.d > SMALL_D), mean(given.mean), whiten(given.whiten) {}

    size_t memory() const {
        return Arena::padded(k) + (is_large ? Arena::padded(k * panel_size()) + Arena::padded(size_t(k) * width) : 0);
    }

    void prepare(Arena& arena, const double* log_mix) {
        level = arena.take(k);
        const int step = is_diagonal ? 1 : d + 1;
        for (int c = 0; c < k; c++) {
            const double* diagonal = whiten + static_cast<size_t>(c) * d * (is_diagonal ? 1 : d);
            double sum = log_mix[c] - d * HALF_LOG_2PI;
            for (int i = 0; i < d; i++) sum += __builtin_log(diagonal[static_cast<size_t>(i) * step]);
            level[c] = sum;
        }
        if (is_large) pack(arena);
    }

    // Where densities are not asked for, the means are all there is.
    void prepare_means(Arena& arena) {
        if (!is_large) return;
        wide_mean = arena.take(static_cast<size_t>(k) * width);
        for (int c = 0; c < k; c++)
            for (int j = 0; j < width; j++) wide_mean[static_cast<size_t>(c) * width + j] = j < d ? mean[c * d + j] : 0.0;
    }

    void pack(Arena& arena) {
        prepare_means(arena);
        panels = arena.take(k * panel_size());
        for (int c = 0; c < k; c++) {
            const double* w = whiten + static_cast<size_t>(c) * d * d;
            for (int p = 0; 4 * p < d; p++) {
                double* panel = panels + c * panel_size() + panel_start(p);
                for (int j = 0; j < 4 * p + 4; j++)
                    for (int a = 0; a < 4; a++) {
                        const int i = 4 * p + a;
                        panel[4 * j + a] = i < d && j <= i ? w[static_cast<size_t>(i) * d + j] : 0.0;
                    }
            }
        }
    }
};

// A tile of rows, and scratch for one component.
struct Tile {
    int capacity, used = 0, packets = 0;
    bool is_even = true;  // whether every row of the tile has weight one
    double *x;            // (packets, d, G)
    double *weight;       // (capacity,)
    double *joint;        // (packets, k, G) log joint densities, then responsibilities
    double *wide;         // (capacity, width) rows
    double *centred;      // (width / W, capacity, W) rows less a mean; or one packet of them, (width, G)
    double *kept_resp;    // (capacity + 1,) responsibilities above zero
    int *kept;            // (capacity + 1,) and their rows
    const Mixture& m;

    explicit Tile(const Mixture& mixture, long n) : m(mixture) {
        capacity = 256;
        if (m.is_large) {  // short tiles stay in first-level cache, unless the sums they are added to do not
            const double sums = static_cast<double>(m.k) * m.d * m.d;
            capacity = m.d <= 16 || sums > 65536.0 ? 128 : 64;
        } else if (m.d > 32) {
            capacity = m.d > 128 ? 64 : 128;
        }
        if (n < capacity) capacity = round_up(n > 0 ? static_cast<int>(n) : 1, G);
    }

    size_t memory() const {
        const size_t rows = capacity, wide_size = rows * m.width;
        const size_t small = Arena::padded(rows * m.d) + Arena::padded(rows) + Arena::padded(rows * m.k);
        return small + (m.is_large ? 2 * Arena::padded(wide_size) + 2 * Arena::padded(rows + 1) : 0);
    }

    void prepare(Arena& arena) {
        const size_t rows = capacity, wide_size = rows * m.width;
        x = arena.take(rows * m.d);
        weight = arena.take(rows);
        joint = arena.take(rows * m.k);
        if (!m.is_large) return;
        wide = arena.take(wide_size);
        centred = arena.take(wide_size);  // at least one packet, as width covers d in fours
        kept_resp = arena.take(rows + 1);
        kept = reinterpret_cast<int*>(arena.take(rows + 1));
        std::memset(wide, 0, wide_size * sizeof(double));
    }

    double* packet_x(int p) const { return x + static_cast<size_t>(p) * m.d * G; }
    double* packet_joint(int p) const { return joint + static_cast<size_t>(p) * m.k * G; }

    // Copy rows in. Padding and rows of weight zero take the place of the first mean: finite, and without effect.
    template <typename T>
    void fill(const T* rows, const double* weights, int count) {
        used = count;
        packets = (count + G - 1) / G;
        is_even = weights == nullptr && count == packets * G;
        for (int r = 0; r < packets * G; r++) weight[r] = r >= count ? 0.0 : weights != nullptr ? weights[r] : 1.0;
        for (int p = 0; p < packets; p++) fill_packet(rows, p);
        if (!m.is_large) return;
        for (int r = 0; r < count; r++) {
            const T* row = rows + static_cast<size_t>(r) * m.d;
            for (int i = 0; i < m.d; i++) wide[static_cast<size_t>(r) * m.width + i] = static_cast<double>(row[i]);
        }
    }

    template <typename T>
    void fill_packet(const T* rows, int p) {
        const int d = m.d;
        double* out = packet_x(p);
        if (is_even) {
            const T* row = rows + static_cast<size_t>(p) * G * d;
            for (int i = 0; i < d; i++)
                for (int r = 0; r < G; r++) out[i * G + r] = static_cast<double>(row[static_cast<size_t>(r) * d + i]);
            return;
        }
        for (int r = 0; r < G; r++) {
            const size_t row = static_cast<size_t>(p) * G + r;
            const bool is_there = weight[row] > 0.0;
            for (int i = 0; i < d; i++) out[i * G + r] = is_there ? static_cast<double>(rows[row * d + i]) : m.mean[i];
        }
    }

    // Copy responsibilities (used, k) in; padding gets zeros.
    void fill_shares(const double* resp) {
        const int k = m.k;
        for (int p = 0; p < packets; p++) {
            double* to = packet_joint(p);
            const int rows = used - p * G < G ? used - p * G : G;
            const double* from = resp + static_cast<size_t>(p) * G * k;
            for (int c = 0; c < k; c++) {
                for (int r = 0; r < rows; r++) to[c * G + r] = from[static_cast<size_t>(r) * k + c];
                for (int r = rows; r < G; r++) to[c * G + r] = 0.0;
            }
        }
    }
};

// Give a row whose every density underflows to the component whose scaled distance is smallest.
static int nearest(const double* x, const Mixture& m, int lane) {
    int best = 0;
    double smallest = INF;
    for (int c = 0; c < m.k; c++) {
        if (!(m.level[c] > -INF)) continue;
        const double *mean = m.mean + static_cast<size_t>(c) * m.d;
        double largest = 0.0;
        for (int i = 0; i < m.d; i++) {
            double z = 0.0;  // distances are scaled down so that their products stay finite
            const double* w = m.whiten + (static_cast<size_t>(c) * m.d + (m.is_diagonal ? 0 : i)) * (m.is_diagonal ? 1 : m.d);
            for (int j = m.is_diagonal ? i : 0; j <= i; j++)
                z += w[j] * 1e-150 * ((x[j * G + lane] * 1e-8 - mean[j] * 1e-8) * 1e-142);
            const double size = z < 0 ? -z : z;
            largest = size > largest ? size : largest;
        }
        if (largest < smallest) smallest = largest, best = c;
    }
    return best;
}

// Give the lost rows of one vector to their nearest components; return ones at those rows.
static vd rescue(const double* x, const Mixture& m, double* joint, int at, vd top) {
    vd lost{};
    for (int b = 0; b < W; b++) {
        if (top[b] > -INF) continue;
        const int winner = nearest(x, m, at + b);
        for (int c = 0; c < m.k; c++) joint[c * G + at + b] = c == winner ? 0.0 : -INF;
        lost[b] = 1.0;
    }
    return lost;
}

static inline bool any_below(vd top) {
    const vi is_lost = !(top > set1(-INF));
    long long any = 0;
    for (int b = 0; b < W; b++) any |= is_lost[b];
    return any != 0;
}

// Turn log joint densities (k, G) of one vector of rows into unnormalised responsibilities; return their sum and maximum.
static inline void exponentials(double* joint, int k, vd top, vd floor, vd& sum) {
    sum = vd{};
    for (int c = 0; c < k; c++) {
        const vd e = exp_nonpositive(load(joint + c * G) - top, floor);
        store(joint + c * G, e);
        sum += e;
    }
}

static inline vd row_max(const double* joint, int k) {
    vd top = load(joint);
    for (int c = 1; c < k; c++) top = vmax(load(joint + c * G), top);
    return top;
}

// Responsibilities of a packet, times case weights; returns the log-likelihood of its rows.
static double normalise(const Tile& tile, int p) {
    const Mixture& m = tile.m;
    const vd floor = set1(NEGLIGIBLE);
    vd total{}, product = set1(1.0);
    double lost_rows = 0.0;
    for (int v = 0; v < V; v++) {
        double* joint = tile.packet_joint(p) + v * W;
        vd top = row_max(joint, m.k), sum;
        const vd weight = load(tile.weight + p * G + v * W);
        if (__builtin_expect(any_below(top), 0)) {
            const vd lost = rescue(tile.packet_x(p), m, tile.packet_joint(p), v * W, top);
            for (int b = 0; b < W; b++) {
                if (lost[b] == 0.0) continue;
                top[b] = 0.0;
                if (weight[b] > 0.0) lost_rows = -INF;
            }
        }
        exponentials(joint, m.k, top, floor, sum);
        if (tile.is_even) {  // one log for the rows of a packet: the product of V sums stays far from overflow
            total += top;
            product *= sum;
        } else {
            total += weight * (top + log_from_one(sum));
        }
        const vd scale = weight / sum;
        for (int c = 0; c < m.k; c++) store(joint + c * G, load(joint + c * G) * scale);
    }
    if (tile.is_even) total += log_from_one(product);
    return hsum(total) + lost_rows;
}

// Log-density and responsibilities of a packet's rows.
static void posterior(const Tile& tile, int p, double* log_density) {
    const Mixture& m = tile.m;
    const vd floor = set1(UNDERFLOW);
    for (int v = 0; v < V; v++) {
        double* joint = tile.packet_joint(p) + v * W;
        vd top = row_max(joint, m.k), sum, lost{};
        if (__builtin_expect(any_below(top), 0)) {
            lost = rescue(tile.packet_x(p), m, tile.packet_joint(p), v * W, top);
            top = lost > vd{} ? vd{} : top;
        }
        exponentials(joint, m.k, top, floor, sum);
        const vd scale = set1(1.0) / sum;
        for (int c = 0; c < m.k; c++) store(joint + c * G, load(joint + c * G) * scale);
        store(log_density + v * W, lost > vd{} ? set1(-INF) : top + log_from_one(sum));
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
