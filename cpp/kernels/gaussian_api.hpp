// The table through which one of the compiled instruction sets is called.
#pragma once

namespace emkit {

struct Shape {
    int d, k;          // features, components
    bool is_diagonal;  // whiten is (k, d), inverse standard deviations, and not (k, d, d)
};

struct Given {
    const double* log_mix;  // (k,)
    const double* mean;     // (k, d)
    const double* whiten;   // (k, d, d) lower triangular, Sigma^-1 = W' W; or (k, d)
};

template <typename T>
using MomentsFunction = int (*)(const T*, const double*, long, const Shape&, const Given&, double*, double*, double*,
                                 double*);
template <typename T>
using RowsFunction = int (*)(const T*, long, const Shape&, const Given&, double*, double*);
template <typename T>
using GivenFunction = int (*)(const T*, const double*, long, const Shape&, const double*, double*, double*, double*);

struct GaussianTable {
    MomentsFunction<double> moments_f64;
    MomentsFunction<float> moments_f32;
    RowsFunction<double> rows_f64;
    RowsFunction<float> rows_f32;
    GivenFunction<double> given_f64;
    GivenFunction<float> given_f32;
    int (*softmax)(const double*, long, int, double*, double*);
    int (*logsumexp)(const double*, const double*, long, int, double*);
};

namespace baseline { extern const GaussianTable gaussian_table; }
namespace avx2 { extern const GaussianTable gaussian_table; }
namespace avx512 { extern const GaussianTable gaussian_table; }

}  // namespace emkit
