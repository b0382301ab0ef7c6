// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

// Products of two of q features of n rows each, features[left_m] * features[right_m] for m = 0 .. n_products - 1.
struct FeatureProducts {
    const double* features;  // (q, n)
    long n;
    const int32_t *left, *right;
    int n_products;
};

struct MomentsTable {
    // total (m, k): sum of the rows of resp (n, k) by code (n,), each below m
    void (*by_code)(const int32_t* codes, const double* resp, long n, int k, int m, double* total);
    // total (n_shares, n_products): sum over the rows of each product by each of the shares (n_shares, n)
    void (*products)(const FeatureProducts&, const double* shares, int n_shares, double* total);
};

namespace baseline { extern const MomentsTable moments_table; }
namespace avx2 { extern const MomentsTable moments_table; }
namespace avx512 { extern const MomentsTable moments_table; }

}  // namespace emkit
