// Forward, backward, best and random paths where every row has moves of its own, in logarithms.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/guided_api.hpp"

namespace emkit {
namespace EMKIT_ISA {

static constexpr double GUIDED_INF = std::numeric_limits<double>::infinity();

static double log_sum(const double* x, int k) {
    double top = -GUIDED_INF;
    for (int i = 0; i < k; i++) top = x[i] > top ? x[i] : top;
    if (top == -GUIDED_INF) return top;
    double total = 0.0;
    for (int i = 0; i < k; i++)
        if (x[i] != -GUIDED_INF) total += std::exp(x[i] - top);  // chains of histories hardly move to any state
    return top + std::log(total);
}

static const double* moves_into(const GuidedRun& run, long t) {
    return run.log_into + (run.is_constant ? 0 : t * run.k * run.k);
}

static void guided_forward(const GuidedRun& run, const double* entry, double* log_alpha, double* log_gain) {
    const int k = run.k;
    std::vector<double> through(k);
    for (long t = 0; t < run.n; t++) {
        const double *before = t == 0 ? entry : log_alpha + (t - 1) * k, *into = moves_into(run, t);
        double* own = log_alpha + t * k;
        for (int j = 0; j < k; j++) {
            for (int i = 0; i < k; i++) through[i] = before[i] + into[i * k + j];
            own[j] = log_sum(through.data(), k) + run.log_emit[t * k + j];
        }
        const double total = log_sum(own, k);
        log_gain[t] = total;
        for (int j = 0; j < k; j++) own[j] = total == -GUIDED_INF ? -std::log(static_cast<double>(k)) : own[j] - total;
    }
}

static void guided_backward(const GuidedRun& run, const double* entry, const double* log_alpha, const double* log_gain,
                            const double* leave, double* resp, double* moves, double* carry) {
    const int k = run.k;
    std::vector<double> beta(leave, leave + k), next(k), through(k);
    for (long t = run.n - 1; t >= 0; t--) {
        const double *before = t == 0 ? entry : log_alpha + (t - 1) * k, *into = moves_into(run, t);
        const bool is_lost = log_gain[t] == -GUIDED_INF;
        double* own = moves + t * k * k;
        for (int j = 0; j < k; j++) {
            resp[t * k + j] = std::exp(log_alpha[t * k + j] + beta[j]);
            next[j] = run.log_emit[t * k + j] + beta[j] - log_gain[t];
        }
        for (int i = 0; i < k; i++) {
            for (int j = 0; j < k; j++) {
                through[j] = is_lost ? -GUIDED_INF : into[i * k + j] + next[j];
                own[i * k + j] = through[j] == -GUIDED_INF ? 0.0 : std::exp(before[i] + through[j]);
            }
            beta[i] = is_lost ? 0.0 : log_sum(through.data(), k);
        }
    }
    for (int i = 0; i < k; i++) carry[i] = beta[i];
}

// Keep the m best of what comes into a state, each predecessor's own being in falling order; of equal ones the first.
static void best_into(const double* score, const double* into, int k, int m, int j, double* top, int32_t* from) {
    for (int r = 0; r < m; r++) top[r] = -GUIDED_INF, from[r] = 0;
    for (int i = 0; i < k; i++) {
        for (int r = 0; r < m; r++) {
            const double value = score[i * m + r] + into[i * k + j];
            if (!(value > top[m - 1])) break;
            int place = m - 1;
            while (place > 0 && value > top[place - 1]) {
                top[place] = top[place - 1], from[place] = from[place - 1];
                place--;
            }
            top[place] = value, from[place] = i * m + r;
        }
    }
}

static void guided_best(const GuidedRun& run, int m, const double* first, double* score, int32_t* back, double* shift) {
    const int k = run.k;
    std::vector<double> next(static_cast<size_t>(k) * m);
    for (long t = 0; t < run.n; t++) {
        int32_t* from = back + t * k * m;
        for (int j = 0; j < k; j++) {
            if (t == 0 && first != nullptr) {
                for (int r = 0; r < m; r++) next[j * m + r] = r == 0 ? first[j] : -GUIDED_INF, from[j * m + r] = 0;
            } else {
                best_into(score, moves_into(run, t), k, m, j, &next[j * m], from + j * m);
            }
        }
        double top = -GUIDED_INF;
        for (int j = 0; j < k; j++) {
            const double value = next[j * m] + run.log_emit[t * k + j];
            top = value > top ? value : top;
        }
        shift[t] = top;
        for (int j = 0; j < k; j++)
            for (int r = 0; r < m; r++)
                score[j * m + r] =
                    top == -GUIDED_INF ? (r == 0 ? 0.0 : top) : next[j * m + r] + run.log_emit[t * k + j] - top;
    }
}

static void guided_draw(const GuidedRun& run, const double* log_alpha, const double* leave, const double* uniforms,
                        int32_t* states) {
    const int k = run.k;
    std::vector<double> weight(k);
    for (long t = run.n - 1; t >= 0; t--) {
        for (int i = 0; i < k; i++) {
            const double onward = t == run.n - 1 ? leave[i] : moves_into(run, t + 1)[i * k + states[t + 1]];
            weight[i] = log_alpha[t * k + i] + onward;
        }
        const double total = log_sum(weight.data(), k);
        double left = uniforms[t];
        int chosen = 0;
        for (int i = 0; i < k && left >= 0; i++) {
            const double part = std::exp(weight[i] - total);
            if (part > 0) chosen = i;
            left -= part;
        }
        states[t] = chosen;
    }
}

}  // namespace EMKIT_ISA
}  // namespace emkit
