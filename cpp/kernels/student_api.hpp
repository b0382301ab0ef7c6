// The table through which one of the compiled instruction sets is called.
#pragma once

#include "kernels/gaussian_api.hpp"

namespace emkit {

struct StudentGiven {
    const double* log_peak;  // (k,) log mix + log density at the centre
    const double* mean;      // (k, d)
    const double* whiten;    // (k, d, d) lower triangular, Sigma^-1 = W' W
    const double* dof;       // (k,)
};

// Outputs: r is a responsibility times a case weight, u an expected precision.
struct StudentSums {
    double *count, *log_u, *used;  // (k,) sums of r, r log u and r u
    double *first, *second;        // (k, d) and (k, d, d) sums of r u (x - mean) and r u (x - mean)(x - mean)'
};

template <typename T>
using StudentMoments = int (*)(const T*, const double*, long, const Shape&, const StudentGiven&, double*,
                               const StudentSums&);
template <typename T>
using StudentRows = int (*)(const T*, long, const Shape&, const StudentGiven&, double*, double*);

struct StudentTable {
    StudentMoments<double> moments_f64;
    StudentMoments<float> moments_f32;
    StudentRows<double> rows_f64;
    StudentRows<float> rows_f32;
};

namespace baseline { extern const StudentTable student_table; }
namespace avx2 { extern const StudentTable student_table; }
namespace avx512 { extern const StudentTable student_table; }

}  // namespace emkit
