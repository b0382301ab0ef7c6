// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstddef>

#include "kernels/covariance_api.hpp"

namespace emkit {

template <typename T>
struct ClimbRows {
    const T* X;             // (n, d)
    const double* weights;  // (n,) or null
    long n;
    const double* floor;  // (d,) what is added to the diagonal of each distinct scatter
};

// What a climb goes on from: parameters and the moments of an E-step there, in this order, one after another.
struct ClimbState {
    double *mix, *mean;               // (k,) and (k, d)
    Parts parts;                      // volume (k,), shape (k, d), matrix (k, d, d) unless diagonal
    double *count, *first, *second;   // (k,), (k, d), (k, d, d) or (k, d): moments about the means
    double *loglik, *objective;       // one number each

    static size_t second_size(const Structure& s) { return static_cast<size_t>(s.k) * s.d * (s.is_diagonal() ? 1 : s.d); }
    static size_t size(const Structure& s) {
        const size_t k = s.k, wide = k * s.d, matrix = s.is_diagonal() ? 0 : wide * s.d;
        return 3 * k + 3 * wide + matrix + second_size(s) + 2;
    }
    ClimbState(double* at, const Structure& s) {
        const size_t k = s.k, wide = k * s.d, matrix = s.is_diagonal() ? 0 : wide * s.d;
        const auto next = [&at](size_t n) { double* piece = at; return at += n, piece; };
        mix = next(k), mean = next(wide);
        parts.volume = next(k), parts.shape = next(wide), parts.matrix = next(matrix);
        count = next(k), first = next(wide), second = next(second_size(s));
        loglik = next(1), objective = next(1);
    }
};

constexpr int CLIMB_LAGS = 20;  // past steps that acceleration learns from

// What acceleration remembers, one number after another; all zero at first. Statistics are vectors of p numbers: counts,
// sums and products about `origin`, each divided by its standard deviation as it was when the memory began.
struct ClimbMemory {
    double *head;                    // how many changes are held, where the next goes, and how much is known of z and f
    double *origin, *unit;           // (k, d), (p,)
    double *z, *f, *g;               // (p,) statistics of the M-step to here, what an E-step changed in them, and the sum
    double *df, *dz, *bend;          // (lags, p) changes of f and z from step to step, and minus their product (lags,)

    static size_t vector_size(const Structure& s) {
        const size_t d = s.d;
        return static_cast<size_t>(s.k) * (1 + d + (s.is_diagonal() ? d : d * (d + 1) / 2));
    }
    static size_t size(const Structure& s) {
        const size_t p = vector_size(s), lags = CLIMB_LAGS;
        return 3 + static_cast<size_t>(s.k) * s.d + 4 * p + 2 * lags * p + lags;
    }
    ClimbMemory(double* at, const Structure& s) {
        const size_t p = vector_size(s), lags = CLIMB_LAGS;
        const auto next = [&at](size_t n) { double* piece = at; return at += n, piece; };
        head = next(3), origin = next(static_cast<size_t>(s.k) * s.d), unit = next(p);
        z = next(p), f = next(p), g = next(p);
        df = next(lags * p), dz = next(lags * p), bend = next(lags);
    }
};

// How far a climb goes, and the rows of its trace.
struct ClimbCourse {
    int n_steps;        // iterations at most
    bool is_fast;       // plain EM, or accelerated
    double enough;      // ends early after three accelerated steps in a row that promise less than this
    double* rows;       // (n_steps, 3) objective; what was left to gain before the step, NaN where nothing tells; E-steps
    int n_done = 0;
};

template <typename T>
using ClimbFunction = int (*)(const ClimbRows<T>&, const Structure&, const ClimbState&, const ClimbMemory&, ClimbCourse&);

struct ClimbTable {
    ClimbFunction<double> climb_f64;
    ClimbFunction<float> climb_f32;
};

namespace baseline { extern const ClimbTable climb_table; }
namespace avx2 { extern const ClimbTable climb_table; }
namespace avx512 { extern const ClimbTable climb_table; }

}  // namespace emkit
