// Hidden Markov models over batches of sequences: smoothing, filtering, the best path, and paths drawn at random.
#pragma once

#include "kernels/hmm_log.hpp"
#include "kernels/hmm_scaled.hpp"
#include "kernels/hmm_streams.hpp"

namespace emkit {
namespace EMKIT_ISA {

static long longest_of(const Batch& batch) {
    long longest = 1;
    for (long s = 0; s < batch.n_sequences; s++) longest = larger(longest, static_cast<long>(batch.lengths[s]));
    return longest;
}

static void note(Impossible& impossible, long sequence, long step) {
    if (impossible.sequence < 0) impossible.sequence = sequence, impossible.step = step;
}

template <class R>
static int smooth_as(const Batch& batch, SmoothSums& out) {
    const int k = batch.k;
    Scaled<R> scaled(batch, longest_of(batch));
    const LogChain chain(batch);
    Buffer<double> saved(scaled.square());
    const double* log_emit = batch.log_emit;
    double* resp = out.resp;
    std::memset(out.first, 0, k * sizeof(double));
    std::memset(out.moves, 0, sizeof(double) * k * k);
    std::memset(out.last, 0, k * sizeof(double));
    for (long s = 0; s < batch.n_sequences; s++) {
        const long n = batch.lengths[s];
        const double* entry = s == 0 ? batch.entry : nullptr;
        const double* exit = s == batch.n_sequences - 1 ? batch.exit : nullptr;
        const double weight = batch.weights == nullptr ? 1.0 : batch.weights[s];
        out.loglik[s] = 0.0;
        if (n == 0) continue;
        if (weight == 0.0 && entry == nullptr && exit == nullptr) {
            std::memset(resp, 0, sizeof(double) * n * k);
        } else {
            if (scaled.has_zeros()) scaled.take_moves(saved.data());
            bool is_found = scaled.forward(log_emit, n, entry, &out.loglik[s]);
            if (is_found) {
                is_found = scaled.backward(n, weight, entry != nullptr, exit, resp, out.carry);
                if (is_found && entry != nullptr) scaled.join(entry);
                if (is_found) scaled.filtered(n - 1, out.last);
            }
            if (is_found && entry == nullptr)
                for (int j = 0; j < k; j++) out.first[j] += resp[j];
            if (!is_found) {
                if (scaled.has_zeros()) scaled.set_moves(saved.data());
                const long step = log_smooth(chain, log_emit, n, weight, entry, exit, &out.loglik[s], out.first,
                                             out.moves, resp, out.last, out.carry);
                if (step >= 0) note(out.impossible, s, step);
            }
        }
        log_emit += n * k;
        resp += n * k;
    }
    scaled.add_moves(out.moves);
    return 0;
}

template <class R>
static int filter_as(const Batch& batch, double* loglik, double* filtered, double* last, Impossible& impossible) {
    const int k = batch.k;
    Scaled<R> scaled(batch, longest_of(batch));
    const LogChain chain(batch);
    Buffer<double> spare(scaled.has_zeros() ? static_cast<size_t>(longest_of(batch)) * k : 1), end(k);
    const double* log_emit = batch.log_emit;
    std::memset(last, 0, k * sizeof(double));
    for (long s = 0; s < batch.n_sequences; s++) {
        const long n = batch.lengths[s];
        const double* entry = s == 0 ? batch.entry : nullptr;
        loglik[s] = 0.0;
        if (n == 0) continue;
        bool is_found = scaled.forward(log_emit, n, entry, &loglik[s]);
        // Whether a remnant of a state matters is known only from what follows it.
        if (is_found && scaled.has_zeros()) {
            for (long t = 0; t < n && filtered != nullptr; t++) scaled.filtered(t, filtered + t * k);
            scaled.filtered(n - 1, last);
            is_found = scaled.backward(n, 1.0, entry != nullptr, nullptr, spare.data(), end.data());
        } else if (is_found) {
            for (long t = 0; t < n && filtered != nullptr; t++) scaled.filtered(t, filtered + t * k);
            scaled.filtered(n - 1, last);
        }
        if (!is_found) {
            const long step = log_filter(chain, log_emit, n, entry, &loglik[s], filtered, last);
            if (step >= 0) note(impossible, s, step);
        }
        log_emit += n * k;
        if (filtered != nullptr) filtered += n * k;
    }
    return 0;
}

// The narrowest rows of vectors that hold k states.
template <template <int, int> class Call, class... Arguments>
static int by_states(int k, Arguments&&... arguments) {
    constexpr int FOUR = W < 4 ? W : 4;
    if (k <= 2) return Call<2, 1>::run(arguments...);
    if (k <= 4) return Call<FOUR, 4 / FOUR>::run(arguments...);
    if (k <= 8) return Call<W, 8 / W>::run(arguments...);
    return Call<W, 0>::run(arguments...);
}

template <int L, int V>
struct Smooth {
    static int run(const Batch& batch, SmoothSums& out) { return smooth_as<Rows<L, V>>(batch, out); }
};

template <int L, int V>
struct Filter {
    static int run(const Batch& batch, double* loglik, double* filtered, double* last, Impossible& impossible) {
        return filter_as<Rows<L, V>>(batch, loglik, filtered, last, impossible);
    }
};

// Each sequence on its own: few, and of very different lengths.
static int smooth_each(const Batch& batch, SmoothSums& out);

static int hmm_smooth(const Batch& batch, SmoothSums& out) {
    if (smooth_in_streams(batch, out)) return 0;
    const bool is_few = batch.n_sequences > 1 && batch.n >= LEAST_ROWS * batch.n_sequences;
    if (is_few && batch.entry == nullptr && batch.exit == nullptr) return smooth_each(batch, out);
    return by_states<Smooth>(batch.k, batch, out);
}

static int smooth_each(const Batch& batch, SmoothSums& out) {
    const int k = batch.k;
    Buffer<double> sums(static_cast<size_t>(k) * (k + 3));
    double *first = sums.data(), *last = first + k, *moves = last + k;
    std::memset(out.first, 0, k * sizeof(double));
    std::memset(out.moves, 0, sizeof(double) * k * k);
    std::memset(out.last, 0, k * sizeof(double));
    long row = 0;
    for (long s = 0; s < batch.n_sequences; s++) {
        Batch one = batch;
        one.log_emit += row * k, one.n = batch.lengths[s], one.lengths += s, one.n_sequences = 1;
        if (batch.weights != nullptr) one.weights += s;
        SmoothSums own{out.loglik + s, first, moves, out.resp + row * k, last, nullptr, {}};
        hmm_smooth(one, own);
        if (own.impossible.sequence >= 0) note(out.impossible, s, own.impossible.step);
        for (int j = 0; j < k; j++) out.first[j] += first[j];
        for (int i = 0; i < k * k; i++) out.moves[i] += moves[i];
        if (one.n > 0) std::memcpy(out.last, last, k * sizeof(double));
        row += one.n;
    }
    return 0;
}

static int hmm_filter(const Batch& batch, double* loglik, double* filtered, double* last, Impossible& impossible) {
    return by_states<Filter>(batch.k, batch, loglik, filtered, last, impossible);
}

// States are followed back by their predecessors, one or two bytes each; of equal ones the first wins.
template <typename Back>
static void viterbi_of(const LogChain& chain, const double* log_emit, long n, Back* back, double* score, double* next,
                       int32_t* states, double* log_joint) {
    const int k = chain.k;
    for (int j = 0; j < k; j++) score[j] = chain.init[j] + log_emit[j];
    for (long t = 1; t < n; t++) {
        for (int j = 0; j < k; j++) next[j] = -INF, back[t * k + j] = 0;
        for (int i = 0; i < k; i++)
            for (int j = 0; j < k; j++) {
                const double through = score[i] + chain.trans[i * k + j];
                const bool is_better = through > next[j];
                next[j] = is_better ? through : next[j];
                back[t * k + j] = is_better ? static_cast<Back>(i) : back[t * k + j];
            }
        for (int j = 0; j < k; j++) score[j] = next[j] + log_emit[t * k + j];
    }
    int best = 0;
    for (int j = 1; j < k; j++)
        if (score[j] > score[best]) best = j;
    *log_joint = score[best];
    for (long t = n - 1; t >= 0; t--) {
        states[t] = best;
        if (t > 0) best = back[t * k + best];
    }
}

template <typename Back>
static int viterbi_as(const Batch& batch, int32_t* states, double* log_joint) {
    const int k = batch.k;
    const LogChain chain(batch);
    Buffer<Back> back(static_cast<size_t>(longest_of(batch)) * k);
    Buffer<double> score(k), next(k);
    const double* log_emit = batch.log_emit;
    for (long s = 0; s < batch.n_sequences; s++) {
        const long n = batch.lengths[s];
        log_joint[s] = 0.0;
        if (n > 0)
            viterbi_of(chain, log_emit, n, back.data(), score.data(), next.data(), states, &log_joint[s]);
        log_emit += n * k;
        states += n;
    }
    return 0;
}

static int hmm_viterbi(const Batch& batch, int32_t* states, double* log_joint) {
    return batch.k <= 256 ? viterbi_as<uint8_t>(batch, states, log_joint) : viterbi_as<uint16_t>(batch, states, log_joint);
}

// Draw an index with probability proportional to p (k,) times q (k, stride), q null for ones.
static int drawn(const double* p, const double* q, int k, int stride, double uniform) {
    double total = 0.0;
    for (int i = 0; i < k; i++) total += q == nullptr ? p[i] : p[i] * q[i * stride];
    double left = uniform * total;
    int last = 0;
    for (int i = 0; i < k; i++) {
        const double part = q == nullptr ? p[i] : p[i] * q[i * stride];
        if (part > 0) last = i;
        if (left < part) return i;
        left -= part;
    }
    return last;  // rounding
}

static int drawn_column(const double* column, int k, double uniform) {
    Buffer<double> ones(k);
    ones.set(1.0);
    return drawn(ones.data(), column, k, k, uniform);
}

// Forward filtering, backward sampling (Fruehwirth-Schnatter 1994, J. Time Series Analysis 15:183).
static void hmm_draw(const Batch& batch, const double* filtered, const double* uniforms, int32_t* states) {
    const int k = batch.k;
    for (long s = 0; s < batch.n_sequences; s++) {
        const long n = batch.lengths[s];
        for (long t = n - 1; t >= 0; t--) {
            const double* column = t == n - 1 ? nullptr : batch.trans + states[t + 1];
            states[t] = drawn(filtered + t * k, column, k, k, uniforms[t]);
            // What leads to the next state has underflowed: any way there is.
            if (column != nullptr && !(filtered[t * k + states[t]] * column[states[t] * k] > 0))
                states[t] = drawn_column(column, k, uniforms[t]);
        }
        filtered += n * k;
        uniforms += n;
        states += n;
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
