// The table through which one of the compiled instruction sets is called.
#pragma once

#include <cstdint>

namespace emkit {

// A batch of sequences, one after another, and the semi-Markov chain that they share.
struct StayBatch {
    const double* log_emit;    // (n, k) log-density of each row under each state; -infinity where impossible
    long n;                    // rows of all sequences
    int k;                     // states
    const int64_t* lengths;    // (s,) rows of each sequence, adding up to n
    long n_sequences;          // s
    const double* weights;     // (s,) case weights, or null
    const double* init;        // (k,)
    const double* trans;       // (k, k) of stays: the diagonal is zero
    const double* stays;       // (k, d) probability of each duration 1..d
    int d;                     // longest duration
    bool censored;             // whether the last stay may go on after the last row
};

struct StaySums {
    double* loglik;    // (s,) unweighted
    double* first;     // (k,) weighted posterior of the first stay
    double* moves;     // (k, k) weighted expected transitions
    double* ended;     // (k, d) weighted expected stays of each duration that ended
    double* cut;       // (k, d) weighted expected last stays of each duration so far, where they may go on
    double* resp;      // (n, k) weighted posterior
    int64_t bad_sequence = -1, bad_step = -1;  // where the probability first became zero, or could not be told
};

struct HsmmTable {
    int (*smooth)(const StayBatch&, StaySums&);
    // filtered (n, k) or null; going (s, k, d) probability of each state and duration so far at the last row, or null
    int (*filter)(const StayBatch&, double* loglik, double* filtered, double* going, int64_t* bad_sequence,
                  int64_t* bad_step);
    // states (n,) of the best path of each sequence and its log joint probability (s,)
    int (*viterbi)(const StayBatch&, int32_t* states, double* log_joint);
};

namespace baseline { extern const HsmmTable hsmm_table; }
namespace avx2 { extern const HsmmTable hsmm_table; }
namespace avx512 { extern const HsmmTable hsmm_table; }

}  // namespace emkit
