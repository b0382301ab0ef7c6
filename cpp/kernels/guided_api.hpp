// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

// A batch of sequences, one after another, whose chains have transitions of their own at every row.
struct GuidedBatch {
    const double* log_emit;   // (n, k)
    const double* log_moves;  // (n, k, k) from each row to the next; that of the last row of a sequence is not read
    int k;
    const int64_t* lengths;  // (s,) rows of each sequence, adding up to n
    long n_sequences;
    const double* weights;  // (s,) case weights, or null
    const double* init;     // (k,)
};

struct GuidedSums {
    double* loglik;    // (s,) unweighted
    double* first;     // (k,) weighted
    double* moves;     // (n, k, k) weighted posterior of each transition; zero for the last row of a sequence
    double* resp;      // (n, k) weighted posterior
    double* filtered;  // (n, k)
    int64_t bad_sequence = -1, bad_step = -1;
};

struct GuidedTable {
    void (*smooth)(const GuidedBatch&, GuidedSums&);
};

namespace baseline { extern const GuidedTable guided_table; }
namespace avx2 { extern const GuidedTable guided_table; }
namespace avx512 { extern const GuidedTable guided_table; }

}  // namespace emkit
