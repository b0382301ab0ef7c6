// One sequence by scaling: the forward recursion, and the backward one with posteriors and transition counts in the
// same pass. With u_t(j) = b_t(j) / max b_t and c_t the sum of (alpha_{t-1} A) u_t,
//
//     alpha_t = (alpha_{t-1} A) u_t / c_t,   w_t = u_t beta_t / c_t,   beta_{t-1} = A w_t,
//     gamma_t = alpha_t beta_t,              Xi = A * sum_t alpha_{t-1}' w_t,      log L = sum_t log c_t + log max b_t.
//
// Rows y_t are kept as they come, y_t = (y_{t-1} A) u_t r_t, with r_t = 1 but for every eighth row, where it divides by
// the sum of the row before: that division and sum would be most of the critical path. With backward rows that begin
// at beta / sum(y) and take the same r_t, gamma_t = y_t beta_t needs no scaling at all.
//
// What scaling may lose. Where every entry of A is above 1e-30, mass below 1e-250 of its row means nothing, as that much
// flows in afresh. Otherwise (`has_zeros`) reachable states keep a remnant, at most 1e-220 of their row: a row whose c_t
// is below 1e-30 is scaled by the states that can be reached. Where a backward factor above 1e200 shows that a remnant
// may matter, the sequence is done again in logarithms.
//
// References: Rabiner 1989, Proc. IEEE 77:257, section V.A.
#pragma once

#include <cmath>

#include "kernels/buffer.hpp"
#include "kernels/hmm_api.hpp"
#include "kernels/hmm_rows.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr double LEAST_EMISSION = 1e-250, LEAST_MASS = 1e-290, LEAST_SUM = 1e-30, SUSPECT = 1e200, LARGEST = 1e300;
constexpr double LEAST_ENTRY = 1e-30;

template <class R>
class Scaled {
public:
    using vec = typename R::vec;
    static constexpr long TILE = 64;  // rows whose transition counts are added together: they stay in the first cache
    static constexpr long GROUP = 8;  // rows between two scalings: at most 1e-240 is lost on the way

    Scaled(const Batch& batch, long longest)
        : rows_(batch.k), kp_(rows_.stride()), batch_(batch), trans_(square()), turned_(square()), init_(kp_),
          y_(size(longest)), u_(size(longest)), scale_(longest), shift_(TILE), zero_(kp_), beta_(kp_), w_(kp_),
          moves_(square()) {
        for (int i = 0; i < batch.k; i++) {
            init_[i] = batch.init[i];
            for (int j = 0; j < batch.k; j++) {
                const double a = batch.trans[i * batch.k + j];
                trans_[i * kp_ + j] = turned_[j * kp_ + i] = a;
                has_zeros_ = has_zeros_ || a < LEAST_ENTRY;
            }
        }
    }

    int stride() const { return kp_; }
    bool has_zeros() const { return has_zeros_; }

    // Filter one sequence of n rows. Returns false where it is lost to logarithms; `step` is where it ends if impossible.
    bool forward(const double* log_emit, long n, const double* entry, double* loglik) {
        return has_zeros_ ? forward_as<true>(log_emit, n, entry, loglik) : forward_as<false>(log_emit, n, entry, loglik);
    }

    // Posterior (n, k), first row and transition counts of the sequence just filtered. False where it is lost.
    bool backward(long n, double weight, bool has_entry, const double* exit, double* resp, double* carry) {
        return has_zeros_ ? backward_as<true>(n, weight, has_entry, exit, resp, carry)
                          : backward_as<false>(n, weight, has_entry, exit, resp, carry);
    }

    // Transition counts into the first row from what came before it.
    void join(const double* entry) {
        for (int i = 0; i < batch_.k; i++)
            for (int j = 0; j < kp_; j++) moves_[i * kp_ + j] += entry[i] * u_[j];
    }

    // The counts of the sequences so far are kept or forgotten: a lost sequence leaves no trace.
    void take_moves(double* saved) const { std::memcpy(saved, moves_.data(), moves_.size() * sizeof(double)); }
    void set_moves(const double* saved) { std::memcpy(moves_.data(), saved, moves_.size() * sizeof(double)); }

    void add_moves(double* total) const {
        for (int i = 0; i < batch_.k; i++)
            for (int j = 0; j < batch_.k; j++)
                total[i * batch_.k + j] += batch_.trans[i * batch_.k + j] * moves_[i * kp_ + j];
    }

    // Filtered probabilities (k,) of row t.
    void filtered(long t, double* out) const {
        const double inverse = 1.0 / sum_of(t);
        for (int j = 0; j < batch_.k; j++) out[j] = y_[t * kp_ + j] * inverse;
    }

    size_t square() const { return static_cast<size_t>(kp_) * kp_; }

private:
    static constexpr int R_LANES = sizeof(vec) / sizeof(double);

    size_t size(long longest) const { return static_cast<size_t>(longest) * kp_; }

    double sum_of(long t) const {
        vec sum = vec{};
        for (int v = 0; v < rows_.vectors(); v++) sum += R::get(y_.data() + t * kp_ + v * R_LANES);
        return R::sum(sum);
    }

    template <bool HAS_ZEROS>
    bool forward_as(const double* log_emit, long n, const double* entry, double* loglik) {
        constexpr long EVERY = HAS_ZEROS ? 1 : GROUP;
        Compensated total;
        double product = 1.0, sum = 1.0;
        for (long start = 0; start < n; start += TILE) {
            const long stop = n - start < TILE ? n : start + TILE;
            scale_emissions(log_emit + start * batch_.k, stop - start, u_.data() + start * kp_);
            for (long first = start; first < stop; first += EVERY) {
                const long end = stop - first < EVERY ? stop : first + EVERY;
                scale_[first] = 1.0 / sum;
                push<HAS_ZEROS>(first, entry, scale_[first]);
                for (long t = first + 1; t < end; t++) {
                    scale_[t] = 1.0;
                    push<HAS_ZEROS>(t, entry, 1.0);
                }
                sum = sum_of(end - 1);
                if (HAS_ZEROS && !(sum >= LEAST_SUM)) {
                    if (!careful(first, log_emit + first * batch_.k, entry, &sum, &shift_[first - start])) return false;
                }
                if (!(sum > 0)) return false;
                if (product < 1e-50) total.add(log(product)), product = 1.0;
                product *= sum;
            }
            double shifts = 0.0;
            for (long t = 0; t < stop - start; t++) shifts += shift_[t];
            total.add(shifts);
        }
        total.add(log(product));
        *loglik = total.value();
        return true;
    }

    template <bool HAS_ZEROS>
    bool backward_as(long n, double weight, bool has_entry, const double* exit, double* resp, double* carry) {
        vec most = vec{};
        const double begin = 1.0 / sum_of(n - 1);
        for (int j = 0; j < kp_; j++) beta_[j] = (exit == nullptr || j >= batch_.k ? 1.0 : exit[j]) * begin;
        const vec share = R::all(weight);
        long high = n;  // rows t + 1 .. high of the present tile have their w
        for (long t = n - 1; t >= 0; t--) {
            const vec scale = R::all(scale_[t]);
            double* y = y_.data() + t * kp_;
            double* u = u_.data() + t * kp_;
            for (int v = 0; v < rows_.vectors(); v++) {
                const int at = v * R_LANES;
                const vec b = R::get(beta_.data() + at), mass = R::get(y + at);
                vec w = (R::get(u + at) * scale) * b;
                if (HAS_ZEROS) {
                    const vec reached = mass > vec{} ? b : vec{};
                    most = reached > most ? reached : most;
                    w = w < R::all(LARGEST) ? w : R::all(LARGEST);
                }
                R::put(w_.data() + at, w);
                R::put(u + at, w * share);
                give(mass * b * share, resp + t * batch_.k + at, at);
            }
            if (t == 0 && !has_entry) break;
            step_back(t == 0 ? carry : nullptr);
            if (t > 0 && high - t >= TILE) {
                rows_.outer(y - kp_, u, high - t, moves_.data());
                high = t;
            }
        }
        if (n > 1 && high > 1) rows_.outer(y_.data(), u_.data() + kp_, high - 1, moves_.data());
        double peak = 0.0;
        for (int l = 0; l < R_LANES; l++) peak = larger(peak, most[l]);
        return !(peak >= SUSPECT);
    }

    // u = exp(log b - max) of some rows, at least LEAST_EMISSION where b is positive, and the maxima.
    void scale_emissions(const double* log_emit, long n, double* u) {
        const int k = batch_.k;
        for (long t = 0; t < n; t++) {
            const double* from = log_emit + t * k;
            double* to = u + t * kp_;
            double top = from[0];
            for (int j = 1; j < k; j++) top = larger(top, from[j]);
            shift_[t] = top > -INF ? top : 0.0;
            for (int j = 0; j < k; j++) to[j] = from[j] - shift_[t];
            for (int j = k; j < kp_; j++) to[j] = -INF;
        }
        const vd floor = set1(UNDERFLOW), least = set1(LEAST_EMISSION);
        const long size = n * kp_;
        for (long i = 0; i + W <= size; i += W) scale_vector(u + i, floor, least);
        const long done = size / W * W;
        if (done < size) {
            double last[W] = {};
            std::memcpy(last, u + done, (size - done) * sizeof(double));
            scale_vector(last, floor, least);
            std::memcpy(u + done, last, (size - done) * sizeof(double));
        }
    }

    static void scale_vector(double* at, vd floor, vd least) {
        const vd x = load(at);
        const vd e = vmax(exp_nonpositive(x, floor), least);
        store(at, x > set1(-INF) ? e : vd{});
    }

    // y_t from y_{t-1}, u_t and r_t.
    template <bool HAS_ZEROS>
    void push(long t, const double* entry, double factor) {
        const double* u = u_.data() + t * kp_;
        double* y = y_.data() + t * kp_;
        const bool is_first = t == 0 && entry == nullptr;
        const double* past = t > 0 ? y - kp_ : is_first ? nullptr : padded(entry);
        const vec scale = R::all(factor);
        for (int at = 0; at < rows_.vectors(); at += R::BLOCK) {
            const int width = rows_.vectors() - at < R::BLOCK ? rows_.vectors() - at : R::BLOCK;
            vec prior[R::BLOCK];
            if (is_first)
                for (int v = 0; v < width; v++) prior[v] = R::get(init_.data() + (at + v) * R_LANES);
            else
                rows_.product(past, trans_.data(), at, width, prior);
            for (int v = 0; v < width; v++) {
                const vec emit = R::get(u + (at + v) * R_LANES);
                vec mass = prior[v] * (emit * scale);
                if (HAS_ZEROS || is_first) {
                    const vec least = R::all(LEAST_MASS), kept = mass > least ? mass : least;
                    mass = (prior[v] > vec{}) & (emit > vec{}) ? kept : vec{};
                }
                R::put(y + (at + v) * R_LANES, mass);
            }
        }
    }

    // A row under which no state that can be reached is near the best: scaled by those that can. False if impossible.
    bool careful(long t, const double* log_emit, const double* entry, double* c, double* shift) {
        const int k = batch_.k;
        const bool is_first = t == 0 && entry == nullptr;
        const double scale = scale_[t];
        const double* past = t > 0 ? y_.data() + (t - 1) * kp_ : is_first ? nullptr : padded(entry);
        double* prior = w_.data();
        double top = -INF;
        for (int j = 0; j < k; j++) {
            prior[j] = is_first ? init_[j] : 0.0;
            for (int i = 0; i < k && !is_first; i++) prior[j] += past[i] * trans_[i * kp_ + j] * scale;
            if (prior[j] > 0) top = larger(top, log(prior[j]) + log_emit[j]);
        }
        if (!(top > -INF)) return false;
        *c = 0.0;
        for (int j = 0; j < k; j++) {
            const double at = prior[j] > 0 ? log(prior[j]) + log_emit[j] : -INF;
            const double mass = at > -INF ? larger(exp(at - top), LEAST_MASS) : 0.0;
            y_[t * kp_ + j] = mass;
            u_[t * kp_ + j] = mass > 0 ? smaller(mass / prior[j], LARGEST) : 0.0;
            *c += mass;
        }
        *shift = top;
        return true;
    }

    const double* padded(const double* entry) {
        std::memcpy(zero_.data(), entry, batch_.k * sizeof(double));
        return zero_.data();
    }

    // beta = A w, and where asked its first k entries.
    void step_back(double* carry) {
        for (int at = 0; at < rows_.vectors(); at += R::BLOCK) {
            const int width = rows_.vectors() - at < R::BLOCK ? rows_.vectors() - at : R::BLOCK;
            vec next[R::BLOCK];
            rows_.product(w_.data(), turned_.data(), at, width, next);
            for (int v = 0; v < width; v++) R::put(beta_.data() + (at + v) * R_LANES, next[v]);
        }
        if (carry != nullptr) std::memcpy(carry, beta_.data(), batch_.k * sizeof(double));
    }

    void give(vec value, double* to, int at) const {
        const int left = batch_.k - at;
        if (left >= R_LANES)
            R::put(to, value);
        else
            for (int j = 0; j < left; j++) to[j] = value[j];
    }

    R rows_;
    int kp_;
    Batch batch_;
    Buffer<double> trans_, turned_, init_;
    Unset y_, u_, scale_;
    Buffer<double> shift_, zero_, beta_, w_, moves_;
    bool has_zeros_ = false;
};

}  // namespace EMKIT_ISA
}  // namespace emkit
