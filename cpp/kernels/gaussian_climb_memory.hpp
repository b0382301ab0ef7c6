// What acceleration of a Gaussian mixture works on: expected statistics as vectors, and the memory of past steps.
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/gaussian_climb_api.hpp"
#include "kernels/simd.hpp"

namespace emkit {
namespace EMKIT_ISA {

constexpr double LEAST_COUNT = 1e-12;  // part of all rows below which a component is empty

// Statistics as vectors in units of their standard deviations.
class StatisticsVector {
public:
    StatisticsVector(const Structure& s, const ClimbMemory& memory) : s_(s), memory_(memory) {}

    // Origin and units from the parameters and counts at hand.
    void begin(const ClimbState& state, const double* cov) {
        const int d = s_.d;
        std::memcpy(memory_.origin, state.mean, sizeof(double) * s_.k * d);
        double* unit = memory_.unit;
        for (int c = 0; c < s_.k; c++) {
            const double root = std::sqrt(state.count[c] > 1e-300 ? state.count[c] : 1e-300);
            const double* own = cov + static_cast<size_t>(c) * d * (s_.is_diagonal() ? 1 : d);
            const auto sd = [&](int i) { return std::sqrt(own[s_.is_diagonal() ? i : i * (d + 1)]); };
            *unit++ = root;
            for (int i = 0; i < d; i++) *unit++ = root * sd(i);
            for (int i = 0; i < d; i++)
                for (int j = s_.is_diagonal() ? i : 0; j <= i; j++) *unit++ = root * sd(i) * sd(j) * (i == j ? M_SQRT2 : 1.0);
        }
    }

    // The moments of an E-step about the origin.
    void read(const ClimbState& state, double* out) const {
        const int d = s_.d;
        const double* unit = memory_.unit;
        for (int c = 0; c < s_.k; c++) {
            const double *mean = state.mean + c * d, *origin = memory_.origin + c * d, *first = state.first + c * d;
            const double* second = state.second + static_cast<size_t>(c) * d * (s_.is_diagonal() ? 1 : d);
            const double n = state.count[c];
            *out++ = n / *unit++;
            for (int i = 0; i < d; i++) *out++ = (first[i] + n * (mean[i] - origin[i])) / *unit++;
            for (int i = 0; i < d; i++)
                for (int j = s_.is_diagonal() ? i : 0; j <= i; j++) {
                    const double a = mean[i] - origin[i], b = mean[j] - origin[j];
                    const double own = second[s_.is_diagonal() ? i : i * d + j];
                    *out++ = (own + first[i] * b + a * first[j] + n * a * b) / *unit++;
                }
        }
    }

    // Counts, means and scatter that a vector stands for; false where a count is not positive.
    bool write(const double* from, double* count, double* mean, double* scatter) const {
        const int d = s_.d;
        const double* unit = memory_.unit;
        double total = 0.0, least = INF;
        for (int c = 0; c < s_.k; c++) {
            const double n = *from++ * *unit++;
            const double* origin = memory_.origin + c * d;
            double *centre = mean + c * d, *own = scatter + static_cast<size_t>(c) * d * (s_.is_diagonal() ? 1 : d);
            count[c] = n, total += n, least = n < least ? n : least;
            for (int i = 0; i < d; i++) centre[i] = *from++ * *unit++ / n;
            for (int i = 0; i < d; i++)
                for (int j = s_.is_diagonal() ? i : 0; j <= i; j++) {
                    const double value = *from++ * *unit++ - n * centre[i] * centre[j];
                    own[s_.is_diagonal() ? i : i * d + j] = value;
                    if (!s_.is_diagonal()) own[j * d + i] = value;
                }
            for (int i = 0; i < d; i++) centre[i] += origin[i];
        }
        return least > LEAST_COUNT * total;
    }

private:
    const Structure& s_;
    const ClimbMemory& memory_;
};

// Past changes of z and f, and the step they lead to.
class History {
public:
    History(const Structure& s, const ClimbMemory& memory)
        : m_(memory), p_(static_cast<int>(ClimbMemory::vector_size(s))) {}

    bool is_begun() const { return m_.head[2] > 0.0; }
    void forget() const { m_.head[0] = m_.head[1] = m_.head[2] = 0.0; }

    // Start from statistics g, the next M-step being one on them.
    void begin(const double* g) const {
        std::memcpy(m_.z, g, sizeof(double) * p_);
        m_.head[0] = m_.head[1] = 0.0, m_.head[2] = 1.0;
    }

    // Take in the statistics g of the E-step at M(z); return how many changes are held.
    int learn(const double* g) const {
        int held = static_cast<int>(m_.head[0]), at = static_cast<int>(m_.head[1]);
        if (m_.head[2] > 1.0) {
            double *df = m_.df + at * p_, *dz = m_.dz + at * p_;
            for (int i = 0; i < p_; i++) df[i] = g[i] - m_.z[i] - m_.f[i], dz[i] = g[i] - m_.g[i] - df[i];
            const double bend = -dot(df, dz);
            if (bend > 1e-10 * std::sqrt(dot(df, df) * dot(dz, dz))) {
                m_.bend[at] = bend;
                m_.head[0] = held = held < CLIMB_LAGS ? held + 1 : held;
                m_.head[1] = (at + 1) % CLIMB_LAGS;
            }
        }
        for (int i = 0; i < p_; i++) m_.f[i] = g[i] - m_.z[i], m_.g[i] = g[i];
        m_.head[2] = 2.0;
        return held;
    }

    // The step of z in `out`.
    void direct(int held, double* out) const {
        double parts[CLIMB_LAGS];
        const int newest = static_cast<int>(m_.head[1]) + 2 * CLIMB_LAGS - 1;
        std::memcpy(out, m_.f, sizeof(double) * p_);
        for (int n = 0; n < held; n++) {
            const int m = (newest - n) % CLIMB_LAGS;
            const double *df = m_.df + m * p_, *dz = m_.dz + m * p_;
            parts[n] = dot(dz, out) / m_.bend[m];
            for (int i = 0; i < p_; i++) out[i] += parts[n] * df[i];
        }
        for (int n = held - 1; n >= 0; n--) {
            const int m = (newest - n) % CLIMB_LAGS;
            const double *df = m_.df + m * p_, *dz = m_.dz + m * p_;
            const double rest = parts[n] + dot(df, out) / m_.bend[m];
            for (int i = 0; i < p_; i++) out[i] += rest * dz[i];
        }
    }

private:
    double dot(const double* a, const double* b) const {
        double sums[4] = {};
        int i = 0;
        for (; i + 4 <= p_; i += 4)
            for (int b4 = 0; b4 < 4; b4++) sums[b4] += a[i + b4] * b[i + b4];
        for (; i < p_; i++) sums[0] += a[i] * b[i];
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }

    const ClimbMemory& m_;
    const int p_;
};

}  // namespace EMKIT_ISA
}  // namespace emkit
