// Distances of a tile of rows to all centres: a quick screen in single precision with a known error, and the exact way.
//
// The screen works on rows and centres moved to the middle of the centres and scaled to the reach of the centres, so the
// expanded square |c|^2 - 2 x.c loses nothing to an offset or a unit. Where its two best values are closer than its error,
// the row is done again by differences in double precision: labels are those of exact distances, at twice the speed.
#pragma once

#include "kernels/buffer.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr int WF = 2 * W;  // floats in a vector
typedef float vf __attribute__((vector_size(WF * sizeof(float))));
typedef int vn __attribute__((vector_size(WF * sizeof(int))));

constexpr int TILE = 64;       // rows of a tile
constexpr int MAX_SMALL_D = 8;  // up to here the features of a row stay in registers
constexpr int PANEL = 4;       // centres handled together for more features
constexpr float FAR = 1e30f;   // distance of the centres that only pad a panel

static inline vf setf(float a) { return a - vf{}; }

static inline vf loadf(const float* p) {
    vf v;
    std::memcpy(&v, p, sizeof(v));
    return v;
}

template <typename V, typename S>
static inline void put(S* p, V v) {
    std::memcpy(p, &v, sizeof(v));
}

// Centres in the shape that the screen reads.
struct Screen {
    int k, d, padded;            // centres, features, centres rounded up to whole panels
    const double* centers;       // (k, d)
    Buffer<double> origin;  // (d,) middle of the centres
    Buffer<float> panels;   // (padded / PANEL, d, PANEL) -2 c
    Buffer<float> square;   // (padded,) |c|^2
    double scale = 1.0, reach = 0.0;

    Screen(const double* c, int n_centers, int n_features)
        : k(n_centers), d(n_features), padded((k + PANEL - 1) / PANEL * PANEL), centers(c), origin(d),
          panels(static_cast<size_t>(padded) * d), square(padded) {
        square.set(FAR);
        for (int j = 0; j < k; j++)
            for (int i = 0; i < d; i++) origin[i] += c[static_cast<size_t>(j) * d + i] / k;
        double largest = 0.0;
        for (int j = 0; j < k; j++)
            for (int i = 0; i < d; i++)
                largest = larger(largest, __builtin_fabs(c[static_cast<size_t>(j) * d + i] - origin[i]));
        if (largest > 0 && __builtin_isfinite(1.0 / largest)) scale = 1.0 / largest;
        for (int j = 0; j < k; j++) {
            double sum = 0.0;
            for (int i = 0; i < d; i++) {
                const double v = (c[static_cast<size_t>(j) * d + i] - origin[i]) * scale;
                sum += v * v;
                panels[(static_cast<size_t>(j / PANEL) * d + i) * PANEL + j % PANEL] = static_cast<float>(-2.0 * v);
            }
            square[j] = static_cast<float>(sum);
            reach = larger(reach, __builtin_sqrt(sum));
        }
    }

    // Error of the difference of two screened distances of a row x: at most error_unit (|x|^2 + error_base), from the
    // rounding of d + 4 operations on terms of at most reach (reach + 2 |x|) <= |x|^2 + 2 reach^2.
    float error_unit() const { return static_cast<float>((d + 4) * 1.2e-7); }
    float error_base() const { return static_cast<float>(2.0 * reach * reach + 1e-22); }
};

// A tile of rows and what is found out about them.
struct Rows {
    int width;           // d rounded up to a multiple of four
    Buffer<float> x;     // (width, TILE) moved and scaled
    Buffer<float> flat;  // (TILE, width) the same before it is turned
    Buffer<double> raw;  // (d, TILE) as given, for the exact way
    float norm2[TILE], best[TILE], second[TILE];
    double exact_best[TILE], exact_second[TILE];
    int label[TILE];
    int used = 0;

    explicit Rows(int d)
        : width((d + 3) / 4 * 4), x(static_cast<size_t>(width) * TILE), flat(static_cast<size_t>(width) * TILE),
          raw(static_cast<size_t>(d) * TILE) {}
};

typedef float v4 __attribute__((vector_size(16)));

static inline v4 load4(const float* p) {
    v4 v;
    std::memcpy(&v, p, sizeof(v));
    return v;
}

// Four rows of four features to four features of four rows.
static inline void transpose4(const float* from, int width, float* to) {
    const v4 a = load4(from), b = load4(from + width), c = load4(from + 2 * width), d = load4(from + 3 * width);
    const v4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const v4 AB = __builtin_shufflevector(a, b, 2, 6, 3, 7), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    put(to, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
    put(to + TILE, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
    put(to + 2 * TILE, __builtin_shufflevector(AB, CD, 0, 1, 4, 5));
    put(to + 3 * TILE, __builtin_shufflevector(AB, CD, 2, 3, 6, 7));
}

static inline void sum_squares(Rows& rows, int d) {
    for (int r = 0; r < TILE; r += WF) {
        vf sum{};
        for (int i = 0; i < d; i++) {
            const vf x = loadf(rows.x.data() + i * TILE + r);
            sum += x * x;
        }
        put(rows.norm2 + r, sum);
    }
}

template <int D, typename T>
static void fill_small(Rows& rows, const Screen& screen, const T* X, const int* index, int used, bool is_run) {
    double origin[D];
    for (int i = 0; i < D; i++) origin[i] = screen.origin[i];
    const double scale = screen.scale;
    float* out = rows.x.data();
    if (is_run && used == TILE) {
        const T* x = X + static_cast<size_t>(index[0]) * D;
        for (int i = 0; i < D; i++)
            for (int r = 0; r < TILE; r++)
                out[i * TILE + r] = static_cast<float>((static_cast<double>(x[r * D + i]) - origin[i]) * scale);
        return;
    }
    for (int r = 0; r < used; r++) {
        const T* x = X + static_cast<size_t>(index[r]) * D;
        for (int i = 0; i < D; i++) out[i * TILE + r] = static_cast<float>((static_cast<double>(x[i]) - origin[i]) * scale);
    }
}

template <typename T>
static void fill_large(Rows& rows, const Screen& screen, const T* X, const int* index, int used) {
    const int d = screen.d, width = rows.width;
    float* flat = rows.flat.data();
    for (int r = 0; r < used; r++) {
        const T* x = X + static_cast<size_t>(index[r]) * d;
        float* to = flat + r * width;
        for (int i = 0; i < d; i++)
            to[i] = static_cast<float>((static_cast<double>(x[i]) - screen.origin[i]) * screen.scale);
    }
    for (int i = 0; i < width; i += 4)
        for (int r = 0; r < used; r += 4) transpose4(flat + r * width + i, width, rows.x.data() + i * TILE + r);
}

// Moved and scaled rows `index` of X, and their squared lengths; `is_run` where they follow one another.
template <typename T>
static void fill_rows(Rows& rows, const Screen& screen, const T* X, const int* index, int used, bool is_run) {
    rows.used = used;
    switch (screen.d) {
        case 1: fill_small<1>(rows, screen, X, index, used, is_run); break;
        case 2: fill_small<2>(rows, screen, X, index, used, is_run); break;
        case 3: fill_small<3>(rows, screen, X, index, used, is_run); break;
        case 4: fill_small<4>(rows, screen, X, index, used, is_run); break;
        default: fill_large(rows, screen, X, index, used);
    }
    sum_squares(rows, screen.d);
}

template <typename T>
static void fill_raw(Rows& rows, int d, const T* X, const int* index, int used) {
    for (int r = 0; r < used; r++)
        for (int i = 0; i < d; i++) rows.raw[i * TILE + r] = static_cast<double>(X[static_cast<size_t>(index[r]) * d + i]);
}

static inline void challenge(vf value, int j, vf& best, vf& second, vn& label) {
    const vn wins = value < best;
    const vf loser = wins ? best : value;
    second = loser < second ? loser : second;
    best = wins ? value : best;
    label = wins ? vn{} + j : label;
}

template <int D>
static void screen_small(Rows& rows, const Screen& screen) {
    for (int r = 0; r < rows.used; r += 2 * WF) {
        vf x0[D], x1[D];
        for (int i = 0; i < D; i++) {
            x0[i] = loadf(rows.x.data() + i * TILE + r);
            x1[i] = loadf(rows.x.data() + i * TILE + r + WF);
        }
        vf best0 = setf(FAR), best1 = best0, second0 = best0, second1 = best0;
        vn label0{}, label1{};
        for (int j = 0; j < screen.k; j++) {
            const float* c = screen.panels.data() + static_cast<size_t>(j / PANEL) * D * PANEL + j % PANEL;
            vf a = setf(screen.square[j]), b = a;
            for (int i = 0; i < D; i++) {
                const vf ci = setf(c[i * PANEL]);
                a += ci * x0[i];
                b += ci * x1[i];
            }
            challenge(a, j, best0, second0, label0);
            challenge(b, j, best1, second1, label1);
        }
        put(rows.best + r, best0), put(rows.best + r + WF, best1);
        put(rows.second + r, second0), put(rows.second + r + WF, second1);
        put(rows.label + r, label0), put(rows.label + r + WF, label1);
    }
}

static void screen_large(Rows& rows, const Screen& screen) {
    const int d = screen.d;
    for (int r = 0; r < rows.used; r += 4 * WF) {
        vf best[4], second[4];
        vn label[4];
        for (int b = 0; b < 4; b++) best[b] = second[b] = setf(FAR), label[b] = vn{};
        for (int p = 0; p < screen.padded; p += PANEL) {
            const float* panel = screen.panels.data() + static_cast<size_t>(p) * d;
            vf sum[PANEL][4];
            for (int a = 0; a < PANEL; a++)
                for (int b = 0; b < 4; b++) sum[a][b] = setf(screen.square[p + a]);
            for (int i = 0; i < d; i++) {
                const float* x = rows.x.data() + i * TILE + r;
                const vf x0 = loadf(x), x1 = loadf(x + WF), x2 = loadf(x + 2 * WF), x3 = loadf(x + 3 * WF);
                for (int a = 0; a < PANEL; a++) {
                    const vf c = setf(panel[i * PANEL + a]);
                    sum[a][0] += c * x0;
                    sum[a][1] += c * x1;
                    sum[a][2] += c * x2;
                    sum[a][3] += c * x3;
                }
            }
            for (int b = 0; b < 4; b++)
                for (int a = 0; a < PANEL; a++) challenge(sum[a][b], p + a, best[b], second[b], label[b]);
        }
        for (int b = 0; b < 4; b++) {
            put(rows.best + r + b * WF, best[b]);
            put(rows.second + r + b * WF, second[b]);
            put(rows.label + r + b * WF, label[b]);
        }
    }
}

static void screen_rows(Rows& rows, const Screen& screen) {
    switch (screen.d) {
        case 1: return screen_small<1>(rows, screen);
        case 2: return screen_small<2>(rows, screen);
        case 3: return screen_small<3>(rows, screen);
        case 4: return screen_small<4>(rows, screen);
        case 5: return screen_small<5>(rows, screen);
        case 6: return screen_small<6>(rows, screen);
        case 7: return screen_small<7>(rows, screen);
        case MAX_SMALL_D: return screen_small<MAX_SMALL_D>(rows, screen);
        default: return screen_large(rows, screen);
    }
}

// Labels and the two smallest squared distances of `used` rows of `raw`, by differences; ties go to the first centre.
static void exact_rows(Rows& rows, const Screen& screen, int used, int* label) {
    const int d = screen.d;
    for (int r = 0; r < used; r += W) {
        vd best = set1(INF), second = set1(INF);
        vi winner{};
        for (int j = 0; j < screen.k; j++) {
            const double* c = screen.centers + static_cast<size_t>(j) * d;
            vd sum{};
            for (int i = 0; i < d; i++) {
                const vd gap = load(rows.raw.data() + i * TILE + r) - set1(c[i]);
                sum += gap * gap;
            }
            const vi wins = sum < best;
            const vd loser = wins ? best : sum;
            second = loser < second ? loser : second;
            best = wins ? sum : best;
            winner = wins ? vi{} + j : winner;
        }
        store(rows.exact_best + r, best);
        store(rows.exact_second + r, second);
        for (int a = 0; a < W && r + a < used; a++) label[r + a] = static_cast<int>(winner[a]);
    }
}

typedef float vh __attribute__((vector_size(W * sizeof(float))));  // as many floats as a vd has doubles

static inline vd widened(const double* p) { return load(p); }

static inline vd widened(const float* p) {
    vh v;
    std::memcpy(&v, p, sizeof(v));
    return __builtin_convertvector(v, vd);
}

// Squared distance of one row to one centre by differences.
template <typename T>
static inline double squared(const T* x, const double* c, int d) {
    double sum = 0.0;
    int i = 0;
    if (d >= W) {
        vd total{};
        for (; i + W <= d; i += W) {
            const vd gap = widened(x + i) - load(c + i);
            total += gap * gap;
        }
        sum = hsum(total);
    }
    for (; i < d; i++) {
        const double gap = static_cast<double>(x[i]) - c[i];
        sum += gap * gap;
    }
    return sum;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
