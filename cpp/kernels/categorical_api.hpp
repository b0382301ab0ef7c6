// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

// Answered (n, d) to d items, a byte each: the level, or the number of levels of the item where there is no answer.
struct Answered {
    const uint8_t* codes;
    const int32_t* levels;  // (d,), each 0 to 255
    long n;
    int d, k;
};

template <typename T>
using BytesFunction = int (*)(const T*, long n, int d, uint8_t* codes, uint8_t* seen);

struct CategoricalTable {
    BytesFunction<double> bytes_f64;
    BytesFunction<float> bytes_f32;
    // 0 where every code is a level of its item or its number of levels, 1 where one is not, -1 where memory is short
    int (*check)(const Answered&);
    // log_prob (sum of levels, k); outputs loglik, count (k,) and counts (sum of levels, k); 1 where memory is short
    int (*moments)(const Answered&, const double* weights, const double* log_mix, const double* log_prob,
                   double* loglik, double* count, double* counts);
    int (*joint)(const Answered&, const double* log_mix, const double* log_prob, double* out);
    int (*counts)(const Answered&, const double* resp, double* counts);
};

namespace baseline { extern const CategoricalTable categorical_table; }
namespace avx2 { extern const CategoricalTable categorical_table; }
namespace avx512 { extern const CategoricalTable categorical_table; }

}  // namespace emkit
