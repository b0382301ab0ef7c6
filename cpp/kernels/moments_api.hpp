// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

// Moments of k members about a mean each, the rows weighted by given responsibilities.
struct GivenMoments {
    int d, k;
    const double* mean;  // (k, d)
    bool is_full;
    double* count;       // (k,)
    double* first;       // (k, d)
    double* second;      // (k, d, d) symmetric, or (k, d)
};

struct MomentsTable {
    void (*given_f64)(const double* X, const double* resp, long n, const GivenMoments&);
    void (*given_f32)(const float* X, const double* resp, long n, const GivenMoments&);
    // total (m, k): sum of the rows of resp (n, k) by code (n,), each below m
    void (*by_code)(const int32_t* codes, const double* resp, long n, int k, int m, double* total);
};

namespace baseline { extern const MomentsTable moments_table; }
namespace avx2 { extern const MomentsTable moments_table; }
namespace avx512 { extern const MomentsTable moments_table; }

}  // namespace emkit
