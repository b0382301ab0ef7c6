// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

struct Clusters {
    int d, k;               // features, centres
    const double* centers;  // (k, d)
};

// What a pass of Lloyd's algorithm reads besides the rows; all but `reference` only where bounds are kept.
struct PassGiven {
    const double* reference;  // (k, d) points about which the running sums of each cluster are taken
    const double* half_gap;   // (k,) half the distance of each centre to its nearest other
    const double* own;        // (k,) how far each centre has moved in all, since the bounds were begun
    const double* other;      // (k,) sum over moves of the farthest move of any other centre
};

// State of the rows, owned by the caller; bounds are null where none are kept.
struct PassState {
    int32_t* label;  // (n,)
    float* upper;    // (n,) distance to the row's own centre, less `own` of that centre when it was worked out
    float* lower;    // (n,) distance to the second centre, plus `other` of the row's centre when it was worked out
};

struct PassSums {
    double gain;     // fall of the inertia by relabelling, at the centres given
    int64_t n_moved;
    double* counts;  // (k,) changes
    double* sums;    // (k, d) changes
};

template <typename T>
struct KMeansFunctions {
    // inertia, counts (k,) and sums about the centres (k, d); labels (n,) and distances to the centre (n,) or null
    void (*assign)(const T* X, const double* weights, long n, const Clusters&, double* inertia, double* counts,
                   double* sums, int32_t* labels, double* squared);
    void (*pass)(const T* X, const double* weights, long n, const Clusters&, const PassGiven&, const PassState&,
                 PassSums&);
    // number of distinct seeds found; uniforms (1 + (k - 1) trials,), rows (k,)
    int (*seed)(const T* X, const double* weights, long n, int d, int k, int trials, const double* uniforms, long* rows);
    // one k-means from centres (k, d), which it moves; uniforms (n_swaps, 2); returns the iterations
    int (*improve)(const T* X, const double* weights, long n, int d, int k, int max_iter, int n_swaps,
                   const double* uniforms, double* centers, int32_t* labels, double* inertia);
};

struct KMeansTable {
    KMeansFunctions<double> f64;
    KMeansFunctions<float> f32;
    void (*half_gaps)(const Clusters&, double* half_gap);
    // best partition of sorted numbers into k runs: first index of each run (k,)
    void (*line)(const double* x, const double* weights, long n, int k, long* starts);
};

namespace baseline { extern const KMeansTable kmeans_table; }
namespace avx2 { extern const KMeansTable kmeans_table; }
namespace avx512 { extern const KMeansTable kmeans_table; }

}  // namespace emkit
