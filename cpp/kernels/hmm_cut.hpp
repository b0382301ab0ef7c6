// Streams that are stretches of one sequence. What enters a stretch and what leaves it follow from the transfers of all,
//
//     M_s = product over its rows t of A diag(u_t),   alpha at its end ~ alpha before it M_s,   beta before it ~ M_s beta at its end,
//
// each found by filtering from every state in turn: exact, for k times the work of one filter. Transfers are needed up
// to a factor only.
#pragma once

#include "kernels/hmm_lanes.hpp"

namespace emkit {
namespace EMKIT_ISA {

template <int K>
class Cut : public Streams<K> {
    using Base = Streams<K>;

public:
    using Base::C, Base::G, Base::GROUP, Base::STEP, Base::TILE, Base::streams;
    using Base::Base;

    // Cut n rows of one sequence into streams.
    void cut(const double* rows, long n, double* resp) {
        for (int l = 0; l < C; l++) {
            const long from = n * l / C, to = n * (l + 1) / C;
            lengths_[l] = to - from;
            streams[l] = Stream{};
            streams[l].lengths = &lengths_[l], streams[l].loglik = &loglik_[l];
            streams[l].rows = rows == nullptr ? nullptr : rows + from * K;
            streams[l].resp = resp == nullptr ? nullptr : resp + from * K;
            streams[l].count = 1, streams[l].length = to - from, streams[l].is_entered = l > 0;
        }
    }

    // u and the sum of the row maxima (C,) of rows that were cut, and the transfers (C, K, K). False where a row is lost.
    bool transfers(bool is_entered, double* shift, double* M) {
        std::memset(shift, 0, C * sizeof(double));
        Buffer<double> state(K * STEP), product(K * C);
        Buffer<int64_t> exponent(K * C);
        product.set(1.0);
        for (long from = 0; from < steps_; from += TILE) {
            const long to = smaller(from + TILE, steps_);
            if (!prepare(from, to)) return false;
            for (long t = 0; t < to - from; t++)
                for (int g = 0; g < G; g++) {
                    double* at = shift + g * W;
                    store(at, load(at) + load(shift_.data() + t * C + g * W));
                }
            if (from == 0) enter(is_entered, state.data());
            // streams differ by at most one row: what a shorter one has come to is read before the last step
            const long begin = from == 0 ? 1 : from, last = steps_ - 1;
            spread(begin, smaller(to, last), state.data(), product.data(), exponent.data());
            if (to < steps_) continue;
            read(false, state.data(), product.data(), exponent.data(), M);
            if (last >= begin) spread(last, steps_, state.data(), product.data(), exponent.data());
            read(true, state.data(), product.data(), exponent.data(), M);
        }
        return true;
    }

    // What enters and leaves each stream, given what enters the first and leaves the last, or null.
    void link(const double* M, const double* entry, const double* leave) {
        streams[0].is_entered = entry != nullptr;
        double now[K], next[K];
        for (int j = 0; j < K; j++) now[j] = entry == nullptr ? 1.0 / K : entry[j];
        for (int l = 0; l < C; l++) {
            for (int j = 0; j < K; j++) y_[j * C + l] = now[j];
            for (int j = 0; j < K; j++) next[j] = 0.0;
            for (int i = 0; i < K; i++)
                for (int j = 0; j < K; j++) next[j] += now[i] * M[(l * K + i) * K + j];
            to_unit(next, now);
        }
        for (int j = 0; j < K; j++) now[j] = leave == nullptr ? 1.0 : leave[j];
        for (int l = C - 1; l >= 0; l--) {
            for (int j = 0; j < K; j++) exit_[j * C + l] = now[j];
            for (int i = 0; i < K; i++) {
                next[i] = 0.0;
                for (int j = 0; j < K; j++) next[i] += M[(l * K + i) * K + j] * now[j];
            }
            to_unit(next, now);
        }
    }

    double loglik_of_cut() const {
        double total = 0.0;
        for (int l = 0; l < C; l++) total += loglik_[l];
        return total;
    }

private:
    static constexpr int BASES = K == 2 || (K == 4 && REGISTERS >= 32) ? 2 : 1;  // filtered together

    using Base::exit_, Base::init_, Base::shift_, Base::steps_, Base::trans_, Base::u_, Base::y_;
    using Base::prepare, Base::scaled, Base::step, Base::to_unit;

    // The first step from every state (K, K, C): A diag(u), or where the first stream begins a sequence, its start.
    void enter(bool is_entered, double* state) {
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++)
                for (int l = 0; l < C; l++)
                    state[i * STEP + j * C + l] = (l > 0 || is_entered ? trans_[i * K + j] : init_[j]) * u_[j * C + l];
    }

    void spread(long from, long to, double* state, double* product, int64_t* exponent) const {
        for (int i = 0; i < K; i += BASES) spread_few(from, to, state + i * STEP, product + i * C, exponent + i * C);
    }

    void spread_few(long from, long to, double* state, double* product, int64_t* exponent) const {
        vd y[BASES][G][K];
        for (int i = 0; i < BASES; i++)
            for (int g = 0; g < G; g++)
                for (int j = 0; j < K; j++) y[i][g][j] = load(state + i * STEP + j * C + g * W);
        for (long t = from; t < to; t++) {
            if (t % GROUP == 0)
                for (int i = 0; i < BASES; i++)
                    for (int g = 0; g < G; g++) {
                        const vd r = scaled(y[i][g], product + i * C + g * W, exponent + i * C + g * W);
                        for (int j = 0; j < K; j++) y[i][g][j] *= r;
                    }
            const double* u = u_ + t * STEP;
            for (int i = 0; i < BASES; i++)
                for (int g = 0; g < G; g++) step(y[i][g], u + g * W, y[i][g]);
        }
        for (int i = 0; i < BASES; i++)
            for (int g = 0; g < G; g++)
                for (int j = 0; j < K; j++) store(state + i * STEP + j * C + g * W, y[i][g][j]);
    }

    // Transfers (C, K, K) of the streams that have as many rows as there are steps, or of those that have one less.
    void read(bool is_long, const double* state, const double* product, const int64_t* exponent, double* M) const {
        for (int l = 0; l < C; l++) {
            if ((streams[l].length == steps_) != is_long) continue;
            int64_t most = exponent[l];
            for (int i = 1; i < K; i++) most = larger(most, exponent[i * C + l]);
            for (int i = 0; i < K; i++) {
                const double factor = ldexp(product[i * C + l], static_cast<int>(exponent[i * C + l] - most));
                for (int j = 0; j < K; j++) M[(l * K + i) * K + j] = state[i * STEP + j * C + l] * factor;
            }
        }
    }

    double loglik_[C];
    int64_t lengths_[C];
};

}  // namespace EMKIT_ISA
}  // namespace emkit
