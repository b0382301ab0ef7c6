// Expected counts of answers at quadrature nodes: the E-step of item response models (Bock & Aitkin 1981).
//
// A tile of rows at a time: log joint = log prior + sum over items of a row of the table (gather), softmax over nodes,
// then, item by item, the posteriors of the rows with the same answer are added up in registers (scatter).
#pragma once

#include "kernels/buffer.hpp"
#include "kernels/quadrature_api.hpp"
#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr int TILE = 32;       // rows: their posteriors stay in the first cache
// Nodes are padded to a multiple of this. One pass of the gather: the chunk of the table stays in the first cache.
constexpr int CHUNK = 4 * W;
constexpr int CATEGORIES = 256;

// Scratch of one call; the table is cut into chunks of nodes, and its last row is zero: a missing answer.
class Quadrature {
public:
    Quadrature(const Answers& answers, const Nodes* nodes, int q)
        : a_(answers), rows_(answers.first[answers.items]), q_(q), padded_((q + CHUNK - 1) / CHUNK * CHUNK),
          packed_(nodes != nullptr ? static_cast<size_t>(rows_ + 1) * padded_ : 0),
          joint_(static_cast<size_t>(TILE) * padded_), counts_(static_cast<size_t>(rows_) * padded_),
          index_(static_cast<size_t>(TILE) * answers.items) {
        if (nodes != nullptr) pack(nodes->table);
    }

    int padded() const { return padded_; }
    double* joint() { return joint_.data(); }

    void index(long start, int rows) {
        for (int r = 0; r < rows; r++) {
            const uint8_t* codes = a_.codes + (start + r) * a_.items;
            int32_t* at = index_.data() + static_cast<size_t>(r) * a_.items;
            for (int j = 0; j < a_.items; j++) {
                const int32_t row = a_.first[j] + codes[j];
                at[j] = row < a_.first[j + 1] ? row : rows_;
            }
        }
    }

    // The log prior of each row of the tile, minus infinity at nodes that only pad.
    void set_prior(const Nodes& nodes, long start, int rows) {
        for (int r = 0; r < rows; r++) {
            const long g = a_.group == nullptr ? 0 : a_.group[start + r];
            double* at = joint_.data() + static_cast<size_t>(r) * padded_;
            std::memcpy(at, nodes.log_prior + g * q_, q_ * sizeof(double));
            for (int p = q_; p < padded_; p++) at[p] = -INF;
        }
    }

    void gather(int rows) {
        for (int c = 0; c < padded_ / CHUNK; c++) {
            const double* table = packed_.data() + static_cast<size_t>(c) * (rows_ + 1) * CHUNK;
            int r = 0;
            for (; r + 2 <= rows; r += 2) gather_rows<2>(table, r, c);
            for (; r < rows; r++) gather_rows<1>(table, r, c);
        }
    }

    // Log-density of a row of the tile; its log joint becomes `weight` times the posterior.
    double softmax(int r, double weight) {
        double* at = joint_.data() + static_cast<size_t>(r) * padded_;
        vd top = load(at);
        for (int p = W; p < padded_; p += W) top = vmax(load(at + p), top);
        double highest = top[0];
        for (int b = 1; b < W; b++) highest = larger(highest, static_cast<double>(top[b]));
        vd sum{};
        for (int p = 0; p < padded_; p += W) {
            const vd e = exp_nonpositive(load(at + p) - set1(highest), set1(UNDERFLOW));
            store(at + p, e);
            sum += e;
        }
        const double total = hsum(sum);
        const vd scale = set1(weight / total);
        for (int p = 0; p < padded_; p += W) store(at + p, load(at + p) * scale);
        return highest + log_from_one(set1(total))[0];
    }

    void clear(int r) {
        double* at = joint_.data() + static_cast<size_t>(r) * padded_;
        for (int p = 0; p < padded_; p++) at[p] = 0.0;
    }

    void scatter(int rows) {
        for (int j = 0; j < a_.items; j++) {
            const int k = a_.first[j + 1] - a_.first[j];
            sort(rows, j, k);
            for (int c = 0; c < k; c++)
                if (ends_[c + 1] > ends_[c]) add(a_.first[j] + c, ends_[c], ends_[c + 1]);
        }
    }

    void give_counts(double* counts) const {
        for (int row = 0; row < rows_; row++)
            std::memcpy(counts + static_cast<size_t>(row) * q_, counts_.data() + static_cast<size_t>(row) * padded_,
                        q_ * sizeof(double));
    }

private:
    const Answers& a_;
    int rows_, q_, padded_;
    Buffer<double> packed_;  // (chunks, rows + 1, CHUNK)
    Buffer<double> joint_;   // (TILE, padded)
    Buffer<double> counts_;  // (rows, padded)
    Buffer<int32_t> index_;  // (TILE, items)
    int ends_[CATEGORIES + 2];
    int order_[TILE];

    void pack(const double* table) {
        for (int row = 0; row < rows_; row++)
            for (int p = 0; p < q_; p++)
                packed_[(static_cast<size_t>(p / CHUNK) * (rows_ + 1) + row) * CHUNK + p % CHUNK] =
                    table[static_cast<size_t>(row) * q_ + p];
    }

    template <int R>
    void gather_rows(const double* table, int r, int chunk) {
        vd sum[R][4];
        for (int i = 0; i < R; i++)
            for (int v = 0; v < 4; v++)
                sum[i][v] = load(joint_.data() + static_cast<size_t>(r + i) * padded_ + chunk * CHUNK + v * W);
        const int32_t* at = index_.data() + static_cast<size_t>(r) * a_.items;
        for (int j = 0; j < a_.items; j++)
            for (int i = 0; i < R; i++) {
                const double* row = table + static_cast<size_t>(at[i * a_.items + j]) * CHUNK;
                for (int v = 0; v < 4; v++) sum[i][v] += load(row + v * W);
            }
        for (int i = 0; i < R; i++)
            for (int v = 0; v < 4; v++)
                store(joint_.data() + static_cast<size_t>(r + i) * padded_ + chunk * CHUNK + v * W, sum[i][v]);
    }

    // Rows of the tile in the order of their answers to item j: those with answer c are order_[ends_[c] .. ends_[c + 1]).
    void sort(int rows, int j, int k) {
        int next[CATEGORIES + 2];
        for (int c = 0; c <= k + 1; c++) next[c] = 0;
        for (int r = 0; r < rows; r++) next[answer(r, j, k) + 1]++;
        for (int c = 0; c <= k; c++) next[c + 1] += next[c];
        for (int c = 0; c <= k; c++) ends_[c] = next[c];
        for (int r = 0; r < rows; r++) order_[next[answer(r, j, k)]++] = r;
    }

    int answer(int r, int j, int k) const {
        const int32_t row = index_[static_cast<size_t>(r) * a_.items + j];
        return row == rows_ ? k : row - a_.first[j];
    }

    void add(int row, int from, int to) {
        int p = 0;
        for (; p + 2 * CHUNK <= padded_; p += 2 * CHUNK) add_vectors<8>(row, from, to, p);
        if (p < padded_) add_vectors<4>(row, from, to, p);
    }

    template <int V>
    void add_vectors(int row, int from, int to, int p) {
        double* at = counts_.data() + static_cast<size_t>(row) * padded_ + p;
        vd sum[V];
        for (int v = 0; v < V; v++) sum[v] = load(at + v * W);
        for (int i = from; i < to; i++) {
            const double* post = joint_.data() + static_cast<size_t>(order_[i]) * padded_ + p;
            for (int v = 0; v < V; v++) sum[v] += load(post + v * W);
        }
        for (int v = 0; v < V; v++) store(at + v * W, sum[v]);
    }
};

static inline int tile_rows(long start, long n) { return n - start < TILE ? static_cast<int>(n - start) : TILE; }

// weights (n,) or null; loglik, counts (first[items], q) and mass (groups, q) out. Rows of weight zero are passed over.
static int quadrature_counts(const Answers& a, const Nodes& nodes, const double* weights, double* loglik, double* counts,
                             double* mass) {
    Quadrature tile(a, &nodes, nodes.q);
    for (size_t i = 0; i < static_cast<size_t>(nodes.groups) * nodes.q; i++) mass[i] = 0.0;
    *loglik = 0.0;
    for (long start = 0; start < a.n; start += TILE) {
        const int rows = tile_rows(start, a.n);
        tile.index(start, rows);
        tile.set_prior(nodes, start, rows);
        tile.gather(rows);
        double part = 0.0;
        for (int r = 0; r < rows; r++) {
            const double weight = weights == nullptr ? 1.0 : weights[start + r];
            if (weight > 0.0) {
                part += weight * tile.softmax(r, weight);
                double* to = mass + static_cast<size_t>(a.group == nullptr ? 0 : a.group[start + r]) * nodes.q;
                const double* post = tile.joint() + static_cast<size_t>(r) * tile.padded();
                for (int p = 0; p < nodes.q; p++) to[p] += post[p];
            } else {
                tile.clear(r);
            }
        }
        *loglik += part;
        tile.scatter(rows);
    }
    tile.give_counts(counts);
    return 0;
}

// joint (n, q) out: log prior plus log-probability of the answers at each node.
static int quadrature_joint(const Answers& a, const Nodes& nodes, double* joint) {
    Quadrature tile(a, &nodes, nodes.q);
    for (long start = 0; start < a.n; start += TILE) {
        const int rows = tile_rows(start, a.n);
        tile.index(start, rows);
        tile.set_prior(nodes, start, rows);
        tile.gather(rows);
        for (int r = 0; r < rows; r++)
            std::memcpy(joint + (start + r) * nodes.q, tile.joint() + static_cast<size_t>(r) * tile.padded(),
                        nodes.q * sizeof(double));
    }
    return 0;
}

// counts (first[items], q) out: sums of `values` (n, q) over the rows with each answer.
static int quadrature_scatter(const Answers& a, const double* values, int q, double* counts) {
    Quadrature tile(a, nullptr, q);
    for (long start = 0; start < a.n; start += TILE) {
        const int rows = tile_rows(start, a.n);
        tile.index(start, rows);
        for (int r = 0; r < rows; r++)
            std::memcpy(tile.joint() + static_cast<size_t>(r) * tile.padded(), values + (start + r) * q, q * sizeof(double));
        tile.scatter(rows);
    }
    tile.give_counts(counts);
    return 0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
