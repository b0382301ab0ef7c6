// The table through which one of the compiled instruction sets is called.
#pragma once

namespace emkit {

struct NormalGiven {
    int d;
    const double* mean;  // (d,)
    const double* cov;   // (d, d) symmetric
};

// Rows to sum over. A row whose count is zero but whose weight is not is a deviation: no mean is taken off it.
template <typename T>
struct NormalRows {
    const T* X;             // (n, d), NaN where missing
    const double* weights;  // (n,), or null: all ones
    const double* counts;   // (n,) rows that each stands for, or null: the weights
    long n;
};

struct NormalSums {
    double loglik, weight;
    double *first, *second;  // (d,), (d, d): expected moments of the completed rows about the mean
};

struct NormalFill {
    const double* noise;  // (n, d) standard normal, or null: conditional means
    double *filled, *sd;  // (n, d) each
    double* log_density;  // (n,) of the observed entries
};

// Status: 0; 1 where memory is short; 2 where the covariance is not positive definite.
template <typename T>
using NormalSumsFunction = int (*)(const NormalRows<T>&, const NormalGiven&, NormalSums&);
template <typename T>
using NormalFillFunction = int (*)(const NormalRows<T>&, const NormalGiven&, const NormalFill&);

struct NormalTable {
    NormalSumsFunction<double> sums_f64;
    NormalSumsFunction<float> sums_f32;
    NormalFillFunction<double> fill_f64;
    NormalFillFunction<float> fill_f32;
};

namespace baseline { extern const NormalTable normal_table; }
namespace avx2 { extern const NormalTable normal_table; }
namespace avx512 { extern const NormalTable normal_table; }

}  // namespace emkit
