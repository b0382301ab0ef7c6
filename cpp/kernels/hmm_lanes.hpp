// Few states: many rows at once, one stream of rows for each lane of the vectors. A stream is a run of whole sequences,
// or one of about equal stretches of a long sequence (hmm_cut.hpp).
//
// A recursion over single rows waits for itself, as each step needs the one before, and with few states its vectors are
// mostly empty. Streams do not wait for each other. Notation and scaling are those of hmm_scaled.hpp, for transitions
// without zeros; a row that is impossible or not a number leaves all to the other ways.
#pragma once

#include <cmath>

#include "kernels/buffer.hpp"
#include "kernels/hmm_api.hpp"
#include "kernels/hmm_scaled.hpp"
#include "kernels/hmm_stream.hpp"

namespace emkit {
namespace EMKIT_ISA {

template <int K>
class Streams {
public:
    static constexpr int G = 2, C = G * W, STEP = K * C;  // vectors and streams, and numbers of one step of all
    static constexpr long TILE = K > 4 ? 32 : 64;         // steps worked on together: they stay in the first cache
    static constexpr long GROUP = 8;                      // steps between two scalings

    Stream streams[C];

    // u (steps, K, C) is scratch.
    Streams(const double* init, const double* trans, long steps, double* u)
        : steps_(steps), u_(u), y_((static_cast<size_t>(steps) + 1) * STEP),
          scale_((static_cast<size_t>(steps) / GROUP + 1) * C), shift_(TILE * C), gamma_(TILE * STEP) {
        for (int j = 0; j < K; j++) init_[j] = init == nullptr ? 0.0 : init[j];
        for (int j = 0; j < K * K; j++) trans_[j] = trans[j];
        for (int j = 0; j < K; j++)
            for (int l = 0; l < C; l++) y_[j * C + l] = 1.0 / K, exit_[j * C + l] = 1.0;
    }

    // Filter all streams from u as it is, with the sums of row maxima (C,) given.
    void forward(const double* shift) {
        begin_forward();
        std::memcpy(total_, shift, sizeof(total_));
        filter<false>(0, steps_);
        end_forward();
    }

    // Filter all streams from their rows. False where a row is lost.
    bool forward() {
        begin_forward();
        for (long from = 0; from < steps_; from += TILE) {
            const long to = smaller(from + TILE, steps_);
            if (!prepare(from, to)) return false;
            filter<true>(from, to);
        }
        end_forward();
        return true;
    }

    // Posteriors to the streams; first rows (K,) and transition counts (K, K) are added to. Overwrites u.
    void backward(double weight, double* first, double* moves) {
        weight_ = weight;
        long next = -1;
        for (int l = 0; l < C; l++)
            if (streams[l].to_last()) next = larger(next, streams[l].end - 1);
        std::memset(beta_, 0, sizeof(beta_));
        std::memset(moves_, 0, sizeof(moves_));
        for (long to = steps_; to > 0;) {
            const long from = (to - 1) / TILE * TILE;
            smooth(from, to, next, first);
            if (!IS_FUSED) count_moves(from, to);
            give(from, to);
            to = from;
        }
        for (int i = 0; i < K * K; i++) {
            vd sum = load(moves_ + i * W);
            moves[i] += trans_[i] * hsum(sum);
        }
    }

    // Filtered probabilities (K,) of the last row of stream l.
    void last(int l, double* out) const {
        double row[K];
        for (int j = 0; j < K; j++) row[j] = y_[streams[l].length * STEP + j * C + l];
        to_unit(row, out);
    }

protected:
    static constexpr bool IS_FUSED = K * K + 3 * K <= REGISTERS;  // whether transition counts stay in registers
    static constexpr long NEVER = -1;

    static void to_unit(const double* from, double* to) {
        double sum = 0.0;
        for (int j = 0; j < K; j++) sum += from[j];
        for (int j = 0; j < K; j++) to[j] = from[j] / sum;
    }

    // --- emissions ---

    // u = exp(log b - max), at least LEAST_EMISSION where b is positive, and the maxima, of some steps.
    bool prepare(long from, long to) {
        for (int l = 0; l < C; l++) {
            const double* row = streams[l].rows + from * K;
            double* at = u_ + from * STEP + l;
            const long known = larger(0L, smaller(streams[l].length, to) - from) * K;
            for (long i = 0; i < known; i++) at[i * C] = row[i];
            for (long i = known; i < (to - from) * K; i++) at[i * C] = 0.0;
        }
        const vd floor = set1(UNDERFLOW), least = set1(LEAST_EMISSION), none = set1(-INF);
        vi is_sound = vi{} - 1;
        for (long t = from; t < to; t++)
            for (int g = 0; g < G; g++) {
                double* at = u_ + t * STEP + g * W;
                vd x[K], top = load(at);
                x[0] = top;
#pragma GCC unroll 8
                for (int j = 1; j < K; j++) x[j] = load(at + j * C), top = vmax(x[j], top);
                is_sound &= (top > none) & (top < set1(INF));
                store(shift_.data() + (t - from) * C + g * W, top);
#pragma GCC unroll 8
                for (int j = 0; j < K; j++) {
                    const vd e = vmax(exp_nonpositive(x[j] - top, floor), least);
                    store(at + j * C, x[j] > none ? e : vd{});
                }
            }
        bool is_found = true;
        for (int b = 0; b < W; b++) is_found = is_found && is_sound[b] != 0;
        return is_found;
    }

    // --- forward ---

    // y (K,) times A, times u.
    inline void step(const vd* y, const double* u, vd* to) const {
        vd next[K];
#pragma GCC unroll 8
        for (int j = 0; j < K; j++) {
            vd sum = y[0] * set1(trans_[j]);
#pragma GCC unroll 8
            for (int i = 1; i < K; i++) sum += y[i] * set1(trans_[i * K + j]);
            next[j] = sum * load(u + j * C);
        }
#pragma GCC unroll 8
        for (int j = 0; j < K; j++) to[j] = next[j];
    }

    // The reciprocal of the sum of y, which goes into the product: its mantissa and its exponent.
    static inline vd scaled(const vd* y, double* product, int64_t* exponent) {
        vd sum = y[0];
#pragma GCC unroll 8
        for (int j = 1; j < K; j++) sum += y[j];
        const vi b = bits(load(product) * sum);
        vi power, old;
        power = (b >> 52) - 1023;
        std::memcpy(&old, exponent, sizeof(old));
        old += power;
        std::memcpy(exponent, &old, sizeof(old));
        store(product, from_bits(b - (power << 52)));
        return set1(1.0) / sum;
    }

    void begin_forward() {
        next_ = NEVER;
        for (int l = 0; l < C; l++) {
            total_[l] = 0.0, product_[l] = 1.0, exponent_[l] = 0;
            if (streams[l].to_first()) look_ahead(streams[l].is_entered ? streams[l].end : 0);
        }
    }

    void look_ahead(long t) { next_ = next_ == NEVER || t < next_ ? t : next_; }

    template <bool HAS_SHIFTS>
    void filter(long from, long to) {
        vd y[G][K];
        load_row(y_.data() + from * STEP, y);
        for (long t = from; t < to; t++) {
            const double* u = u_ + t * STEP;
            double* row = y_.data() + (t + 1) * STEP;
            if (t % GROUP == 0)
                for (int g = 0; g < G; g++) {
                    const vd r = scaled(y[g], product_ + g * W, exponent_ + g * W);
                    store(scale_.data() + t / GROUP * C + g * W, r);
#pragma GCC unroll 8
                    for (int j = 0; j < K; j++) y[g][j] *= r;
                }
#pragma GCC unroll 2
            for (int g = 0; g < G; g++) {
                step(y[g], u + g * W, y[g]);
#pragma GCC unroll 8
                for (int j = 0; j < K; j++) store(row + j * C + g * W, y[g][j]);
            }
            if (t == next_) {
                turn(t);
                load_row(row, y);
            }
            if (HAS_SHIFTS)
                for (int g = 0; g < G; g++)
                    store(total_ + g * W, load(total_ + g * W) + load(shift_.data() + (t - from) * C + g * W));
        }
    }

    static void load_row(const double* row, vd y[G][K]) {
        for (int g = 0; g < G; g++)
            for (int j = 0; j < K; j++) y[g][j] = load(row + j * C + g * W);
    }

    // Pieces that end before step t, and those that begin with it.
    void turn(long t) {
        next_ = NEVER;
        for (int l = 0; l < C; l++) {
            Stream& stream = streams[l];
            if (stream.piece >= stream.count) continue;
            bool begins = t == 0 && !stream.is_entered;
            if (stream.end == t) {
                finish(l, t);
                begins = stream.to_next();
            }
            if (begins) {
                for (int j = 0; j < K; j++) y_[(t + 1) * STEP + j * C + l] = init_[j] * u_[t * STEP + j * C + l];
                if (t > 0) total_[l] = 0.0;  // else it holds what is known already
                product_[l] = 1.0, exponent_[l] = 0;
            }
            if (stream.piece < stream.count) look_ahead(stream.end);
        }
    }

    // The log-likelihood of the piece of stream l that ends before step t.
    void finish(int l, long t) {
        double sum = 1.0;
        if (t % GROUP != 0 || t == steps_) sum = sum_of(t, l);
        Stream& stream = streams[l];
        stream.loglik[stream.piece] = log(product_[l] * sum) + static_cast<double>(exponent_[l]) * LOG_2 + total_[l];
        if (stream.weights != nullptr && stream.weights[stream.piece] == 0.0) stream.loglik[stream.piece] = 0.0;
    }

    double sum_of(long t, int l) const {
        double sum = 0.0;
        for (int j = 0; j < K; j++) sum += y_[t * STEP + j * C + l];
        return sum;
    }

    void end_forward() {
        for (int l = 0; l < C; l++)
            if (streams[l].piece < streams[l].count) finish(l, streams[l].end), streams[l].to_next();
    }

    // --- backward ---

    void smooth(long from, long to, long& next, double* first) {
        vd beta[G][K], w[G][K], sums[IS_FUSED ? K * K : 1];
        load_row(beta_, beta);
        if constexpr (IS_FUSED)
            for (int i = 0; i < K * K; i++) sums[i] = load(moves_ + i * W);
        for (long t = to - 1; t >= from; t--) {
            double* u = u_ + t * STEP;
            const double* y = y_.data() + (t + 1) * STEP;
            double* gamma = gamma_.data() + (t - from) * STEP;
            if (t == next) {
                for (int g = 0; g < G; g++)
                    for (int j = 0; j < K; j++) store(beta_ + j * C + g * W, beta[g][j]);
                leave(t);
                load_row(beta_, beta);
            }
#pragma GCC unroll 2
            for (int g = 0; g < G; g++)
#pragma GCC unroll 8
                for (int j = 0; j < K; j++) {
                    const int at = j * C + g * W;
                    store(gamma + at, load(y + at) * beta[g][j]);
                    w[g][j] = load(u + at) * beta[g][j];
                }
            if (t % GROUP == 0)
                for (int g = 0; g < G; g++) {
                    const vd r = load(scale_.data() + t / GROUP * C + g * W);
#pragma GCC unroll 8
                    for (int j = 0; j < K; j++) w[g][j] *= r;
                }
            if (!IS_FUSED || t == next)
                for (int g = 0; g < G; g++)
#pragma GCC unroll 8
                    for (int j = 0; j < K; j++) store(u + j * C + g * W, w[g][j]);
            if (t == next) {
                next = return_from(t, gamma, first);
                load_row(u, w);
            }
#pragma GCC unroll 2
            for (int g = 0; g < G; g++)
#pragma GCC unroll 8
                for (int i = 0; i < K; i++) {
                    vd sum = w[g][0] * set1(trans_[i * K]);
#pragma GCC unroll 8
                    for (int j = 1; j < K; j++) sum += w[g][j] * set1(trans_[i * K + j]);
                    beta[g][i] = sum;
                    if constexpr (IS_FUSED) {
                        const vd past = load(y - STEP + i * C + g * W);
#pragma GCC unroll 8
                        for (int j = 0; j < K; j++) sums[i * K + j] += past * w[g][j];
                    }
                }
        }
        if constexpr (IS_FUSED)
            for (int i = 0; i < K * K; i++) store(moves_ + i * W, sums[i]);
        for (int g = 0; g < G; g++)
            for (int j = 0; j < K; j++) store(beta_ + j * C + g * W, beta[g][j]);
    }

    // Backward factors after the last row of the pieces that end with step t.
    void leave(long t) {
        for (int l = 0; l < C; l++) {
            const Stream& stream = streams[l];
            if (stream.piece < 0 || stream.end - 1 != t) continue;
            const double weight = stream.weights == nullptr ? weight_ : stream.weights[stream.piece];
            double sum = 0.0;
            for (int j = 0; j < K; j++) sum += y_[(t + 1) * STEP + j * C + l] * exit_[j * C + l];
            for (int j = 0; j < K; j++) beta_[j * C + l] = weight * exit_[j * C + l] / sum;
        }
    }

    // Nothing goes back from the first row of a sequence. Returns the next step where pieces begin or end.
    long return_from(long t, const double* gamma, double* first) {
        long next = NEVER;
        for (int l = 0; l < C; l++) {
            Stream& stream = streams[l];
            if (stream.piece < 0) continue;
            if (stream.begin == t && !(t == 0 && stream.is_entered))
                for (int j = 0; j < K; j++) {
                    first[j] += gamma[j * C + l];
                    u_[t * STEP + j * C + l] = 0.0;
                }
            if (stream.begin == t) stream.to_previous();
            if (stream.piece >= 0) next = larger(next, stream.end - 1 < t ? stream.end - 1 : stream.begin);
        }
        return next;
    }

    void count_moves(long from, long to) {
        constexpr int B = 4;
        for (int i = 0; i < K; i += B)
            for (int j = 0; j < K; j += B) {
                if (K - i >= B && K - j >= B)
                    count_block<B, B>(from, to, i, j);
                else if (K - i >= B)
                    count_block<B, K % B>(from, to, i, j);
                else if (K - j >= B)
                    count_block<K % B, B>(from, to, i, j);
                else
                    count_block<K % B, K % B>(from, to, i, j);
            }
    }

    template <int H, int V>
    void count_block(long from, long to, int i, int j) {
        if constexpr (H > 0 && V > 0) {
            vd sums[H][V];
            for (int a = 0; a < H; a++)
                for (int b = 0; b < V; b++) sums[a][b] = load(moves_ + ((i + a) * K + j + b) * W);
            for (long t = from; t < to; t++)
                for (int g = 0; g < G; g++)
                    for (int b = 0; b < V; b++) {
                        const vd w = load(u_ + t * STEP + (j + b) * C + g * W);
                        for (int a = 0; a < H; a++) sums[a][b] += load(y_.data() + t * STEP + (i + a) * C + g * W) * w;
                    }
            for (int a = 0; a < H; a++)
                for (int b = 0; b < V; b++) store(moves_ + ((i + a) * K + j + b) * W, sums[a][b]);
        }
    }

    void give(long from, long to) const {
        for (int l = 0; l < C; l++) {
            double* row = streams[l].resp + from * K;
            const double* at = gamma_.data() + l;
            const long known = larger(0L, smaller(streams[l].length, to) - from) * K;
            for (long i = 0; i < known; i++) row[i] = at[i * C];
        }
    }

    static constexpr double LOG_2 = 0.69314718055994530942;

    long steps_, next_ = NEVER;
    double* u_;                       // (steps, K, C) scaled emissions, then w
    Unset y_, scale_, shift_, gamma_;  // (steps + 1, K, C) from the row before the first; (steps / GROUP, C); tiles
    double init_[K], trans_[K * K], exit_[STEP], beta_[STEP], moves_[K * K * W], weight_ = 1.0;
    double total_[C], product_[C];
    int64_t exponent_[C];
};

}  // namespace EMKIT_ISA
}  // namespace emkit
