// Hidden semi-Markov models: forward and backward over stays of explicit duration, O(n k d + n k^2).
//
// Forward keeps a_t(j, u), the probability of state j for u rows so far given the rows up to t: u of row t + 1 comes
// from u - 1 of row t by the chance to stay and the density of the row, so all numbers are probabilities and nothing
// grows. Backward takes each birth of a stay, follows it to its possible ends with the probabilities that forward had,
// and adds up what each end is worth: sums of positive terms only (Guedon 2003, JCGS 12:604, without its differences).
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/hsmm_api.hpp"

namespace emkit {
namespace EMKIT_ISA {

static constexpr double STAY_INF = std::numeric_limits<double>::infinity();
static constexpr double STAY_NONE = 1e-290;   // births less likely than this are left out
static constexpr double STAY_GAP = 600.0;     // a lost state may not explain a row better than the kept by more nats

// Survivor and hazard of the durations: alive (k, d) P(D >= u), on (k, d) P(D >= u) / P(D >= u - 1), stop (k, d).
struct StayTables {
    std::vector<double> alive, on, stop;
    std::vector<int> reach;  // (k,) longest duration of positive probability

    explicit StayTables(const StayBatch& b) : alive(size(b)), on(size(b)), stop(size(b)), reach(b.k, 0) {
        for (int j = 0; j < b.k; j++) {
            const double* p = b.stays + static_cast<size_t>(j) * b.d;
            double* own = alive.data() + static_cast<size_t>(j) * b.d;
            double left = 0.0;
            for (int u = b.d - 1; u >= 0; u--) {
                left += p[u];
                own[u] = left;
                if (p[u] > 0 && reach[j] == 0) reach[j] = u + 1;
            }
            const size_t at = static_cast<size_t>(j) * b.d;
            for (int u = 0; u < b.d; u++) {
                on[at + u] = u == 0 ? 1.0 : own[u - 1] > 0 ? own[u] / own[u - 1] : 0.0;
                stop[at + u] = own[u] > 0 ? p[u] / own[u] : 0.0;
            }
        }
    }

    static size_t size(const StayBatch& b) { return static_cast<size_t>(b.k) * b.d; }
};

// What forward leaves of one sequence, by state and then row, so that stays run along memory.
struct StayTrace {
    std::vector<double> like, born, died;  // (k, n): density over predictive density; births before row t; ends at t
    std::vector<double> going, next;       // (k, d)

    StayTrace(const StayBatch& b, long longest) {
        const size_t n = static_cast<size_t>(longest) * b.k;
        like.resize(n), born.resize(n), died.resize(n);
        going.resize(StayTables::size(b)), next.resize(StayTables::size(b));
    }
};

// Carry the stays of state j over one row: next (d,) from going (d,); return the probability of the state.
static double carried(const double* going, const double* on, double born, int reach, double* next) {
    next[0] = born;
    double total = born;
    for (int u = 1; u < reach; u++) {
        next[u] = going[u - 1] * on[u];
        total += next[u];
    }
    return total;
}

// Return the row at which no state is possible, or -1. The log-likelihood is that of the rows and the rule of the end.
static long stay_forward(const StayBatch& b, const StayTables& tables, const double* log_emit, long n, StayTrace& trace,
                         double* loglik, double* filtered) {
    const int k = b.k, d = b.d;
    std::memset(trace.going.data(), 0, sizeof(double) * k * d);
    std::vector<double> share(k), born(b.init, b.init + k), died(k);
    *loglik = 0.0;
    for (long t = 0; t < n; t++) {
        const double* row = log_emit + t * k;
        double top = -STAY_INF, lost = -STAY_INF;
        for (int j = 0; j < k; j++) {
            const size_t at = static_cast<size_t>(j) * d;
            if (!(born[j] > STAY_NONE)) born[j] = 0.0;
            share[j] = carried(trace.going.data() + at, tables.on.data() + at, born[j], tables.reach[j],
                               trace.next.data() + at);
            if (share[j] > 0 && row[j] > top) top = row[j];
            if (!(share[j] > 0) && row[j] > lost) lost = row[j];
        }
        if (top == -STAY_INF || lost > top + STAY_GAP) return *loglik = -STAY_INF, t;
        double total = 0.0;
        for (int j = 0; j < k; j++) total += share[j] > 0 ? share[j] * std::exp(row[j] - top) : 0.0;
        if (!(total > STAY_NONE)) return *loglik = -STAY_INF, t;
        *loglik += std::log(total) + top;
        for (int j = 0; j < k; j++) {
            const double like = share[j] > 0 ? std::exp(row[j] - top) / total : 0.0;
            double* next = trace.next.data() + static_cast<size_t>(j) * d;
            const double* stop = tables.stop.data() + static_cast<size_t>(j) * d;
            double ends = 0.0;
            for (int u = 0; u < tables.reach[j]; u++) next[u] *= like, ends += next[u] * stop[u];
            died[j] = ends;
            trace.like[j * n + t] = like, trace.born[j * n + t] = born[j], trace.died[j * n + t] = ends;
            if (filtered != nullptr) filtered[t * k + j] = share[j] * like;
        }
        trace.going.swap(trace.next);
        for (int j = 0; j < k; j++) born[j] = 0.0;
        for (int i = 0; i < k; i++)
            for (int j = 0; j < k; j++) born[j] += died[i] * b.trans[i * k + j];
    }
    if (n > 0 && !b.censored) {
        double total = 0.0;
        for (int j = 0; j < k; j++) total += died[j];
        if (!(total > 0)) return *loglik = -STAY_INF, n - 1;
        *loglik += std::log(total);
    }
    return -1;
}

// Add what the stay of state j born before row t is worth, weighted, to counts and posterior; return its worth.
// worth (n,) of state j: the future after an end at each row over its predictive density.
static double stay_from(const StayBatch& b, const StayTables& tables, const StayTrace& trace, int j, long t, long n,
                        double weight, const double* worth, double* posterior, double* parts, StaySums& out) {
    const size_t at = static_cast<size_t>(j) * b.d;
    const double *on = tables.on.data() + at, *stop = tables.stop.data() + at, *like = trace.like.data() + j * n + t;
    const long most = tables.reach[j] < n - t ? tables.reach[j] : n - t;
    double going = trace.born[j * n + t];
    for (long u = 0; u < most; u++) {
        going *= on[u] * like[u];
        parts[u] = going * stop[u] * worth[t + u];
    }
    double open = 0.0;
    if (b.censored && most == n - t) {  // it lasts to the end, where it may stop or not
        open = going * worth[n - 1];
        parts[most - 1] = 0.0;
        out.cut[at + most - 1] += weight * open;
    }
    double sum = open;
    for (long u = most - 1; u >= 0; u--) {
        out.ended[at + u] += weight * parts[u];
        sum += parts[u];
        posterior[t + u] += sum;
    }
    return sum;
}

static void stay_backward(const StayBatch& b, const StayTables& tables, const StayTrace& trace, long n, double weight,
                          StaySums& out, double* resp) {
    const int k = b.k;
    std::vector<double> worth(static_cast<size_t>(k) * n), posterior(static_cast<size_t>(k) * n), parts(b.d + 1);
    std::vector<double> begins(k);
    double ends = 1.0;
    if (!b.censored) {
        ends = 0.0;
        for (int j = 0; j < k; j++) ends += trace.died[j * n + n - 1];
    }
    for (int j = 0; j < k; j++) worth[j * n + n - 1] = 1.0 / ends;
    for (long t = n - 1; t >= 0; t--) {
        for (int j = 0; j < k; j++) {
            const double born = trace.born[j * n + t];
            const double sum = born > 0 ? stay_from(b, tables, trace, j, t, n, weight, worth.data() + j * n,
                                                    posterior.data() + j * n, parts.data(), out)
                                        : 0.0;
            begins[j] = born > 0 ? sum / born : 0.0;
            if (t == 0) out.first[j] += weight * sum;
        }
        if (t == 0) break;
        for (int i = 0; i < k; i++) {
            double sum = 0.0;
            const double died = trace.died[i * n + t - 1];
            for (int j = 0; j < k; j++) {
                const double through = b.trans[i * k + j] * begins[j];
                sum += through;
                out.moves[i * k + j] += weight * died * through;
            }
            worth[i * n + t - 1] = sum;
        }
    }
    for (long t = 0; t < n; t++)
        for (int j = 0; j < k; j++) resp[t * k + j] = weight * posterior[j * n + t];
}

static long longest_stay_sequence(const StayBatch& b) {
    long longest = 1;
    for (long s = 0; s < b.n_sequences; s++) longest = b.lengths[s] > longest ? static_cast<long>(b.lengths[s]) : longest;
    return longest;
}

static int hsmm_smooth(const StayBatch& b, StaySums& out) {
    const StayTables tables(b);
    StayTrace trace(b, longest_stay_sequence(b));
    const size_t k = b.k;
    std::memset(out.first, 0, sizeof(double) * k);
    std::memset(out.moves, 0, sizeof(double) * k * k);
    std::memset(out.ended, 0, sizeof(double) * k * b.d);
    std::memset(out.cut, 0, sizeof(double) * k * b.d);
    std::memset(out.resp, 0, sizeof(double) * k * b.n);
    const double* log_emit = b.log_emit;
    double* resp = out.resp;
    for (long s = 0; s < b.n_sequences; s++) {
        const long n = b.lengths[s];
        const double weight = b.weights == nullptr ? 1.0 : b.weights[s];
        out.loglik[s] = 0.0;
        if (n > 0 && weight != 0.0) {
            const long bad = stay_forward(b, tables, log_emit, n, trace, &out.loglik[s], nullptr);
            if (bad < 0) stay_backward(b, tables, trace, n, weight, out, resp);
            else if (out.bad_sequence < 0) out.bad_sequence = s, out.bad_step = bad;
        }
        log_emit += n * k;
        resp += n * k;
    }
    return 0;
}

static int hsmm_filter(const StayBatch& b, double* loglik, double* filtered, double* going, int64_t* bad_sequence,
                       int64_t* bad_step) {
    const StayTables tables(b);
    StayTrace trace(b, longest_stay_sequence(b));
    const double* log_emit = b.log_emit;
    const size_t square = StayTables::size(b);
    for (long s = 0; s < b.n_sequences; s++) {
        const long n = b.lengths[s];
        if (filtered != nullptr) std::memset(filtered, 0, sizeof(double) * n * b.k);
        const long bad = stay_forward(b, tables, log_emit, n, trace, &loglik[s], filtered);
        if (bad >= 0 && *bad_sequence < 0) *bad_sequence = s, *bad_step = bad;
        if (going != nullptr) {
            std::memcpy(going, trace.going.data(), sizeof(double) * square);
            going += square;
        }
        log_emit += n * b.k;
        if (filtered != nullptr) filtered += n * b.k;
    }
    return 0;
}

// The best path: score (k, n) of the best way to end a stay in j at t, with its duration and the state before it.
static void best_stays(const StayBatch& b, const std::vector<double>& log_stay, const std::vector<double>& log_open,
                       const double* log_emit, long n, int32_t* states, double* log_joint) {
    const int k = b.k, d = b.d;
    std::vector<double> birth(static_cast<size_t>(k) * n);  // best log joint of what comes before a birth at t
    std::vector<int32_t> length(static_cast<size_t>(k) * n), before(static_cast<size_t>(k) * n, -1);
    std::vector<double> score(k);
    for (int j = 0; j < k; j++) birth[j * n] = std::log(b.init[j]);
    for (long t = 0; t < n; t++) {
        const bool last = t == n - 1;
        for (int j = 0; j < k; j++) {
            const double* log_d = (last && b.censored ? log_open : log_stay).data() + static_cast<size_t>(j) * d;
            double sum = 0.0, best = -STAY_INF;
            int32_t of = 1;
            for (long u = 0; u < d && u <= t; u++) {
                sum += log_emit[(t - u) * k + j];
                if (sum == -STAY_INF) break;
                const double here = birth[j * n + t - u] + log_d[u] + sum;
                if (here > best) best = here, of = static_cast<int32_t>(u + 1);
            }
            score[j] = best, length[j * n + t] = of;
        }
        if (last) break;
        for (int j = 0; j < k; j++) {
            double best = -STAY_INF;
            for (int i = 0; i < k; i++) {
                const double here = score[i] + std::log(b.trans[i * k + j]);
                if (here > best) best = here, before[j * n + t + 1] = i;
            }
            birth[j * n + t + 1] = best;
        }
    }
    int state = 0;
    for (int j = 1; j < k; j++)
        if (score[j] > score[state]) state = j;
    *log_joint = score[state];
    for (long t = n - 1; t >= 0;) {
        const long from = t - length[state * n + t] + 1;
        for (long u = from; u <= t; u++) states[u] = state;
        t = from - 1;
        if (from > 0) state = before[state * n + from] < 0 ? 0 : before[state * n + from];
    }
}

static int hsmm_viterbi(const StayBatch& b, int32_t* states, double* log_joint) {
    const StayTables tables(b);
    std::vector<double> log_stay(StayTables::size(b)), log_open(StayTables::size(b));
    for (size_t i = 0; i < log_stay.size(); i++)
        log_stay[i] = std::log(b.stays[i]), log_open[i] = std::log(tables.alive[i]);
    const double* log_emit = b.log_emit;
    for (long s = 0; s < b.n_sequences; s++) {
        const long n = b.lengths[s];
        log_joint[s] = 0.0;
        if (n > 0) best_stays(b, log_stay, log_open, log_emit, n, states, &log_joint[s]);
        log_emit += n * b.k;
        states += n;
    }
    return 0;
}

}  // namespace EMKIT_ISA
}  // namespace emkit
