// E-step of a mixture of vectors of unordered answers, in one pass.
//
// Log probabilities and expected counts are tables with a row of k members, padded to whole vectors, for each level of
// each item and one more for no answer: a row of data is d vectors to add and d to add to. Sums run in the order of the
// rows, so that nothing depends on threads.
#pragma once

#include "kernels/categorical_api.hpp"
#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

static inline int vectors_of(int k) { return (k + W - 1) / W; }

// Rows of all tables: levels and one for no answer, item after item.
static inline size_t rows_of(const Answered& answers) {
    size_t rows = 0;
    for (int j = 0; j < answers.d; j++) rows += answers.levels[j] + 1;
    return rows;
}

// A table of rows padded to `width` doubles, and where the rows of each item begin.
struct AnswerTable {
    double* values;
    size_t width;

    // From (sum of levels, k); padding and the rows for no answer are zero.
    void fill(const Answered& answers, const double* from) {
        std::memset(values, 0, rows_of(answers) * width * sizeof(double));
        double* to = values;
        for (int j = 0; j < answers.d; j++, to += width)
            for (int l = 0; l < answers.levels[j]; l++, to += width, from += answers.k)
                std::memcpy(to, from, answers.k * sizeof(double));
    }

    // To (sum of levels, k).
    void give(const Answered& answers, double* to) const {
        const double* from = values;
        for (int j = 0; j < answers.d; j++, from += width)
            for (int l = 0; l < answers.levels[j]; l++, from += width, to += answers.k)
                std::memcpy(to, from, answers.k * sizeof(double));
    }

    void begin(const Answered& answers, double** items) const {
        double* at = values;
        for (int j = 0; j < answers.d; j++) {
            items[j] = at;
            at += (answers.levels[j] + 1) * width;
        }
    }
};

// All that a pass over the answers works on, KV vectors of members wide; KV = 0 is a width known at run time only.
template <int KV>
struct CategoricalPass {
    const Answered& answers;
    int known;
    double** log_items;    // (d,) into the table of log probabilities
    double** count_items;  // (d,) into the table of counts
    const double* log_mix;  // padded by -infinity

    int kv() const { return KV > 0 ? KV : known; }
    size_t width() const { return static_cast<size_t>(kv()) * W; }

    // Log joint densities (rows, width) of `rows` rows, W at most.
    void joint(const uint8_t* codes, int rows, double* out) const {
        const size_t d = answers.d, w = width();
        for (int v = 0; v < kv(); v++) {
            const vd mix = load(log_mix + v * W);
            int r = 0;
            for (; r + 2 <= rows; r += 2) {  // two at a time, as each sum waits for itself
                const uint8_t *one = codes + r * d, *two = one + d;
                vd a{}, b{};
                for (size_t j = 0; j < d; j++) {
                    const double* item = log_items[j] + v * W;
                    a += load(item + one[j] * w);
                    b += load(item + two[j] * w);
                }
                store(out + r * w + v * W, a + mix);
                store(out + (r + 1) * w + v * W, b + mix);
            }
            if (r < rows) {
                vd a{};
                for (size_t j = 0; j < d; j++) a += load(log_items[j] + v * W + codes[r * d + j] * w);
                store(out + r * w + v * W, a + mix);
            }
        }
    }

    // Add a row of responsibilities to the counts of its answers.
    void add(const uint8_t* codes, const double* row) const {
        const size_t w = width();
        for (int v = 0; v < kv(); v++) {
            const vd share = load(row + v * W);
            for (int j = 0; j < answers.d; j++) {
                double* at = count_items[j] + v * W + codes[j] * w;
                store(at, load(at) + share);
            }
        }
    }

    // From W rows of members (W, width) to members of W rows (width, W), or back.
    void turn(const double* from, size_t from_step, double* to, size_t to_step) const {
        for (int v = 0; v < kv(); v++) {
            vd lanes[W];
            const double* at = from + (from_step == W ? v * W * W : v * W);
            double* out = to + (to_step == W ? v * W * W : v * W);
            for (int r = 0; r < W; r++) lanes[r] = load(at + r * from_step);
            transpose(lanes);
            for (int r = 0; r < W; r++) store(out + r * to_step, lanes[r]);
        }
    }

    // Turn log joint densities (width, W) of W rows into responsibilities times their weights, of which the sums
    // (width, W) are added to. Returns the log-likelihood of the rows; one that is -infinity everywhere is shared evenly.
    vd share(double* members, vd weight, double* sums) const {
        const int k = answers.k;
        vd top = load(members);
        for (int c = 1; c < k; c++) top = vmax(load(members + c * W), top);
        const vi is_lost = !(top > set1(-INF));
        vd total{};
        for (int c = 0; c < k; c++) {
            const vd below = is_lost ? vd{} : load(members + c * W) - top;
            const vd e = exp_nonpositive(below, set1(UNDERFLOW));
            store(members + c * W, e);
            total += e;
        }
        const vd scale = weight / total;
        for (int c = 0; c < k; c++) {
            const vd r = load(members + c * W) * scale;
            store(members + c * W, r);
            store(sums + c * W, load(sums + c * W) + r);
        }
        const vd density = is_lost ? set1(-INF) : top + log_from_one(total);
        return weight > vd{} ? weight * density : vd{};
    }

    // The E-step; `rows` (W, width) and `members` (width, W) are scratch, `sums` (width, W) is added to. Returns the
    // log-likelihood.
    double moments(const double* weights, double* rows, double* members, double* sums) const {
        const size_t d = answers.d, w = width();
        vd loglik{};
        for (long start = 0; start < answers.n; start += W) {
            const int size = answers.n - start < W ? static_cast<int>(answers.n - start) : W;
            const uint8_t* codes = answers.codes + start * d;
            joint(codes, size, rows);
            vd weight{};
            for (int r = 0; r < size; r++) weight[r] = weights == nullptr ? 1.0 : weights[start + r];
            turn(rows, w, members, W);
            loglik += share(members, weight, sums);
            turn(members, W, rows, w);
            for (int r = 0; r < size; r++)
                if (weight[r] > 0) add(codes + r * d, rows + r * w);
        }
        return hsum(loglik);
    }
};

// Call a task with the pass of the width that k needs.
template <typename Task>
static void with_width(const Answered& answers, double** log_items, double** count_items, const double* log_mix,
                       const Task& task) {
    const int kv = vectors_of(answers.k);
    if (kv == 1) task(CategoricalPass<1>{answers, kv, log_items, count_items, log_mix});
    else if (kv == 2) task(CategoricalPass<2>{answers, kv, log_items, count_items, log_mix});
    else if (kv == 3) task(CategoricalPass<3>{answers, kv, log_items, count_items, log_mix});
    else task(CategoricalPass<0>{answers, kv, log_items, count_items, log_mix});
}

// Memory of one call: tables, their items, scratch for W rows and two rows of members.
struct CategoricalRoom {
    size_t width, table;
    Arena arena;

    explicit CategoricalRoom(const Answered& answers)
        : width(static_cast<size_t>(vectors_of(answers.k)) * W), table(rows_of(answers) * width),
          arena(2 * Arena::padded(table) + 2 * Arena::padded(answers.d) + 3 * Arena::padded(W * width) +
                2 * Arena::padded(width)) {}

    AnswerTable next_table() { return AnswerTable{arena.take(table), width}; }

    double** items(const Answered& answers, const AnswerTable& of) {
        double** at = reinterpret_cast<double**>(arena.take(answers.d));
        of.begin(answers, at);
        return at;
    }

    double* padded_mix(const double* log_mix, int k) {
        double* to = arena.take(width);
        for (size_t c = 0; c < width; c++) to[c] = c < static_cast<size_t>(k) ? log_mix[c] : -INF;
        return to;
    }
};

// Whole numbers 0 to 254 of X (n, d) as bytes (n, d), 255 for NaN, and which values occur in each column, seen (d, 256).
// Returns 1 where there is another number.
template <typename T>
int categorical_bytes(const T* X, long n, int d, uint8_t* codes, uint8_t* seen) {
    constexpr int CHUNK = 256;  // short loops of one kind each, which become vectors
    const size_t size = static_cast<size_t>(n) * d;
    T inside[CHUNK], gap[CHUNK];
    int32_t code[CHUNK];
    for (size_t start = 0; start < size; start += CHUNK) {
        const int m = size - start < CHUNK ? static_cast<int>(size - start) : CHUNK;
        const T* x = X + start;
        for (int i = 0; i < m; i++) {
            const T low = x[i] >= T(0) ? x[i] : T(255);  // NaN too
            inside[i] = low < T(255) ? low : T(255);
        }
        for (int i = 0; i < m; i++) code[i] = static_cast<int32_t>(inside[i]);
        for (int i = 0; i < m; i++) gap[i] = x[i] == T(255) ? T(1) : static_cast<T>(code[i]) - x[i];
        int bad = 0;
        for (int i = 0; i < m; i++) bad |= (gap[i] > T(0)) | (gap[i] < T(0));  // neither where it is NaN
        if (bad) return 1;
        for (int i = 0; i < m; i++) codes[start + i] = static_cast<uint8_t>(code[i]);
    }
    std::memset(seen, 0, static_cast<size_t>(d) * 256);
    for (long i = 0; i < n; i++)
        for (int j = 0; j < d; j++) seen[j * 256 + codes[static_cast<size_t>(i) * d + j]] = 1;
    return 0;
}

static int categorical_check(const Answered& answers) {
    constexpr size_t TOGETHER = 64;  // rows compared in one long loop
    const size_t d = answers.d, n = answers.n;
    Arena arena(TOGETHER * d / sizeof(double) + 1);
    if (arena.is_empty()) return -1;
    uint8_t* most = reinterpret_cast<uint8_t*>(arena.take(TOGETHER * d / sizeof(double) + 1));
    for (size_t b = 0; b < TOGETHER * d; b++) most[b] = static_cast<uint8_t>(answers.levels[b % d]);
    uint8_t bad = 0;
    for (size_t i = 0; i < n; i += TOGETHER) {
        const uint8_t* row = answers.codes + i * d;
        const size_t size = (n - i < TOGETHER ? n - i : TOGETHER) * d;
        for (size_t b = 0; b < size; b++) bad |= row[b] > most[b];
    }
    return bad ? 1 : 0;
}

static int categorical_moments(const Answered& answers, const double* weights, const double* log_mix,
                               const double* log_prob, double* loglik, double* count, double* counts) {
    CategoricalRoom room(answers);
    if (room.arena.is_empty()) return 1;
    AnswerTable logs = room.next_table(), sums = room.next_table();
    logs.fill(answers, log_prob);
    std::memset(sums.values, 0, room.table * sizeof(double));
    const size_t lanes = W * room.width;
    double *rows = room.arena.take(lanes), *members = room.arena.take(lanes), *total = room.arena.take(lanes);
    std::memset(rows, 0, lanes * sizeof(double));  // those beyond the last row are read, and weigh nothing
    std::memset(total, 0, lanes * sizeof(double));
    const double* mix = room.padded_mix(log_mix, answers.k);
    with_width(answers, room.items(answers, logs), room.items(answers, sums), mix,
               [&](const auto& pass) { *loglik = pass.moments(weights, rows, members, total); });
    for (int c = 0; c < answers.k; c++) count[c] = hsum(load(total + static_cast<size_t>(c) * W));
    sums.give(answers, counts);
    return 0;
}

// Log joint densities (n, k).
static int categorical_joint(const Answered& answers, const double* log_mix, const double* log_prob, double* out) {
    CategoricalRoom room(answers);
    if (room.arena.is_empty()) return 1;
    AnswerTable logs = room.next_table();
    logs.fill(answers, log_prob);
    double* rows = room.arena.take(W * room.width);
    const double* mix = room.padded_mix(log_mix, answers.k);
    with_width(answers, room.items(answers, logs), nullptr, mix, [&](const auto& pass) {
        for (long start = 0; start < answers.n; start += W) {
            const int size = answers.n - start < W ? static_cast<int>(answers.n - start) : W;
            pass.joint(answers.codes + start * answers.d, size, rows);
            for (int r = 0; r < size; r++)
                std::memcpy(out + (start + r) * answers.k, rows + r * room.width, answers.k * sizeof(double));
        }
    });
    return 0;
}

// Sums (sum of levels, k) of responsibilities (n, k) by level.
static int categorical_counts(const Answered& answers, const double* resp, double* counts) {
    CategoricalRoom room(answers);
    if (room.arena.is_empty()) return 1;
    AnswerTable sums = room.next_table();
    std::memset(sums.values, 0, room.table * sizeof(double));
    double* row = room.arena.take(room.width);
    std::memset(row, 0, room.width * sizeof(double));
    with_width(answers, nullptr, room.items(answers, sums), nullptr, [&](const auto& pass) {
        for (long i = 0; i < answers.n; i++) {
            std::memcpy(row, resp + i * answers.k, answers.k * sizeof(double));
            pass.add(answers.codes + i * answers.d, row);
        }
    });
    sums.give(answers, counts);
    return 0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
