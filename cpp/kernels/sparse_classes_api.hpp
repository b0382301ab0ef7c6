// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

// Sparse rows (n, c): entries first[i] .. first[i + 1] of row i stand in `columns`, their values in `values`.
struct SparseRows {
    const int32_t* first;    // (n + 1,)
    const int32_t* columns;  // (entries,), each 0 to c - 1
    const double* values;    // (entries,)
    long n, c;
    int k;
};

struct SparseClassesTable {
    // table (c, k) and log_mix (k,); outputs loglik, count (k,) and counts (c, k); 1 where memory is short
    int (*moments)(const SparseRows&, const double* weights, const double* table, const double* log_mix, double* loglik,
                   double* count, double* counts);
};

namespace baseline { extern const SparseClassesTable sparse_classes_table; }
namespace avx2 { extern const SparseClassesTable sparse_classes_table; }
namespace avx512 { extern const SparseClassesTable sparse_classes_table; }

}  // namespace emkit
