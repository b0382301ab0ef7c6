// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

// A run of rows whose chain has moves of its own into every row. A row that begins a sequence has the same moves from
// every state, so that nothing passes over it: lengths of sequences need not be known.
struct GuidedRun {
    const double* log_emit;  // (n, k) log-density of each row under each state
    const double* log_into;  // (n, k, k) log moves from the row before into each row; or (1, k, k) for all rows
    long n;
    int k;
    bool is_constant;  // whether there is one matrix for all rows
};

struct GuidedTable {
    // From log probabilities (k,) of the row before the first: those of every row given the rows so far (n, k), and the
    // log-density (n,) of each row given those before it. After a row that no state explains all are alike again.
    void (*forward)(const GuidedRun&, const double* entry, double* log_alpha, double* log_gain);
    // From log backward factors (k,) after the last row: posterior (n, k), that of the moves into each row (n, k, k),
    // and the factors (k,) for the row before the first.
    void (*backward)(const GuidedRun&, const double* entry, const double* log_alpha, const double* log_gain,
                     const double* leave, double* resp, double* moves, double* carry);
    // The m best paths into each state: scores (k, m) before the first row and after the last, falling, less the
    // `shift` (n,) that was taken off at each row; `back` (n, k, m) is predecessor times m plus rank. With `first` (k,)
    // the run begins a sequence, whatever is in `score`.
    void (*best)(const GuidedRun&, int m, const double* first, double* score, int32_t* back, double* shift);
    // One path drawn backwards, given log weights (k,) of the states of the last row by what follows, and uniforms (n,).
    void (*draw)(const GuidedRun&, const double* log_alpha, const double* leave, const double* uniforms,
                 int32_t* states);
};

namespace baseline { extern const GuidedTable guided_table; }
namespace avx2 { extern const GuidedTable guided_table; }
namespace avx512 { extern const GuidedTable guided_table; }

}  // namespace emkit
