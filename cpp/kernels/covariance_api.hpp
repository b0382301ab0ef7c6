// The table through which one of the compiled instruction sets is called.
#pragma once

namespace emkit {

// How the covariances of k Gaussians are made of volumes, shapes and matrices, Sigma_k = volume_k M_k:
enum class Form : int {
    spherical = 0,        // M = I
    diagonal = 1,         // M = diag(shape), volume 1
    scaled_diagonal = 2,  // M = diag(shape) of determinant one
    full = 3,             // M any matrix, volume 1
    scaled = 4,           // M of determinant one
    own_axes = 5,         // M = D_k diag(shape) D_k', one shape for all
    same_axes = 6,        // M = D diag(shape_k) D', one D for all
};

struct Structure {
    Form form;
    bool is_shared;  // one covariance for all (spherical, diagonal, full), or one volume for all (the others)
    int d, k;
    bool is_diagonal() const { return static_cast<int>(form) <= 2; }
};

// The parts of k covariances, repeated where components share them.
struct Parts {
    double* volume;  // (k,)
    double* shape;   // (k, d)
    double* matrix;  // (k, d, d): M, or the axes D; not used by diagonal forms
};

// Counts (k,), scatter (k, d, d) or (k, d) and what is added to the diagonal of each distinct scatter (d,) in; parts out,
// and in where `goes_on`: what needs iterations begins there. 0, 1 where memory is short, 2 where there is no estimate.
using CovarianceFunction = int (*)(const Structure&, const double* count, const double* scatter, const double* floor,
                                   bool goes_on, const Parts&);

struct CovarianceTable {
    CovarianceFunction estimate;
};

namespace baseline { extern const CovarianceTable covariance_table; }
namespace avx2 { extern const CovarianceTable covariance_table; }
namespace avx512 { extern const CovarianceTable covariance_table; }

}  // namespace emkit
